"""The analysis of an engine's rules: each by itself, and beside those that it may have to do with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from axonflow.policy.analysis.alone import examine
from axonflow.policy.analysis.findings import Analysis, Finding, Undecided
from axonflow.policy.analysis.jointly import Jointly
from axonflow.policy.analysis.pairing import Comparing, Pairing
from axonflow.policy.analysis.rivals import Rivals
from axonflow.policy.analysis.solving import Witness
from axonflow.policy.analysis.subjects import Origin, Subject
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.together import (
    can_contradict,
    can_cover,
    contradiction,
    covering,
    identity,
)
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Effect

__all__ = ["MAX_COMPARED", "analyse"]

MAX_COMPARED: Final = 64
"""Other rules that one is compared with, unless it is told otherwise."""

Found = Finding | Undecided


def analyse(
    engine: PolicyEngine,
    origins: Mapping[str, Origin] | None = None,
    shadow_origins: Mapping[str, Origin] | None = None,
    *,
    compared: int = MAX_COMPARED,
    step: Callable[[int], None] = lambda _count: None,
) -> Analysis:
    """What is to be said of the rules of `engine`, all of it certain and confirmed by the engine.

    Those of shadow sets are evaluated as if they were all there was, and so they are analysed. `origins` tell, by id,
    where rules stand, which may have the same ids in shadow sets. One rule is compared with at most so many others.
    ``step(count)`` is called after each step, of which a rule takes three: by itself, beside another, beside several.
    """
    run = _Run(engine, origins or {}, compared, step)
    analysis = run.analysis()
    if engine.shadow is None:
        return analysis
    shadow = _Run(engine.shadow, shadow_origins or {}, compared, step, run.done).analysis()
    return replace(analysis, shadow=shadow)


class _Run:
    def __init__(
        self,
        engine: PolicyEngine,
        origins: Mapping[str, Origin],
        compared: int,
        step: Callable[[int], None],
        done: int = 0,
    ) -> None:
        self._theory = Theory(engine)
        self._origins = origins
        self._comparing = Comparing(compared)
        self._step = step
        self.done = done

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
                _ = subject.shown  # while its domains are known: of ten thousand rules they are not all kept
        found += self._beside(live)
        findings = [one for one in found if isinstance(one, Finding)]
        undecided = [one for one in found if isinstance(one, Undecided)]
        comparing = self._comparing
        return Analysis(len(subjects), comparing.pairs, comparing.left_out, tuple(findings), tuple(undecided))

    def _advance(self) -> None:
        self.done += 1
        self._step(self.done)

    def _beside(self, subjects: list[Subject]) -> Iterator[Found]:
        firsts: dict[Hashable, Subject] = {}
        for subject in subjects:
            first = firsts.setdefault(identity(subject), subject)
            if first is not subject:
                yield from self._same(subject, first)
        distinct = list(firsts.values())
        refusing = Pairing([one for one in distinct if one.rule.effect in {Effect.DENY, Effect.REQUIRE_APPROVAL}])
        for subject, told in self._covered(distinct):
            yield from told
            if subject.rule.effect is Effect.ALLOW:
                yield from self._contradicted(subject, refusing, _beside(told))
            self._advance()

    def _same(self, subject: Subject, first: Subject) -> Iterator[Found]:
        """Two rules of one text. Those that only annotate are told apart by their reasons, but say the same too."""
        self._comparing.take(1)
        shown = self._theory.solve(self._theory.matches(subject.rule))
        rule = subject.rule
        if isinstance(shown, Witness) and {rule.id, first.rule.id} <= set(self._theory.decide(shown.request).policies):
            message = f"{rule.effect.value} rule {rule.id} says the same as {first.rule.id}"
            yield Finding("duplicate", (subject.place, first.place), message, shown.request)

    def _covered(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Sequence[Found]]]:
        """Each rule with what is told of those that leave nothing of it: one, or else several together. One is looked
        for of all rules first, so that the wide one is kept, and not the narrow ones that together say the same."""
        rivals = Rivals(self._theory, subjects, self._comparing)
        jointly = Jointly(self._theory, rivals, self._comparing)
        for subject, met, told in [(one, *self._covered_by_one(one, rivals)) for one in subjects]:
            yield subject, self._covered_together(subject, rivals.left_of(met, subject), jointly, told) if met else told

    @staticmethod
    def _covered_together(
        subject: Subject, met: Sequence[Subject], jointly: Jointly, undecided: Sequence[Found]
    ) -> Sequence[Found]:
        """The rules that leave nothing of `subject` together. If there are none, that decides what is `undecided`."""
        found = jointly.examine(subject, met)
        if found is None or any(isinstance(one, Undecided) for one in found):
            return undecided or found or ()
        return found

    def _covered_by_one(self, subject: Subject, rivals: Rivals) -> tuple[Sequence[Subject], Sequence[Found]]:
        """The first rule found that leaves nothing of `subject`; if there is none, those that leave nothing of it where
        it matches first, and what is not known of them."""
        self._advance()
        if rivals.hangs_on(subject.rule):
            return (), ()
        shown = subject.shown
        met = rivals.at(subject, shown.request) if isinstance(shown, Witness) else []
        undecided: list[Undecided] = []
        for other in self._comparing.limited(other for other in met if can_cover(other, subject)):
            found = covering(self._theory, subject, other)
            if isinstance(found, Finding):
                rivals.remove(subject)
                return (), (found,)
            if found is not None:
                undecided.append(found)
        return met, undecided

    def _contradicted(self, subject: Subject, refusing: Pairing, told: frozenset[str]) -> Iterator[Found]:
        """Those that contradict `subject`, but for the rules with which it was `told` of already."""
        others = (other for other in refusing.about_the_same(subject) if can_contradict(other, subject))
        for other in self._comparing.limited(others):
            found = None if other.rule.id in told else contradiction(self._theory, subject, other)
            if found is not None:
                yield found


def _beside(found: Iterable[Found]) -> frozenset[str]:
    """The rules beside which one was found to make no difference."""
    return frozenset([place.rule for one in found if isinstance(one, Finding) for place in one.rules[1:]])
