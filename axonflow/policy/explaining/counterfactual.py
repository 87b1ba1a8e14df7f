"""`counterfactual`: the smallest change of a request by which it would be allowed, or the rules to change instead.

A search by growing size. What stands in the way of a request (a rule that denies, a layer in which none allows, an
attribute that it lacks) is only ever removed by a change of something that this asks about, so only such edits are
tried; the one that leaves the fewest of them comes first. What is found was decided by the engine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct

from axonflow.errors import RequestError
from axonflow.policy.analysis.places import place_of_path
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.evaluation import EXHAUSTED
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.explaining.edits import Changeable, Edit, applied
from axonflow.policy.explaining.possible import Possible
from axonflow.policy.explaining.rules_to_change import (
    HOLDING,
    RulesToChange,
    is_unredacted,
    matched,
    rules_to_change,
    ungranted,
)
from axonflow.policy.request import Request

__all__ = ["MAX_DECISIONS", "MAX_EDITS", "Change", "Counterfactual", "counterfactual"]

MAX_EDITS: Final = 4
MAX_DECISIONS: Final = 5_000
MAX_CHANGES: Final = 3

_Chosen = frozenset[int]
"""Edits, by their numbers."""


class Change(Struct, frozen=True):
    """Edits that together are enough, and none of which can be left out; and what is decided then."""

    edits: tuple[Edit, ...]
    effect: Effect
    policies: tuple[str, ...]


class Counterfactual(Struct, frozen=True):
    """What would have to be different for a request to be allowed. Empty for one that is.

    `changes` are ways to change the request, the smallest first: any of them is enough. `smallest` says that it is
    proved that no fewer edits are; with no changes, that it is proved that there are none. `untried` says what is
    missing to that proof. `rules` is what would have to be changed of the policies instead.
    """

    effect: Effect
    allowed: bool
    policies: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    smallest: bool = True
    untried: tuple[str, ...] = ()
    rules: RulesToChange = RulesToChange()
    decisions: int = 1


def counterfactual(
    engine: PolicyEngine,
    request: Request,
    now_s: float,
    changeable: Changeable = Changeable(),  # noqa: B008  immutable
    *,
    max_edits: int = MAX_EDITS,
    max_decisions: int = MAX_DECISIONS,
    max_changes: int = MAX_CHANGES,
    go_on: Callable[[], bool] = lambda: True,
) -> Counterfactual:
    """What would have to be different for `engine` to allow `request`, as of its time or `now_s` (seconds since the
    epoch), where only what is `changeable` may be.

    At most `max_changes` changes of at most `max_edits` edits are given. After `max_decisions`, or when
    `go_on`, asked before each, says no, no more is tried: where there are loops or much content, one may take long.
    """
    decision = engine.decide(request, "", now_s)
    if decision.allowed:
        return Counterfactual(decision.effect, decision.allowed, decision.policies)
    time_us = int(now_s * 1_000_000) if request.time is None else request.time
    possible = Possible(engine, request, time_us, changeable)
    search = _Search(engine, request, now_s, possible, max_decisions, go_on)
    found = search.smallest(max_edits, max_changes)
    return Counterfactual(
        decision.effect,
        decision.allowed,
        decision.policies,
        tuple(search.change(chosen) for chosen in found),
        smallest=not search.smaller if found else search.none_proved,
        untried=tuple(search.untried(max_edits, found)),
        rules=rules_to_change(engine, request, decision),
        decisions=search.decisions,
    )


class _StoppedError(Exception):
    """No more may be tried."""


class _Search:
    def __init__(
        self,
        engine: PolicyEngine,
        request: Request,
        now_s: float,
        possible: Possible,
        max_decisions: int,
        go_on: Callable[[], bool],
    ) -> None:
        self.decisions = 1
        self.cut_off = False
        self.gaps: dict[str, None] = dict(possible.gaps)
        """What was not tried in place of an edit that was."""
        self.smaller: dict[str, None] = {}
        """Those of the searches for less than was found."""
        self._ends: dict[str, None] = {}
        """What was not tried where no edit is left."""
        self._engine = engine
        self._request = request
        self._now_s = now_s
        self._possible = possible
        self._edits: Sequence[Edit] = possible.edits
        self._max_decisions = max_decisions
        self._go_on = go_on
        self._decided: dict[_Chosen, tuple[Request, Decision] | None] = {}

    def smallest(self, max_edits: int, max_changes: int) -> list[_Chosen]:
        """The smallest sets of edits that are enough, none of which is part of another, then some with one more."""
        found: list[_Chosen] = []
        try:
            for size in range(1, max_edits + 1):
                self.cut_off = False
                if not found:
                    self.smaller = dict(self.gaps) if size > 1 else {}
                for chosen in self._enough(frozenset(), size, set(), found):
                    least = self._least(chosen)
                    found[:] = [known for known in found if not least < known] + [least]
                    if len(found) >= max_changes:
                        return found
                if not self.cut_off or (found and len(found[0]) < size):
                    break
        except _StoppedError as stopped:
            self.gaps[str(stopped)] = None
        return sorted(found, key=len)

    @property
    def none_proved(self) -> bool:
        """Whether it is proved that there is nothing that is enough, where nothing was found."""
        return not (self.gaps or self._ends or self.cut_off)

    def change(self, chosen: _Chosen) -> Change:
        """The edits that were chosen, and what they come to."""
        decided = self._decided[chosen]
        assert decided is not None  # it was allowed
        return Change(tuple(self._edits[number] for number in sorted(chosen)), decided[1].effect, decided[1].policies)

    def untried(self, max_edits: int, found: Sequence[_Chosen]) -> Iterator[str]:
        """What was not tried, and might do, or with less."""
        if found:
            yield from self.smaller
            return
        if self.cut_off:
            yield f"more than {max_edits} edits together"
        yield from self.gaps | self._ends

    # -- the search

    def _enough(self, chosen: _Chosen, left: int, seen: set[_Chosen], found: Sequence[_Chosen]) -> Iterator[_Chosen]:
        """The sets of edits, `chosen` among them and `left` more at most, that are enough, and hold none of `found`."""
        if chosen in seen or any(known <= chosen for known in found):
            return
        seen.add(chosen)
        decided = self._decision(chosen)
        if decided is None:
            return
        request, decision = decided
        if decision.allowed:
            yield chosen
            return
        useful, gaps = self._useful(request, decision, chosen)
        if left:
            self.gaps |= dict.fromkeys(gaps)
            for number in useful:
                yield from self._enough(chosen | {number}, left - 1, seen, found)
        elif useful:
            self.cut_off = True
        else:
            self._ends |= dict.fromkeys(gaps)

    def _useful(self, request: Request, decision: Decision, chosen: _Chosen) -> tuple[list[int], list[str]]:
        """The edits one of which is needed, by what stands in the way and leaves the fewest; and what else might do."""
        useful: list[tuple[int, int, list[int], list[str]]] = []
        for number, variables in enumerate(self._in_the_way(request, decision)):
            edits = [
                number
                for number in self._possible.by(variables)
                if number not in chosen and all(self._edits[number].beside(self._edits[one]) for one in chosen)
            ]
            gaps = self._possible.gaps_in(variables)
            useful.append((len(edits) + bool(gaps), number, edits, gaps))
        _, _, edits, gaps = min(useful, default=(0, 0, [], []))
        return edits, gaps

    def _in_the_way(self, request: Request, decision: Decision) -> Iterator[frozenset[str] | None]:
        """For each thing by which `decision` is not allowed, the variables that it asks about; None: any."""
        index = self._engine.index_of(request.action)
        if not index.knows:
            yield frozenset({"action"})
        for requirement in index.requires:
            if requirement.lacks(request):
                place = place_of_path(requirement.path)
                yield None if place is None else frozenset({place[0], "action"})
        matching = list(matched(self._engine, decision))
        if is_unredacted(decision, matching):
            self.gaps["what could not be redacted"] = None
            yield None
        if any(error.message == EXHAUSTED for error in decision.errors):
            self.gaps["what takes too many loop steps to tell"] = None
            yield None
        for rule in matching:
            if rule.effect in HOLDING:
                yield self._possible.of_rule(rule.id)
        refusing, none_grants = ungranted(self._engine, matching)
        for layer in refusing:
            yield self._possible.granting([layer])
        if none_grants and not refusing:
            yield self._possible.granting(range(len(self._engine.layers)))

    def _decision(self, chosen: _Chosen) -> tuple[Request, Decision] | None:
        """What is decided with the edits that are chosen; None where they make no request."""
        if chosen in self._decided:
            return self._decided[chosen]
        if self.decisions >= self._max_decisions:
            raise _StoppedError(f"more than {self._max_decisions} decisions")
        if not self._go_on():
            raise _StoppedError("what there was no time for")
        self.decisions += 1
        try:
            request = applied(self._request, [self._edits[number] for number in sorted(chosen)])
        except RequestError:
            made = None
        else:
            made = (request, self._engine.decide(request, "", self._now_s))
        self._decided[chosen] = made
        return made

    def _least(self, chosen: _Chosen) -> _Chosen:
        """The smallest part of `chosen` that is enough: all of it, unless a rule read more than its formula says. That
        would be a fault, and not one that this should hand on."""
        for size in range(1, len(chosen)):
            for part in combinations(sorted(chosen), size):
                decided = self._decision(frozenset(part))
                if decided is not None and decided[1].allowed:
                    return frozenset(part)
        return chosen
