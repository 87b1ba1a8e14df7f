"""What people and steps give a plan that is nested deep: kept, and read by whoever looks, or refused."""

from functools import partial

import pytest

from axonflow import Plan
from axonflow.plan.model.values import MAX_RESULT_LEVELS
from axonflow.policy.json_value import MAX_DEPTH
from tests.sidecar.doors import ALLOW_ALL, Doors
from tests.sidecar.test_plan_routes import PLANS, made, run


def nested(levels, innermost=1):
    """An object in which are so many levels of objects, itself among them."""
    for _ in range(levels):
        innermost = {"a": innermost}
    return innermost


def test_plan_whose_context_policies_would_refuse_is_not_kept():
    doors = Doors(ALLOW_ALL, PLANS)
    refused = made(doors, deep=nested(MAX_DEPTH))
    assert (refused["status"], refused["message"], refused["at"]) == (400, "nested too deep", "$.context")
    assert doors.call("GET", "/api/v1/executions").json()["total"] == 0


@pytest.mark.parametrize("levels", [MAX_RESULT_LEVELS, MAX_RESULT_LEVELS + 1, 500])
def test_plan_whose_step_gives_what_is_nested_too_deep_fails_and_says_so(levels):
    doors = Doors(ALLOW_ALL, {"deep": Plan("deep").step("a", partial(nested, levels))})
    plan_id = made(doors, domain="deep")["plan_id"]
    ran = run(doors, plan_id).json()
    if levels == MAX_RESULT_LEVELS:
        assert ran["data"]["step_results"] == {"a": nested(levels)}
    else:
        assert ran["error"] == f"a: the result is nested too deep: expected at most {MAX_RESULT_LEVELS} levels"
    assert ran["data"]["status"] == ("completed" if levels == MAX_RESULT_LEVELS else "failed")
    assert doors.call("GET", f"/api/v1/executions/{plan_id}").json()["summary"]["status"] == ran["data"]["status"]


def test_plan_metadata_as_deep_as_it_may_be_is_kept_and_listed():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id, deep = made(doors)["plan_id"], nested(MAX_DEPTH)
    assert doors.call("PUT", f"/api/v1/plan/{plan_id}", json={"version": 1, "metadata": deep}).status_code == 200
    assert doors.call("GET", "/api/v1/unified/executions").json()["executions"][0]["metadata"] == deep
