"""Looks at an execution that goes on behind each read: what each tells agrees with itself."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from axonflow import Plan
from axonflow.app.plan_shelf import PlanShelf
from axonflow.plan import StepRecord, StepState
from axonflow.plan.workflows import GateState, WorkflowState
from axonflow_sidecar.http.routes.kept_executions import found_execution, look_again
from tests.sidecar.doors import ALLOW_ALL, Doors
from tests.sidecar.test_plan_routes import made
from tests.workflow_loop import POLICIES, Loop

STEPS = "abcdefgh"
ASKED = SimpleNamespace(tenant_id="default")


class Moving:
    """A store in which something moves behind each call."""

    def __init__(self, store, move: Callable[[], None]):
        self._store, self._move = store, move

    def __getattr__(self, name):
        async def called(*arguments, **parts):
            answer = await getattr(self._store, name)(*arguments, **parts)
            self._move()
            return answer

        return called


async def looks(services, execution_id):
    """What each look tells until the execution has ended."""
    kept, revision = await found_execution(services, ASKED, execution_id), -1
    yield kept.unified()
    while not kept.has_ended:
        kept, revision = await look_again(services, kept, revision)
        yield kept.unified()


def completed(told):
    """How many of the steps that are shown have completed."""
    return sum(step["status"] == "completed" for step in told["steps"])


def test_looks_at_a_workflow_tell_as_many_completed_steps_as_they_show():
    loop = Loop(Doors(POLICIES))
    for name in STEPS:
        loop.gate(name)
    stores = loop.doors.workflows._stores
    due = list(STEPS)

    def move():
        if due:
            key = ("default", loop.id, due.pop(0))
            step = stores.workflows.steps[key]
            stores.workflows.steps[key] = replace(step, state=GateState.COMPLETED, version=step.version + 1)
        else:
            row = stores.workflows.rows["default", loop.id]
            stores.workflows.rows["default", loop.id] = replace(row, state=WorkflowState.COMPLETED)

    loop.doors.workflows._stores = stores._replace(
        workflows=Moving(stores.workflows, move), steps=Moving(stores.steps, move)
    )
    services = SimpleNamespace(plans=PlanShelf.of(loop.doors.plan_store), workflows=loop.doors.workflows)

    async def main():
        return [told async for told in looks(services, loop.id)]

    told = asyncio.run(main())
    assert [one["current_step_index"] for one in told] == [completed(one) for one in told]
    assert completed(told[0]) < completed(told[-1]) == len(STEPS)


@pytest.mark.parametrize("steps", [STEPS, STEPS[1:]])
def test_looks_at_a_plan_show_its_last_step_completed_when_it_has_ended(steps):
    plan = Plan("several")
    for name in steps:
        plan.step(name, lambda: 1, needs=[])
    doors = Doors(ALLOW_ALL, {"several": plan})
    store, plan_id = doors.plan_store, made(doors, domain="several")["plan_id"]
    place, due = ("default", plan_id), list(steps)
    asyncio.run(store.begin(*place, "e", 6))

    def move():
        if due:
            name = due.pop(0)
            store._steps[place][name] = StepRecord(name, StepState.SUCCEEDED, 7, 8)
        if not due:  # the last one and the end are kept at once
            store._executions[place] = replace(store._executions[place], status="completed", finished_us=9)

    services = SimpleNamespace(plans=PlanShelf.of(Moving(store, move)), workflows=doors.workflows)

    async def main():
        return [told async for told in looks(services, plan_id)]

    told = asyncio.run(main())
    assert [one["current_step_index"] for one in told] == [completed(one) for one in told]
    assert [one["status"] for one in told if completed(one) < len(steps)] == ["running"] * (len(told) - 1)
    assert (told[-1]["status"], told[-1]["progress_percent"]) == ("completed", 100.0)
