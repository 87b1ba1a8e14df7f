"""A test of policies, wherever it was written, and how it came out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.errors import PolicyError, RequestError
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Decision
from axonflow.policy.documents.checking import Expectation, expectation_of, problems_of_decision, request_of
from axonflow.policy.documents.document import PolicyTestsDocument, ScenarioDocument
from axonflow.policy.documents.reading import LoadedSet, PolicySource, read_policy_tests
from axonflow.policy.request import Request

__all__ = ["Case", "CaseOutcome", "ReadTests", "inline_cases", "read_scenarios", "run_case"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_REASONS_SHOWN: Final = 5


class Case(NamedTuple):
    """One test. `suite` is the set or the document it stands in, `rule` the rule it was written under, if any.

    `request` is None for what is no request: `fault` says why. `now_s` (seconds since the epoch) is when it is decided,
    None: at any time. `shadow`: it is held against what the shadow sets alone say.
    """

    suite: str
    name: str
    at: str
    request: Request | None
    expected: Expectation
    fault: str = ""
    rule: str | None = None
    now_s: float | None = None
    shadow: bool = False


class CaseOutcome(Struct, frozen=True):
    """How one test came out: `problems` are empty when it passed, and else `explanation` says what decided instead."""

    suite: str
    name: str
    at: str
    problems: tuple[str, ...] = ()
    explanation: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the decision was as expected."""
        return not self.problems


class ReadTests(NamedTuple):
    """A document of scenarios: which `policies` it names, places as they are written, and its cases."""

    document: PolicyTestsDocument
    source: PolicySource
    cases: tuple[Case, ...]


def inline_cases(loaded: Iterable[LoadedSet]) -> Iterator[Case]:
    """The tests that rules have themselves."""
    for one in loaded:
        for position, rule in enumerate(one.document.rules):
            for number, test in enumerate(rule.tests):
                at = one.source.at(("rules", position, "tests", number), 0)
                request, fault = None, ""
                try:
                    request = request_of(test.request)
                except RequestError as error:
                    fault = f"the request is not one: {error}"
                yield Case(
                    one.document.metadata.name, f"{rule.id}, test {number + 1}", at, request, expectation_of(test),
                    fault, rule.id, None, one.document.shadow,
                )  # fmt: skip


def read_scenarios(source: PolicySource) -> ReadTests:
    """The scenarios in `source`. Raises PolicyError with every fault: of the document, and of each request in it."""
    document = read_policy_tests(source)
    problems: list[PolicyError] = []
    cases: list[Case] = []
    names: dict[str, str] = {}
    for number, scenario in enumerate(document.scenarios):
        at = source.at(("scenarios", number), 0)
        first = names.setdefault(scenario.name, at)
        if first is not at:
            problems.append(PolicyError(
                "two scenarios have the same name", expected="each name once",
                found=f"'{scenario.name[:80]}', also at {first}", at=source.at(("scenarios", number, "name"), 0),
            ))  # fmt: skip
        try:
            cases.append(_case(document, scenario, at))
        except RequestError as error:
            place = source.at(("scenarios", number, "request"), 0)
            field = f" ({error.at})" if error.at else ""
            problems.append(PolicyError(
                f"the request is not one: {error.message}{field}", expected=error.expected, found=error.found, at=place
            ))  # fmt: skip
    if problems:
        raise PolicyError.joined(problems)
    return ReadTests(document, source, tuple(cases))


def _case(document: PolicyTestsDocument, scenario: ScenarioDocument, at: str) -> Case:
    request = request_of(_laid_over(document.defaults, scenario.request))
    if scenario.at is not None and request.time is not None:
        raise RequestError("two times", expected="`at` of the scenario, or `time` of the request", found="both")
    now_s = None if scenario.at is None else (datetime.fromisoformat(scenario.at) - _EPOCH) / timedelta(seconds=1)
    suite, expected = document.metadata.name, expectation_of(scenario)
    return Case(suite, scenario.name, at, request, expected, now_s=now_s, shadow=scenario.shadow)


def _laid_over(defaults: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """`request` with the `defaults` where it says nothing: part by part, and of the context attribute by attribute."""
    merged = {**defaults, **request}
    below, above = defaults.get("context"), request.get("context")
    if isinstance(below, dict) and isinstance(above, dict):
        merged["context"] = {**below, **above}
    return merged


def run_case(case: Case, engine: PolicyEngine, now_s: float) -> CaseOutcome:
    """Decide `case` at its own time, or at `now_s`."""
    if case.request is None:
        return CaseOutcome(case.suite, case.name, case.at, (case.fault,))
    if case.shadow and engine.shadow is None:
        return CaseOutcome(case.suite, case.name, case.at, ("shadow: there is no shadow set",))
    decision = engine.decide(case.request, "", now_s if case.now_s is None else case.now_s)
    problems = tuple(problems_of_decision(case.expected, decision, shadow=case.shadow))
    explanation = tuple(_explained(decision, shadow=case.shadow)) if problems else ()
    return CaseOutcome(case.suite, case.name, case.at, problems, explanation)


def _explained(decision: Decision, *, shadow: bool) -> Iterator[str]:
    verdict = decision.shadow if shadow and decision.shadow is not None else decision
    yield f"{verdict.effect.value} by {', '.join(verdict.policies) or 'no rule'}"
    if not shadow:  # of shadow sets no more is told
        yield from decision.reasons[:_MAX_REASONS_SHOWN]
        yield from [f"{error.policy}: {error.message}" for error in decision.errors[:_MAX_REASONS_SHOWN]]
