"""What a check finds out about a plan beyond its shape: types, choices, compensations, budgets."""

from dataclasses import dataclass
from typing import Any

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Compensation, Hedge, Plan, Step, Takes, ref
from axonflow.plan.model.checking import MAX_CONDITIONS, least_taken
from axonflow.plan.model.schemas import check_fits

TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def run(**_arguments: object) -> None:
    """Any callable will do; nothing here calls it."""


def accepting(schema: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, "required": required or []}


def faults_of(plan: Plan) -> list[str]:
    with pytest.raises(PlanError) as caught:
        plan.check()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("gives", "path", "accepts", "message"),
    [
        (TEXT, "a", NUMBER, "an input does not fit: expected number, found string"),
        ({"type": ["string", "null"]}, "a", TEXT, "expected string, found string or null"),
        ({"type": "object", "properties": {"p": TEXT}}, "a.p", NUMBER, "inputs.x: an input does not fit"),
        ({"type": "array", "items": TEXT}, "a.0", NUMBER, "expected number, found string"),
        ({"type": "array", "items": TEXT}, "a", {"type": "array", "items": NUMBER}, "inputs.x.*: an input"),
        ({"enum": ["a", 1]}, "a", TEXT, "expected string, found string or integer"),
        ({"enum": ["a", "b"]}, "a", {"enum": ["a"]}, "expected one of the values of the enum, found another one"),
        ({"type": "object", "properties": {"p": TEXT}}, "a.q", TEXT, "reference a.q: the reference leads nowhere"),
        ({"type": "object", "properties": {}}, "a.q", TEXT, "found an object without members"),
        (TEXT, "a.q", TEXT, "the reference leads nowhere: expected a part 'q', found string"),
        ({"type": "array"}, "a.q", TEXT, "expected a part 'q', found a list"),
        (
            {"type": "object", "properties": {"p": TEXT}},
            "a",
            {"type": "object", "properties": {"q": TEXT}, "required": ["q"]},
            "expected a member 'q', found p",
        ),
        (
            {"type": "object", "properties": {"p": TEXT}},
            "a",
            {"type": "object", "properties": {"p": NUMBER}},
            "inputs.x.p: an input does not fit",
        ),
        (
            {"type": "object", "properties": {}},
            "a",
            {"type": "object", "required": ["q"]},
            "found an object without members",
        ),
    ],
)
def test_check_of_a_reference_that_does_not_fit_names_the_input(gives, path, accepts, message) -> None:
    plan = Plan("p").step("a", run, gives=gives).step("b", run, inputs={"x": ref(path)}, accepts=accepting(accepts))
    (fault,) = faults_of(plan)
    assert fault.startswith("plan 'p', step 'b'")
    assert message in fault


@pytest.mark.parametrize(
    ("gives", "path", "accepts"),
    [
        ({"type": "integer"}, "a", NUMBER),
        (None, "a.whatever", NUMBER),
        ({"type": "object"}, "a.whatever.more", NUMBER),
        ({"type": ["object", "array"]}, "a.0", NUMBER),
        ({"type": "object", "required": ["p"], "properties": {}}, "a.p", NUMBER),
        (TEXT, "a", {"enum": ["a"]}),
        ({"properties": {"p": TEXT}}, "a", {"required": ["p"]}),
        ({"enum": ["a"]}, "a", {"enum": ["a", "b"]}),
        ({"type": "object"}, "a", {"type": "object", "required": ["q"]}),
        ({"type": "object", "properties": {"p": TEXT}}, "a", {"type": "object", "properties": {"q": TEXT}}),
    ],
)
def test_check_of_a_reference_that_may_fit_leaves_it_to_the_run(gives, path, accepts) -> None:
    plan = Plan("p").step("a", run, gives=gives).step("b", run, inputs={"x": ref(path)}, accepts=accepting(accepts))
    assert plan.check().needs["b"] == ("a",)


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (1, NUMBER, True),
        (1.0, {"type": "integer"}, True),
        (1.5, {"type": "integer"}, False),
        (True, {"type": "integer"}, False),
        (None, {"type": "null"}, True),
        (1, {"enum": [1.0]}, True),
        (1, {"enum": [True]}, False),
        ({"a": 1}, {"enum": [{"a": 1}]}, True),
        (["a", "b", "a"], {"items": {"enum": ["a", "b"]}}, True),
        ([1, "a"], {"type": "array", "items": NUMBER}, False),
        ({"k": 1}, {"type": "object", "required": ["k"], "properties": {"k": NUMBER}}, True),
        ({"k": "a"}, {"type": "object", "properties": {"k": NUMBER}}, False),
        ({}, {"type": "object", "required": ["k"]}, False),
        ("a", {}, True),
    ],
)
def test_check_of_a_literal_input_goes_by_the_schema(value, schema, fits) -> None:
    plan = Plan("p").step("b", run, inputs={"x": value}, accepts=accepting(schema))
    if fits:
        assert plan.check().sinks == ("b",)
    else:
        assert "an input does not fit" in faults_of(plan)[0]


def test_check_fits_at_run_time_names_the_place() -> None:
    @dataclass
    class Offer:
        prices: tuple[int, ...]

    schema = {"type": "object", "properties": {"prices": {"type": "array", "items": {"enum": [1, 2]}}}}
    check_fits(Offer((1, 2)), schema, "result")
    with pytest.raises(PlanError, match=r"result\.prices\.1: a value does not fit: expected one of the values"):
        check_fits(Offer((1, 3)), schema, "result")
    with pytest.raises(PlanError, match="result: a value does not fit: expected object, found string"):
        check_fits("x", schema, "result")
    with pytest.raises(PlanError, match="result: a value does not fit: expected JSON, found object"):
        check_fits(object(), schema, "result")


def test_check_of_a_missing_input_says_which() -> None:
    plan = Plan("p").step("b", run, accepts=accepting(TEXT, required=["x"]))
    assert faults_of(plan) == [
        "plan 'p', step 'b': a missing input: expected an input 'x', or a need of that name, found none"
    ]
    assert Plan("p").step("x", run).step("b", run, needs=["x"], accepts=accepting(TEXT, required=["x"])).check()


def test_check_of_a_need_that_does_not_fit_names_it() -> None:
    plan = Plan("p").step("x", run, gives=TEXT).step("b", run, needs=["x"], accepts=accepting(NUMBER))
    assert "step 'b', inputs.x: an input does not fit: expected number, found string" in faults_of(plan)[0]


def test_check_of_a_verbatim_input_looks_at_what_is_in_it() -> None:
    plan = Plan("p").step("b", run, inputs={"x": {"$literal": {"$ref": "#/a"}}}, accepts=accepting(TEXT))
    assert "expected string, found object" in faults_of(plan)[0]


def test_check_of_nested_references_takes_each_for_itself() -> None:
    inner = {"type": "object", "properties": {"deep": {"type": "array", "items": NUMBER}}}
    plan = Plan("p").step("a", run, gives=TEXT)
    plan.step("b", run, inputs={"x": {"deep": [1, ref("a")]}}, accepts=accepting(inner))
    assert "inputs.x.deep.1: an input does not fit" in faults_of(plan)[0]


def test_check_of_plan_inputs_uses_their_values() -> None:
    plan = Plan("p", inputs={"city": "Paris"})
    plan.step("b", run, inputs={"x": ref("$.city")}, accepts=accepting(NUMBER))
    assert "expected number, found string" in faults_of(plan)[0]
    plan = Plan("p", inputs={"city": "Paris"}).step("b", run, inputs={"x": ref("$.city.name")})
    assert "reference $.city.name: the reference leads nowhere" in faults_of(plan)[0]
    plan = Plan("p", inputs={"a": 1}).step("b", run, inputs={"x": ref("$.later")}, accepts=accepting(NUMBER))
    assert plan.check().missing == ("later",)


def test_check_of_several_faults_tells_all_of_them() -> None:
    plan = Plan("p").step("a", run, gives=TEXT)
    for name in "bc":
        plan.step(name, run, inputs={"x": ref("a")}, accepts=accepting(NUMBER))
    assert [fault.split(":")[0] for fault in faults_of(plan)] == [
        "plan 'p', step 'b', inputs.x", "plan 'p', step 'c', inputs.x",
    ]  # fmt: skip
    with pytest.raises(PlanError, match="2 problems in the plan:\n  plan 'p', step 'b'"):
        plan.check()


def test_check_of_what_bodies_give_follows_their_sinks() -> None:
    body = Plan("body").step("s", run, gives=TEXT).step("t", run)
    plan = Plan("p").plan("a", body).step("d", run, gives={"type": "array"}).map("m", "d", body)
    for name, path in {"b": "a.s", "c": "m.0.s", "e": "a.t", "f": "m.x", "g": "a.u"}.items():
        plan.step(name, run, inputs={"x": ref(path)}, accepts=accepting(NUMBER))
    assert [fault.split(", ", 1)[1].split(", found")[0] for fault in faults_of(plan)] == [
        "step 'b', inputs.x: an input does not fit: expected number",
        "step 'c', inputs.x: an input does not fit: expected number",
        "step 'f', reference m.x: the reference leads nowhere: expected a part 'x'",
        "step 'g', reference a.u: the reference leads nowhere: expected a part 'u'",
    ]


def chosen(**branches: list[str]) -> Step:
    return Step(name="choice", kind="condition", when="x", inputs={"x": "left"}, branches=branches)


def test_check_of_a_step_behind_two_branches_says_that_nothing_reaches_it() -> None:
    plan = Plan("p").add(chosen(left=["a"], right=["b"])).step("a", run).step("b", run)
    plan.step("both", run, needs=["a", "b"]).step("later", run, needs=["both"])
    (fault,) = faults_of(plan)
    assert "step 'both': nothing reaches the step" in fault
    assert "different branches of 'choice'" in fault


def test_check_of_a_join_behind_two_branches_is_fine() -> None:
    plan = Plan("p").add(chosen(left=["a"], right=["b"])).step("a", run).step("b", run)
    plan.add(Step(name="both", kind="join", wait_for="any", needs=["a", "b"])).step("later", run, needs=["both", "a"])
    assert plan.check().sinks == ("later",)


def test_check_of_a_join_within_one_branch_stays_within_it() -> None:
    plan = Plan("p").add(chosen(left=["a", "b"], right=["c"])).step("a", run).step("b", run).step("c", run)
    plan.add(Step(name="both", kind="join", needs=["a", "b"])).step("never", run, needs=["both", "c"])
    assert "step 'never': nothing reaches the step" in faults_of(plan)[0]


def test_check_of_a_step_behind_one_branch_twice_is_fine() -> None:
    plan = Plan("p").add(chosen(left=["a", "b"], right=["c"])).step("a", run).step("b", run).step("c", run)
    assert plan.step("both", run, needs=["a", "b"]).check().sinks == ("c", "both")


def test_check_of_nested_conditions_inherits_the_outer_choice() -> None:
    plan = Plan("p").add(chosen(left=["inner"], right=["c"])).step("c", run).step("a", run)
    plan.add(Step(name="inner", kind="condition", when="true", branches={"true": ["a"]}))
    plan.step("never", run, needs=["a", "c"])
    assert "step 'never': nothing reaches the step" in faults_of(plan)[0]


def test_check_of_more_conditions_than_can_be_followed_is_refused() -> None:
    plan = Plan("p").step("a", run)
    for number in range(MAX_CONDITIONS + 1):
        plan.add(Step(name=f"c{number}", kind="condition", when="true", branches={"true": ["a"]}))
    assert "too many conditions: expected at most 200 in a plan, found 201" in faults_of(plan)[0]


def test_check_of_a_compensation_knows_what_ended_before() -> None:
    undo = Compensation(
        kind="tool", target="cancel", inputs={"id": ref("book.id"), "at": ref("first"), "to": ref("$.to")}
    )
    plan = Plan("p").step("first", run).step("other", run).step("book", run, after=["first"], compensate=undo)
    assert plan.check().missing == ("to",)
    for source, message in (("other", "a compensation on what may not have run"), ("gone", "unknown step")):
        undo = Compensation(run=run, inputs={"id": ref(source), "kept": {"$literal": 1}})
        plan = Plan("p").step("other", run).step("book", run, compensate=undo)
        assert message in faults_of(plan)[0]


def test_check_of_a_budget_that_cannot_be_met_says_what_it_takes() -> None:
    plan = Plan("p", budget=Takes(tokens=100, usd_micros=10, slots={"gpu": 1}))
    plan.step("a", run, takes=Takes(tokens=60, usd_micros=10, slots={"gpu": 2})).step("b", run, takes=Takes(tokens=60))
    assert [fault.split(": ", 1)[1].split(". ")[0] for fault in faults_of(plan)] == [
        "the budget cannot be met: expected at least 120 tokens, found 100",
        "the budget cannot be met: expected at least 2 slots of 'gpu', found 1",
    ]


def test_least_taken_leaves_out_what_need_not_run() -> None:
    body = Plan("body").step("s", run, takes=Takes(tokens=1))
    plan = Plan("p").add(chosen(left=["a"])).step("a", run, takes=Takes(tokens=10))
    plan.step("b", run, needs=["a"], takes=Takes(tokens=100)).step("c", run, optional=True, takes=Takes(tokens=1000))
    plan.plan("d", body).map("e", "choice", body).step("f", run, takes=Takes(usd_micros=5)).step("g", run)
    assert least_taken(plan.check()) == Takes(tokens=1, usd_micros=5)


def test_check_of_hedging_without_idempotency_is_refused() -> None:
    with pytest.raises(PlanError, match="hedging calls a step twice"):
        Plan("p").step("a", run, hedge=Hedge(after_ms=5))
