"""The analysis of an engine's rules: each by itself, and beside those that it may have to do with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from axonflow.policy.analysis.alone import examine
from axonflow.policy.analysis.findings import Analysis, Finding, Undecided
from axonflow.policy.analysis.pairing import Pairing
from axonflow.policy.analysis.solving import Witness
from axonflow.policy.analysis.subjects import Origin, Subject
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.together import can_contradict, can_cover, contradiction, covering, identity
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Effect

__all__ = ["MAX_COMPARED", "analyse"]

MAX_COMPARED: Final = 64
"""Other rules that one is compared with, unless it is told otherwise."""
_MAX_CROWDED: Final = 1_000
"""So many times that are all compared, which only thousands of rules about one and the same reach."""

Found = Finding | Undecided


def analyse(
    engine: PolicyEngine,
    origins: Mapping[str, Origin] | None = None,
    *,
    compared: int = MAX_COMPARED,
    step: Callable[[int], None] = lambda _count: None,
) -> Analysis:
    """What is to be said of the enforced rules of `engine`, all of it certain and confirmed by the engine.

    `origins` tells, by id, where rules stand. One rule is compared with at most so many others. ``step(count)`` is
    called after each rule, twice for each: when it was looked at by itself, and beside others.
    """
    return _Run(engine, origins or {}, compared, step).analysis()


class _Run:
    def __init__(
        self, engine: PolicyEngine, origins: Mapping[str, Origin], compared: int, step: Callable[[int], None]
    ) -> None:
        self._theory = Theory(engine)
        self._origins = origins
        self._compared = compared
        self._step = step
        self._done = 0
        self._pairs = 0
        self._left_out = 0

    def analysis(self) -> Analysis:
        subjects = [Subject(self._theory, rule, self._origins.get(rule.id)) for rule in self._theory.engine.rules]
        found: list[Found] = []
        live: list[Subject] = []
        for subject in subjects:
            own = list(examine(subject))
            self._advance()
            found += own
            if not any(isinstance(one, Finding) and one.kind == "unreachable" for one in own):
                live.append(subject)
        found += self._beside(live)
        findings = [one for one in found if isinstance(one, Finding)]
        undecided = [one for one in found if isinstance(one, Undecided)]
        return Analysis(len(subjects), self._pairs, self._left_out, tuple(findings), tuple(undecided))

    def _advance(self) -> None:
        self._done += 1
        self._step(self._done)

    def _beside(self, subjects: list[Subject]) -> Iterator[Found]:
        firsts: dict[Hashable, Subject] = {}
        for subject in subjects:
            first = firsts.setdefault(identity(subject), subject)
            if first is not subject:
                yield from self._same(subject, first)
        distinct = list(firsts.values())
        pairing = Pairing(distinct)
        refusing = Pairing([one for one in distinct if one.rule.effect in {Effect.DENY, Effect.REQUIRE_APPROVAL}])
        said: set[frozenset[int]] = set()
        for subject in distinct:
            yield from self._covered(subject, pairing, said)
            if subject.rule.effect is Effect.ALLOW:
                yield from self._contradicted(subject, refusing)
            self._advance()

    def _same(self, subject: Subject, first: Subject) -> Iterator[Found]:
        """Two rules of one text. Those that only annotate are told apart by their reasons, but say the same too."""
        self._pairs += 1
        shown = self._theory.solve(self._theory.matches(subject.rule))
        rule = subject.rule
        if isinstance(shown, Witness) and {rule.id, first.rule.id} <= set(self._theory.decide(shown.request).policies):
            message = f"{rule.effect.value} rule {rule.id} says the same as {first.rule.id}"
            yield Finding("duplicate", (subject.place, first.place), message, shown.request)

    def _covered(self, subject: Subject, pairing: Pairing, said: set[frozenset[int]]) -> Iterator[Found]:
        """The first rule found that leaves nothing of `subject`; one of the two, where each would do for the other."""
        others = (other for other in pairing.about_the_same(subject, whole=True) if can_cover(other, subject))
        undecided: list[Undecided] = []
        for other in self._limited(others):
            if frozenset({id(subject), id(other)}) in said:
                continue
            found = covering(self._theory, subject, other)
            if isinstance(found, Finding):
                said.add(frozenset({id(subject), id(other)}))
                yield found
                return
            if found is not None:
                undecided.append(found)
        yield from undecided

    def _contradicted(self, subject: Subject, refusing: Pairing) -> Iterator[Found]:
        others = (other for other in refusing.about_the_same(subject, whole=False) if can_contradict(other, subject))
        for other in self._limited(others):
            found = contradiction(self._theory, subject, other)
            if found is not None:
                yield found

    def _limited(self, others: Iterable[Subject]) -> Iterator[Subject]:
        """As many of `others` as a rule is compared with; the rest is counted."""
        rest = iter(others)
        for other in islice(rest, max(0, min(self._compared, self._compared * _MAX_CROWDED - self._pairs))):
            self._pairs += 1
            yield other
        self._left_out += sum(1 for _ in rest)
