"""What every store of workflows and their steps must do: keep them as they were, by version, each for its tenant."""

import asyncio
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryWorkflows, MemoryWorkflowSteps
from axonflow.adapters.postgres import PostgresWorkflows, PostgresWorkflowSteps
from axonflow.ids import new_id
from axonflow.plan.workflows import (
    Asked,
    Completion,
    GateState,
    PolicyMatch,
    Workflow,
    WorkflowConflict,
    WorkflowQuery,
    WorkflowSeen,
    WorkflowState,
    WorkflowStep,
)
from axonflow.plan.workflows.workflow import MAX_IN_PROGRESS, MAX_STEPS
from tests.postgres import execute
from tests.postgres_stores import Interrupted, opened

DONE = WorkflowState.COMPLETED


@pytest.fixture(scope="module", params=["memory", "postgres"])
def opened_stores(request):
    """What runs coroutines, and stores that other tests write to as well: each keeps to tenants of its own."""
    if request.param == "memory":
        workflows = MemoryWorkflows()
        with asyncio.Runner() as runner:
            yield runner.run, workflows, MemoryWorkflowSteps(workflows)
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, PostgresWorkflows(database), PostgresWorkflowSteps(database)


@pytest.fixture
def tenant():
    return new_id(1)


def workflow_of(tenant_id, **parts):
    usual = {"workflow_id": new_id(1), "name": "Refunds", "principal": "service:crm", "created_us": 5}
    return Workflow(tenant_id=tenant_id, **usual | parts)


def step_of(workflow, step_id="s", **parts):
    usual = {
        "state": GateState.ALLOWED, "asked": Asked(client_id="crm", user_id="", step_type="human_task"),
        "decision_id": "d", "first_gated_us": 6, "last_gated_us": 6,
    }  # fmt: skip
    return WorkflowStep(
        tenant_id=workflow.tenant_id, workflow_id=workflow.workflow_id, step_id=step_id, **usual | parts
    )


def next_of(record, **parts):
    return replace(record, version=record.version + 1, **parts)


ANY_TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\\u0000", "\U0001f600", '"', "\\"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
OBJECTS = st.dictionaries(ANY_TEXT, JSON, max_size=3)


@settings(max_examples=20)
@given(metadata=OBJECTS, step_input=OBJECTS, output=OBJECTS, reason=ANY_TEXT)
def test_workflow_store_any_json_is_read_exactly_as_written(opened_stores, metadata, step_input, output, reason):
    run, workflows, steps = opened_stores
    workflow = workflow_of(new_id(1), metadata=metadata, reason=reason)
    run(workflows.add(workflow))
    assert run(workflows.get(workflow.tenant_id, workflow.workflow_id)) == workflow
    asked = Asked(client_id="crm", user_id="u", step_type="tool_call", tool_name="t", tool_input=output)
    step = step_of(
        workflow, asked=asked, reason=reason, redacted=step_input, completion=Completion(output=output),
        matches=(PolicyMatch("p", "deny", reason),), approvers=(("lead",), ()),
    )  # fmt: skip
    assert run(steps.keep(step)) == step
    kept = run(steps.get(workflow.tenant_id, workflow.workflow_id, "s"))
    assert (kept, kept.asked.canonical) == (step, asked.canonical)


def test_workflow_store_id_that_is_taken_is_refused(opened_stores, tenant):
    run, workflows, _ = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    with pytest.raises(WorkflowConflict, match="taken"):
        run(workflows.add(replace(workflow, name="other")))
    assert run(workflows.get(tenant, workflow.workflow_id)) == workflow


def test_workflow_store_of_another_tenant_sees_and_changes_nothing(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow, other = workflow_of(tenant), f"{tenant}-2"
    run(workflows.add(workflow))
    held = run(steps.keep(step_of(workflow, state=GateState.HELD, expires_us=99)))
    assert run(workflows.get(other, workflow.workflow_id)) is None
    assert not run(workflows.change(next_of(replace(workflow, tenant_id=other), state=DONE)))
    assert run(steps.get(other, workflow.workflow_id, "s")) is None
    assert run(workflows.seen(other, workflow.workflow_id)) is None
    assert run(steps.keep(replace(held, tenant_id=other, version=2))) is None
    assert run(steps.keep(replace(held, tenant_id=other, step_id="t", version=1))) is None
    assert list(run(steps.held(other, 1, 10))) == []
    assert run(workflows.page(WorkflowQuery(tenant_id=other))).total == 0
    assert run(steps.get(tenant, workflow.workflow_id, "s")) == held


def test_workflow_store_change_is_of_the_last_version_alone_and_leaves_the_count_of_steps(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    assert not run(workflows.change(next_of(workflow)))
    run(workflows.add(workflow))
    run(steps.keep(step_of(workflow)))
    ended = next_of(workflow, state=WorkflowState.FAILED, reason="r", ended_us=7)
    assert [run(workflows.change(ended)), run(workflows.change(ended))] == [True, False]
    assert run(workflows.get(tenant, workflow.workflow_id)) == replace(ended, steps=1)


def test_workflow_store_change_unless_a_step_is_held_is_none_while_one_is(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow, other = workflow_of(tenant), workflow_of(tenant)
    for one in (workflow, other):
        run(workflows.add(one))
    run(steps.keep(step_of(workflow)))
    run(steps.keep(step_of(other, state=GateState.HELD, expires_us=9)))
    held = run(steps.keep(step_of(workflow, "t", state=GateState.HELD, expires_us=9)))
    ended = next_of(workflow, state=DONE)
    assert not run(workflows.change(ended, unless_held_us=8))
    assert run(workflows.get(tenant, workflow.workflow_id)).state is WorkflowState.IN_PROGRESS
    assert not run(workflows.change(replace(ended, version=3), unless_held_us=9))
    run(steps.keep(next_of(held, state=GateState.REJECTED)))
    assert run(workflows.change(ended, unless_held_us=8))
    assert run(workflows.change(next_of(other, state=DONE), unless_held_us=9))  # nobody decided in time
    aborted = workflow_of(tenant)
    run(workflows.add(aborted))
    run(steps.keep(step_of(aborted, state=GateState.HELD, expires_us=9)))
    assert run(workflows.change(next_of(aborted, state=WorkflowState.ABORTED)))


def test_workflow_store_end_beside_a_step_that_comes_to_be_held_is_one_of_both(opened_stores, tenant):
    run, workflows, steps = opened_stores
    held = {"state": GateState.HELD, "expires_us": 9}
    came = set()
    for number in range(40):
        workflow = workflow_of(tenant)
        run(workflows.add(workflow))
        kept = run(steps.keep(step_of(workflow)))
        step = next_of(kept, **held) if number % 2 else step_of(workflow, "new", **held)
        ended = next_of(workflow, state=DONE)

        async def at_once(workflow=workflow, step=step, ended=ended, number=number):
            calls = [steps.keep(step), workflows.change(ended, unless_held_us=8)]
            first, second = await asyncio.gather(*(calls if number % 4 < 2 else calls[::-1]))
            return (first, second) if number % 4 < 2 else (second, first)

        is_held, is_ended = (bool(one) for one in run(at_once()))
        came.add((is_held, is_ended))
    assert came <= {(True, False), (False, True)}


def test_workflow_store_changed_by_many_at_once_is_changed_by_one(opened_stores, tenant):
    run, workflows, _ = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    ends = [next_of(workflow, state=state) for state in (DONE, WorkflowState.ABORTED) * 6]

    async def all_at_once():
        return await asyncio.gather(*(workflows.change(one) for one in ends))

    assert sum(run(all_at_once())) == 1


def test_workflow_store_page_is_newest_first_and_by_what_is_asked_for(opened_stores, tenant):
    run, workflows, _ = opened_stores
    made = [
        workflow_of(tenant, created_us=number, source=source, trace_id=trace)
        for number, (source, trace) in enumerate([("external", ""), ("crewai", "t"), ("crewai", ""), ("external", "t")])
    ]
    for workflow in made:
        run(workflows.add(workflow))
    ended = next_of(made[1], state=DONE)
    run(workflows.change(ended))

    def found(**parts):
        page = run(workflows.page(WorkflowQuery(tenant_id=tenant, **parts)))
        return [one.workflow.created_us for one in page.workflows], page.total

    assert found() == ([3, 2, 1, 0], 4)
    assert found(limit=2, offset=1) == ([2, 1], 4)
    assert found(offset=9) == ([], 4)
    assert found(state=DONE) == ([1], 1)
    assert found(source="crewai") == ([2, 1], 2)
    assert found(trace_id="t", state=WorkflowState.IN_PROGRESS) == ([3], 1)
    assert found(trace_id="\0") == ([], 0)
    assert found(workflow_id=made[2].workflow_id) == ([2], 1)
    assert found(since_us=1, until_us=3) == ([2, 1], 2)


def test_workflow_store_page_counts_the_steps_that_are_completed(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    for name, state in (("a", GateState.COMPLETED), ("b", GateState.ALLOWED), ("c", GateState.COMPLETED)):
        run(steps.keep(step_of(workflow, name, state=state)))
    (listed,) = run(workflows.page(WorkflowQuery(tenant_id=tenant))).workflows
    assert (listed.completed, listed.workflow.steps) == (2, 3)


def test_workflow_revision_grows_with_each_change_of_a_step_and_with_nothing_else(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    assert run(workflows.seen(tenant, workflow.workflow_id)) == WorkflowSeen(workflow, 0, [])
    for number, step in enumerate((step_of(workflow), step_of(workflow, "t"), next_of(step_of(workflow))), 1):
        run(steps.keep(step))
        assert run(workflows.seen(tenant, workflow.workflow_id)).revision == number
    ended = next_of(workflow, state=DONE)
    run(workflows.change(ended))
    seen = run(workflows.seen(tenant, workflow.workflow_id))
    assert (seen.workflow, seen.revision, len(seen.steps)) == (replace(ended, steps=2), 3, 2)
    assert run(workflows.seen(tenant, workflow.workflow_id, 3)) == WorkflowSeen(seen.workflow, 3)
    assert run(workflows.seen(tenant, workflow.workflow_id, 2)) == seen


def test_workflow_that_changes_while_it_is_looked_at_is_seen_as_it_was_with_its_steps(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    kept = run(steps.keep(step_of(workflow)))

    async def meanwhile():
        await steps.keep(next_of(kept, state=GateState.COMPLETED))
        await steps.keep(step_of(workflow, "t"))
        await workflows.change(next_of(workflow, state=DONE))

    is_kept_elsewhere = isinstance(workflows, PostgresWorkflows)
    looked = PostgresWorkflows(Interrupted(workflows._database, meanwhile)) if is_kept_elsewhere else workflows
    seen = run(looked.seen(tenant, workflow.workflow_id))
    assert seen == WorkflowSeen(replace(workflow, steps=1), 1, [kept])
    run(meanwhile())
    after = run(workflows.seen(tenant, workflow.workflow_id, seen.revision))
    assert (after.workflow.state, after.workflow.steps, after.revision, len(after.steps)) == (DONE, 2, 3, 2)


def test_workflow_step_gets_the_next_index_and_keeps_it(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    assert run(steps.keep(step_of(workflow))) is None
    run(workflows.add(workflow))
    kept = [run(steps.keep(step_of(workflow, name))) for name in ("b", "a", "c")]
    assert [step.index for step in kept] == [0, 1, 2]
    assert run(steps.keep(next_of(kept[1], state=GateState.BLOCKED))).index == 1
    assert [(step.step_id, step.state) for step in run(workflows.seen(tenant, workflow.workflow_id)).steps] == [
        ("b", GateState.ALLOWED), ("a", GateState.BLOCKED), ("c", GateState.ALLOWED)
    ]  # fmt: skip
    assert run(workflows.get(tenant, workflow.workflow_id)).steps == 3


def test_workflow_steps_are_listed_without_what_they_were_given_and_gave(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    asked = Asked(
        client_id="crm", user_id="", step_type="tool_call", step_name="n", step_input={"a": 1}, tool_input={"b": 2}
    )
    full = step_of(workflow, asked=asked, redacted={"a": 3}, completion=Completion(output={"c": 4}), completion_count=1)
    kept = run(steps.keep(full))
    (listed,) = run(workflows.seen(tenant, workflow.workflow_id)).steps
    assert listed == replace(kept, asked=replace(asked, step_input={}, tool_input={}), redacted=None, completion=None)
    assert run(steps.get(tenant, workflow.workflow_id, "s")) == kept


def test_workflow_step_is_kept_by_one_of_many_at_once_new_or_not(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))

    async def all_at_once(step):
        found = await asyncio.gather(*(steps.keep(replace(step, decision_id=str(n))) for n in range(8)))
        return [one for one in found if one is not None]

    (first,) = run(all_at_once(step_of(workflow)))
    (second,) = run(all_at_once(next_of(first)))
    assert run(steps.get(tenant, workflow.workflow_id, "s")) == second
    assert run(workflows.get(tenant, workflow.workflow_id)).steps == 1
    assert run(steps.keep(first)) is run(steps.keep(replace(second, version=9))) is None


@pytest.mark.parametrize("state", [DONE, WorkflowState.FAILED, WorkflowState.ABORTED])
def test_workflow_step_of_a_workflow_that_is_not_in_progress_is_not_kept(opened_stores, tenant, state):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(workflow))
    kept = run(steps.keep(step_of(workflow)))
    assert run(workflows.change(next_of(workflow, state=state)))
    assert run(steps.keep(step_of(workflow, "t"))) is run(steps.keep(next_of(kept))) is None
    assert list(run(workflows.seen(tenant, workflow.workflow_id)).steps) == [kept]


def test_workflow_step_beside_the_end_of_its_workflow_is_kept_before_it_or_not_at_all(opened_stores, tenant):
    run, workflows, steps = opened_stores
    for _ in range(5):
        workflow = workflow_of(tenant)
        run(workflows.add(workflow))
        kept = run(steps.keep(step_of(workflow)))

        async def at_once(kept=kept, workflow=workflow):
            ends = next_of(workflow, state=DONE)
            return await asyncio.gather(steps.keep(next_of(kept)), workflows.change(ends), steps.keep(next_of(kept)))

        one, ended, two = run(at_once())
        assert (ended, one is not None and two is not None) == (True, False)
        last = run(steps.get(tenant, workflow.workflow_id, "s"))
        assert last == (one or two or kept)
        assert run(workflows.get(tenant, workflow.workflow_id)).state is DONE


def test_workflow_beyond_as_many_in_progress_as_there_may_be_is_refused_until_one_has_ended(
    opened_stores, tenant, monkeypatch
):
    run, workflows, _ = opened_stores
    monkeypatch.setattr(sys.modules[type(workflows).__module__], "MAX_IN_PROGRESS", 2)
    first, second = workflow_of(tenant), workflow_of(tenant)
    run(workflows.add(first))
    run(workflows.add(second))
    with pytest.raises(WorkflowConflict, match="too many workflows are in progress"):
        run(workflows.add(workflow_of(tenant)))
    with pytest.raises(WorkflowConflict, match="id is taken"):
        run(workflows.add(first))
    run(workflows.add(workflow_of(new_id(3))))  # of another tenant
    run(workflows.change(next_of(first, state=WorkflowState.FAILED)))
    run(workflows.add(workflow_of(tenant)))
    assert MAX_IN_PROGRESS == 10_000


def test_workflow_step_beyond_as_many_as_there_may_be_is_refused(opened_stores, tenant, request):
    run, workflows, steps = opened_stores
    workflow = workflow_of(tenant)
    run(workflows.add(replace(workflow, steps=MAX_STEPS)))
    if isinstance(workflows, PostgresWorkflows):
        dsn = request.getfixturevalue("migrated_dsn")
        full = f"UPDATE axonflow.workflow SET steps = {MAX_STEPS} WHERE workflow_id = '{workflow.workflow_id}'"
        execute(dsn, full, "SELECT 1")
    with pytest.raises(WorkflowConflict, match="as many steps as it may"):
        run(steps.keep(step_of(workflow)))


def test_workflow_steps_that_are_held_are_listed_with_the_least_time_left_first(opened_stores, tenant):
    run, workflows, steps = opened_stores
    workflow, other = workflow_of(tenant), workflow_of(tenant)
    for one in (workflow, other):
        run(workflows.add(one))
    expiring = {"a": 30, "b": 20, "c": 10}
    for name, expires_us in expiring.items():
        run(steps.keep(step_of(workflow, name, state=GateState.HELD, expires_us=expires_us)))
    run(steps.keep(step_of(workflow, "d")))
    run(steps.keep(step_of(other, "e", state=GateState.HELD, expires_us=40)))
    run(workflows.change(next_of(other, state=WorkflowState.ABORTED)))

    def held(now_us, limit=10):
        return [(one.step.step_id, one.workflow.name) for one in run(steps.held(tenant, now_us, limit))]

    assert held(5) == [("c", "Refunds"), ("b", "Refunds"), ("a", "Refunds")]
    assert held(10, 1) == [("b", "Refunds")]
    assert held(30) == []


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_workflow_store_asked_for_what_cannot_be_stored_finds_nothing(opened_stores, tenant, text):
    run, workflows, steps = opened_stores
    assert run(workflows.get(tenant, text)) is run(steps.get(tenant, "w", text)) is None
    assert run(workflows.seen(tenant, text)) is None
    assert run(steps.keep(step_of(workflow_of(tenant), text))) is None
