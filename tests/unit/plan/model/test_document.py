"""Plans as documents: what is read, what is refused and where, and that what is written reads the same."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.adapters.plan_files import MAX_PLAN_BYTES, plan_of_text, read_plan, written_plan
from axonflow.errors import PlanError
from axonflow.plan import Compensation, Hedge, Plan, Retry, Step, Takes, ref
from axonflow.plan.model.document import MAX_PROBLEMS, plan_of_document, plan_to_document
from tests.strategies import TEXT, json_values

TRIP = """
apiVersion: axonflow.dev/v1
kind: Plan
metadata: {name: trip, description: A weekend away.}
inputs: {city: Amsterdam}
deadline_ms: 60000
budget: {tokens: 5000}
mode: balanced
on_failure: cancel
steps:
  - name: flights
    kind: tool
    target: search
    inputs: {to: {$ref: $.city}}
    retry: {attempts: 3, on: [TimeoutError]}
    timeout_ms: 2000
    idempotent: true
    hedge: {after_ms: 500}
    takes: {slots: {search: 1}}
    labels: [trust:untrusted]
    declassifies: [pii:*]
    gives: {type: array, items: {type: object, properties: {price: {type: number}}}}
  - name: each
    kind: map
    over: flights
    max_parallel: 4
    body:
      steps:
        - {name: judge, kind: model, target: small, inputs: {flight: {$ref: $.item}}, takes: {tokens: 100}}
  - name: dear
    kind: condition
    needs: [flights]
    when: flights[0].price > 500
    branches: {"true": [ask], "false": [book]}
  - {name: ask, kind: approval, target: lead}
  - name: book
    kind: connector
    target: airline
    after: [each]
    compensate: {kind: tool, target: cancel, inputs: {id: {$ref: book.id}}}
  - {name: done, kind: join, wait_for: any, needs: [ask, book]}
"""


def head(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "axonflow.dev/v1", "kind": "Plan", "metadata": {"name": "p"}, **parts}


def faults_of(document: object) -> list[str]:
    with pytest.raises(PlanError) as caught:
        plan_of_document(document)
    return [str(problem) for problem in caught.value.problems]


def faults_in(text: str, name: str = "p.yaml") -> list[str]:
    with pytest.raises(PlanError) as caught:
        plan_of_text(text, name)
    return [str(problem) for problem in caught.value.problems]


def test_document_of_every_kind_of_step_is_read_as_written() -> None:
    plan = plan_of_text(TRIP, "trip.yaml")
    steps = {step.name: step for step in plan.steps}
    assert (plan.name, plan.mode, plan.on_failure, plan.deadline_ms) == ("trip", "balanced", "cancel", 60_000)
    assert plan.budget == Takes(tokens=5_000)
    assert plan.inputs == {"city": "Amsterdam"}
    assert steps["flights"].retry == Retry(attempts=3, on=["TimeoutError"])
    assert steps["flights"].hedge == Hedge(after_ms=500)
    assert steps["flights"].takes == Takes(slots={"search": 1})
    assert steps["each"].body is not None
    assert steps["each"].body.plan == "each"
    assert steps["dear"].branches == {"true": ("ask",), "false": ("book",)}
    assert steps["book"].compensate == Compensation(kind="tool", target="cancel", inputs={"id": ref("book.id")})
    graph = plan.check()
    assert graph.needs["book"] == ("each", "dear")
    assert graph.unbound == ("flights", "each", "book")


@pytest.mark.parametrize("style", ["yaml", "json"])
def test_document_written_and_read_is_the_same_plan(style: str) -> None:
    plan = plan_of_text(TRIP, "trip.yaml")
    again = plan_of_text(written_plan(plan, style), f"again.{style}")
    assert again.check() == plan.check()
    assert plan_to_document(again) == plan_to_document(plan)


def test_document_of_a_bound_plan_leaves_its_callables_out() -> None:
    async def search(to: str) -> str:
        return to

    plan = Plan("p").tool("a", "search", search, inputs={"to": "AMS"}).plan("b", Plan("q").tool("c", "search", search))
    document = plan_to_document(plan)
    assert document["steps"][0] == {"name": "a", "kind": "tool", "target": "search", "inputs": {"to": "AMS"}}
    assert document["steps"][1]["body"]["name"] == "q"
    assert plan_of_document(document).bind({"tool:search": search}).check() == plan.check()


NAMES = st.sampled_from([f"s{number}" for number in range(8)])
OBJECTS = st.dictionaries(TEXT, json_values(), max_size=3)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9) | st.sampled_from(
    ["no", "1e3", "0o7", "null", "~", "- a", "a: b", "#", "1_000", "2020-01-01", "=", "<<", "a #b", "{", "Yes", "-.5"]
)


@st.composite
def plans(draw: Any, depth: int = 0) -> Plan:
    plan = Plan(
        draw(WORDS), inputs=draw(OBJECTS), mode=draw(st.sampled_from(["parallel", "sequential"])),
        deadline_ms=draw(st.none() | st.integers(1, 10**9)),
        budget=draw(st.none() | st.builds(Takes, slots=st.dictionaries(WORDS, st.integers(1, 9), max_size=2))),
    )  # fmt: skip
    for number in range(draw(st.integers(1, 4))):
        before = [f"s{other}" for other in range(number)]
        options: dict[str, Any] = {
            "name": f"s{number}",
            "needs": draw(st.lists(st.sampled_from(before), unique=True)) if before else [],
            "inputs": {f"in_{key}": value for key, value in draw(OBJECTS).items() if "$" not in json.dumps(value)},
            "priority": draw(st.integers(-3, 3)),
            "retry": draw(st.none() | st.builds(Retry, factor=st.floats(1, 100), jitter=st.floats(0, 1))),
            "cache_key": draw(st.none() | WORDS.filter(lambda text: "{" not in text)),
        }
        kind = draw(st.sampled_from(["function", "tool", "model", "plan"]))
        if kind == "plan" and depth < 1:
            options |= {"kind": kind, "body": draw(plans(depth + 1)).check(), "cache_key": None}
        elif kind != "plan":
            options |= {"kind": kind, "target": draw(WORDS) if kind != "function" else None}
        plan.add(Step(**options))
    return plan


@settings(max_examples=15, deadline=None)
@given(plans(), st.sampled_from(["yaml", "json"]))
def test_document_of_any_plan_reads_back_the_same(plan: Plan, style: str) -> None:
    assert plan_of_text(written_plan(plan, style), f"p.{style}").check() == plan.check()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (7, "$: wrong type: expected an object, found int"),
        (None, "$: wrong type: expected an object, found NoneType"),
        (head(steps=[{"name": "a"}]) | {"kind": "Plans"}, "$.kind: not a Plan: expected kind: Plan, found 'Plans'"),
        ({"kind": "Plan", "metadata": {"name": "p"}, "steps": [{"name": "a"}]}, "expected apiVersion: axonflow.dev/v1"),
        (head(steps=[{"name": "a"}], metadata={}), "$.metadata: a plan without a name"),
        (head(steps=[{"name": "a"}], metadata=[]), "$.metadata: wrong type: expected an object, found list"),
        (head(steps=[{"name": "a"}], metadata={"name": 7}), "$: not a plan name"),
        (head(), "$: not steps: expected steps: a list of 1 to 10000, found none"),
        (head(steps=[]), "$.steps: not steps: expected steps: a list of 1 to 10000, found 0"),
        (head(steps={}), "$.steps: not steps"),
        (head(steps=[{"name": "a"}], budgets={}), "$.budgets: an unknown member"),
        (head(steps=[{"name": "a"}], budget=[]), "$.budget: wrong type: expected an object, found list"),
        (head(steps=[{"name": "a"}], budget={"tokens": "1"}), "$.budget: takes: not a number of tokens"),
        (head(steps=[{"name": "a"}], mode="fast"), "$: plan 'p': unknown mode"),
        (head(steps=[7]), "$.steps[0]: wrong type: expected an object, found int"),
        (head(steps=[{}]), "$.steps[0]: a step without a name"),
        (head(steps=[{"name": "a", "need": []}]), "$.steps[0].need: an unknown member"),
        (head(steps=[{"name": "a", "run": "x"}]), "$.steps[0].run: an unknown member"),
        (head(steps=[{"name": "a", "retry": {"attempts": 0}}]), "$.steps[0].retry: retry: not a number of attempts"),
        (head(steps=[{"name": "a", "hedge": {}}]), "$.steps[0].hedge: something is missing: expected after_ms"),
        (head(steps=[{"name": "a"}, {"name": "a"}]), "$.steps[1]: plan 'p', step 'a': the name is taken"),
        (head(steps=[{"name": "b"}, {"name": "a", "needs": ["c"]}]), "$.steps[1]: plan 'p', step 'a': unknown need"),
        (head(steps=[{"name": "a", "kind": "plan", "body": 7}]), "$.steps[0].body: wrong type"),
        (
            head(steps=[{"name": "a", "kind": "plan", "body": {"steps": [{"name": "b", "needs": ["b"]}]}}]),
            "$.steps[0].body.steps[0]: step 'b': the step needs itself",
        ),
        (
            head(steps=[{"name": "a", "kind": "plan", "body": {"steps": [{"name": "b", "cache_key": ref("$.y")}]}}]),
            "$.steps[0]: plan 'p', step 'a': a missing input: expected an input 'y'",
        ),
    ],
)  # fmt: skip
def test_document_with_a_fault_is_refused_with_its_place(document: object, message: str) -> None:
    assert faults_of(document)[0].startswith(message) or message in faults_of(document)[0]


def test_document_with_an_unknown_member_suggests_the_likely_one() -> None:
    assert "Did you mean 'needs'?" in faults_of(head(steps=[{"name": "a", "need": []}]))[0]


def test_document_with_many_faults_tells_all_of_them_in_order() -> None:
    found = faults_of(head(steps=[{"name": "a", "retry": 3}, {"name": "1"}, {"name": "b", "kind": "robot"}], mode="x"))
    assert [fault.split(":")[0] for fault in found] == ["$", "$.steps[0].retry", "$.steps[1]", "$.steps[2]"]
    assert len(faults_of(head(steps=[{"name": "1"}] * 1_000))) == MAX_PROBLEMS + 1
    assert len(faults_of(head() | {f"x{number}": 1 for number in range(1_000)})) == MAX_PROBLEMS


def test_document_with_bodies_too_deep_is_refused() -> None:
    steps: list[Any] = [{"name": "a"}]
    for _ in range(9):
        steps = [{"name": "a", "kind": "plan", "body": {"steps": steps}}]
    assert "nested too deep: expected at most 8 plans within each other" in faults_of(head(steps=steps))[0]


def test_yaml_document_with_faults_tells_lines_and_columns() -> None:
    text = TRIP.replace("attempts: 3", "attempts: 0").replace("needs: [ask, book]", "need: [ask, book]")
    first, second = faults_in(text, "trip.yaml")
    assert first.startswith("trip.yaml:15:12 ($.steps[0].retry): retry: not a number of attempts")
    assert second.startswith("trip.yaml:41:51 ($.steps[5].need): an unknown member")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("a: [", "p.yaml", "p.yaml:2:1: not YAML"),
        ("{", "p.json", "p.json:1:2: not JSON"),
        ("a: 1\n---\nb: 2\n", "p.yaml", "p.yaml: not one plan: expected one document, found 2"),
        ("", "p.yaml", "not one plan: expected one document, found 0"),
        ('{"kind": "Plan", "kind": "Plan"}', "p.json", "p.json:1:18: repeated key"),
    ],
)
def test_text_that_is_no_document_is_refused_with_its_place(text: str, name: str, message: str) -> None:
    assert message in faults_in(text, name)[0]


def test_file_that_cannot_be_read_is_refused(tmp_path: Any) -> None:
    for content, message in (
        (b"\xff", "not UTF-8"),
        (b" " * (MAX_PLAN_BYTES + 1), "too large"),
        (None, "No such file"),
    ):
        place = tmp_path / "p.yaml"
        place.unlink(missing_ok=True)
        if content is not None:
            place.write_bytes(content)
        with pytest.raises(PlanError, match=message):
            read_plan(place)
    place.write_text("\ufeff" + TRIP, encoding="utf-8")
    assert read_plan(place).name == "trip"
