import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from axonflow.errors import PlanError
from axonflow.flows.plan_means import Means
from axonflow.flows.share_room import PlanRoom
from axonflow.plan import Plan, PlanResult, Takes
from axonflow.plan.sharing.dispatch import Ask, Limits
from axonflow.plan.sharing.estimates import Estimates
from axonflow.plan.sharing.pools import PoolLimit
from tests.unit.flows.plan_runs import HANGS_AFTER_S, Policy, echo, in_time, ran, started, turns


def room(**pools: PoolLimit) -> PlanRoom:
    return PlanRoom(Limits(pools={name.replace("_", ":"): limit for name, limit in pools.items()}))


class Counting:
    """A step that counts how many of it run at the same time, and in which order they were called."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.order: list[str] = []

    async def __call__(self, name: str = "", **_arguments: Any) -> None:
        self.order.append(name)
        self.running += 1
        self.most = max(self.most, self.running)
        await turns(3)
        self.running -= 1


def wide(agent: Counting, steps: int) -> Plan:
    plan = Plan("wide")
    for number in range(steps):
        plan.agent(f"s{number}", "writer", agent, inputs={"name": f"s{number}"})
    return plan


def test_room_bounds_an_agent_over_all_plans_and_every_plan_ends() -> None:
    agent, means = Counting(), Means(room=room(agent_writer=PoolLimit(slots=3)), estimates=Estimates())

    async def scenario() -> list[PlanResult]:
        return await asyncio.gather(*[started(wide(agent, 7), Policy(), means=means) for _ in range(4)])

    results = in_time(scenario())
    assert {result.status for result in results} == {"completed"}
    assert agent.most == 3


def test_room_chain_goes_on_in_its_task_and_the_longest_path_goes_first() -> None:
    agent = Counting()
    plan = Plan("p").agent("short", "writer", agent, inputs={"name": "short"})
    plan.agent("long", "writer", agent, inputs={"name": "long"})
    plan.agent("end", "writer", agent, inputs={"name": "end"}, needs=["long"])
    assert ran(plan, means=Means(room=room(all=PoolLimit(slots=1)))).status == "completed"
    assert agent.order == ["long", "short", "end"]


def test_room_slots_that_a_step_takes_by_name_are_counted() -> None:
    agent = Counting()
    plan = Plan("p")
    for number in range(4):
        plan.step(f"s{number}", agent, takes=Takes(slots={"gpu": 2}))
    ran(plan, means=Means(room=room(slots_gpu=PoolLimit(slots=5))))
    assert agent.most == 2


def test_room_tokens_that_are_used_up_come_back_in_time() -> None:
    plan = Plan("p")
    for number in range(3):
        plan.agent(f"s{number}", "writer", echo, takes=Takes(tokens=10_000))
    means = Means(room=room(agent_writer=PoolLimit(tokens_per_minute=20_000_000)))
    drained = Plan("d").agent("s", "writer", echo, takes=Takes(tokens=20_000_000))
    assert ran(drained, means=means).status == "completed"
    assert ran(plan, means=means).status == "completed"


def test_room_plan_that_is_cancelled_gives_everything_back() -> None:
    shared = room(all=PoolLimit(slots=1))

    async def scenario() -> None:
        begun = asyncio.Event()

        async def hangs() -> None:
            begun.set()
            await asyncio.Event().wait()

        plan = Plan("p").step("a", hangs).step("b", echo)
        run = asyncio.create_task(started(plan, Policy(), means=Means(room=shared)))
        await begun.wait()
        waits = asyncio.create_task(started(Plan("q").step("c", echo), Policy(), means=Means(room=shared)))
        await turns(3)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert (await waits).status == "completed"

    in_time(scenario())
    assert ran(Plan("p").step("a", echo), means=Means(room=shared)).status == "completed"


def test_room_plan_that_is_cancelled_twice_gives_everything_back() -> None:
    shared = room(all=PoolLimit(slots=1))

    async def scenario() -> None:
        begun, over = asyncio.Event(), asyncio.Event()

        async def ignores() -> None:
            while not over.is_set():
                begun.set()
                with suppress(asyncio.CancelledError):
                    await over.wait()

        plan = Plan("p").step("a", ignores).step("b", echo)
        run = asyncio.create_task(started(plan, Policy(), means=Means(room=shared)))
        await begun.wait()
        for _ in range(2):
            run.cancel()
            await turns(3)
        assert run.cancelled()
        over.set()

    in_time(scenario())
    assert ran(Plan("p").step("a", echo), means=Means(room=shared)).status == "completed"


def test_room_is_shared_by_threads_and_each_step_begins_on_its_own_loop() -> None:
    shared, statuses, loops = room(all=PoolLimit(slots=1)), [], []

    async def here(**_arguments: Any) -> str:
        await turns(2)
        return threading.current_thread().name

    def run() -> None:
        plan = Plan("p")
        for number in range(20):
            plan.step(f"s{number}", here)
        work = started(plan, Policy(), means=Means(room=shared))
        result = asyncio.run(asyncio.wait_for(work, HANGS_AFTER_S))  # by the real clock: each waits for the others
        statuses.append(result.status)
        loops.append(set(result.outputs.values()) == {threading.current_thread().name})

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == ["completed"] * 4
    assert all(loops)


def test_room_asked_from_a_loop_that_has_closed_goes_on_with_the_others() -> None:
    shared = room(all=PoolLimit(slots=1))
    first, lost, last = [Ask("t", (), lambda: None) for _ in range(3)]
    begun: list[str] = []
    last.begin = lambda: begun.append("last")

    async def ask(one: Ask) -> None:
        shared.turn([one])

    async def leave(*those: Ask) -> None:
        for one in those:
            shared.leave(one)
            shared.turn(())

    asyncio.run(ask(first))
    asyncio.run(ask(lost))
    asyncio.run(leave(first))
    asyncio.run(ask(last))

    async def end() -> None:
        shared.turn([])
        shared.leave(lost)
        shared.turn(())

    asyncio.run(end())
    assert last.running


def test_admit_counts_plans_until_they_are_dismissed() -> None:
    shared = PlanRoom(Limits(max_plans=1))
    shared.admit("t")
    with pytest.raises(PlanError, match="too many plans run"):
        shared.admit("t")
    shared.dismiss("t")
    shared.admit("t")


def test_room_timer_that_ends_with_its_loop_leaves_nobody_waiting_for_ever() -> None:
    shared = room(model_m=PoolLimit(tokens_per_minute=600))
    first, soon, late = [Ask("t", (("model:m", 1),), lambda: None, tokens=tokens) for tokens in (600, 1, 2)]

    async def asked() -> None:
        shared.turn([first, soon])

    async def left() -> None:
        shared.leave(soon)
        shared.turn(())

    asyncio.run(asked())  # the timer for `soon` ends with this loop
    asyncio.run(left())

    async def waits() -> None:
        begun = asyncio.Event()
        late.begin = begun.set
        shared.turn([late])
        await asyncio.wait_for(begun.wait(), 30)

    asyncio.run(waits())
    assert late.running


def test_room_ask_that_was_withdrawn_before_its_turn_is_forgotten() -> None:
    shared, gone = room(), Ask("t", (), lambda: None)
    shared.leave(gone)

    async def asked() -> None:
        shared.turn([gone])

    asyncio.run(asked())
    assert shared._loops == {}
