"""Orchestrators that run plans of one store: who is gone is found out, and nobody's running plan is ended."""

import asyncio

import pytest

from axonflow import Plan
from axonflow.adapters.memory import MemoryPlanStore
from axonflow.errors import PlanError
from axonflow_sidecar.plans import runs as plan_runs
from axonflow_sidecar.plans.leases import GONE, USUAL_TIMES
from tests.sidecar.doors import ALLOW_ALL, Doors, RunTimes

TIMES = RunTimes(keep_s=0.01, look_s=60.0, pauses_s=(0.0,))
LATER_S = USUAL_TIMES.gone_s + 1


class Store(MemoryPlanStore):
    """One that can be away."""

    is_away = False

    async def beat(self, *given):
        self.answer()
        return await super().beat(*given)

    async def finish(self, *given):
        self.answer()
        return await super().finish(*given)

    def answer(self):
        if self.is_away:
            raise PlanError("away")


class House:
    """Orchestrators of one store, with a clock that is ours."""

    def __init__(self):
        self.store, self.now_s = Store(), 0.0
        self.waits, self.may_end = asyncio.Event(), asyncio.Event()
        self.plan = Plan("wait").step("wait", self.wait)

    async def wait(self):
        self.waits.set()
        await self.may_end.wait()
        return "done"

    def orchestrator(self):
        doors = Doors(ALLOW_ALL, {"wait": self.plan}, store=self.store, times=TIMES)
        doors.runs.leases._clock_s = lambda: self.now_s
        return doors

    async def made(self, doors):
        async with doors.client() as client:
            body = {"query": "q", "request_type": "multi-agent-plan", "user_token": "", "context": {"domain": "wait"}}
            return (await client.post("/api/request", json=body)).json()["plan_id"]

    async def begun(self, doors):
        """A plan that runs there, and the call that waits for it."""
        plan_id = await self.made(doors)
        running = asyncio.create_task(self.ran(doors, plan_id))
        await self.waits.wait()
        self.waits.clear()
        return plan_id, running

    async def ran(self, doors, plan_id):
        async with doors.client() as client:
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            return (await client.post("/api/request", json=body)).json()

    async def kept(self, plan_id):
        return await self.store.get("default", plan_id)

    async def looks(self, doors, until_s):
        """It looks again and again until then."""
        while self.now_s < until_s:
            self.now_s = min(self.now_s + USUAL_TIMES.beat_s, until_s)
            await doors.runs.leases.look()


def house_of(scenario):
    async def run():
        await scenario(House())

    asyncio.run(run())


def test_plan_of_an_orchestrator_that_is_gone_is_ended_by_another_and_not_before():
    async def scenario(house):
        lost, other = house.orchestrator(), house.orchestrator()
        plan_id, running = await house.begun(lost)
        await other.runs.leases.look()
        await house.looks(other, LATER_S - 2)
        assert (await house.kept(plan_id)).status == "running"
        await house.looks(other, LATER_S)
        kept = await house.kept(plan_id)
        assert (kept.status, kept.error) == ("failed", GONE)
        assert list(await house.store.beats()) == [other.runs._executor_id]
        house.may_end.set()
        assert (await running)["message"] == "the run was taken from this orchestrator"

    house_of(scenario)


def test_plan_of_an_orchestrator_that_is_there_is_ended_by_nobody_however_long_it_takes():
    async def scenario(house):
        busy, other = house.orchestrator(), house.orchestrator()
        plan_id, running = await house.begun(busy)
        for _ in range(10):
            house.now_s += USUAL_TIMES.gone_s / 2
            await busy.runs.leases.look()
            await other.runs.leases.look()
        assert (await house.kept(plan_id)).status == "running"
        house.may_end.set()
        assert (await running)["data"]["status"] == "completed"

    house_of(scenario)


def test_time_in_which_the_store_was_away_is_not_taken_for_silence_of_others():
    async def scenario(house):
        busy, other = house.orchestrator(), house.orchestrator()
        plan_id, running = await house.begun(busy)
        await other.runs.leases.look()
        house.store.is_away = True
        house.may_end.set()
        assert (await running)["status"] == 503
        await house.looks(other, LATER_S)
        house.store.is_away = False
        await other.runs.leases.look()
        await busy.runs.leases.look()
        assert (await house.kept(plan_id)).step_results == {"wait": "done"}

    house_of(scenario)


def test_time_in_which_an_orchestrator_stood_still_is_not_taken_for_silence_of_others():
    async def scenario(house):
        busy, other = house.orchestrator(), house.orchestrator()
        plan_id, running = await house.begun(busy)
        await other.runs.leases.look()
        house.now_s = LATER_S  # another machine has stood still, too
        await other.runs.leases.look()
        assert (await house.kept(plan_id)).status == "running"
        house.may_end.set()
        assert (await running)["data"]["status"] == "completed"

    house_of(scenario)


def test_orchestrator_that_stood_still_until_others_took_it_for_gone_stops_its_runs():
    async def scenario(house):
        still, other = house.orchestrator(), house.orchestrator()
        plan_id, running = await house.begun(still)
        await house.looks(other, LATER_S + USUAL_TIMES.beat_s)
        assert (await house.kept(plan_id)).error == GONE
        await still.runs.leases.look()
        assert (await asyncio.wait({running}, timeout=60))[0] == {running}
        assert running.result()["message"] == "the run was taken from this orchestrator"
        _, again = await house.begun(still)
        await still.runs.leases.look()
        house.may_end.set()
        assert (await again)["data"]["status"] == "completed"

    house_of(scenario)


def test_plan_that_ended_while_the_store_was_away_is_not_cancelled_afterwards():
    async def scenario(house):
        doors = house.orchestrator()
        plan_id, running = await house.begun(doors)
        house.store.is_away = True
        house.may_end.set()
        assert (await running)["status"] == 503
        house.store.is_away = False
        told = await doors.runs.cancel("default", plan_id, "")
        assert (told.status, told.step_results) == ("completed", {"wait": "done"})

    house_of(scenario)


def test_plans_of_an_earlier_release_have_a_day():
    async def scenario(house):
        await house.store.beat("old", "")
        other = house.orchestrator()
        await other.runs.leases.look()
        for now_s, there in ((0.0, True), (LATER_S, True), (USUAL_TIMES.inherited_s, False)):
            await house.looks(other, now_s)
            assert ("old" in await house.store.beats()) is there

    house_of(scenario)


def test_orchestrator_that_is_not_heard_stops_its_runs_before_others_end_them_and_keeps_that_later():
    async def scenario(house):
        adrift = house.orchestrator()
        plan_id, running = await house.begun(adrift)
        house.store.is_away = True
        for house.now_s in (30.0, USUAL_TIMES.stop_s - 1):
            await adrift.runs.leases.look()
        assert not running.done()
        house.now_s = USUAL_TIMES.stop_s
        await adrift.runs.leases.look()
        assert (await running)["status"] == 503
        assert (await house.kept(plan_id)).status == "running"
        house.store.is_away = False
        await adrift.runs.leases.look()
        kept = await house.kept(plan_id)
        assert (kept.status, "could not tell for too long" in kept.error) == ("failed", True)

    assert USUAL_TIMES.stop_s + 3 * USUAL_TIMES.beat_s < USUAL_TIMES.gone_s
    house_of(scenario)


def test_end_that_the_store_did_not_take_is_kept_with_its_results_when_it_answers():
    async def scenario(house):
        doors = house.orchestrator()
        plan_id, running = await house.begun(doors)
        house.store.is_away = True
        house.may_end.set()
        assert (await running)["status"] == 503
        async with doors.runs.leases.kept():
            assert (await house.kept(plan_id)).status == "running"
        assert doors.runs._executor_id in await house.store.beats()  # whoever is left behind is not to be forgotten
        house.store.is_away = False
        async with doors.runs.leases.kept():
            kept = await house.kept(plan_id)
            assert (kept.status, kept.step_results) == ("completed", {"wait": "done"})
        assert await house.store.beats() == {}

    house_of(scenario)


@pytest.mark.parametrize(("limit", "most", "expected"), [
    ("MAX_UNKEPT_BYTES", 1, ("failed", {})), ("MAX_UNKEPT", 0, ("running", {})),
])  # fmt: skip
def test_end_that_is_too_much_to_wait_is_lost_and_its_plan_is_not_said_to_have_succeeded(
    monkeypatch, limit, most, expected
):
    async def scenario(house):
        monkeypatch.setattr(plan_runs, limit, most)
        doors = house.orchestrator()
        plan_id, running = await house.begun(doors)
        house.store.is_away = True
        house.may_end.set()
        assert (await running)["status"] == 503
        house.store.is_away = False
        async with doors.runs.leases.kept():
            kept = await house.kept(plan_id)
            assert (kept.status, kept.step_results) == expected
        assert bool(await house.store.beats()) is (expected[0] == "running")  # others end what is left

    house_of(scenario)


def test_plans_that_an_earlier_process_left_are_ended_before_the_first_begins_and_none_afterwards():
    async def scenario(house):
        doors = house.orchestrator()
        left = await house.made(doors)
        await house.store.begin("default", left, doors.runs._executor_id, 1)
        plan_id, running = await house.begun(doors)
        assert ((await house.kept(left)).status, (await house.kept(plan_id)).status) == ("failed", "running")
        await doors.runs.leases.look()
        assert (await house.kept(plan_id)).status == "running"
        house.may_end.set()
        await running

    house_of(scenario)


def test_plan_is_not_begun_by_an_orchestrator_that_nobody_has_heard_of():
    async def scenario(house):
        doors = house.orchestrator()
        plan_id = await house.made(doors)
        house.store.is_away = True
        assert (await house.ran(doors, plan_id))["status"] == 503
        assert (await house.kept(plan_id)).status == "pending"

    house_of(scenario)


def test_orchestrator_that_fails_in_another_way_is_not_heard_either_and_stops_its_runs_in_time():
    async def scenario(house):
        doors = house.orchestrator()
        _, running = await house.begun(doors)

        async def odd(*_):
            raise OSError("odd")

        house.store.beat = odd
        house.now_s = USUAL_TIMES.stop_s
        await doors.runs.leases.look()
        assert "could not tell for too long" in (await running)["error"]

    house_of(scenario)


def test_end_that_can_never_be_kept_does_not_hold_up_the_others():
    async def scenario(house):
        doors = house.orchestrator()
        ends = [await house.begun(doors) for _ in range(2)]
        house.store.is_away = True
        house.may_end.set()
        for _, running in ends:
            assert (await running)["status"] == 503
        house.store.is_away, finish = False, house.store.finish

        async def refusing(execution, steps=()):
            if execution.plan_id == ends[0][0]:
                raise PlanError("not that one")
            return await finish(execution, steps)

        house.store.finish = refusing
        await doors.runs.leases.look()
        assert [(await house.kept(plan_id)).status for plan_id, _ in ends] == ["running", "completed"]

    house_of(scenario)


def test_orchestrator_whose_store_does_not_answer_in_time_is_not_heard():
    async def scenario(house):
        doors = house.orchestrator()

        async def hangs(*_):
            await asyncio.Event().wait()

        doors.runs.leases._times = type(USUAL_TIMES)(answer_s=0.01)
        house.store.beat = hangs
        await doors.runs.leases.look()
        assert await house.store.beats() == {}

    house_of(scenario)
