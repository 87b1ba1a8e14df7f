"""Plans that a model writes: mended at most twice, grown while they are written, and gone on with after a failure."""

import asyncio
import json

import pytest

from axonflow import AxonFlow
from axonflow.adapters.memory import MemoryChatModel
from axonflow.app.planner import Planner
from axonflow.chat import ChatReply
from axonflow.errors import Denied, ModelUnavailable, PlanError
from axonflow.plan import Plan
from axonflow.plan.planner.catalogue import agent_config_of_document
from tests.plans_asked_for import TRAVEL, TRIP, step, written

QUERY = "A hotel in Rome, to ann@example.com"
NONSENSE = "I would rather not."
CYCLE = written(step("a", after=["b"]), step("b", after=["a"]))
UNKNOWN = written(step("a", "teleport"))
HALF = ChatReply(TRIP[:100], finish="length")


def allowing(*rules):
    return AxonFlow.open(
        {
            "apiVersion": "axonflow.dev/v1",
            "kind": "PolicySet",
            "metadata": {"name": "p"},
            "default": "allow",
            "rules": list(rules),
        }
    )


def planner(*replies, flow=None):
    model = MemoryChatModel(replies)
    return model, Planner(flow or allowing(), model, [TRAVEL])


def planned(*replies, **parts):
    model, own = planner(*replies)
    return model, asyncio.run(own.plan(QUERY, principal="user:ann", **parts))


def names(plan):
    return [one.name for one in plan.steps]


def test_query_becomes_a_plan_that_binds_and_runs():
    async def run(**given):
        return [given] if "city" in given else [{"to": "Rome"}]

    flow = allowing()
    _, own = planner(TRIP, flow=flow)
    plan = asyncio.run(own.plan(QUERY, principal="user:ann"))
    assert names(plan) == ["flights", "hotels", "offer", "answer"]
    assert plan.inputs == {"query": QUERY}
    calls = {"tool:flights": run, "tool:hotel_search": run, "agent:writer": run}
    result = asyncio.run(flow.run(plan.bind(calls), principal="user:ann"))
    assert (result.status, result.outputs["hotels"]) == ("completed", [{"city": "Rome"}])


@pytest.mark.parametrize("wrong", [NONSENSE, CYCLE, UNKNOWN, HALF], ids=["nonsense", "cycle", "unknown", "half"])
@pytest.mark.parametrize("times", [1, 2])
def test_plan_that_is_wrong_is_mended_by_the_model(wrong, times):
    model, plan = planned(*[wrong] * times, TRIP)
    assert names(plan)[0] == "flights"
    assert len(model.requests) == times + 1
    last = model.requests[-1].messages
    assert [message.role for message in last] == ["system", "user", "assistant", "user"]
    assert "That is no plan that can run" in last[-1].text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(NONSENSE, "not JSON"), (CYCLE, "cycle"), (UNKNOWN, "an unknown target"), (HALF, "stops half-way"), ("", "JSON")],
)
def test_plan_that_stays_wrong_says_what_was_wrong_with_the_last(wrong, message):
    model, own = planner(*[wrong] * 9)
    with pytest.raises(PlanError, match="in 3 attempts") as raised:
        asyncio.run(own.plan(QUERY, principal="user:ann"))
    assert message in str(raised.value)
    assert raised.value.problems[0].message in str(raised.value)
    assert len(model.requests) == 3


def test_plan_is_made_in_the_mode_that_is_asked_for():
    assert planned(TRIP, mode="sequential")[1].mode == "sequential"
    assert planned(TRIP, mode="confirm", approver="boss")[1].steps[0].target == "boss"
    assert names(planned(TRIP, mode="step")[1])[:2] == ["approve_flights", "flights"]


def test_model_is_held_to_the_catalogue_and_answers_coolly():
    request = planned(TRIP)[0].requests[0]
    assert request.schema["required"] == ["steps"]
    assert request.temperature == 0.0


def test_planner_asks_policy_before_the_model_and_is_denied():
    rule = {"id": "no", "effect": "deny", "match": {"action": "llm.request"}, "reason": "Not today."}
    model, own = planner(TRIP, flow=allowing(rule))
    with pytest.raises(Denied, match="Not today"):
        asyncio.run(own.plan(QUERY, principal="user:ann"))
    assert model.requests == []


def test_planner_of_a_model_that_is_away_says_so():
    with pytest.raises(ModelUnavailable):
        planned(ModelUnavailable("away"))


def grown(*replies):
    async def main():
        _, own = planner(*replies)
        found = []
        try:
            async for part in own.grow(QUERY, principal="user:ann"):
                found.append(part)  # noqa: PERF401  what came before the error counts
        except PlanError as error:
            found.append(error)
        return found

    return asyncio.run(main())


def test_plan_that_grows_gives_its_steps_and_at_last_itself():
    *steps, plan = grown(TRIP)
    assert [one.name for one in steps] == ["flights", "hotels", "offer"]
    assert isinstance(plan, Plan)
    assert names(plan) == ["flights", "hotels", "offer", "answer"]


def test_plan_that_stops_growing_gives_what_was_there_and_why_no_more():
    first, error = grown(HALF)
    assert first.name == "flights"
    assert "stops half-way" in str(error)


def test_plan_that_failed_goes_on_with_what_is_done():
    model, own = planner(TRIP, written(step("train", inputs={"to": {"$ref": "flights.0.to"}})))

    async def main():
        plan = await own.plan(QUERY, principal="user:ann", mode="step")
        outputs = {"flights": [{"to": "Rome"}], "approve_flights": {}}
        return await own.replan(plan, outputs, principal="user:ann", failed="hotels", error="TimeoutError", mode="step")

    plan = asyncio.run(main())
    assert names(plan) == ["approve_flights", "flights", "approve_train", "train", "approve_answer", "answer"]
    told = model.requests[1].messages[0].text
    assert "The step hotels failed: TimeoutError" in told
    assert "Rome" not in told


def test_plan_of_no_query_cannot_go_on():
    _, own = planner(TRIP)
    with pytest.raises(PlanError, match="not a plan of a query"):
        asyncio.run(own.replan(Plan("travel").step("a"), {}, principal="user:ann"))


def test_planner_of_an_unknown_domain_names_those_there_are():
    _, own = planner(TRIP)
    with pytest.raises(PlanError, match="expected travel"):
        asyncio.run(own.plan(QUERY, principal="user:ann", domain="space"))
    assert own.domains == ("travel",)


def test_planner_of_two_domains_of_a_name_is_refused():
    with pytest.raises(PlanError, match="the domain is taken"):
        Planner(allowing(), MemoryChatModel([]), [TRAVEL, agent_config_of_document(TRAVEL)])


FILE = """\
apiVersion: axonflow.dev/v1
kind: AgentConfig
metadata: {name: travel}
tools:
  - {name: search, description: Finds.}
"""


def test_planner_reads_its_domains_from_a_folder(tmp_path):
    (tmp_path / "b.yaml").write_text(FILE + "---\n" + FILE.replace("travel", "work"))
    (tmp_path / "a.json").write_text(json.dumps({**TRAVEL, "metadata": {"name": "home"}}))
    (tmp_path / "notes.txt").write_text("nothing")
    assert Planner(allowing(), MemoryChatModel([]), tmp_path).domains == ("home", "travel", "work")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (FILE.replace("Finds.", "7").encode(), r"a\.yaml:5:\d+: Expected"),
        (b"a: [", "not YAML"),
        (b"\xff", "not UTF-8"),
        (b"#" * 1_048_577, "too large"),
        (None, "cannot be read"),
    ],
)
def test_planner_of_a_file_that_is_wrong_says_where(tmp_path, data, message):
    if data is not None:
        (tmp_path / "a.yaml").write_bytes(data)
    with pytest.raises(PlanError, match=message):
        Planner(allowing(), MemoryChatModel([]), tmp_path / "a.yaml")
