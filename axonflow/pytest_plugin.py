"""The pytest plugin: a fixture to ask policies with, and files of scenarios as tests.

Imported whenever pytest starts where AxonFlow is installed, so no more of AxonFlow is imported until somebody uses it:
a project that does not pays for this module, and no more. docs/how-to/test-policies.md shows how to use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from axonflow import AxonFlow, Decision
    from axonflow.policy.deciding.engine import PolicyEngine
    from axonflow.policy.testing.cases import Case, CaseOutcome

__all__ = ["PolicyAsserter", "axonflow_policy", "pytest_addoption", "pytest_collect_file", "pytest_configure"]

_SUFFIXES = (".policytests.yaml", ".policytests.yml", ".policytests.json")
_INI = "axonflow_policies"
_MARKER = "axonflow_policies"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The places of the policies, relative to pytest's root folder."""
    parser.addini(_INI, "Folders or files of AxonFlow policies that are in force together, or @baseline.", type="args")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker is for."""
    config.addinivalue_line("markers", f"{_MARKER}(*places): the policies that the fixture axonflow_policy decides by")


class PolicyAsserter:
    """Policies to ask in a test. `flow` is the control plane with them, in memory."""

    def __init__(self, flow: AxonFlow) -> None:
        self.flow = flow

    def decide(self, *request: Any, **parts: Any) -> Decision:
        """The decision on a Request, or on one made of these arguments. Raises RequestError."""
        from axonflow import Request

        whole = len(request) == 1 and not parts and isinstance(request[0], Request)
        return self.flow.decide(request[0] if whole else Request(*request, **parts))

    def assert_allowed(self, *request: Any, **parts: Any) -> Decision:
        """The decision, which must allow the request: what is redacted or limited is allowed."""
        __tracebackhide__ = True
        decision = self.decide(*request, **parts)
        if not decision.allowed:
            pytest.fail(_told("allowed", decision))
        return decision

    def assert_denied(self, *request: Any, by: str | None = None, **parts: Any) -> Decision:
        """The decision, which must deny the request, `by` this rule if it is given."""
        __tracebackhide__ = True
        return self._must("deny", by, request, parts)

    def assert_held(self, *request: Any, by: str | None = None, **parts: Any) -> Decision:
        """The decision, which must hold the request for approval."""
        __tracebackhide__ = True
        return self._must("require_approval", by, request, parts)

    def _must(self, effect: str, by: str | None, request: tuple[Any, ...], parts: dict[str, Any]) -> Decision:
        __tracebackhide__ = True
        decision = self.decide(*request, **parts)
        if decision.effect.value != effect or (by is not None and by not in decision.policies):
            pytest.fail(_told(effect if by is None else f"{effect} by {by}", decision))
        return decision


def _told(expected: str, decision: Decision) -> str:
    lines = [f"expected {expected}, got {decision.effect.value} by {', '.join(decision.policies) or 'no rule'}"]
    lines += [f"  {reason}" for reason in decision.reasons]
    lines += [f"  {error.policy}: {error.message}" for error in decision.errors]
    return "\n".join(lines)


def _places(config: pytest.Config) -> list[str]:
    return [place if place == "@baseline" else str(config.rootpath / place) for place in config.getini(_INI)]


@pytest.fixture
def axonflow_policy(request: pytest.FixtureRequest) -> PolicyAsserter:
    """The policies that the marker ``axonflow_policies`` names, or those of the setting of that name."""
    from axonflow import AxonFlow

    marker = request.node.get_closest_marker(_MARKER)
    folder = request.config.rootpath
    if marker is not None:
        named = [place if place == "@baseline" or not isinstance(place, (str, Path)) else folder / place
                 for place in marker.args]  # fmt: skip
    else:
        named = list(_places(request.config))
    if not named:
        raise pytest.UsageError(
            f'no policies: set {_INI} = ["policies"] for pytest, or mark the test with '
            f'@pytest.mark.{_MARKER}("policies")'
        )
    return PolicyAsserter(AxonFlow.open(named, redaction_key=b"for tests, and nothing but tests", vault="memory"))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenarios: files that end in ``.policytests.yaml``, ``.yml`` or ``.json``."""
    if not file_path.name.endswith(_SUFFIXES):
        return None
    collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return collector


class ScenarioFile(pytest.File):
    """One file of scenarios. It tests the policies that it names, or else those of the setting."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each scenario. Raises CollectError with every fault, each at its line."""
        from axonflow.app.policy_tests import compiled_for_tests, read_scenario_file
        from axonflow.errors import AxonFlowError

        try:
            compiled = compiled_for_tests()
            for tests in read_scenario_file(self.path, _places(self.config)):
                if not tests.sources:
                    raise self.CollectError(
                        f"{self.path}: no policies: name them under `policies`, or set {_INI} for pytest"
                    )
                engine = compiled(tests.sources)
                for case in tests.cases:
                    yield ScenarioItem.from_parent(self, name=case.name, case=case, engine=engine)
        except AxonFlowError as error:
            raise self.CollectError(str(error)) from None


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, case: Case, engine: PolicyEngine, **parts: Any) -> None:
        super().__init__(**parts)
        self._case = case
        self._engine = engine

    def runtest(self) -> None:
        """Decide it."""
        from time import time

        from axonflow.policy.testing.cases import run_case

        outcome = run_case(self._case, self._engine, time())
        if not outcome.passed:
            raise _UnexpectedDecisionError(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected and what was found, why, and where the scenario stands."""
        if not isinstance(excinfo.value, _UnexpectedDecisionError):
            return super().repr_failure(excinfo, style)
        outcome = excinfo.value.outcome
        lines = [outcome.at, *[f"  {problem}" for problem in outcome.problems]]
        return "\n".join([*lines, *[f"    {line}" for line in outcome.explanation]])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands, as pytest has it: lines count from 0."""
        line = self._case.at.removeprefix(f"{self.path}:").partition(":")[0]
        return self.path, int(line) - 1 if line.isdigit() else None, self.name


class _UnexpectedDecisionError(Exception):
    def __init__(self, outcome: CaseOutcome) -> None:
        super().__init__("; ".join(outcome.problems))
        self.outcome = outcome
