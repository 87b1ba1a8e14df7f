"""All that is wrong with a plan is told at once, and what does not fit is found in plans within, too."""

import re
from typing import Any

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Plan, Step, ref
from axonflow.plan.model.graph import MAX_CYCLES, MAX_FAULTS

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def faults(plan: Plan) -> list[str]:
    with pytest.raises(PlanError) as refused:
        plan.check()
    return [str(one) for one in refused.value.problems]


def takes(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def body(path: str, schema: dict[str, Any]) -> Plan:
    return Plan("body").tool("inner", "t", inputs={"x": ref(path)}, accepts=takes(x=schema))


def test_faults_of_all_kinds_are_told_at_once() -> None:
    plan = Plan("p").tool("a", "t", inputs={"x": ref("nowhere.y")}, after=["elsewhere"])
    plan.tool("b", "t", inputs={"x": ref("c")}).tool("c", "t", inputs={"x": ref("b")})
    plan.tool("d", "t", after=["e"]).tool("e", "t", after=["d"])
    plan.tool("f", "t", accepts={**takes(), "required": ["to", "on"]})
    plan.plan("g", Plan("body").tool("h", "t", inputs={"x": ref("$.v"), "y": ref("$.w")}))
    told = "\n".join(faults(plan))
    for words in (
        "step 'a': unknown need: expected the name of a step of this plan, found 'nowhere'",
        "step 'a': unknown need: expected the name of a step of this plan, found 'elsewhere'",
        "step 'b': the steps wait for each other: expected a plan without cycles, found b -> c -> b",
        "step 'd': the steps wait for each other: expected a plan without cycles, found d -> e -> d",
        "step 'f': a missing input: expected an input 'to'",
        "step 'f': a missing input: expected an input 'on'",
        "step 'g': a missing input: expected an input 'v'",
        "step 'g': a missing input: expected an input 'w'",
    ):
        assert words in told
    assert told.count("\n") == 7


def test_faults_without_end_are_told_up_to_a_bound() -> None:
    plan = Plan("p")
    for number in range(3 * MAX_CYCLES):
        plan.tool(f"a{number}", "t", after=[f"b{number}"]).tool(f"b{number}", "t", after=[f"a{number}"])
    assert len(faults(plan)) == MAX_CYCLES
    assert len(faults(Plan("p").tool("a", "t", after=[f"n{number}" for number in range(2 * MAX_FAULTS)]))) == MAX_FAULTS


def test_cycles_that_share_steps_are_told_once() -> None:
    plan = Plan("p").tool("a", "t", after=["b", "c"]).tool("b", "t", after=["a"]).tool("c", "t", after=["a"])
    assert len(faults(plan.tool("d", "t", after=["a"]))) == 1


def test_branch_to_an_unknown_step_is_told_beside_the_others() -> None:
    plan = Plan("p").add(Step(name="if_", kind="condition", when="true", branches={"true": ["x", "a"], "false": ["y"]}))
    assert [re.findall("found '(.)'", fault) for fault in faults(plan.tool("a", "t"))] == [["x"], ["y"]]


@pytest.mark.parametrize(
    ("gives", "over"),
    [(TEXT, "read"), (takes(rows=NUMBER), "read.rows"), (takes(rows={"type": "object"}), "read.rows")],
)
def test_map_over_what_is_no_list_is_refused(gives: dict[str, Any], over: str) -> None:
    plan = Plan("p").tool("read", "t", gives=gives).map("each", over, Plan("body").tool("inner", "t"))
    (fault,) = faults(plan)
    assert fault.startswith("plan 'p', step 'each', over: an input does not fit: expected a list, found ")


def test_map_over_a_given_value_that_is_no_list_is_refused() -> None:
    plan = Plan("p", inputs={"rows": 3}).map("each", "$.rows", Plan("body").tool("inner", "t"))
    assert faults(plan) == ["plan 'p', step 'each', over: an input does not fit: expected a list, found integer"]


@pytest.mark.parametrize("over", ["read", "read.rows", "$.rows"])
def test_map_over_what_may_be_a_list_is_fine(over: str) -> None:
    rows = {"type": "array"}
    plan = Plan("p").tool("read", "t", gives=rows if over == "read" else takes(rows=rows))
    assert plan.map("each", over, Plan("body").tool("inner", "t")).check().plan == "p"


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (body("$.item", NUMBER), "inputs.x: an input does not fit: expected integer, found string"),
        (body("$.index", TEXT), "inputs.x: an input does not fit: expected string, found integer"),
        (body("$.item.name", TEXT), "reference $.item.name: the reference leads nowhere: expected a part 'name'"),
    ],
)
def test_element_that_does_not_fit_the_plan_within_is_refused(inner: Plan, message: str) -> None:
    plan = Plan("p").tool("read", "t", gives={"type": "array", "items": TEXT}).map("each", "read", inner)
    (fault,) = faults(plan)
    assert fault.startswith(f"plan 'p', step 'each', plan 'body', step 'inner', {message}")


@pytest.mark.parametrize(
    ("inputs", "path", "message"),
    [
        ({"u": ref("read.name")}, "$.u", "inputs.x: an input does not fit: expected integer, found string"),
        ({"u": "words"}, "$.u", "inputs.x: an input does not fit: expected integer, found string"),
        (
            {"u": {"v": [ref("read.name")]}},
            "$.u.v.0",
            "inputs.x: an input does not fit: expected integer, found string",
        ),
        ({"u": {"v": 1}}, "$.u.w", "reference $.u.w: the reference leads nowhere: expected a part 'w', found v"),
        ({"u": {}}, "$.u.w", "reference $.u.w: the reference leads nowhere: expected a part 'w', found an object"),
        ({"u": "words"}, "$.u.w", "reference $.u.w: the reference leads nowhere: expected a part 'w', found "),
        ({"u": [1]}, "$.u.3", "reference $.u.3: the reference leads nowhere: expected a part '3', found a list of 1"),
    ],
)
def test_argument_that_does_not_fit_the_plan_within_is_refused(inputs: Any, path: str, message: str) -> None:
    plan = Plan("p").tool("read", "t", gives=takes(name=TEXT)).plan("part", body(path, NUMBER), inputs=inputs)
    (fault,) = faults(plan)
    assert fault.startswith(f"plan 'p', step 'part', plan 'body', step 'inner', {message}")


def test_argument_that_does_not_fit_two_plans_deep_is_refused_by_its_way() -> None:
    middle = Plan("middle").plan("deeper", body("$.x", NUMBER), inputs={"x": ref("$.u")})
    (fault,) = faults(Plan("p").plan("part", middle, inputs={"u": "words"}))
    assert "step 'part', plan 'middle', step 'deeper', plan 'body', step 'inner', inputs.x" in fault


def test_argument_in_place_of_a_default_of_the_plan_within_is_what_counts() -> None:
    inner = Plan("body", inputs={"u": 1}).tool("inner", "t", inputs={"x": ref("$.u")}, accepts=takes(x=NUMBER))
    assert Plan("p").plan("part", inner).check()
    assert len(faults(Plan("p").plan("part", inner, inputs={"u": "words"}))) == 1


def test_argument_of_which_nothing_is_known_is_left_to_the_run() -> None:
    plan = Plan("p").tool("read", "t").plan("part", body("$.read.name.0", NUMBER), needs=["read"])
    assert plan.check().missing == ()
    assert Plan("p").plan("part", body("$.u", NUMBER), inputs={"u": ref("$.given")}).check().missing == ("given",)
