"""Whether tests notice a changed policy. A mutant is compiled with only the rules that its tests can tell it from, and
only tests that it can touch are run, until one fails. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from axonflow.errors import PolicyError
from axonflow.policy.compiling.bundle import BundleSource
from axonflow.policy.compiling.scopes import Source
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.documents.checking import problems_of_decision
from axonflow.policy.documents.reading import LoadedSet, PolicySource
from axonflow.policy.testing.cases import Case
from axonflow.policy.testing.coverage import ACTION, Coverage, RuleName
from axonflow.policy.testing.mutants import Mutant, Reach, edited

__all__ = ["Bench", "MutantResult", "MutationReport", "report_of"]

_NEAREST: Final = 16
"""Tests that are tried first, on an engine of the rules that match in them: most mutants get no further."""
_EXPANDED: Final = ("include",)
"""Fields of a document that are gone when what they name stands in it."""


class MutantResult(Struct, frozen=True):
    """What became of one mutant. `by` is the test that noticed it; of a survivor the nearest one, if any gets there."""

    state: Literal["killed", "survived", "equivalent", "invalid"]
    kind: str
    policy_set: str
    rule: str
    at: str
    change: str
    by: str = ""
    why: str = ""


class MutationReport(Struct, frozen=True):
    """`score` is the part of the mutants, in percent, that some test noticed. Those that do not load are no mutants,
    and of the equivalent ones it is proven that no test could notice them: neither counts."""

    score: float
    killed: int
    survived: int
    equivalent: int
    invalid: int
    survivors: tuple[MutantResult, ...]
    equivalents: tuple[MutantResult, ...]


def report_of(results: Sequence[MutantResult]) -> MutationReport:
    """The sum of `results`."""
    count = {
        state: sum(one.state == state for one in results) for state in ("killed", "survived", "equivalent", "invalid")
    }
    judged = count["killed"] + count["survived"]
    return MutationReport(
        score=int(count["killed"] * 1_000 / judged) / 10 if judged else 100.0,  # never rounded up to what is asked
        **count,
        survivors=tuple([one for one in results if one.state == "survived"]),
        equivalents=tuple([one for one in results if one.state == "equivalent"]),
    )


class Bench:
    """Where mutants are tried. `covered` has seen `cases`, all of which pass, in this order."""

    def __init__(
        self,
        sources: Sequence[Source],
        loaded: Sequence[LoadedSet],
        cases: Sequence[Case],
        covered: Coverage,
        compiled: Callable[[Sequence[Source]], PolicyEngine],
        now_s: float,
    ) -> None:
        self._bundles = [source for source in sources if isinstance(source, BundleSource)]
        self._loaded = loaded
        self._cases = cases
        self._covered = covered
        self._compiled = compiled
        self._now_s = now_s
        self._last: tuple[Reach | None, list[int]] = (None, [])
        self._data = [
            {name: value for name, value in one.source.data.items() if name not in _EXPANDED} for one in loaded
        ]
        self._allowing = [
            {rule.id: _actions(rule.match.get(ACTION)) for rule in one.document.rules if rule.effect.value == "allow"}
            for one in loaded
        ]

    def tried(self, mutant: Mutant) -> MutantResult:
        """What becomes of `mutant`."""
        touched = self._touched(mutant.reach)
        nearest = touched[:_NEAREST] if mutant.reach.rules else touched
        for tests in (nearest, touched[len(nearest) :]):
            if tests is not nearest and not tests:
                break
            try:
                engine = self._compiled(self._sources(mutant, tests))
            except PolicyError:
                return _result(mutant, "invalid")
            if mutant.equivalent:
                return _result(mutant, "equivalent", why=mutant.equivalent)
            failing = next((case for case in map(self._cases.__getitem__, tests) if self._fails(case, engine)), None)
            if failing is not None:
                return _result(mutant, "killed", by=failing.name)
        return _result(mutant, "survived", by=self._cases[touched[0]].name if touched else "")

    def _fails(self, case: Case, engine: PolicyEngine) -> bool:
        assert case.request is not None  # it passed
        decision = engine.decide(case.request, "", self._now_s if case.now_s is None else case.now_s)
        return any(problems_of_decision(case.expected, decision, shadow=case.shadow))

    def _touched(self, reach: Reach) -> list[int]:
        """The tests that can tell a mutant from the policies, those that most likely do first."""
        if reach != self._last[0]:  # most mutants of a rule have the same
            self._last = reach, self._found(reach)
        return self._last[1]

    def _found(self, reach: Reach) -> list[int]:
        if reach.action is not None:
            return [at for at, case in enumerate(self._cases) if case.request and case.request.action == reach.action]
        if not reach.rules:
            return list(range(len(self._cases)))
        keys = {None, reach.key}
        found: dict[int, None] = {}
        for rule in reach.rules:
            for at, failing in enumerate(self._covered.failing.get(rule, ())):
                if failing in keys:
                    found[at] = None
        rules = set(reach.rules)

        def distance(at: int) -> tuple[bool, bool, int]:
            case = self._cases[at]
            return (case.shadow, case.rule) not in rules, rules.isdisjoint(self._covered.matched[at]), at

        return sorted(found, key=distance)

    def _sources(self, mutant: Mutant, touched: Sequence[int]) -> list[Source]:
        """The mutated policies, without rules that match in none of the `touched` tests: they decide nothing there."""
        data: list[Any] = list(self._data)
        for edit in mutant.edits:
            data[edit.set_number] = edited(data[edit.set_number], edit.path, edit.value)
        kept = None
        if mutant.reach.rules:
            kept = set(mutant.reach.rules).union(*[self._covered.matched[at] for at in touched])
        data = [_with_rules(one, kept, allowing) for one, allowing in zip(data, self._allowing, strict=True)]
        data = [_with_exceptions(one, data, self._covered.bundled) for one in data]
        sources: list[Source] = list(self._bundles)
        sources += [
            PolicySource(one.source.name, each, one.source.at) for one, each in zip(self._loaded, data, strict=True)
        ]
        return sources


def _actions(named: Any) -> tuple[str, ...]:
    if named is None:
        return ()
    return tuple(named) if isinstance(named, list) else (named,)


def _with_rules(
    data: dict[str, Any], kept: set[RuleName] | None, allowing: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """`data` with those of its rules that are `kept` (None: all), less their tests.

    An action that an allow rule makes known stays known without the rule.
    """
    shadow = data.get("shadow", False)
    rules = [
        {name: value for name, value in rule.items() if name != "tests"}
        for rule in data.get("rules", ())
        if kept is None or (shadow, rule["id"]) in kept
    ]
    if kept is None:
        return {**data, "rules": rules}
    known = {action for rule, actions in allowing.items() if (shadow, rule) not in kept for action in actions}
    return {**data, "rules": rules, "actions": sorted({*data.get("actions", ()), *known})}


def _with_exceptions(
    data: dict[str, Any], sets: Sequence[dict[str, Any]], bundled: frozenset[RuleName]
) -> dict[str, Any]:
    """`data` without what its exceptions say of rules that are in none of `sets` and not `bundled`."""
    shadow = data.get("shadow", False)
    ids = {rule["id"] for one in sets if one.get("shadow", False) is shadow for rule in one["rules"]}
    ids |= {rule for side, rule in bundled if side is shadow}
    exceptions = [
        {**exception, "rules": named}
        for exception in data.get("exceptions", ())
        if (named := [name for name in exception["rules"] if name in ids])
    ]
    return {**data, "exceptions": exceptions}


def _result(
    mutant: Mutant, state: Literal["killed", "survived", "equivalent", "invalid"], by: str = "", why: str = ""
) -> MutantResult:
    return MutantResult(state, mutant.kind, mutant.policy_set, mutant.rule, mutant.at, mutant.change, by, why)
