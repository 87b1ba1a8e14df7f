from datetime import date
from typing import Any

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Plan, Step
from axonflow.plan.model.graph import MAX_STEPS
from axonflow.plan.model.plan import MAX_NEEDS
from axonflow.plan.model.values import MAX_INPUTS_BYTES


def run(**_arguments: object) -> None:
    """Any callable will do; nothing here calls it."""


def chain(length: int, *, closed: bool = False) -> list[Step]:
    needs = [[f"s{number - 1}"] for number in range(length)]
    needs[0] = [f"s{length - 1}"] if closed else []
    return [Step(name=f"s{number}", run=run, needs=needs[number]) for number in range(length)]


def refusal(**parts: Any) -> PlanError:
    with pytest.raises(PlanError) as caught:
        Step(**{"name": "flights", "run": run, **parts})
    return caught.value


def test_plan_built_by_verbs_equals_the_one_built_from_steps() -> None:
    plan = Plan("trip")
    plan.step("flights", run, inputs={"to": "AMS"}, context={"env": "prod"})
    plan.tool("hotels", "hotel_search", run, inputs={"city": "AMS"})
    plan.agent("offer", "writer", run, needs=["flights", "hotels"])
    other = Plan(
        "trip",
        steps=[
            Step(name="flights", run=run, inputs={"to": "AMS"}, context={"env": "prod"}),
            Step(name="hotels", run=run, kind="tool", target="hotel_search", inputs={"city": "AMS"}),
            Step(name="offer", run=run, kind="agent", target="writer", needs=("flights", "hotels")),
        ],
    )
    assert plan.steps == other.steps
    assert plan.check() == other.check()
    assert repr(plan) == "<Plan 'trip', 3 steps>"


def test_plan_chained_verbs_build_the_same_plan() -> None:
    assert [step.name for step in Plan("p").step("a", run).tool("b", "t", run).agent("c", "w", run).steps] == [*"abc"]


def test_check_valid_plan_gives_dependents_and_sinks_in_order() -> None:
    plan = Plan("p").step("d", run, needs=["b", "c"]).step("a", run).step("b", run, needs=["a"])
    graph = plan.step("c", run, needs=["a"]).step("alone", run).check()
    assert graph.dependents == {"d": (), "a": ("b", "c"), "b": ("d",), "c": ("d",), "alone": ()}
    assert graph.sinks == ("d", "alone")


def test_check_after_another_step_gives_a_new_graph_and_leaves_the_old() -> None:
    plan = Plan("p").step("a", run)
    first = plan.check()
    assert plan.check() is first
    second = plan.step("b", run, needs=["a"]).check()
    assert (list(first.steps), first.sinks) == (["a"], ("a",))
    assert second.sinks == ("b",)


def test_step_inputs_changed_by_their_owner_keep_their_value() -> None:
    cities = ["AMS"]
    step = Step(name="hotels", run=run, inputs={"cities": cities})
    cities.append("BRU")
    assert step.inputs == {"cities": ["AMS"]}


@pytest.mark.parametrize("name", ["", "a b", "1a", "class", "größe", "a-b", 7, None])
def test_step_name_that_is_no_identifier_is_refused(name: object) -> None:
    assert "not a step name: expected a Python identifier" in str(refusal(name=name))


def test_step_name_too_long_is_refused() -> None:
    assert "at most 128 characters, found 129" in str(refusal(name="a" * 129))


@pytest.mark.parametrize("name", ["", " trip", "a\x00b", "a\nb", "\ud800", 3])
def test_plan_name_that_is_no_words_is_refused(name: Any) -> None:
    with pytest.raises(PlanError, match="not a plan name"):
        Plan(name)


def test_plan_name_too_long_is_refused() -> None:
    with pytest.raises(PlanError, match="1 to 128 characters, found 129"):
        Plan("a" * 129)


def test_step_without_a_callable_is_refused() -> None:
    error = refusal(run=None)
    assert "step 'flights': nothing to call: expected a plain or async callable, found NoneType" in str(error)
    assert "without calling it" in str(error)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"kind": "robot"},
            "model, plan, map, condition, approval or join, found 'robot'",
        ),
        ({"kind": "tool"}, "not a target: expected printable words"),
        ({"kind": "agent", "target": ""}, "not a target"),
        ({"kind": "tool", "target": "t" * 513}, "1 to 512 characters"),
        ({"target": "shell"}, "a function has no target: expected no target, found 'shell'"),
        ({"needs": "hotels"}, "expected needs: a list of step names, found 'hotels'"),
        ({"needs": {"hotels"}}, "found set"),
        ({"needs": [1]}, "expected step names in needs, found int"),
        ({"needs": ["flights"]}, "the step needs itself"),
        ({"needs": ["a", "b", "a"]}, "a need is named twice"),
        ({"needs": ["to"], "inputs": {"to": 1}}, "each name in needs or in inputs, found 'to' in both"),
        ({"inputs": [1]}, "inputs: wrong type: expected a mapping"),
        ({"inputs": {1: 2}}, "wrong key: expected a string, found int"),
        ({"context": {"when": date(2020, 1, 1)}}, "context.'when': not a JSON value"),
    ],
)
def test_step_malformed_is_refused_naming_it(parts: dict[str, Any], message: str) -> None:
    error = str(refusal(**parts))
    assert error.startswith("step 'flights'")
    assert message in error


@pytest.mark.parametrize(
    "value", [date(2020, 1, 1), (1, 2), {1}, b"x", float("nan"), float("inf"), {1: 2}, "\ud800", object()]
)
def test_step_input_that_is_not_json_is_refused_without_showing_it(value: object) -> None:
    error = refusal(inputs={"to": "AMS", "when": [value]})
    assert "step 'flights', inputs.'when': not a JSON value" in str(error)
    assert error.found == "list"


def test_step_input_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    assert "not a JSON value" in str(refusal(inputs={"to": value}))


def test_step_input_with_a_key_that_is_not_text_is_refused() -> None:
    assert "not a JSON value" in str(refusal(inputs={"\ud800": 1}))


def test_step_inputs_too_large_are_refused() -> None:
    assert "too large" in str(refusal(inputs={"a": "x" * MAX_INPUTS_BYTES}))


def test_plan_duplicate_step_is_refused_naming_it() -> None:
    with pytest.raises(PlanError, match="plan 'p', step 'a': the name is taken"):
        Plan("p").step("a", run).step("a", run)


def test_plan_empty_is_refused_when_checked() -> None:
    with pytest.raises(PlanError, match="plan 'p': the plan is empty: expected at least one step, found none"):
        Plan("p").check()


def test_plan_unknown_need_is_refused_with_the_likely_name() -> None:
    with pytest.raises(PlanError, match=r"step 'offer': unknown need: .*found 'flight'\. Did you mean 'flights'\?"):
        Plan("p").step("flights", run).step("offer", run, needs=["flight"]).check()


def test_plan_unknown_need_unlike_any_name_is_refused_without_a_guess() -> None:
    with pytest.raises(PlanError, match=r"found 'zzz'\. Add a step of this name"):
        Plan("p", steps=[Step(name="a", run=run, needs=["zzz"])])


def test_plan_cycle_is_refused_naming_all_of_it_from_the_first_added() -> None:
    # `tail` waits for the cycle and `head` leads into it: neither is on it.
    needs = {"tail": ["b"], "head": [], "c": ["a"], "a": ["b", "head"], "b": ["c"]}
    with pytest.raises(PlanError, match="found c -> a -> b -> c") as caught:
        Plan("p", steps=[Step(name=name, run=run, needs=needs[name]) for name in needs])
    assert caught.value.at == "plan 'p', step 'c'"


def test_plan_long_cycle_is_refused_with_a_bounded_message() -> None:
    with pytest.raises(PlanError, match=r"s0 -> s9999 -> .* -> \(9900 more\) -> s0") as caught:
        Plan("p", steps=chain(MAX_STEPS, closed=True))
    assert len(str(caught.value)) < 2_000


def test_plan_chain_of_the_most_steps_is_valid_and_one_more_is_refused() -> None:
    plan = Plan("p", steps=chain(MAX_STEPS))
    assert plan.check().sinks == (f"s{MAX_STEPS - 1}",)
    with pytest.raises(PlanError, match="too many steps"):
        plan.step("another", run)


def test_plan_with_too_many_needs_is_refused() -> None:
    names = [f"s{number}" for number in range(1_000)]
    plan = Plan("p", steps=[Step(name=name, run=run) for name in names])
    for number in range(MAX_NEEDS // len(names)):
        plan.step(f"join{number}", run, needs=names)
    with pytest.raises(PlanError, match="too many needs: expected at most 100000 in a plan, found 100001"):
        plan.step("another", run, needs=names[:1])
