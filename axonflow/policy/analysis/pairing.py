"""Which rules are worth comparing: never all pairs.

Two rules contradict each other where they can meet. So rules are filed by a text that they demand, as they are for
decisions, by how a text has to begin or where an address has to be, and else by the variables that they ask about.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.cel.addresses import BITS, Cidr

__all__ = ["Comparing", "Pairing"]

_MAX_CROWDED: Final = 1_000
"""So many times what one rule is compared with are all compared: only thousands of rules about one reach that."""
_MAX_LOOKED_AT: Final = 2_000
"""Rules that may have to do with one: what is looked at of a crowd on one value, which else were all pairs."""


class Comparing:
    """How many pairs of rules were compared, and how many were left out: one rule is compared with `most` others, and
    all of them together with a bounded number."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.pairs = 0
        self.left_out = 0

    def take(self, count: int) -> bool:
        """Whether one rule may be compared with `count` more, which are counted so or so."""
        if self.pairs + count > self.most * _MAX_CROWDED:
            self.left_out += count
            return False
        self.pairs += count
        return True

    def limited(self, others: Iterable[Subject]) -> Iterator[Subject]:
        """As many of `others` as one rule is compared with."""
        for number, other in enumerate(others):
            if number >= self.most:
                self.left_out += 1
            elif self.take(1):
                yield other


class Pairing:
    """Rules by what they may be found under."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._filed: dict[str, dict[str, list[Subject]]] = {}
        self._broad: dict[frozenset[Hashable], list[Subject]] = {}
        self._begun: dict[tuple[str, bool], _Begun] = {}
        for subject in subjects:
            begins = _begins(subject)
            if begins is not None:
                self._begun.setdefault(begins[0], _Begun()).add(subject, begins[1])
                continue
            variable, texts = _filed(subject)
            if variable is None:
                self._broad.setdefault(subject.reads, []).append(subject)
                continue
            table = self._filed.setdefault(variable, {})
            for text in texts:
                table.setdefault(text, []).append(subject)

    def about_the_same(self, subject: Subject) -> Iterator[Subject]:
        """The rules that ask about no other variables than `subject` does, and demand a text that it does too, where
        both demand one."""
        seen = {id(subject)}
        for other in islice(self._found(subject), _MAX_LOOKED_AT):
            if id(other) not in seen and other.reads <= subject.reads and _may_meet(subject, other):
                yield other
            seen.add(id(other))

    def _found(self, subject: Subject) -> Iterator[Subject]:
        for reads, broad in self._broad.items():
            if reads <= subject.reads:
                yield from broad
        yield from self._overlapping(subject)
        for variable, table in self._filed.items():
            if variable not in subject.reads:
                continue
            texts = subject.demands.get(variable)
            if texts is not None:
                for text in sorted(texts):
                    yield from table.get(text, ())
            else:
                for crowd in table.values():
                    yield from crowd

    def _overlapping(self, subject: Subject) -> Iterator[Subject]:
        own = _begins(subject)
        for key, begun in self._begun.items():
            variable, is_network = key
            if variable not in subject.reads:
                continue
            texts = subject.demands.get(variable)
            if own is not None and own[0] == key:
                yield from begun.meeting(own[1])
            elif texts is not None and not is_network:
                yield from begun.meeting(sorted(texts))
            else:
                yield from begun.every


class _Begun:
    """Rules by how a text has to begin."""

    def __init__(self) -> None:
        self.every: list[Subject] = []
        self._table: dict[str, list[Subject]] = {}
        self._sorted: list[str] | None = None

    def add(self, subject: Subject, beginnings: Sequence[str]) -> None:
        self.every.append(subject)
        for text in beginnings:
            self._table.setdefault(text, []).append(subject)

    def meeting(self, beginnings: Iterable[str]) -> Iterator[Subject]:
        """Those of which some text begins both so and with one of `beginnings`."""
        if self._sorted is None:
            self._sorted = sorted(self._table)
        for text in beginnings:
            for length in range(len(text)):
                yield from self._table.get(text[:length], ())
            for at in range(bisect_left(self._sorted, text), len(self._sorted)):
                if not self._sorted[at].startswith(text):
                    break
                yield from self._table[self._sorted[at]]


def _begins(subject: Subject) -> tuple[tuple[str, bool], list[str]] | None:
    """What the engine looks a rule up by where that is no equality: the variable, whether it is an address, and how it
    has to begin; an address in bits, so that one network is in another where it begins so."""
    wanted = subject.rule.range
    place = None if wanted is None else place_of_path(wanted.path)
    if wanted is None or place is None or place[1]:
        return None
    return (place[0], wanted.is_network), [_bits(one) if isinstance(one, Cidr) else one for one in wanted.values]


def _bits(block: Cidr) -> str:
    family = block.ip.family
    return f"{family}:{block.ip.number:0{BITS[family]}b}"[: 2 + block.prefix]


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


def _may_meet(subject: Subject, other: Subject) -> bool:
    own = subject.demands
    return all(variable not in own or own[variable] & texts for variable, texts in other.demands.items())
