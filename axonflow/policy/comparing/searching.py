"""Requests for which two sides differ, sought among any number of rules.

The rules that were not changed stand beside a change in crowds. A request is sought for what was changed alone, and
shown to both engines. If a rule matches there that must not, it is taken into account, and another request is sought;
if nothing matches that must, each rule that might is tried in turn. So what is proven to be impossible is so with the
few rules that were taken into account, and with all others all the more; and most rules are never looked at.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from axonflow.policy.analysis.formulas import HOLDS, Every, Formula, Literal, every, negated, some
from axonflow.policy.analysis.solving import Impossible, Outcome, Unknown, Witness
from axonflow.policy.comparing.crowds import Case, Crowd, Meaning, cases, standing_for
from axonflow.policy.comparing.sides import Side, Verdicts, Written
from axonflow.policy.deciding.engine import matching
from axonflow.policy.decision import Effect
from axonflow.policy.request import Request

__all__ = ["Beside", "Crowds", "Effort", "Search"]

MAX_SEARCHES: Final = 5_000
"""For one change: as many times a request is sought."""
MAX_EFFORT: Final = 30_000_000
"""For all changes: answers asked for, and choices tried."""
_STEPS: Final = 5_000
_Kind = tuple[Effect, int, int]
"""Effect, layer before, layer after: -1 on the side that does not have it."""
_NOWHERE: Final = -1


class Beside:
    """The verdicts of both sides, told by the rules of one change and by crowds of the others."""

    def __init__(self, before: Verdicts, after: Verdicts, meanings: Mapping[Hashable, Meaning]) -> None:
        self.before: Final = before
        self.after: Final = after
        self.meanings: Final = meanings


class Crowds:
    """All rules of both sides, in crowds of those that come to the same wherever they match."""

    def __init__(self, before: Side, after: Side) -> None:
        self._before = before
        self._after = after
        members: dict[_Kind, list[Written]] = {}
        for name, new in after.rules.items():
            members.setdefault(self._kind(name), []).append(new)
        for name, old in before.rules.items():
            if not self._is_shared(name):
                members.setdefault((old.rule.effect, old.rule.layer, _NOWHERE), []).append(old)
        self._crowds = {kind: Crowd(own, is_old=kind[2] == _NOWHERE) for kind, own in members.items()}
        self._meanings: dict[Hashable, Meaning] = {("crowd", kind): crowd for kind, crowd in self._crowds.items()}
        self._complete_before = self._complete(before)
        self._complete_after = self._complete(after)
        self._shared: dict[int, Formula] = {}
        self._of_all = self._verdicts({}, ())

    def standing_for(self, key: Hashable, formula: Formula) -> Formula:
        """A literal for `formula`, which is not taken apart."""
        self._meanings[key] = formula
        return standing_for(key)

    def rule(self, name: str, *, is_old: bool) -> Formula:
        """That a rule matches. One that says the same on both sides is one: it holds for both or for none."""
        is_old = is_old and not self._is_shared(name)
        key = ("rule", is_old, name)
        if key not in self._meanings:
            side = self._before if is_old else self._after
            self._meanings[key] = side.theory.matches(side.rules[name].rule)
        return standing_for(key)

    def formula(self, one: Written, *, is_old: bool) -> Formula:
        """The formula of a member of a crowd."""
        self.rule(one.rule.id, is_old=is_old)
        found = self._meanings["rule", is_old, one.rule.id]
        assert not isinstance(found, Crowd)
        return found

    def beside(self, name: str | None) -> Beside:
        """The verdicts beside the rule of this name, which is in no crowd; of all rules for None."""
        if name is None:
            return self._of_all
        changed: list[tuple[_Kind, Formula]] = []
        new, old = self._after.rules.get(name), self._before.rules.get(name)
        if new is not None:
            changed.append((self._kind(name), self.rule(name, is_old=False)))
        if old is not None and not self._is_shared(name):
            changed.append(((old.rule.effect, old.rule.layer, _NOWHERE), self.rule(name, is_old=True)))
        left_out = frozenset([name])
        fewer = {kind: self._crowds[kind].without(left_out) for kind, _ in changed}
        return self._verdicts(fewer, changed)

    def _verdicts(self, fewer: Mapping[_Kind, Crowd], changed: Sequence[tuple[_Kind, Formula]]) -> Beside:
        own: dict[Hashable, Meaning] = {("crowd", kind): crowd for kind, crowd in fewer.items()}
        every_one = [*((kind, standing_for(("crowd", kind))) for kind in self._crowds), *changed]
        before = [(kind[0], kind[1], formula) for kind, formula in every_one if kind[1] != _NOWHERE]
        after = [(kind[0], kind[2], formula) for kind, formula in every_one if kind[2] != _NOWHERE]
        return Beside(
            Verdicts(self._before, self._complete_before, before),
            Verdicts(self._after, self._complete_after, after),
            ChainMap(own, self._meanings),
        )

    def shared_by(self, crowd: Crowd) -> Formula:
        """What has to hold for any of `crowd` to match, whoever is left out of it."""
        found = self._shared.get(id(crowd.members))
        if found is None:
            parts = [_conjuncts(self.formula(one, is_old=crowd.is_old)) for one in crowd.members]
            kept = [part for key, part in parts[0].items() if all(key in other for other in parts)]
            found = self._shared[id(crowd.members)] = every(kept)
        return found

    def _is_shared(self, name: str) -> bool:
        old, new = self._before.rules.get(name), self._after.rules.get(name)
        return old is not None and new is not None and old.says == new.says

    def _kind(self, name: str) -> _Kind:
        new = self._after.rules[name]
        before = self._before.rules[name].rule.layer if self._is_shared(name) else _NOWHERE
        return new.rule.effect, before, new.rule.layer

    def _complete(self, side: Side) -> Formula:
        """That a request carries what it must: one literal, the same where both sides ask for the same."""
        return self.standing_for(("complete", frozenset(side.requires)), side.complete) if side.requires else HOLDS


def _conjuncts(formula: Formula) -> dict[Hashable, Formula]:
    """What has to hold for `formula`, part by part, each by what it says."""
    parts = formula.parts if isinstance(formula, Every) else (formula,)
    return {_said(part): part for part in parts}


def _said(formula: Formula) -> Hashable:
    if isinstance(formula, Literal):
        return formula.atom.key, formula.accepts
    return isinstance(formula, Every), tuple([_said(part) for part in formula.parts])


class Effort:
    """What all searches of a comparison may take together: answers asked for, and choices tried."""

    def __init__(self) -> None:
        self.left = MAX_EFFORT


class Search:
    """Looks for requests that one change is about, where `rules` of it may match; None where any may."""

    def __init__(
        self, crowds: Crowds, beside: Beside, sides: tuple[Side, Side], rules: Sequence[Written] | None, effort: Effort
    ) -> None:
        self._crowds = crowds
        self._meanings = beside.meanings
        self._before, self._after = sides
        self._rules = rules
        self._effort = effort
        self._left = MAX_SEARCHES

    def meaning(self, formula: Formula) -> Formula:
        """`formula` with what its literals stand for in their place."""
        if not isinstance(formula, Literal):
            join = every if isinstance(formula, Every) else some
            return join([self.meaning(part) for part in formula.parts])
        meaning = self._meanings.get(formula.atom.key, formula)
        return formula if isinstance(meaning, Crowd) else meaning

    def outcomes(self, goal: Formula) -> Iterator[Witness | Unknown]:
        """A request for each way in which `goal` may hold, or why it is not known whether there is one. Nothing where
        there is none for certain."""
        for case in cases(goal, self._meanings):
            outcome = self._within(case, (), ())
            if not isinstance(outcome, Impossible):
                yield outcome

    def _within(self, case: Case, chosen: tuple[_Member, ...], learnt: Sequence[_Member]) -> Outcome:
        """A request in `case`, where the rules that were `chosen` match. Those that were `learnt` are known to match
        where they must not."""
        against = [one for one in learnt if _may_meet(one, chosen)]
        named = set(map(_identity, against))
        holds = [case.rest, *map(self._formula, chosen)]
        more = 1
        while True:
            outcome = self._solved(holds, against)
            if not isinstance(outcome, Witness):
                return outcome
            met = self._met(outcome.request)
            wrong = [_Member(one, crowd) for crowd in case.unwanted for one in crowd.among(met[crowd.is_old])]
            if not wrong:
                break
            if not named.isdisjoint(map(_identity, wrong)):  # a formula said that it does not match
                return Unknown("theory")
            against += wrong[:more]
            named.update(map(_identity, wrong[:more]))
            more *= 2  # one may do for all, or each may be needed
        missing = next((crowd for crowd in case.wanted if not crowd.among(met[crowd.is_old])), None)
        return outcome if missing is None else self._with_one_of(missing, case, chosen, against)

    def _with_one_of(self, crowd: Crowd, case: Case, chosen: tuple[_Member, ...], learnt: Sequence[_Member]) -> Outcome:
        """The same, with each of `crowd` in turn that may match there."""
        shared = every([case.rest, self._crowds.shared_by(crowd)])
        if isinstance(self._within(Case((), case.unwanted, shared), chosen, learnt), Impossible):
            return Impossible()  # for one reason that holds for all of them
        unknown: Outcome = Impossible()
        left = case._replace(wanted=tuple([one for one in case.wanted if one is not crowd]))
        for one in crowd.meeting(self._rules):
            member = _Member(one, crowd)
            if not _may_meet(member, chosen):
                continue
            outcome = self._within(left, (*chosen, member), learnt)
            if isinstance(outcome, Witness):
                return outcome
            if isinstance(outcome, Unknown):
                unknown = outcome
                if outcome.why == "steps":
                    break
        return unknown

    def _solved(self, holds: Sequence[Formula], against: Iterable[_Member]) -> Outcome:
        """A request for which all of `holds` do, and that none of `against` matches."""
        if self._effort.left <= 0 or self._left <= 0:
            return Unknown("steps")
        formula = every([*holds, *[negated(self._formula(one)) for one in against]])
        space = self._after.theory.space([formula], _STEPS, formula)
        outcome = space.solve(formula)
        self._left -= 1
        self._effort.left -= space.effort
        return outcome

    def _formula(self, one: _Member) -> Formula:
        return self._crowds.formula(one.written, is_old=one.crowd.is_old)

    def _met(self, request: Request) -> tuple[list[str], list[str]]:
        """The ids of the rules that match `request`: those of the side after, and those of the side before."""
        found = []
        for side in (self._after, self._before):
            candidates = side.engine.index_of(request.action).candidates(request)
            matched, _ = matching(candidates, request, side.theory.world.evaluation(request))
            found.append([rule.id for rule in matched])
        return found[0], found[1]


class _Member(NamedTuple):
    """A rule of a crowd."""

    written: Written
    crowd: Crowd


def _identity(one: _Member) -> tuple[str, bool]:
    """A rule that was changed is one on each side."""
    return one.written.rule.id, one.crowd.is_old


def _may_meet(one: _Member, chosen: Iterable[_Member]) -> bool:
    return all(one.written.may_meet(other.written) for other in chosen)
