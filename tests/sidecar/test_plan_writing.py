"""Plans that a language model writes, through the agent: written, kept as they are, changed and run."""

import asyncio
import json

import pytest

from axonflow.adapters.memory import MemoryChatModel
from axonflow.app.planner import Planner
from axonflow.errors import ConfigurationError, ModelUnavailable
from axonflow.plan import Limits, PoolLimit
from axonflow_sidecar.hosting.planning import plan_limits_of, planning_of
from axonflow_sidecar.hosting.settings import UpSettings
from axonflow_sidecar.plans.catalogue import PlanCatalogue
from axonflow_sidecar.plans.making import PlanningSettings, load_calls, open_planner, opened_maker
from tests.plans_asked_for import TRAVEL, TRIP
from tests.sidecar.doors import ALLOW_ALL, Doors
from tests.sidecar.test_plan_routes import PLANS, run
from tests.strategies import policy_set


async def flights(**_):
    return [{"to": "Rome"}]


async def hotels(city):
    return [f"a hotel in {city}"]


async def writer(**given):
    return json.dumps(sorted(given))


NO_MODELS = policy_set(
    [{"id": "no", "effect": "deny", "match": {"action": "llm.request"}, "reason": "No models."}], default="allow"
)
CALLS = {"tool:flights": flights, "tool:hotel_search": hotels, "agent:writer": writer, "tool:other": flights}


def writing(*replies, policies=ALLOW_ALL, calls=CALLS, plans=PLANS):
    return Doors(policies, plans, calls=calls, planner=lambda flow: Planner(flow, MemoryChatModel(replies), [TRAVEL]))


def made(doors, **context):
    body = {"query": "A trip to Rome", "request_type": "multi-agent-plan", "user_token": "", "context": context}
    return doors.post("/api/request", body).json()


@pytest.mark.parametrize("context", [{"domain": "travel"}, {"domain": "generic"}, {}])
def test_plan_of_a_question_is_written_kept_and_run(context):
    doors = writing(TRIP)
    plan = made(doors, **context)
    assert (plan["success"], plan["data"]["domain"]) == (True, "travel")
    assert [step["id"] for step in plan["data"]["steps"]][:3] == ["flights", "hotels", "offer"]
    kept = asyncio.run(doors.plan_store.get("default", plan["plan_id"]))
    assert kept.definition["metadata"] == {"name": "travel"}
    assert run(doors, plan["plan_id"]).json()["data"]["status"] == "completed"
    asked = {event.action for event in doors.recorded() if event.principal == "service:tester"}
    assert {"llm.request", "llm.response", "plan.start"} <= asked


def test_plan_that_was_written_is_the_same_in_another_mode_and_process():
    doors = writing(TRIP)
    plan_id = made(doors, domain="travel")["plan_id"]
    body = {"version": 1, "execution_mode": "confirm"}
    assert doors.call("PUT", f"/api/v1/plan/{plan_id}", json=body).json()["version"] == 2
    other = Doors(ALLOW_ALL, PLANS, calls=CALLS, store=doors.plan_store)
    assert run(other, plan_id).json()["data"]["status"] == "awaiting_approval"
    assert doors.post(f"/api/v1/plan/{plan_id}/resume", {"approved": True}).json()["status"] == "completed"


def test_plan_that_is_moved_to_a_domain_of_the_planner_is_written_and_rolled_back_is_not():
    doors = writing(TRIP)
    plan_id = made(doors, domain="noise")["plan_id"]
    assert doors.call("PUT", f"/api/v1/plan/{plan_id}", json={"version": 1, "domain": "travel"}).status_code == 200
    assert asyncio.run(doors.plan_store.get("default", plan_id)).definition is not None
    doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/1")
    assert asyncio.run(doors.plan_store.get("default", plan_id)).definition is None
    doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/2")
    assert asyncio.run(doors.plan_store.get("default", plan_id)).name == "travel"


@pytest.mark.parametrize(("policies", "status"), [(ALLOW_ALL, 503), (NO_MODELS, 403)])
def test_plan_that_is_moved_and_cannot_be_written_stays_as_it_was(policies, status):
    doors = writing(policies=policies)
    plan_id = made(doors, domain="noise")["plan_id"]
    moved = doors.call("PUT", f"/api/v1/plan/{plan_id}", json={"version": 1, "domain": "travel"})
    assert moved.status_code == status
    assert asyncio.run(doors.plan_store.get("default", plan_id)).version == 1


def test_plan_that_the_model_cannot_write_says_so_and_none_is_kept():
    away = made(writing(ModelUnavailable("away")), domain="travel")
    assert (away["success"], away["error"].startswith("No plan was written: away")) == (False, True)
    nonsense = made(writing(*["nonsense"] * 3), domain="travel")
    assert (nonsense["status"], nonsense["code"]) == (400, "invalid_plan")
    unknown = made(writing(TRIP), domain="cooking")
    assert "broken, liar, noise, travel" in unknown["error"]


def test_plan_that_policy_lets_nobody_write_is_blocked():
    answer = made(writing(TRIP, policies=NO_MODELS), domain="travel")
    assert (answer["success"], answer["blocked"], "No models." in answer["block_reason"]) == (False, True, True)


def test_plan_whose_steps_have_nothing_to_call_is_refused_with_their_names():
    answer = made(writing(TRIP, calls={"tool:flights": flights}), domain="travel")
    assert (answer["status"], answer["found"]) == (400, "agent:writer, tool:hotel_search")


async def opened(planning):
    async with opened_maker(Doors().flow, PlanCatalogue(), planning) as maker:
        return maker.domains


def test_planner_settings_of_both_halves_are_those_that_the_orchestrator_gets(tmp_path):
    options = tmp_path / "options.json"
    options.write_text('{"base_url": "http://127.0.0.1:9/v1"}')
    settings = UpSettings(data=tmp_path, policies="", agents=tmp_path, model="openai:m", model_options_file=options)
    planning = planning_of(settings)
    assert planning == PlanningSettings(agents=str(tmp_path), model="openai:m", options=json.loads(options.read_text()))
    (tmp_path / "travel.json").write_text(json.dumps(TRAVEL))
    options.unlink()
    assert asyncio.run(opened(planning)) == ("travel",)
    assert asyncio.run(opened(None)) == ()
    assert planning_of(UpSettings(data=tmp_path, policies="")) is None


@pytest.mark.parametrize(
    ("parts", "message"),
    [({"model": "openai:m"}, "half a planner"), ({"agents": "."}, "half a planner"),
     ({"agents": ".", "model": "m", "model_options_file": "nowhere"}, "options of the model")],
)  # fmt: skip
def test_planner_settings_that_are_half_or_unreadable_are_refused(tmp_path, parts, message):
    paths = {name: value if name == "model" else tmp_path / value for name, value in parts.items()}
    with pytest.raises(ConfigurationError, match=message):
        planning_of(UpSettings(data=tmp_path, policies="", **paths))


def test_plan_limits_are_those_that_the_file_says(tmp_path):
    file = tmp_path / "limits.json"
    file.write_text('{"pools": {"agent:writer": {"slots": 4}}, "hedge_share": 0.1}')
    assert plan_limits_of(file) == Limits(pools={"agent:writer": PoolLimit(slots=4)}, hedge_share=0.1)
    assert plan_limits_of(None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"pools": {"all": {"slot": 1}}}', "unknown field `slot`"), ('{"pools": {"all": {"slots": 0}}}', "found 0"),
     ('{"hedge_share": 7}', "expected 0 to 1"), ("{", "truncated"), ("[]", "object"), (None, "FileNotFoundError")],
)  # fmt: skip
def test_plan_limits_that_cannot_be_used_are_refused_with_their_file(tmp_path, text, message):
    file = tmp_path / "limits.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as refused:
        plan_limits_of(file)
    assert refused.value.at == str(file)


@pytest.mark.parametrize("target", ["nowhere:calls", "json", "json:__all__", "tests.sidecar.test_plan_writing:TRAVEL"])
def test_calls_that_are_none_are_refused(target):
    with pytest.raises(ConfigurationError):
        load_calls(target)


def test_calls_and_models_that_are_named_are_found(tmp_path):
    assert load_calls("tests.sidecar.test_plan_writing:CALLS") == CALLS
    assert load_calls("") == {}
    with pytest.raises(ConfigurationError, match="not a model"):
        open_planner(Doors().flow, PlanningSettings(agents=str(tmp_path), model="m"))


def test_plan_update_of_a_stale_version_asks_no_model():
    doors = writing(TRIP)
    path = f"/api/v1/plan/{made(doors, domain='noise')['plan_id']}"
    stale = doors.call("PUT", path, json={"version": 2, "domain": "travel"})
    assert (stale.status_code, stale.json()["current_version"]) == (409, 1)
    assert not [event for event in doors.recorded() if event.action == "llm.request"]
    assert doors.call("PUT", path, json={"version": 1, "domain": "travel"}).json()["version"] == 2
