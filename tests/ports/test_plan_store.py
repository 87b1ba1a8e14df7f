"""What every plan store must do: keep plans as they were, let one caller begin each, and find what was left running."""

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.ids import new_id
from axonflow.plan import HeldRun, SoFar, StepRecord, StepState, Waiting
from axonflow.plan.keeping.execution import PlanListed, PlanPage, PlanQuery
from axonflow.plan.keeping.versions import Made, first_version, next_version, replanned_version
from tests.postgres_stores import plan_execution


def steps_of(run, store, execution):
    return run(store.seen(execution.tenant_id, execution.plan_id)).steps


ANY_TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\\u0000", "\ud800", "\ud83d\ude00", "\U0001f600", '"', "\\"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
HELD = HeldRun(
    plan="trip", plan_id="p", principal={"id": "ann"}, context={"\0": 1},
    waiting=(Waiting("pay", "tool:pay", "\0", ("b",)),),
    so_far=SoFar({"a": StepRecord("a", StepState.SUCCEEDED, 1, 2, decision_ids=("d",))}, {"a": ["\0"]}),
)  # fmt: skip
OBJECTS = st.dictionaries(ANY_TEXT, JSON, max_size=3)


@settings(max_examples=20)
@given(
    query=ANY_TEXT, context=OBJECTS, steps=st.lists(OBJECTS, max_size=3), result=JSON, results=OBJECTS, error=ANY_TEXT
)
def test_plan_store_any_json_is_read_exactly_as_written(plan_shelf, query, context, steps, result, results, error):
    run, store = plan_shelf
    execution = plan_execution(new_id(1), query=query, context=context, steps=steps)
    run(store.add(execution))
    assert run(store.get(execution.tenant_id, execution.plan_id)) == execution
    begun = run(store.begin(execution.tenant_id, execution.plan_id, "e", 6))
    ended = replace(begun, status="failed", result=result, step_results=results, error=error, finished_us=7)
    assert run(store.finish(ended))
    assert run(store.get(execution.tenant_id, execution.plan_id)) == ended


def test_plan_store_infinite_number_is_read_as_written(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant, context={"a": math.inf})
    run(store.add(execution))
    assert run(store.get(tenant, execution.plan_id)) == execution


def test_plan_store_plan_id_that_is_taken_is_refused(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    with pytest.raises(PlanError, match="taken"):
        run(store.add(replace(execution, name="other")))
    assert run(store.get(tenant, execution.plan_id)) == execution


def test_plan_store_plan_of_another_tenant_is_not_there(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    other = f"{tenant}-2"
    assert run(store.get(other, execution.plan_id)) is None
    assert run(store.begin(other, execution.plan_id, "e", 6)) is None
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.finish(replace(begun, tenant_id=other, status="completed")))
    run(store.add(replace(execution, tenant_id=other)))
    assert run(store.get(tenant, execution.plan_id)) == begun


def test_plan_store_begin_of_a_pending_plan_says_who_runs_it(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    assert run(store.begin(tenant, execution.plan_id, "e", 6)) is None
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert begun == replace(execution, status="running", executor_id="e", started_us=6)
    assert run(store.get(tenant, execution.plan_id)) == begun
    assert run(store.begin(tenant, execution.plan_id, "f", 7)) is None


def test_plan_store_begun_by_many_at_once_is_run_by_one(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))

    async def all_at_once():
        return await asyncio.gather(*(store.begin(tenant, execution.plan_id, f"e{n}", n) for n in range(12)))

    (begun,) = [one for one in run(all_at_once()) if one is not None]
    assert run(store.get(tenant, execution.plan_id)) == begun


def test_plan_store_finish_by_another_executor_changes_nothing(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    assert not run(store.finish(replace(execution, status="completed")))
    run(store.add(execution))
    assert not run(store.finish(replace(execution, status="completed", executor_id="e")))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.finish(replace(begun, status="completed", executor_id="f")))
    assert run(store.get(tenant, execution.plan_id)) == begun
    done = replace(begun, status="completed", result={"a": 1}, step_results={"a": 1}, finished_us=8)
    assert [run(store.finish(done)), run(store.finish(replace(done, status="failed")))] == ["completed", None]
    assert run(store.get(tenant, execution.plan_id)) == done


def test_plan_store_abandon_fails_what_one_executor_left_running_of_all_tenants(plan_shelf, tenant):
    run, store = plan_shelf
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
def test_plan_store_asked_for_an_id_that_cannot_be_stored_finds_nothing(plan_shelf, tenant, text):
    run, store = plan_shelf
    assert run(store.get(tenant, text)) is None
    assert run(store.begin(text, "p", "e", 6)) is None
    assert not run(store.finish(plan_execution(tenant, plan_id=text)))
    assert run(store.abandon(text, "gone", 9)) == 0


def changed(execution, mode="step", **parts):
    made = Made("trip", "hotels", mode, {"\0": ["\ud800"]}, [{"name": "b"}], {"steps": ["\0"]})
    how = {"kind": "updated", "changed_us": 9, "changed_by": "service:crm"} | parts
    return next_version(execution, made, **how)


def test_plan_store_plan_that_is_changed_is_read_as_changed_with_all_its_versions(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant, metadata={"a": "\0"}, definition={"b": ["\ud800"]}, execution_mode="step")
    run(store.add(execution))
    assert run(store.versions(tenant, execution.plan_id)) == [first_version(execution)]
    second, version = changed(execution, summary="\ud800 \0")
    assert run(store.revise(second, version))
    third, last = changed(second, "auto", kind="rolled_back")
    assert run(store.revise(third, last))
    assert run(store.get(tenant, execution.plan_id)) == third
    assert run(store.versions(tenant, execution.plan_id)) == [last, version, first_version(execution)]
    assert run(store.versions(f"{tenant}-2", execution.plan_id)) == []


def test_plan_store_version_changed_by_many_at_once_is_changed_by_one(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    changes = [changed(execution, summary=str(number)) for number in range(12)]

    async def all_at_once():
        return await asyncio.gather(*(store.revise(*change) for change in changes))

    done = run(all_at_once())
    assert done.count(True) == 1
    assert run(store.versions(tenant, execution.plan_id))[0] == changes[done.index(True)][1]
    assert len(run(store.versions(tenant, execution.plan_id))) == 2


def test_plan_store_plan_that_was_begun_is_changed_no_more(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    assert not run(store.revise(*changed(execution)))
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.revise(*changed(begun)))
    assert run(store.get(tenant, execution.plan_id)) == begun
    assert len(run(store.versions(tenant, execution.plan_id))) == 1


def test_plan_store_plan_that_runs_is_made_anew_by_who_runs_it_alone(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    steps, definition = [{"name": "\0"}], {"steps": ["\ud800"]}
    made = replanned_version(execution, steps, definition, changed_us=9, summary="after \0 failed")
    assert not run(store.replan(*made))  # it does not run
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    after, version = replanned_version(begun, steps, definition, changed_us=9, summary="after \0 failed")
    assert not run(store.replan(replace(after, executor_id="f"), version))
    assert run(store.replan(after, version))
    assert not run(store.replan(after, version))
    assert run(store.get(tenant, execution.plan_id)) == after
    assert (after.replans, after.version, run(store.versions(tenant, execution.plan_id))[0]) == (1, 2, version)
    run(store.cancel(tenant, execution.plan_id, "enough", 7))
    assert not run(store.replan(*replanned_version(after, steps, definition, changed_us=9, summary="")))
    assert len(run(store.versions(tenant, execution.plan_id))) == 2


@pytest.mark.parametrize("is_held", [False, True])
def test_plan_store_cancel_of_a_plan_that_does_not_run_ends_it(plan_shelf, tenant, is_held):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    if is_held:
        begun = run(store.begin(tenant, execution.plan_id, "e", 6))
        run(store.finish(replace(begun, status="awaiting_approval", held=HELD)))
    before = run(store.get(tenant, execution.plan_id))
    done = replace(before, status="cancelled", cancel_us=7, cancel_reason="no\0\ud800", finished_us=7)
    assert run(store.cancel(f"{tenant}-2", execution.plan_id, "mine", 6)) is None
    assert run(store.cancel(tenant, execution.plan_id, "no\0\ud800", 7)) == done
    assert run(store.get(tenant, execution.plan_id)) == done
    assert run(store.cancel(tenant, execution.plan_id, "again", 8)) is None
    assert run(store.begin(tenant, execution.plan_id, "e", 9)) is None


def test_plan_store_cancel_of_a_running_plan_tells_whoever_runs_it(plan_shelf, tenant):
    run, store = plan_shelf
    execution, executor = plan_execution(tenant), new_id(1)
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, executor, 6))
    assert run(store.cancelled(executor)) == []
    told = run(store.cancel(tenant, execution.plan_id, "enough", 7))
    assert told == replace(begun, cancel_us=7, cancel_reason="enough")
    assert run(store.cancel(tenant, execution.plan_id, "again", 8)) == told
    assert [run(store.cancelled(executor)), run(store.cancelled("f"))] == [[(tenant, execution.plan_id)], []]
    assert run(store.finish(replace(told, status="awaiting_approval", held=HELD))) == "cancelled"
    assert run(store.get(tenant, execution.plan_id)) == replace(told, status="cancelled", finished_us=7)
    assert run(store.cancelled(executor)) == []


def test_plan_store_plan_that_is_held_goes_on_under_another_executor(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    held = replace(begun, status="awaiting_approval", held=HELD, step_results={"a": 1})
    assert run(store.finish(held)) == "awaiting_approval"
    held = replace(held, holds=1)
    assert run(store.get(tenant, execution.plan_id)) == held
    assert run(store.begin(tenant, execution.plan_id, "f", 8)) is None
    goes_on = run(store.begin(tenant, execution.plan_id, "f", 8, was="awaiting_approval"))
    run(store.finish(replace(goes_on, status="awaiting_approval")))
    assert run(store.get(tenant, execution.plan_id)).holds == 1  # it is back where it was
    goes_on = run(store.begin(tenant, execution.plan_id, "f", 8, was="awaiting_approval"))
    run(store.finish(replace(goes_on, status="awaiting_approval", held=replace(HELD, spent_us=1))))
    assert run(store.get(tenant, execution.plan_id)).holds == 2
    goes_on = run(store.begin(tenant, execution.plan_id, "f", 8, was="awaiting_approval"))
    held = replace(held, held=goes_on.held, holds=2)
    assert goes_on == replace(held, status="running", executor_id="f")
    assert run(store.begin(tenant, execution.plan_id, "g", 9, was="awaiting_approval")) is None


def test_plan_store_steps_are_kept_as_they_get_on_for_who_runs_them(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    first = StepRecord("a", StepState.RUNNING, 7, attempts=1)
    run(store.progress(begun, [first, StepRecord("b", StepState.WAITING)]))
    assert steps_of(run, store, execution)["a"] == first
    done = StepRecord("a", StepState.FAILED, 7, 8, "\0\ud800", ("d",), ("r",), 2, cached=True)
    other = StepRecord("b", StepState.SKIPPED, reasons=("no",))
    run(store.progress(replace(begun, executor_id="f"), [done]))
    run(store.progress(begun, []))
    assert steps_of(run, store, execution)["a"] == first
    assert run(store.finish(replace(begun, status="failed"), [done, other]))
    run(store.progress(begun, [first]))
    assert steps_of(run, store, execution) == {"a": done, "b": other}
    assert run(store.seen(f"{tenant}-2", execution.plan_id)) is None


def test_plan_store_plan_that_has_ended_is_removed_with_all_of_it(plan_shelf, tenant):
    run, store = plan_shelf
    execution = plan_execution(tenant)
    run(store.add(execution))
    begun = run(store.begin(tenant, execution.plan_id, "e", 6))
    assert not run(store.remove(tenant, execution.plan_id))
    run(store.finish(replace(begun, status="completed"), [StepRecord("a", StepState.SUCCEEDED, 7, 8)]))
    assert not run(store.remove(f"{tenant}-2", execution.plan_id))
    assert run(store.remove(tenant, execution.plan_id))
    assert run(store.get(tenant, execution.plan_id)) is None
    assert run(store.versions(tenant, execution.plan_id)) == []
    assert run(store.seen(tenant, execution.plan_id)) is None
    assert not run(store.remove(tenant, execution.plan_id))


def test_plan_store_page_is_the_newest_first_of_what_is_asked_for(plan_shelf, tenant):
    run, store = plan_shelf
    large = {"context": {"a": 1}, "definition": {"b": 2}}
    made = [plan_execution(tenant, plan_id=f"p{number}", created_us=number, **large) for number in range(5)]
    for execution in [*made, plan_execution(f"{tenant}-2", created_us=9)]:
        run(store.add(execution))
    begun = run(store.begin(tenant, "p1", "e", 6))
    ended = replace(begun, status="completed", result=1, step_results={"a": 1}, finished_us=7)
    steps = [StepRecord(name, state) for name, state in zip("abc", ["succeeded", "failed", "succeeded"], strict=True)]
    run(store.finish(ended, [replace(step, state=StepState(step.state)) for step in steps]))
    listed = PlanListed(replace(ended, result=None, step_results={}, context={}, definition=None), 2)

    def page(**asked):
        return run(store.page(PlanQuery(tenant_id=tenant, **asked)))

    assert page(statuses=("completed", "failed")) == PlanPage((listed,), 1)
    assert page(plan_id="p1") == PlanPage((listed,), 1)
    begun = run(store.begin(tenant, "p2", "e", 6))
    run(store.finish(replace(begun, status="awaiting_approval", held=HELD)))
    found = [page(statuses=("awaiting_approval",)), page(statuses=("awaiting_approval", "failed")), page(plan_id="p2")]
    assert [one.plans[0].execution.held for one in found] == [HELD, None, None]
    assert [one.execution.plan_id for one in page(limit=2, offset=1).plans] == ["p3", "p2"]
    assert [page(limit=2, offset=9), page(plan_id="\0")] == [PlanPage((), 5), PlanPage((), 0)]
    assert [one.execution.plan_id for one in page(since_us=1, until_us=3).plans] == ["p2", "p1"]


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_plan_store_asked_to_change_an_id_that_cannot_be_stored_does_nothing(plan_shelf, tenant, text):
    run, store = plan_shelf
    strange = plan_execution(tenant, plan_id=text)
    assert not run(store.revise(*changed(strange)))
    assert not run(store.replan(*replanned_version(strange, [], {}, changed_us=9, summary="")))
    assert run(store.versions(tenant, text)) == []
    assert run(store.cancel(tenant, text, "r", 1)) is None
    run(store.progress(plan_execution(tenant, plan_id=text), [StepRecord("a", StepState.RUNNING)]))
    assert run(store.seen(text, "p")) is run(store.seen(tenant, text)) is None
    assert run(store.cancelled(text)) == []
    assert not run(store.remove(tenant, text))
