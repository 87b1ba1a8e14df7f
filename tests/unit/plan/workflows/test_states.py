"""The two tables, cell by cell: what may be, what follows, and what the rest is told."""

import itertools

import pytest

from axonflow.plan.workflows import (
    GATE_TABLE,
    WORKFLOW_TABLE,
    GateEvent,
    GateState,
    WorkflowConflict,
    WorkflowEvent,
    WorkflowState,
)
from axonflow.plan.workflows.states import ANSWERS, gate_after, workflow_after

# A column for each event, in the order of the enumeration; "-" is refused.
WORKFLOW = """
             step         complete   fail    abort    resume
in_progress  in_progress  completed  failed  aborted  in_progress
failed       -            -          failed  aborted  in_progress
completed    -            completed  -       -        -
aborted      -            -          -       aborted  -
"""
GATE = """
           allow    block    hold  again     approve   reject    complete
new        allowed  blocked  held  -         -         -         -
allowed    allowed  blocked  held  allowed   -         -         completed
blocked    allowed  blocked  held  blocked   -         -         -
held       allowed  blocked  held  held      approved  rejected  -
expired    allowed  blocked  held  -         -         -         -
approved   allowed  blocked  held  approved  -         -         completed
rejected   allowed  blocked  held  rejected  -         -         -
completed  allowed  blocked  held  allowed   -         -         -
"""


def cells(drawn, states, events):
    head, *rows = [line.split() for line in drawn.strip().splitlines()]
    table = {(row[0], event): cell for row in rows for event, cell in zip(head, row[1:], strict=True)}
    return [(state, event, table[state.value, event.value]) for state, event in itertools.product(states, events)]


@pytest.mark.parametrize(("state", "event", "following"), cells(WORKFLOW, WorkflowState, WorkflowEvent))
def test_workflow_in_each_state_takes_each_event_as_the_table_says(state, event, following):
    if following != "-":
        assert workflow_after(state, event) == following
        return
    with pytest.raises(WorkflowConflict) as caught:
        workflow_after(state, event)
    may = caught.value.expected.removeprefix("one that is ").split(" or ")
    assert may == sorted(one for one in WorkflowState if event in WORKFLOW_TABLE[one])
    assert (caught.value.found, bool(caught.value.hint)) == (state.value, True)


@pytest.mark.parametrize(("state", "event", "following"), cells(GATE, GateState, GateEvent))
def test_gate_in_each_state_takes_each_event_as_the_table_says(state, event, following):
    if following != "-":
        assert gate_after(state, event) == following
        return
    with pytest.raises(WorkflowConflict) as caught:
        gate_after(state, event)
    may = caught.value.expected.removeprefix("one that is ").split(" or ")
    assert may == sorted(one for one in GateState if event in GATE_TABLE[one])
    assert (caught.value.found, bool(caught.value.hint)) == (state.value, True)


def test_gate_that_is_kept_has_an_answer_in_each_state():
    assert set(ANSWERS) == set(GateState) - {GateState.NEW}
    assert {state for state, answer in ANSWERS.items() if answer == "allow"} == {
        GateState.ALLOWED, GateState.APPROVED, GateState.COMPLETED
    }  # fmt: skip


def test_gate_lets_nothing_complete_that_was_not_allowed():
    for state, events in GATE_TABLE.items():
        assert (GateEvent.COMPLETE in events) <= (ANSWERS.get(state) == "allow")
