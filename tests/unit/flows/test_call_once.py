"""What a step's call knows and tells: results kept from earlier ones, keys, replicas, and what was used."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from axonflow import Plan, Principal
from axonflow.adapters.memory import MemoryAuditLog, MemoryChatModel, MemoryLedger, MemoryStepCache
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.chat_models import GovernedModel
from axonflow.chat import ChatMessage, ChatRequest
from axonflow.errors import PlanError
from axonflow.flows.choose_branch import chooser
from axonflow.flows.plan_means import Means
from axonflow.plan import (
    Compensation,
    Limits,
    PlanQuota,
    PlanResult,
    PoolLimit,
    Retry,
    Step,
    Takes,
    current_call,
    ref,
)
from axonflow.policy.decision import Effect
from axonflow.ports import Quota
from tests.unit.flows.plan_runs import Policy, decision, echo, in_time, ran, started, states
from tests.unit.flows.test_resume_run import flow_of, resume, run


class Counted:
    """A step that gives how often it was called."""

    def __init__(self, result: Any = None) -> None:
        self.calls = 0
        self.result = result

    async def __call__(self, **_arguments: Any) -> Any:
        self.calls += 1
        return self.calls if self.result is None else self.result


def outputs(plan: Plan, cache: MemoryStepCache, policy: Policy | None = None) -> dict[str, Any]:
    return ran(plan, policy, means=Means(cache=cache)).outputs


# -- results that are kept --------------------------------------------------------------------------------------------


def test_cached_step_is_not_called_again_for_the_same_key_and_says_so() -> None:
    cache, rates = MemoryStepCache(), Counted()

    def plan(day: int) -> Plan:
        return Plan("p").tool("a", "rates", rates, inputs={"day": day, "who": rates.calls}, cache_key="{day}")

    first, again, other = (ran(plan(day), means=Means(cache=cache)) for day in (1, 1, 2))
    assert [one.outputs["a"] for one in (first, again, other)] == [1, 1, 2]
    assert [one.steps["a"].cached for one in (first, again, other)] == [False, True, False]


def test_cached_step_is_judged_before_its_result_is_used_again() -> None:
    cache, rates = MemoryStepCache(), Counted()
    plan = Plan("p").tool("a", "rates", rates, cache_key="k")
    assert outputs(plan, cache) == {"a": 1}
    denied = ran(
        plan,
        Policy(lambda request: decision(Effect.DENY) if request.action == "tool.call" else None),
        means=Means(cache=cache),
    )
    assert (denied.status, denied.outputs) == ("denied", {})


def test_cached_result_is_used_by_other_steps_and_plans_for_the_same_target_alone() -> None:
    cache, rates = MemoryStepCache(), Counted()
    assert outputs(Plan("p").tool("a", "rates", rates, cache_key="k"), cache) == {"a": 1}
    plan = Plan("q").tool("x", "rates", rates, cache_key="k").tool("y", "other", rates, cache_key="k")
    plan.agent("z", "rates", rates, cache_key="k").step("f", rates, cache_key="k").step("g", rates, cache_key="k")
    given = outputs(plan, cache)
    assert given["x"] == 1
    assert sorted(given.values()) == [1, 2, 3, 4, 5]


def test_cached_result_is_never_used_for_another_tenant() -> None:
    flow, rates = flow_of(), Counted()
    plan = Plan("p").tool("a", "rates", rates, cache_key="k")
    for tenant, expected in (("acme", 1), ("other", 2), ("acme", 1)):
        result = asyncio.run(flow.run(plan, principal=Principal("ann", tenant=tenant)))
        assert result.outputs == {"a": expected}


def test_cached_result_of_arguments_that_policy_redacts_is_kept_apart() -> None:
    cache, rates = MemoryStepCache(), Counted()
    plan = Plan("p").tool("a", "rates", rates, inputs={"mail": "ann@example.com"}, cache_key="k")
    redacting = Policy(lambda _request: decision(Effect.REDACT, redacted={"mail": "[EMAIL]"}))
    assert outputs(plan, cache) == {"a": 1}
    assert outputs(plan, cache, redacting) == {"a": 2}
    assert outputs(plan, cache, redacting) == {"a": 2}
    assert outputs(plan, cache) == {"a": 1}


def test_cached_result_is_a_copy_that_nobody_can_change() -> None:
    cache = MemoryStepCache()
    plan = Plan("p").tool("a", "rates", Counted({"list": [1]}), cache_key="k")
    outputs(plan, cache)["a"]["list"].append(2)
    outputs(plan, cache)["a"]["list"].append(3)
    assert outputs(plan, cache) == {"a": {"list": [1]}}


@pytest.mark.parametrize("result", [{1, 2}, object(), (1, 2), float("nan")])
def test_result_that_is_no_json_is_not_kept(result: Any) -> None:
    cache, step = MemoryStepCache(), Counted(result)
    plan = Plan("p").tool("a", "rates", step, cache_key="k")
    for _ in range(2):
        outputs(plan, cache)
    assert step.calls == 2


def test_failure_is_not_kept() -> None:
    tries: list[int] = []

    async def fails_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise LookupError("no")
        return "yes"

    cache = MemoryStepCache()
    plan = Plan("p").step("a", fails_once, cache_key="k", retry=Retry(attempts=2, first_ms=0))
    assert (outputs(plan, cache), outputs(plan, cache), len(tries)) == ({"a": "yes"}, {"a": "yes"}, 2)


def test_result_that_does_not_fit_is_not_kept_for_the_next_attempt() -> None:
    cache, step = MemoryStepCache(), Counted()
    options: dict[str, Any] = {"cache_key": "k", "gives": {"enum": [2]}, "retry": Retry(attempts=2, first_ms=0)}
    result = ran(Plan("p").step("a", step, **options), means=Means(cache=cache))
    assert (result.status, result.outputs, step.calls) == ("completed", {"a": 2}, 2)


def test_step_is_kept_for_as_long_as_it_says() -> None:
    now_s = [0.0]
    cache, step = MemoryStepCache(clock_s=lambda: now_s[0]), Counted()
    plan = Plan("p").step("a", step, cache_key="k", cache_ttl_ms=5_000).step("b", Counted(), cache_key="k")
    assert outputs(plan, cache) == {"a": 1, "b": 1}
    now_s[0] = 6
    assert outputs(plan, cache) == {"a": 2, "b": 1}
    now_s[0] = 4_000
    assert outputs(plan, cache) == {"a": 3, "b": 2}


def test_cached_step_is_recorded_as_such_and_takes_nothing_of_its_budget() -> None:
    log, ledger = MemoryAuditLog(), MemoryLedger()
    limits = Limits(quotas=[PlanQuota(unit="tokens", maximum=130, window_s=3_600)])
    flow = flow_of(audit=log, ledger=ledger, plan_limits=limits)
    plan = Plan("p").tool("a", "rates", Counted(), cache_key="k", takes=Takes(tokens=60))
    assert [run(flow, plan).status for _ in range(2)] == ["completed"] * 2
    told = [record.event.details for record in asyncio.run(log.records("default")) if record.event.kind == "plan_step"]
    assert [one.get("cached") for one in told] == [None, True]
    with pytest.raises(PlanError, match="the plan does not fit its budget: expected at most 70 tokens"):
        run(flow, Plan("q").step("a", echo, takes=Takes(tokens=71)))


# -- keys and replicas ------------------------------------------------------------------------------------------------


class Keys:
    """A step that keeps the keys that it was called with, and fails at first."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, **_arguments: Any) -> None:
        call = current_call()
        self.seen.append(call.idempotency_key)
        if call.attempt == 1:
            raise LookupError("once")


def test_idempotency_key_is_the_same_for_all_attempts_and_another_for_each_step_and_run() -> None:
    keys, retry = Keys(), Retry(attempts=2, first_ms=0)
    plan = Plan("p").step("a", keys, retry=retry).step("b", keys, needs=["a"], retry=retry)
    first, second = ran(plan), ran(plan)
    assert keys.seen[:4] == [f"{first.plan_id}:a"] * 2 + [f"{first.plan_id}:b"] * 2
    assert len(set(keys.seen)) == 4
    assert second.status == "completed"


def test_idempotency_key_that_a_step_states_is_the_same_in_every_run() -> None:
    keys = Keys()
    plan = Plan("p", inputs={"id": 7}).step("a", keys, inputs={"n": 1}, idempotency_key="pay-{n}")
    plan.step("b", keys, idempotency_key=ref("$.id"))
    ran(plan)
    ran(plan)
    assert len(set(keys.seen)) == 2
    assert "pay-1" in keys.seen


def test_idempotency_key_is_the_same_after_an_approval_and_is_known_in_threads() -> None:
    seen: list[str] = []

    def in_thread() -> None:
        seen.append(current_call().idempotency_key)

    flow = flow_of()
    plan = Plan("p").add(Step(name="ok", kind="approval", target="boss")).step("a", in_thread, after=["ok"])
    held = run(flow, plan)
    result = resume(flow, plan, held)
    assert seen == [f"{held.plan_id}:a"]
    assert result.status == "completed"


def test_compensation_has_a_key_of_its_own() -> None:
    seen: list[str] = []

    async def undo() -> None:
        seen.append(current_call().idempotency_key)

    async def broken() -> None:
        raise LookupError("no")

    plan = (
        Plan("p", on_failure="cancel").step("a", echo, compensate=Compensation(run=undo)).step("b", broken, needs=["a"])
    )
    result = ran(plan)
    assert seen == [f"{result.plan_id}:a:undo"]


def test_call_is_told_which_replica_of_its_agent_it_is_for() -> None:
    seen: list[str | None] = []

    async def work() -> None:
        seen.append(current_call().replica)

    flow = flow_of(plan_limits=Limits(pools={"agent:writer": PoolLimit(replicas={"one": 1, "two": 1})}))
    plan = Plan("p").agent("a", "writer", work).agent("b", "writer", work).agent("c", "other", work)
    assert run(flow, plan).status == "completed"
    assert sorted(map(str, seen)) == ["None", "one", "two"]


# -- what was used ----------------------------------------------------------------------------------------------------


def test_step_that_says_what_it_used_is_charged_for_that() -> None:
    async def work() -> None:
        current_call().use(tokens=7)

    ledger = MemoryLedger()
    quotas = [Quota("acme", "plans", unit, 1_000, 3_600) for unit in ("tokens", "usd_micros")]
    plan = Plan("p").step("a", work, takes=Takes(tokens=100, usd_micros=50))
    result = ran(plan, means=Means(ledger=ledger, quotas=quotas))
    assert (result.steps["a"].tokens, result.steps["a"].usd_micros) == (7, 0)
    assert [asyncio.run(ledger.usage(quota, 1_000_000)) for quota in quotas] == [7, 50]


def test_step_that_was_held_is_charged_for_nothing() -> None:
    ledger, quota = MemoryLedger(), Quota("acme", "plans", "tokens", 100, 3_600)
    policy = Policy(lambda request: decision(Effect.REQUIRE_APPROVAL) if request.action == "plan.step" else None)
    plan = Plan("p").step("a", echo, takes=Takes(tokens=100))
    assert ran(plan, policy, means=Means(ledger=ledger, quotas=[quota])).status == "held"
    assert asyncio.run(ledger.usage(quota, 1_000_000)) == 0


def test_plan_within_that_was_held_is_charged_for_what_its_steps_took() -> None:
    async def work() -> None:
        current_call().use(tokens=10)

    ledger = MemoryLedger()
    flow = flow_of(ledger=ledger, plan_limits=Limits(quotas=[PlanQuota(unit="tokens", maximum=100, window_s=3_600)]))
    body = Plan("body").step("a", work, takes=Takes(tokens=60)).add(Step(name="ok", kind="approval", target="boss"))
    body.step("b", echo, after=["ok"], takes=Takes(tokens=30))
    deep = Plan("p").plan("outer", Plan("middle").plan("inner", body))
    held = run(flow, deep)
    assert held.status == "held"
    assert resume(flow, deep, held).status == "completed"
    assert run(flow, Plan("q").step("c", echo, takes=Takes(tokens=60))).status == "completed"
    with pytest.raises(PlanError, match="expected at most 0 tokens, found 1 at worst"):
        run(flow, Plan("q").step("c", echo, takes=Takes(tokens=1)))


def test_plan_within_is_charged_in_full_for_a_step_that_was_let_go_of() -> None:
    async def deaf() -> None:
        current_call().use(tokens=1)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    ledger, quota = MemoryLedger(), Quota("acme", "plans", "tokens", 100, 3_600)
    body = Plan("body").step("a", deaf, takes=Takes(tokens=60), timeout_ms=1)
    result = ran(Plan("p").plan("inner", body), means=Means(ledger=ledger, quotas=[quota], grace_ms=1))
    assert (result.status, asyncio.run(ledger.usage(quota, 1_000_000))) == ("failed", 60)


def test_thread_that_runs_on_is_charged_for_all_that_it_may_take() -> None:
    told, over = threading.Event(), threading.Event()

    def slow() -> None:
        current_call().use(tokens=1)
        told.set()
        over.wait(30)

    async def both() -> PlanResult:
        plan = Plan("p", on_failure="cancel").step("a", slow, takes=Takes(tokens=60))
        plan.step("b", fails)
        try:
            return await started(plan, Policy(), means=Means(ledger=ledger, quotas=[quota], grace_ms=1))
        finally:
            over.set()

    async def fails() -> None:
        await asyncio.to_thread(told.wait, 30)
        raise LookupError("no")

    ledger, quota = MemoryLedger(), Quota("acme", "plans", "tokens", 100, 3_600)
    assert (in_time(both()).status, asyncio.run(ledger.usage(quota, 1_000_000))) == ("failed", 60)


def test_model_that_a_step_calls_settles_what_was_reserved_for_it() -> None:
    log = MemoryAuditLog()
    flow = flow_of(audit=log, plan_limits=Limits(quotas=[PlanQuota(unit="tokens", maximum=1_000, window_s=3_600)]))
    model = GovernedModel(flow, MemoryChatModel(["four words or so"] * 2), principal="user:ann")

    async def ask() -> str:
        request = ChatRequest(messages=(ChatMessage("user", "Hello"),))
        return (await model.complete(request)).text + (await model.complete(request)).text

    plan = Plan("p").add(Step(name="a", kind="model", target="scripted", run=ask, takes=Takes(tokens=900)))
    results = [run(flow, plan), run(flow, Plan("q").step("b", echo, takes=Takes(tokens=900)))]
    assert [one.status for one in results] == ["completed", "completed"]
    used = results[0].steps["a"].tokens
    assert 0 < used < 100
    [told] = [one.event for one in asyncio.run(log.records("default")) if one.event.kind == "plan_step"][:1]
    assert told.details["tokens"] == used


def test_quotas_of_plans_are_counted_for_each_tenant() -> None:
    flow = flow_of(plan_limits=Limits(quotas=[PlanQuota(unit="usd_micros", maximum=10, window_s=60)]))
    plan = Plan("p").step("a", echo, takes=Takes(usd_micros=8))
    assert asyncio.run(flow.run(plan, principal=Principal("ann", tenant="a"))).status == "completed"
    assert asyncio.run(flow.run(plan, principal=Principal("ann", tenant="b"))).status == "completed"
    with pytest.raises(PlanError, match="the plan does not fit its budget"):
        asyncio.run(flow.run(plan, principal=Principal("bob", tenant="a")))


def test_condition_in_a_map_is_compiled_once() -> None:
    patterns: list[str] = []

    def compiling(pattern: str) -> Any:
        patterns.append(pattern)
        return compile_pattern(pattern)

    body = Plan("body").step("x", echo, inputs={"v": ref("$.item")})
    body.add(
        Step(name="c", kind="condition", when="x.v.matches('a+')", needs=["x"], branches={"true": ["y"], "false": []})
    )
    body.step("y", echo)
    plan = Plan("p").step("list", echo, inputs={"of": ["a", "b", "a"]}).map("each", "list.of", body)
    result = ran(plan, means=Means(compile_pattern=compiling))
    assert [list(one) for one in result.outputs["each"]] == [["y"], [], ["y"]]
    assert patterns == ["a+"] * 2  # the compiler looks at it twice
    assert states(result)["each"] == "succeeded"
    assert chooser(body.check().steps["c"], compile_pattern)({"x": {"v": "b"}}) == "false"
