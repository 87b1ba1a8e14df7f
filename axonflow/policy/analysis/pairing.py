"""Which rules are worth comparing: never all pairs.

A rule that holds wherever another does asks about no variable that the other leaves open, and where it demands one of
some texts, it demands any that the other may have. So rules are filed by a text that they demand, as they are for
decisions, and those that demand none by the variables that they ask about.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.analysis.subjects import Subject

__all__ = ["Pairing"]


class Pairing:
    """Rules by what they may be found under."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._filed: dict[str, dict[str, list[Subject]]] = {}
        self._broad: dict[frozenset[Hashable], list[Subject]] = {}
        for subject in subjects:
            variable, texts = _filed(subject)
            if variable is None:
                self._broad.setdefault(subject.reads, []).append(subject)
                continue
            table = self._filed.setdefault(variable, {})
            for text in texts:
                table.setdefault(text, []).append(subject)

    def about_the_same(self, subject: Subject, *, whole: bool) -> Iterator[Subject]:
        """The rules that ask about no other variables than `subject` does, and demand a text that it does too, where
        both demand one: with `whole` any one that it may have, else some of them."""
        seen = {id(subject)}
        for other in self._found(subject, whole=whole):
            if id(other) not in seen and other.reads <= subject.reads and _may_share(subject, other, whole=whole):
                yield other
            seen.add(id(other))

    def _found(self, subject: Subject, *, whole: bool) -> Iterator[Subject]:
        for reads, broad in self._broad.items():
            if reads <= subject.reads:
                yield from broad
        for variable, table in self._filed.items():
            if variable not in subject.reads:
                continue
            texts = subject.demands.get(variable)
            if texts is not None:
                for text in [min(texts)] if whole else sorted(texts):
                    yield from table.get(text, ())
            elif not whole:
                for crowd in table.values():
                    yield from crowd


def _filed(subject: Subject) -> tuple[str | None, Iterable[str]]:
    """The variable and the texts that the engine files a rule under; else those of its own demands, if it has any."""
    filed = subject.rule.filed
    if filed is not None:
        place = place_of_path(filed[0])
        if place is not None and not place[1]:
            return place[0], filed[1]
    demands = {variable: texts for variable, texts in subject.demands.items() if variable != "action"}
    if not demands:
        return None, ()
    variable = min(demands, key=lambda name: (len(demands[name]), name))
    return variable, demands[variable]


def _may_share(subject: Subject, other: Subject, *, whole: bool) -> bool:
    for variable, texts in other.demands.items():
        own = subject.demands.get(variable)
        if own is not None and not (own <= texts if whole else own & texts):
            return False
    return True
