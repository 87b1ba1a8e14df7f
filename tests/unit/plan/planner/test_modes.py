"""Plans in the modes of the contract, and plans that go on by another way."""

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Plan, Step, ref
from axonflow.plan.planner.modes import plan_in_mode
from axonflow.plan.planner.replanning import kept_steps, replanned


def trip():
    plan = Plan("trip", inputs={"query": "x"}, deadline_ms=9, on_failure="partial")
    plan.tool("flights", "search").tool("hotels", "search").tool("cars", "search", after=["flights"])
    return plan.agent("offer", "writer", inputs={"price": ref("flights.price")}, needs=["hotels"])


def waits(plan):
    return {one.name: set(one.waits_for) for one in plan.steps}


def test_plan_in_auto_mode_stays_as_it_is():
    plan = trip()
    assert plan_in_mode(plan, "auto") is plan


@pytest.mark.parametrize("mode", ["sequential", "parallel", "balanced"])
def test_plan_in_a_mode_of_its_own_has_that_mode_and_all_else(mode):
    plan = plan_in_mode(trip(), mode)
    assert (plan.mode, plan.deadline_ms, plan.on_failure, len(plan.steps)) == (mode, 9, "partial", 4)


def test_plan_to_confirm_begins_with_one_approval():
    plan = plan_in_mode(trip(), "confirm", approver="boss")
    assert (plan.steps[0].kind, plan.steps[0].target) == ("approval", "boss")
    assert waits(plan) == {
        "approve_plan": set(), "flights": {"approve_plan"}, "hotels": {"approve_plan"}, "cars": {"flights"},
        "offer": {"hotels", "flights"},
    }  # fmt: skip


def test_plan_by_step_has_each_step_approved_when_it_is_due():
    found = waits(plan_in_mode(trip(), "step"))
    assert found["approve_flights"] == set()
    assert found["approve_offer"] == {"hotels", "flights"}
    assert found["offer"] == {"hotels", "flights", "approve_offer"}


def test_plan_by_step_asks_only_for_branches_that_are_taken():
    choice = Step(name="choice", kind="condition", when="true", branches={"true": ["go"]})
    plan = Plan(
        "p", [choice, Step(name="go", kind="tool", target="t"), Step(name="approve_go", kind="tool", target="t")]
    )
    found = {one.name: one for one in plan_in_mode(plan, "step").steps}
    assert found["choice"].branches["true"] == ("approve_go_", "go")


def test_plan_that_goes_on_asks_nothing_anew_for_what_is_done():
    done = {"flights": 1, "hotels": 2}
    confirmed = waits(plan_in_mode(trip(), "confirm", done=done))
    assert (confirmed["flights"], confirmed["cars"]) == (set(), {"flights", "approve_plan"})
    assert "approve_flights" not in waits(plan_in_mode(trip(), "step", done=done))
    choice = Step(name="choice", kind="condition", when="true", branches={"true": ["go"]})
    plan = Plan("p", [choice, Step(name="go", kind="tool", target="t")])
    assert plan_in_mode(plan, "step", done={"go"}).steps[1].branches == {"true": ("go",)}


def test_plan_in_an_unknown_mode_is_refused():
    with pytest.raises(PlanError, match="unknown mode"):
        plan_in_mode(trip(), "fast")


def test_plan_that_is_replanned_keeps_what_is_done():
    other = Step(name="train", kind="tool", target="trains", inputs={"p": ref("flights.price")})
    plan = replanned(trip(), {"flights": {"price": 1}, "cars": {}}, [other])
    assert waits(plan) == {"flights": set(), "cars": {"flights"}, "train": {"flights"}}
    assert (plan.deadline_ms, plan.inputs, plan.on_failure) == (9, {"query": "x"}, "partial")


def test_plan_that_is_replanned_waits_no_more_for_what_never_came():
    plan = Plan("p", [Step(name="a", kind="tool", target="t"), Step(name="b", kind="tool", target="t")])
    plan.add(Step(name="first", kind="join", needs=["a", "b"], wait_for="any"))
    plan.add(Step(name="choice", kind="condition", when="true", branches={"true": ["x"], "false": ["y"]}))
    plan.step("x").step("y")
    kept = {one.name: one for one in kept_steps(plan, {"b": 1, "first": 1, "choice": "true", "x": 1})}
    assert kept["first"].needs == ("b",)
    assert kept["choice"].branches == {"true": ("x",), "false": ()}


@pytest.mark.parametrize(
    ("outputs", "new", "message"),
    [
        ({"flights": 1}, Step(name="flights", kind="tool", target="t"), "the step is done"),
        ({"boats": 1}, Step(name="x", kind="tool", target="t"), "the output of no step"),
        ({"flights": 1}, Step(name="x", kind="tool", target="t", needs=["hotels"]), "unknown need"),
    ],
)
def test_plan_that_cannot_go_on_so_is_refused(outputs, new, message):
    with pytest.raises(PlanError, match=message):
        replanned(trip(), outputs, [new])
