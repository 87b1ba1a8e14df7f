"""What may be said of a step: kinds, references, options; and plans bound to callables."""

from dataclasses import dataclass
from typing import Any

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Compensation, Hedge, Plan, Retry, Step, Takes, ref
from axonflow.plan.model.graph import MAX_PLAN_DEPTH, unbound_calls
from axonflow.plan.model.options import MAX_WORDS
from axonflow.plan.model.references import MAX_PATH_CHARS


def run(**_arguments: object) -> None:
    """Any callable will do; nothing here calls it."""


def refusal(make: Any, **parts: Any) -> str:
    with pytest.raises(PlanError) as caught:
        make(**parts)
    return str(caught.value)


def step_refusal(**parts: Any) -> str:
    return refusal(Step, **{"name": "s", **parts})


# -- references ---


def test_step_references_are_needs_wherever_they_stand() -> None:
    step = Step(
        name="s", needs=["a"], after=["b"], inputs={"x": ref("c.best.0"), "y": [{"z": ref("d")}, ref("$.city")]},
        cache_key="results", idempotency_key=ref("e.id"),
    )  # fmt: skip
    assert step.waits_for == ("a", "b", "e", "c", "d")
    assert [str(one) for one in step.references] == ["c.best.0", "d", "$.city", "e.id"]


def test_arguments_put_in_place_what_references_stand_for() -> None:
    inputs = {"x": ref("c.best.0.p"), "y": [{"z": ref("d")}, ref("$.city")], "k": 1, "j": {"$literal": {"$ref": "#"}}}
    step = Step(name="s", needs=["a"], inputs=inputs)
    arguments = step.arguments({"a": "A", "c": {"best": [{"p": 7}]}, "d": None}, {"city": "Paris"})
    assert arguments == {"x": 7, "y": [{"z": None}, "Paris"], "k": 1, "j": {"$ref": "#"}, "a": "A"}
    assert step.inputs["y"] == [{"z": ref("d")}, ref("$.city")]
    assert Step(name="t", needs=["a"], inputs={"b": 1}).arguments({"a": 2}) == {"a": 2, "b": 1}


def test_reference_into_a_dataclass_finds_what_it_is_as_json() -> None:
    @dataclass
    class Offer:
        prices: tuple[int, ...]

    assert Step(name="s", inputs={"x": ref("a.prices.1")}).arguments({"a": Offer((1, 2))})["x"] == 2
    assert Step(name="s", inputs={"x": ref("a.1")}).arguments({"a": (1, 2)})["x"] == 2


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.best", "a.best: the reference leads nowhere: expected 'best' in a, found no such part of dict"),
        ("a.list.7", "expected '7' in a.list, found a list of 2"),
        ("a.list.x", "expected 'x' in a.list, found a list of 2"),
        ("a.text.x", "expected 'x' in a.text, found no such part of str"),
        ("b.x", "expected an output of 'b', found none"),
        ("$.city", "expected 'city' in $"),
    ],
)
def test_arguments_of_a_reference_that_leads_nowhere_say_where(path: str, message: str) -> None:
    step = Step(name="s", inputs={"x": ref(path)})
    assert message in refusal(step.arguments, outputs={"a": {"list": [1, 2], "text": "t"}})


@pytest.mark.parametrize("path", ["", "a..b", "1a", "$", "a.", "class.x", "x" * (MAX_PATH_CHARS + 1), 7, "#/defs/x"])
def test_reference_that_is_no_path_is_refused(path: Any) -> None:
    assert "not a reference" in refusal(ref, path=path)
    assert "step 's', inputs.x.1: not a reference" in step_refusal(inputs={"x": [0, {"$ref": path}]})


def test_reference_beside_other_members_is_refused() -> None:
    assert "a $ref beside other members" in step_refusal(inputs={"x": {"$ref": "a", "y": 1}})
    assert "inputs.x: a $literal beside other" in step_refusal(inputs={"x": {"$literal": "a", "y": 1}})


def test_reference_to_the_step_itself_is_refused() -> None:
    assert "the step needs itself" in step_refusal(inputs={"x": ref("s.y")})


# -- options ---


@pytest.mark.parametrize(
    ("make", "parts", "message"),
    [
        (Retry, {"attempts": 0}, "not a number of attempts: expected a whole number from 1 to 100, found 0"),
        (Retry, {"attempts": True}, "found True"),
        (Retry, {"first_ms": 10, "max_ms": 5}, "retry: not a longest pause: expected a whole number from 10"),
        (Retry, {"factor": 0.5}, "not a factor: expected a number from 1 to 100, found 0.5"),
        (Retry, {"factor": float("nan")}, "found nan"),
        (Retry, {"jitter": "x"}, "not a jitter: expected a number from 0 to 1, found 'x'"),
        (Retry, {"jitter": True}, "not a jitter"),
        (Retry, {"on": "TimeoutError"}, "a list of at most 64 class names, found 'TimeoutError'"),
        (Retry, {"on": ["a b"]}, "not an error: expected a class name: TimeoutError, found 'a b'"),
        (Retry, {"on": ["E"] * (MAX_WORDS + 1)}, "at most 64"),
        (Hedge, {"after_ms": 0}, "hedge: not a time until the second call"),
        (Hedge, {"after_ms": "x"}, "found 'x'"),
        (Takes, {"tokens": -1}, "takes: not a number of tokens"),
        (Takes, {"usd_micros": 0.5}, "takes: not a number of usd_micros"),
        (Takes, {"slots": [1]}, "slots: at most 64 numbers by name, found list"),
        (Takes, {"slots": {"gpu": 0}}, "takes, 'gpu': not a number of slots"),
        (Takes, {"slots": {"": 1}}, "not a name of slots"),
        (Compensation, {"kind": "model"}, "unknown kind: expected function, tool, connector or agent, found 'model'"),
        (Compensation, {"kind": []}, "unknown kind"),
        (Compensation, {"kind": "tool"}, "not a target"),
        (Compensation, {"target": "x"}, "a function has no target"),
        (Compensation, {"run": None}, "compensate: nothing to call"),
        (Compensation, {"inputs": [1]}, "compensate, inputs: wrong type"),
    ],
)
def test_option_malformed_is_refused_naming_it(make: Any, parts: dict[str, Any], message: str) -> None:
    assert message in refusal(make, **parts)


def test_retry_pauses_grow_up_to_the_longest() -> None:
    retry = Retry(first_ms=100, factor=3, max_ms=1_000, on=["TimeoutError"])
    assert [retry.pause_ms(attempt) for attempt in (1, 2, 3, 4)] == [100, 300, 900, 1_000]
    assert Retry(factor=100).pause_ms(10_000) == 30_000
    assert retry.on == ("TimeoutError",)


def test_compensation_arguments_take_the_undone_output() -> None:
    undo = Compensation(inputs={"id": ref("s.id"), "why": "rolled back"})
    assert undo.arguments({"s": {"id": 7}}, {}) == {"id": 7, "why": "rolled back"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"timeout_ms": 0}, "not a time-out in ms"),
        ({"priority": 1.5}, "not a priority: expected a whole number from -1000 to 1000, found 1.5"),
        ({"on_failure": "ignore"}, "unknown failure policy: expected cancel, continue or partial, found 'ignore'"),
        ({"idempotent": 1}, "idempotent: true or false, found int"),
        ({"optional": "no"}, "optional: true or false, found 'no'"),
        ({"retry": 3}, "retry: a Retry, found int"),
        ({"hedge": Hedge(after_ms=1)}, "hedging calls a step twice: expected idempotent: true beside it"),
        ({"gives": {"type": "text"}}, "step 's', gives: not a type: expected one of array, boolean"),
        ({"gives": {"type": 7}}, "not a type"),
        ({"gives": {"pattern": "x"}}, "a keyword that is not looked at"),
        ({"gives": {"items": 7}}, "gives.items: not a schema: expected an object of JSON Schema, found int"),
        ({"gives": {"properties": {"a": {"properties": 1}}}}, "gives.a: not properties: expected an object, found int"),
        ({"gives": {"required": "a"}}, "not required: expected a list, found str"),
        ({"gives": {"required": [1]}}, "not a name: expected names in required, found int"),
        ({"gives": {"enum": list(range(1_001))}}, "at most 1000 of enum"),
        ({"cache_key": ""}, "step 's', cache_key: not a key"),
        ({"idempotency_key": {"$ref": "a", "b": 1}}, "idempotency_key: not a key"),
        ({"idempotency_key": {"$ref": 1}}, "idempotency_key: not a reference"),
        ({"after": ["a", "a"]}, "a step in after is named twice"),
        ({"after": ["s"]}, "the step needs itself"),
        ({"body": Plan("b").step("x", run).check()}, "kind function has no body: expected body only for map or plan"),
        ({"wait_for": 1}, "kind function has no wait_for: expected wait_for only for join"),
        ({"kind": "plan"}, "kind plan without its body"),
        ({"kind": "plan", "body": 7}, "not a body: expected the graph of a plan: plan.check(), found int"),
        ({"kind": "map", "body": Plan("b").step("x", run).check()}, "kind map without its over"),
        (
            {"kind": "map", "body": Plan("b").step("x", run).check(), "over": "a", "max_parallel": 0},
            "not a number of elements at a time",
        ),
        ({"kind": "map", "body": Plan("b").step("x", run).check(), "over": "7"}, "step 's', over: not a reference"),
        ({"kind": "approval"}, "not a target"),
        ({"kind": "approval", "target": "lead", "run": run}, "kind approval calls nothing"),
        ({"kind": "condition", "branches": {"a": []}}, "kind condition without its when"),
        ({"kind": "condition", "when": "", "branches": {"a": []}}, "not a condition: expected a CEL expression"),
        ({"kind": "condition", "when": "x"}, "kind condition without its branches"),
        ({"kind": "condition", "when": "x", "branches": {}}, "1 to 100 lists of step names, by result, found dict"),
        ({"kind": "condition", "when": "x", "branches": {"a": "b"}}, "branches.a: wrong type: expected branches: a"),
        ({"kind": "condition", "when": "x", "branches": {"": ["b"]}}, "branches: not a result"),
        ({"kind": "condition", "when": "x", "branches": {"a": ["b"]}, "retry": 1}, "retry: a Retry"),
        ({"kind": "join"}, "a join of nothing"),
        ({"kind": "join", "needs": ["a"], "wait_for": 2}, "not a number of steps to wait for: expected a whole number"),
        ({"kind": "join", "needs": ["a"], "wait_for": []}, "not a number of steps to wait for"),
        ({"kind": "join", "needs": ["a"], "wait_for": "some"}, "found 'some'"),
        ({"kind": "join", "needs": ["a"], "hedge": Hedge(after_ms=1), "idempotent": True}, "kind join has no hedge"),
        ({"kind": "join", "needs": ["a"], "labels": ["pii:email"]}, "kind join has no labels"),
        ({"kind": "approval", "target": "lead", "declassifies": ["pii:*"]}, "kind approval has no declassifies"),
        ({"labels": "pii:email"}, "wrong type: expected labels: a list of labels, found 'pii:email'"),
        ({"labels": ["pii"]}, "step 's', labels: not a label: expected a kind in lower case and a value"),
        ({"labels": ["pii:"]}, "not a label"),
        ({"labels": ["PII:email"]}, "not a label"),
        ({"labels": [7]}, "not a label"),
        ({"declassifies": ["a:" + "x" * 600]}, "step 's', declassifies: not a label: expected 1 to 576 characters"),
        ({"labels": ["a:b", "a:b"]}, "a label is named twice: expected each once"),
        ({"labels": [f"a:{number}" for number in range(65)]}, "too many labels: expected at most 64, found 65"),
    ],
)
def test_step_malformed_option_is_refused(parts: dict[str, Any], message: str) -> None:
    error = step_refusal(**parts)
    assert message in error
    assert "step 's'" in error


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**70])
def test_step_input_of_more_than_64_bits_is_refused(value: int) -> None:
    assert "not a JSON value" in step_refusal(inputs={"x": [{"y": value}]})


def test_step_input_of_many_digits_is_kept() -> None:
    values = ["9" * 30, 2**63 - 1, -(2**63), 1e300]
    assert Step(name="s", inputs={"x": values}).inputs == {"x": values}


def test_step_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "array"}
    for _ in range(40):
        schema = {"items": schema}
    assert "at most 32 levels of a schema" in step_refusal(gives=schema)


def test_join_waits_for_all_unless_it_says_how_many() -> None:
    assert Step(name="s", kind="join", needs=["a"]).wait_for == "all"
    assert Step(name="s", kind="join", needs=["a", "b"], after=["c"], wait_for=3).wait_for == 3


# -- plans within plans, and branches ---


def test_branches_make_their_steps_wait_for_the_condition() -> None:
    plan = Plan("p").add(Step(name="dear", kind="condition", when="a > 1", needs=["a"], branches={"true": ["ask"]}))
    graph = plan.step("ask", run).step("a", run).check()
    assert (graph.needs["ask"], graph.dependents["dear"]) == (("dear",), ("ask",))


def test_branches_of_an_unknown_step_are_refused_with_the_likely_name() -> None:
    plan = Plan("p").step("ask", run)
    plan.add(Step(name="dear", kind="condition", when="true", branches={"true": ["asks"]}))
    assert "step 'dear', branches: unknown need" in refusal(plan.check)
    assert "Did you mean 'ask'?" in refusal(plan.check)


def test_body_without_an_input_that_it_refers_to_is_refused() -> None:
    body = Plan("body").step("s", run, inputs={"x": ref("$.city"), "n": ref("$.item.n")})
    plan = Plan("p").step("a", run).plan("inner", body, inputs={"city": "Paris"})
    assert "plan 'p', step 'inner': a missing input: expected an input 'item', to which $.item refers" in refusal(
        plan.check
    )
    graph = Plan("p").step("city", run).map("each", "city.names", body, needs=["city"], max_parallel=3).check()
    assert (graph.depth, graph.steps_count, graph.needs["each"], graph.missing) == (2, 3, ("city",), ())


def test_plans_within_each_other_are_bounded_in_depth_and_steps() -> None:
    plan = Plan("p").step("s", run)
    for _ in range(MAX_PLAN_DEPTH - 1):
        plan = Plan("p").plan("inner", plan)
    assert plan.check().depth == MAX_PLAN_DEPTH
    assert "nested too deep: expected at most 8 plans" in refusal(Plan("p").plan("inner", plan).check)
    large = Plan("p", steps=[Step(name=f"s{number}", run=run) for number in range(6_000)])
    assert "at most 10000, those of plans within included, found 12002" in refusal(
        Plan("p").plan("a", large).plan("b", large).check
    )


# -- plans and what they are bound to ---


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"deadline_ms": 0}, "plan 'p': not a deadline in ms"),
        ({"budget": 3}, "budget: Takes, found int"),
        ({"mode": "fast"}, "unknown mode: expected parallel or sequential or balanced, found 'fast'"),
        ({"on_failure": "x"}, "unknown failure policy"),
        ({"inputs": 7}, "plan 'p', inputs: wrong type"),
    ],
)
def test_plan_malformed_option_is_refused(parts: dict[str, Any], message: str) -> None:
    assert message in refusal(Plan, name="p", **parts)


def unbound_plan() -> Plan:
    body = Plan("body").add(Step(name="look", kind="model", target="m"))
    plan = Plan("p", inputs={"to": 1}).tool("a", "search").agent("b", "writer", needs=["a"]).step("c")
    plan.plan("d", body).add(Step(name="e", kind="join", needs=["a", "b"]))
    plan.step("g", run, compensate=Compensation())
    return plan.tool("f", "book", run, compensate=Compensation(kind="tool", target="cancel"))


CALLS = {
    "tool:search": run,
    "agent:writer": run,
    "function:c": run,
    "model:m": run,
    "tool:cancel": run,
    "join:e": run,
    "compensate:g": run,
}


def test_bind_by_kind_and_target_makes_a_plan_runnable() -> None:
    plan = unbound_plan()
    assert plan.check().unbound == ("a", "b", "c", "d", "g", "f")
    assert unbound_calls(plan.check()) == (
        "agent:writer", "compensate:g", "function:c", "model:m", "tool:cancel", "tool:search",
    )  # fmt: skip
    bound = plan.bind(CALLS)
    assert bound.check().unbound == ()
    assert {step.name: step.run for step in bound.steps}["e"] is run
    bound.check().check_runnable()
    assert bound.inputs == {"to": 1}
    assert plan.check().unbound


def test_bind_in_parts_keeps_what_is_bound() -> None:
    plan = unbound_plan()
    for name, call in CALLS.items():
        plan = plan.bind({name: call})
    assert not plan.check().unbound


def test_bind_to_a_name_that_nothing_has_is_refused() -> None:
    assert "plan 'p': nothing to bind to: expected kind:target of a step, found 'tool:serach'" in refusal(
        unbound_plan().bind, calls={"tool:serach": run}
    )


def test_run_of_an_unbound_plan_is_refused_naming_the_step() -> None:
    error = refusal(unbound_plan().check().check_runnable)
    assert "plan 'p', step 'a': nothing is bound to the step: expected a callable for 'search'" in error
    assert "nothing is bound to the step" in refusal(unbound_plan().steps[0].run)


def test_run_of_a_plan_without_its_inputs_is_refused() -> None:
    plan = Plan("p").step("s", run, inputs={"x": ref("$.city")})
    assert "a missing input: expected an input 'city', to which $.city refers" in refusal(plan.check().check_runnable)
    plan.given({"city": "Paris"}).check().check_runnable()
    assert plan.given({"city": "Paris"}).inputs == {"city": "Paris"}


def test_plan_of_a_graph_is_that_plan() -> None:
    plan = Plan("p", mode="sequential", deadline_ms=5, budget=Takes(tokens=1), on_failure="cancel").step("a", run)
    assert Plan.of(plan.check()).check() == plan.check()
