"""What every plan store must do: keep plans as they were, let one caller begin each, and find what was left running."""

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryPlanStore
from axonflow.adapters.postgres import PostgresPlanStore
from axonflow.errors import PlanError
from axonflow.ids import new_id
from tests.postgres_stores import opened, plan_execution


@pytest.fixture(scope="module", params=["memory", "postgres"])
def opened_store(request):
    """What runs coroutines, and a store that other tests write to as well: each keeps to tenants of its own."""
    if request.param == "memory":
        with asyncio.Runner() as runner:
            yield runner.run, MemoryPlanStore()
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, PostgresPlanStore(database)


@pytest.fixture
def tenant():
    return new_id(1)


ANY_TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\\u0000", "\ud800", "\ud83d\ude00", "\U0001f600", '"', "\\"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(ANY_TEXT, JSON, max_size=3)


@settings(max_examples=60)
@given(
    query=ANY_TEXT, context=OBJECTS, steps=st.lists(OBJECTS, max_size=3), result=JSON, results=OBJECTS, error=ANY_TEXT
)
def test_plan_store_any_json_is_read_exactly_as_written(opened_store, query, context, steps, result, results, error):
    run, store = opened_store
    execution = plan_execution(new_id(1), query=query, context=context, steps=steps)
    run(store.add(execution))
    assert run(store.get(execution.tenant_id, execution.plan_id)) == execution
    begun = run(store.begin(execution.tenant_id, execution.plan_id, "e", 6))
    ended = replace(begun, status="failed", result=result, step_results=results, error=error, finished_us=7)
    assert run(store.finish(ended))
    assert run(store.get(execution.tenant_id, execution.plan_id)) == ended


def test_plan_store_infinite_number_is_read_as_written(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant, context={"a": math.inf})
    run(store.add(execution))
    assert run(store.get(tenant, execution.plan_id)) == execution


def test_plan_store_plan_id_that_is_taken_is_refused(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant)
    run(store.add(execution))
    with pytest.raises(PlanError, match="taken"):
        run(store.add(replace(execution, name="other")))
    assert run(store.get(tenant, execution.plan_id)) == execution


def test_plan_store_plan_of_another_tenant_is_not_there(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant)
    run(store.add(execution))
    other = f"{tenant}-2"
    assert run(store.get(other, execution.plan_id)) is None
    assert run(store.begin(other, execution.plan_id, "e", 6)) is None
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.finish(replace(begun, tenant_id=other, status="completed")))
    run(store.add(replace(execution, tenant_id=other)))
    assert run(store.get(tenant, execution.plan_id)) == begun


def test_plan_store_begin_of_a_pending_plan_says_who_runs_it(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant)
    assert run(store.begin(tenant, execution.plan_id, "e", 6)) is None
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert begun == replace(execution, status="running", executor_id="e", started_us=6)
    assert run(store.get(tenant, execution.plan_id)) == begun
    assert run(store.begin(tenant, execution.plan_id, "f", 7)) is None


def test_plan_store_begun_by_many_at_once_is_run_by_one(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant)
    run(store.add(execution))

    async def all_at_once():
        return await asyncio.gather(*(store.begin(tenant, execution.plan_id, f"e{n}", n) for n in range(12)))

    (begun,) = [one for one in run(all_at_once()) if one is not None]
    assert run(store.get(tenant, execution.plan_id)) == begun


def test_plan_store_finish_by_another_executor_changes_nothing(opened_store, tenant):
    run, store = opened_store
    execution = plan_execution(tenant)
    assert not run(store.finish(replace(execution, status="completed")))
    run(store.add(execution))
    assert not run(store.finish(replace(execution, status="completed", executor_id="e")))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.finish(replace(begun, status="completed", executor_id="f")))
    assert run(store.get(tenant, execution.plan_id)) == begun
    done = replace(begun, status="completed", result={"a": 1}, step_results={"a": 1}, finished_us=8)
    assert [run(store.finish(done)), run(store.finish(replace(done, status="failed")))] == [True, False]
    assert run(store.get(tenant, execution.plan_id)) == done


def test_plan_store_abandon_fails_what_one_executor_left_running_of_all_tenants(opened_store, tenant):
    run, store = opened_store
    mine, other = new_id(1), new_id(1)
    kept = {}
    for number, executor in enumerate([mine, mine, other, ""]):
        execution = plan_execution(f"{tenant}-{number}")
        run(store.add(execution))
        if executor:
            execution = run(store.begin(execution.tenant_id, execution.plan_id, executor, 6))
        if executor == mine:
            execution = replace(execution, status="failed", error="gone\0", finished_us=9)
        kept[execution.tenant_id, execution.plan_id] = execution
    done = plan_execution(tenant)
    run(store.add(done))
    done = replace(run(store.begin(tenant, done.plan_id, mine, 6)), status="completed", finished_us=7)
    run(store.finish(done))
    kept[tenant, done.plan_id] = done
    assert [run(store.abandon(mine, "gone\0", 9)), run(store.abandon(mine, "again", 10))] == [2, 0]
    for key, execution in kept.items():
        assert run(store.get(*key)) == execution


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_plan_store_asked_for_an_id_that_cannot_be_stored_finds_nothing(opened_store, tenant, text):
    run, store = opened_store
    assert run(store.get(tenant, text)) is None
    assert run(store.begin(text, "p", "e", 6)) is None
    assert not run(store.finish(plan_execution(tenant, plan_id=text)))
    assert run(store.abandon(text, "gone", 9)) == 0
