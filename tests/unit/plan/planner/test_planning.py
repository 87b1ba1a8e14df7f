"""What a model is told, and what is made of what it says: nonsense, cycles, unknown tools and half a plan included."""

import pytest

from axonflow.errors import PlanError
from axonflow.plan import Plan
from axonflow.plan.planner.catalogue import AgentConfig, Capability, agent_config_of_document
from axonflow.plan.planner.planning import Progress, plan_of_reply, plan_with_answer, prompt_of, repair_of
from tests.plans_asked_for import TRAVEL, TRIP, step, written

CONFIG = agent_config_of_document(TRAVEL)
QUERY = "A hotel in Rome"


def test_prompt_tells_what_there_is_and_holds_to_it():
    prompt = prompt_of(QUERY, CONFIG)
    assert "kind tool, target hotel_search: Hotels." in prompt.system
    assert '"required":["city"]' in prompt.system
    assert "Look before you book." in prompt.system
    properties = prompt.schema["properties"]["steps"]["items"]["properties"]
    assert properties["target"]["enum"] == ["writer", "hotel_search", "flights"]
    assert properties["kind"]["enum"] == ["agent", "tool"]
    assert prompt.user == QUERY


def test_prompt_of_a_domain_without_instructions_has_none():
    plain = AgentConfig(domain="plain", models=(Capability("m"),))
    assert prompt_of(QUERY, plain).system.endswith("target m: ")


def test_prompt_to_go_on_tells_shapes_and_no_values():
    deep = {"a": {"b": {"c": {"d": 1}}}}
    outputs = {"flights": [{"price": 7, "to": "secret town", "ok": True, "none": None}], "empty": [], "deep": deep}
    system = prompt_of(QUERY, CONFIG, Progress(outputs, "hotels", "TimeoutError: late")).system
    assert '"price":{"type":"number"}' in system
    assert '"ok":{"type":"boolean"}' in system
    assert "secret town" not in system
    assert "The step hotels failed: TimeoutError: late" in system
    assert "failed" not in prompt_of(QUERY, CONFIG, Progress({})).system


@pytest.mark.parametrize("query", ["", "  ", "x" * 20_001, None])
def test_prompt_of_what_is_no_query_is_refused(query):
    with pytest.raises(PlanError, match="not a query"):
        prompt_of(query, CONFIG)


@pytest.mark.parametrize("text", [TRIP, f"```json\n{TRIP}\n```", f"\n```\n{TRIP}```\n"])
def test_plan_that_a_model_wrote_has_what_the_catalogue_says(text):
    steps = {one.name: one for one in plan_of_reply(text, QUERY, CONFIG).steps}
    assert list(steps) == ["flights", "hotels", "offer"]
    assert steps["hotels"].waits_for == ("flights",)
    assert (steps["hotels"].idempotent, steps["hotels"].accepts["required"]) == (True, ["city"])
    assert steps["flights"].takes.usd_micros == 5
    assert (steps["flights"].labels, steps["flights"].declassifies) == (("trust:untrusted",), ("pii:*",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I cannot do that.", "not JSON"),
        ("", "not JSON"),
        ("[" * 5_000, "not JSON"),
        ("\ud800", "not JSON"),
        ("[]", "not a plan"),
        ('{"steps": {}}', "not a plan"),
        ('{"steps": [], "run": 1}', "not a plan"),
        ('{"steps": []}', "steps"),
        ('{"steps": [1]}', "not a step"),
        (written(step("a", retry={"attempts": 100})), "an unknown member"),
        (written(step("a", "fly")), "an unknown target"),
        (written(step("a", "hotel_serch")), "Did you mean 'tool hotel_search'"),
        (written(step("a", "writer")), "an unknown target"),
        (written(step("a", ["writer"])), "an unknown target"),
        (written(step("a", kind="plan")), "an unknown target"),
        (written({"kind": "tool", "target": "flights"}), "something is missing"),
        (written(step("a b")), "not a step name"),
        (written(step("a", inputs=[])), "wrong type"),
        (written(step("a", after=["b"]), step("b", after=["a"])), "cycle"),
        (written(step("a", inputs={"x": {"$ref": "c"}})), "unknown need"),
        (written(step("a"), step("a")), "the name is taken"),
        (written(step("a", "hotel_search", inputs={"city": 7})), "city"),
        (written(*(step(f"s{number}") for number in range(51))), "too many steps"),
        ('"' + "x" * 1_000_001, "too long"),
    ],
)
def test_plan_that_cannot_run_says_what_is_wrong_with_it(text, message):
    with pytest.raises(PlanError) as raised:
        plan_of_reply(text, QUERY, CONFIG)
    assert message in str(raised.value)


def test_plan_that_stops_half_way_says_so():
    with pytest.raises(PlanError, match="stops half-way"):
        plan_of_reply(TRIP[:60], QUERY, CONFIG, cut=True)


def test_plan_with_many_faults_names_each_at_its_step():
    with pytest.raises(PlanError) as raised:
        plan_of_reply(written(step("a", "fly"), step("b"), step("c d")), QUERY, CONFIG)
    assert [problem.at for problem in raised.value.problems] == ["$.steps[0]", "$.steps[2]"]


def test_repair_says_all_that_was_wrong_and_is_bounded():
    said, wrong = repair_of("x" * 50_000, PlanError.joined([PlanError("one"), PlanError("two", at="$.steps[3]")]))
    assert len(said) == 20_000
    assert "- one\n- $.steps[3]: two\n" in wrong


def test_plan_is_answered_by_the_agent_that_the_domain_names():
    plan = plan_with_answer(plan_of_reply(TRIP, QUERY, CONFIG), CONFIG)
    answer = plan.steps[-1]
    assert (answer.name, answer.target, answer.needs) == ("answer", "writer", ("offer",))
    assert answer.inputs["prompt"] == "Answer the traveller."
    assert answer.labels == ("trust:generated",)
    again = plan_with_answer(plan, CONFIG).steps[-1]
    assert (again.name, again.needs) == ("answer_", ("answer",))


def test_plan_of_a_domain_without_an_answer_stays_as_it_is():
    plan = Plan("plain", plan_of_reply(TRIP, QUERY, CONFIG).steps, inputs={"query": QUERY})
    assert plan_with_answer(plan, AgentConfig(domain="plain", models=(Capability("m"),))) is plan


@pytest.mark.parametrize("filler", ["\n", " ", " \n", "\n```\n"])
def test_plan_within_a_fence_that_a_model_fills_without_end_is_refused_at_once(filler):
    with pytest.raises(PlanError, match="not JSON"):
        plan_of_reply("```json\n" + filler * (300_000 // len(filler)) + "x", QUERY, CONFIG)
