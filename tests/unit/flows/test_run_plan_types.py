"""Schemas of steps while a plan runs: what does not fit is not called, or not passed on."""

from typing import Any

from axonflow.plan import Plan, ref
from tests.unit.flows.plan_runs import Policy, in_time, started

TEXTS = {"type": "array", "items": {"type": "string"}}


async def give(what: Any = None) -> Any:
    return what


def test_run_plan_step_whose_result_does_not_fit_fails_and_passes_nothing_on() -> None:
    plan = Plan("p").step("a", give, inputs={"what": ["x", 7]}, gives=TEXTS).step("b", give, inputs={"what": ref("a")})
    result = in_time(started(plan, Policy()))
    assert result.errors == {"a": "PlanError: result.1: a value does not fit: expected string, found integer"}
    assert (result.status, str(result.steps["b"].state), result.outputs) == ("failed", "skipped", {})


def test_run_plan_step_whose_arguments_do_not_fit_is_not_called() -> None:
    called = []

    async def count(what: Any) -> None:
        called.append(what)

    accepts = {"type": "object", "properties": {"what": TEXTS}}
    plan = Plan("p").step("a", give, inputs={"what": [7]}).step("b", count, inputs={"what": ref("a")}, accepts=accepts)
    result = in_time(started(plan, Policy()))
    assert result.errors == {"b": "PlanError: arguments.what.0: a value does not fit: expected string, found integer"}
    assert not called


def test_run_plan_steps_that_fit_complete() -> None:
    accepts = {"type": "object", "properties": {"what": TEXTS}, "required": ["what"]}
    plan = Plan("p").step("a", give, inputs={"what": ["x"]}, gives=TEXTS)
    result = in_time(started(plan.step("b", give, inputs={"what": ref("a")}, accepts=accepts), Policy()))
    assert (result.status, result.result) == ("completed", {"b": ["x"]})
