"""Verb: validate a policy document as its author would want to know: every fault, every warning, every fixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from pydantic import ValidationError

from axonflow.errors import PolicyError
from axonflow.policy import Decision, PolicyEngine, Request
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.checking import find_warnings, problems_of_test, run_rule_tests
from axonflow.policy.documents.document import TestDocument
from axonflow.policy.documents.reading import PolicySource

__all__ = ["MAX_FIXTURES", "PolicyFinding", "validate_policy"]

MAX_FIXTURES: Final = 200


class PolicyFinding(Struct, frozen=True):
    """One thing to know. With a ``reject`` the document cannot be published."""

    code: str
    severity: Literal["reject", "warn"]
    policy_id: str
    summary: str
    detail: str


def validate_policy(
    source: PolicySource,
    fixtures: Sequence[Any],
    *,
    compiled: Callable[[PolicySource], PolicyEngine],
    now_s: float,
) -> list[PolicyFinding]:
    """What there is to know of the document in `source`. `fixtures` are tests as rules have them:
    ``{"request": {...}, "expect": "deny"}``; the document alone decides on them."""
    name = _name_of(source.data)
    try:
        engine = compiled(source)
    except PolicyError as error:
        return [
            PolicyFinding(problem.code, "reject", name, problem.message, str(problem)) for problem in error.problems
        ]

    def decide(request: Request) -> Decision:
        return engine.decide(request, "", now_s)

    loaded, _ = load_sets([source])
    found = [
        PolicyFinding(one.kind, "warn", name, one.message, f"{one.at}: {one.message}" if one.at else one.message)
        for one in find_warnings(loaded, engine.rules)
    ]
    for outcome in run_rule_tests(loaded, decide):
        found += [
            PolicyFinding("test_failed", "reject", outcome.rule, f"test {outcome.number}: {problem}", outcome.at)
            for problem in outcome.problems
        ]
    if len(fixtures) > MAX_FIXTURES:
        found.append(PolicyFinding("too_many_fixtures", "reject", name, f"at most {MAX_FIXTURES} fixtures", ""))
    for number, fixture in enumerate(fixtures[:MAX_FIXTURES]):
        found += [
            PolicyFinding("fixture_failed", "reject", name, f"fixture {number + 1}: {problem}", f"$.fixtures[{number}]")
            for problem in _fixture_problems(fixture, decide)
        ]
    return found


def _fixture_problems(fixture: Any, decide: Callable[[Request], Decision]) -> Iterator[str]:
    try:
        test = TestDocument.model_validate(fixture)
    except (ValidationError, RecursionError):
        yield 'not a fixture: expected {"request": {...}, "expect": "deny"}'
        return
    yield from problems_of_test(test, decide)


def _name_of(document: Any) -> str:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
