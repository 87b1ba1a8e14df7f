"""What every plan store must show of a plan that goes on while it is looked at: all of it as of one moment."""

from msgspec.structs import replace

from axonflow.adapters.postgres import PostgresPlanStore
from axonflow.plan import StepRecord, StepState
from axonflow.plan.keeping.execution import PlanSeen
from tests.postgres_stores import Interrupted, plan_execution


def test_plan_store_plan_that_is_seen_has_its_steps_and_as_an_outline_nothing_large(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant, context={"a": 1}, definition={"b": 2}, metadata={"c": 3})
    run(store.add(execution))
    assert run(store.seen(tenant, execution.plan_id)) == PlanSeen(execution, {})
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    done = StepRecord("a", StepState.SUCCEEDED, 7, 8)
    ended = replace(begun, status="failed", result=1, step_results={"a": 1}, error="why", finished_us=9)
    run(store.finish(ended, [done]))
    assert run(store.seen(tenant, execution.plan_id)) == PlanSeen(ended, {"a": done})
    slim = replace(ended, result=None, step_results={}, context={}, definition=None)
    assert run(store.seen(tenant, execution.plan_id, outline=True)) == PlanSeen(slim, {"a": done})


def test_plan_store_plan_that_ends_while_it_is_looked_at_is_seen_as_it_was_with_its_steps(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    done = StepRecord("a", StepState.SUCCEEDED, 7, 8)

    async def meanwhile():
        await store.finish(replace(begun, status="completed", finished_us=9), [done])

    is_kept_elsewhere = isinstance(store, PostgresPlanStore)
    looked = PostgresPlanStore(Interrupted(store._database, meanwhile)) if is_kept_elsewhere else store
    assert run(looked.seen(tenant, execution.plan_id)) == PlanSeen(begun, {})
    run(meanwhile())
    assert run(store.seen(tenant, execution.plan_id)).steps == {"a": done}
