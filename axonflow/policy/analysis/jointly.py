"""Rules of which several others leave nothing together: each matches a part of what one does, all of them the whole.

Found by examples that speak against it (as E. Clarke and others refine abstractions: Counterexample-guided abstraction
refinement, 2000). A request that the rule matches is shown to the engine; the rules that leave nothing of it there are
noted, and a further request is sought that none of those noted matches. If one is found that no other rule meets, the
rule makes a difference, for certain. If there is none, those noted cover it, and what is not needed of them is dropped.
So only rules are looked at that some request asks for, and a rule of its own costs no search at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.analysis.findings import Finding, Undecided
from axonflow.policy.analysis.formulas import Formula, every, negated
from axonflow.policy.analysis.pairing import Comparing
from axonflow.policy.analysis.rivals import Rivals
from axonflow.policy.analysis.solving import Impossible, Space, Unknown, Witness
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.together import can_share, makes_no_difference
from axonflow.policy.analysis.worlds import value_in
from axonflow.policy.request import Request

__all__ = ["Jointly"]

_MAX_STEPS: Final = 2_000
_MAX_QUIET: Final = 4
_MAX_EFFORT: Final = 200_000
"""Answers asked for and choices tried, of all searches together, for each rule that one is compared with at most."""


class Jointly:
    """The search for several rules that leave nothing of one."""

    def __init__(self, theory: Theory, rivals: Rivals, comparing: Comparing) -> None:
        self._theory = theory
        self._rivals = rivals
        self._comparing = comparing
        self._effort = _MAX_EFFORT * comparing.most
        self._quiet: list[Mapping[str, Any]] = []
        self._sought_quiet = 0

    def examine(self, subject: Subject, met: Sequence[Subject]) -> Sequence[Finding | Undecided] | None:
        """That `subject` makes no difference beside others, of which `met` are those that match where it does first.
        Empty where it does make one, None where it was not looked for, since too many pairs were compared already."""
        members: list[Subject] = []
        more = _sharing(subject, met)
        while more:
            members += more
            if len(members) > self._comparing.most or self._effort <= 0:
                if self._differs_amid(subject, members):
                    return []
                return [_undecided(subject, members[: self._comparing.most], "limit")]
            if not self._comparing.take(len(more)):
                return None
            beyond = _beyond(subject, members)
            space = self._theory.space([subject.matching, *[one.formula for one in members]], _MAX_STEPS, beyond)
            outcome = subject.solved(space, beyond)
            self._effort -= space.effort
            if isinstance(outcome, Impossible):
                return [self._told(subject, members, space)]
            if isinstance(outcome, Unknown):
                return [_undecided(subject, members, outcome.why)]
            more = _sharing(subject, self._rivals.at(subject, outcome.request))
            if any(one in members for one in more):  # a formula said that it does not match
                return [_undecided(subject, members, "engine")]
        return []

    def _differs_amid(self, subject: Subject, members: Sequence[Subject]) -> bool:
        """Whether `subject` matches, and no rival of it, on a request made for that: what it asks about is as where it
        matches first, all else as where none of a crowd matches that some rule met. Of hundreds of denials that
        each fail on an attribute of its own this is seen at once."""
        shown = subject.shown
        assert isinstance(shown, Witness), "where the first of them were met"
        for quiet in self._quiet_for(subject, members):
            own = {variable: value_in(shown.request, variable) for variable in _variables([subject])}
            request = self._theory.world.request({**quiet, **own})
            if request is not None and self._theory.world.holds(subject.matching, request):
                met = self._rivals.at(subject, request)
                if not _sharing(subject, met):
                    return True
        return False

    def _quiet_for(self, subject: Subject, members: Sequence[Subject]) -> Iterator[Mapping[str, Any]]:
        """Values of variables for which none of a crowd matches: of those known, and then of this one."""
        yield from self._quiet
        if self._sought_quiet == _MAX_QUIET:
            return
        self._sought_quiet += 1
        crowd = [subject, *members]
        actions = [] if subject.rule.actions is None else [self._theory.acts(subject.rule.actions)]
        calm = every([*actions, *[negated(one.formula) for one in crowd]])
        space = self._theory.space([calm], _MAX_STEPS, calm)
        outcome = space.solve(calm)
        self._effort -= space.effort
        if isinstance(outcome, Witness):
            values = {variable: value_in(outcome.request, variable) for variable in _variables(crowd)}
            self._quiet.append(values)
            yield values

    def _told(self, subject: Subject, members: Sequence[Subject], space: Space) -> Finding | Undecided:
        members = self._needed(subject, members, space)
        shown: list[Request] = []
        for member in members:
            found = _only(subject, member, members, space)
            if found is None or not makes_no_difference(self._theory, subject, member, found):
                return _undecided(subject, members, "engine")
            shown.append(found)
        self._rivals.remove(subject)
        places = tuple([one.place for one in (subject, *members)])
        return Finding("shadowed", places, _message(subject, members), shown[0], witnesses=tuple(shown))

    def _needed(self, subject: Subject, members: Sequence[Subject], space: Space) -> list[Subject]:
        """Those of `members` that are left when all are dropped, one by one, that the others do without."""
        needed = list(members)
        for member in sorted(members, key=lambda one: (-len(one.reads - subject.reads), -len(one.reads))):
            fewer = [one for one in needed if one is not member]
            if fewer and isinstance(space.solve(_beyond(subject, fewer)), Impossible):
                needed = fewer
        self._effort -= space.effort
        return needed


def _variables(subjects: Iterable[Subject]) -> set[str]:
    """All that they ask about."""
    return {hint.variable for one in subjects for atom in one.atoms.values() for hint in atom.hints}


def _sharing(subject: Subject, met: Sequence[Subject]) -> list[Subject]:
    """Those of `met` that may leave nothing of a part of `subject`, with others for the rest."""
    return [one for one in met if can_share(one, subject)]


def _beyond(subject: Subject, members: Sequence[Subject]) -> Formula:
    """That `subject` matches, and none of `members`."""
    return every([subject.matching, *[negated(one.formula) for one in members]])


def _only(subject: Subject, member: Subject, members: Sequence[Subject], space: Space) -> Request | None:
    """A request that `subject` and `member` match, and if one is found none of the others: it shows what for `member`
    is needed."""
    others = [one for one in members if one is not member]
    for wanted in ([_beyond(subject, others), member.formula], [subject.matching, member.formula]):
        outcome = subject.solved(space, every(wanted))
        if isinstance(outcome, Witness):
            return outcome.request
    return None


def _undecided(subject: Subject, members: Sequence[Subject], why: str) -> Undecided:
    return Undecided("shadowed", tuple([one.place for one in (subject, *members)]), why)


def _message(subject: Subject, members: Sequence[Subject]) -> str:
    rule = subject.rule
    named = [f"{one.rule.effect.value} rule {one.rule.id}" for one in members]
    listed = f"{', '.join(named[:-1])} and {named[-1]} together match" if len(named) > 1 else f"{named[0]} matches"
    return f"{rule.effect.value} rule {rule.id} makes no difference: {listed} wherever it does"
