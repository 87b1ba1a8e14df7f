"""Runs that are held, go on from an earlier one, or take in more steps."""

import pytest

from axonflow.errors import AxonFlowError
from axonflow.plan import Plan, Step, StepState
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Closed,
    Compensate,
    Ended,
    Finish,
    Grown,
    Start,
    Stop,
    TimePassed,
    WakeAt,
)  # fmt: skip
from tests.unit.plan.running.machine_runs import BAD, GOOD, begin, ended, machine, started, states, step, undoable

HELD, DENIED, SKIPPED = StepState.HELD, StepState.DENIED, StepState.SKIPPED


def graph(*steps):
    return Plan("p", steps=steps).check()


# -- held -------------------------------------------------------------------------------------------------------------


def test_held_step_lets_the_rest_run_and_then_the_plan_is_held():
    plan = machine(step("a"), step("b", "a"), step("o"), step("p", "o"))
    begin(plan)
    assert ended(plan, 0, HELD) == []
    assert started(plan, ended(plan, 2)) == [3]
    assert ended(plan, 3) == [Finish()]
    assert (states(plan), plan.status, plan.blockers) == ("hpss", "held", {})


def test_held_step_of_a_join_that_has_enough_holds_nothing_but_itself():
    plan = machine(step("a"), step("b"), Step(name="j", kind="join", needs=["a", "b"], wait_for="any"))
    begin(plan)
    ended(plan, 0, HELD)
    assert started(plan, ended(plan, 1)) == [2]
    assert ended(plan, 2) == [Finish()]
    assert (states(plan), plan.status) == ("hss", "held")


@pytest.mark.parametrize("policy", ["cancel", "partial"])
def test_held_step_is_no_failure_whatever_the_failure_policy(policy):
    plan = machine(step("a", on_failure=policy), step("b", "a"))
    begin(plan)
    assert ended(plan, 0, HELD) == [Finish()]
    assert (plan.status, plan.stopped) == ("held", None)


def test_held_step_is_cancelled_with_the_plan_when_another_fails():
    plan = machine(step("a"), step("b", "a"), step("o", on_failure="cancel"))
    begin(plan)
    ended(plan, 0, HELD)
    assert ended(plan, 2, BAD) == [Finish()]
    assert (states(plan), plan.status) == ("ccf", "failed")


def test_held_plan_that_has_finished_cannot_be_cancelled_any_more():
    plan = machine(step("a"))
    begin(plan)
    ended(plan, 0, HELD)
    assert plan.take(Cancelled(1)) == []
    assert plan.status == "held"


# -- going on ---------------------------------------------------------------------------------------------------------


def test_begin_with_ended_steps_runs_only_what_is_left():
    plan = machine(step("a"), step("b", "a"), step("c", "b"), step("d"))
    assert begin(plan, ended=((0, GOOD), (3, GOOD))) == [1]
    assert started(plan, ended(plan, 1)) == [2]
    assert ended(plan, 2) == [Finish()]
    assert (states(plan), plan.status) == ("ssss", "completed")


@pytest.mark.parametrize(("bad", "status"), [(BAD, "failed"), (DENIED, "denied")])
def test_begin_with_a_step_that_had_not_succeeded_counts_it_as_before(bad, status):
    plan = machine(step("a"), step("b", "a"), step("c"), step("d", "a"))
    assert begin(plan, ended=((0, bad), (1, SKIPPED))) == [2]
    assert plan.blockers == {3: 0}
    assert ended(plan, 2) == [Finish()]
    assert plan.status == status


def test_begin_with_a_join_that_has_more_than_enough_starts_it():
    join = Step(name="j", kind="join", needs=["a", "b"], wait_for="any")
    assert begin(machine(step("a"), step("b"), join), ended=((0, GOOD), (1, GOOD))) == [2]


def test_begin_with_everything_ended_finishes_at_once():
    plan = machine(step("a"))
    assert plan.take(Begin(0, ended=((0, GOOD),))) == [Finish()]
    assert plan.status == "completed"


def test_begin_with_ended_steps_undoes_those_too_the_last_first():
    plan = machine(undoable("a"), undoable("b"), step("c", on_failure="cancel"))
    begin(plan, ended=((1, GOOD), (0, GOOD)))
    assert ended(plan, 2, BAD)[0] == Compensate(0)


def test_begin_with_time_spent_leaves_the_rest_of_the_deadline():
    plan = machine(step("a"), deadline_ms=100)
    assert WakeAt(40_000) in plan.take(Begin(0, spent_us=60_000))
    late = machine(step("a"), deadline_ms=100)
    assert WakeAt(5) in late.take(Begin(5, spent_us=160_000))
    late.take(Begun(0, 1, 5))
    assert late.take(TimePassed(5))[0] == Stop(0, 1, "deadline")


@pytest.mark.parametrize("state", [HELD, StepState.RUNNING, StepState.PENDING, StepState.COMPENSATED])
def test_begin_with_a_state_that_is_no_end_is_refused_and_changes_nothing(state):
    plan = machine(step("a"), step("b"))
    with pytest.raises(AxonFlowError, match="not the end of a step"):
        plan.take(Begin(0, ended=((0, GOOD), (1, state))))
    assert begin(plan) == [0, 1]


# -- growing ----------------------------------------------------------------------------------------------------------


def test_open_plan_takes_in_steps_and_finishes_only_when_it_is_closed():
    a, b, c = step("a"), step("b", "a"), step("c", "b")
    plan = machine(a)
    begin(plan, open=True)
    assert ended(plan, 0) == []
    assert started(plan, plan.take(Grown(graph(a, b), 1))) == [1]
    assert plan.take(Grown(graph(a, b, c), 2)) == []
    assert started(plan, ended(plan, 1)) == [2]
    assert plan.take(Closed(3)) == []
    assert ended(plan, 2) == [Finish()]
    assert plan.status == "completed"


def test_open_plan_that_is_closed_when_all_has_ended_finishes_then():
    plan = machine(step("a"))
    begin(plan, open=True)
    ended(plan, 0)
    assert plan.take(Closed(1)) == [Finish()]


def test_grown_steps_that_need_what_was_lost_are_skipped():
    a, b, c, d = step("a"), step("b", "a"), step("c", "ab"), step("d")
    join = Step(name="j", kind="join", needs=["a", "c", "d"], wait_for="any")
    plan = machine(a)
    begin(plan, open=True)
    ended(plan, 0, BAD)
    assert started(plan, plan.take(Grown(graph(a, b, c, d, join), 1))) == [3]
    assert (states(plan), plan.blockers) == ("fssrp", {1: 0, 2: 0})
    assert started(plan, ended(plan, 3)) == [4]


def test_grown_steps_without_some_begin_the_others():
    a, b, c = step("a"), step("b"), step("c", "b")
    plan = machine(a)
    begin(plan, open=True)
    assert plan.take(Grown(graph(a, b, c), 1, without=(1,))) == []
    assert states(plan) == "rss"


def test_grown_steps_wait_for_room_by_the_paths_that_are_known_then():
    a, b, c, d = step("a"), step("b"), step("c"), step("d", "c")
    plan = machine(a, max_parallel=1)
    begin(plan, open=True)
    plan.take(Grown(graph(a, b, c, d), 1))
    assert started(plan, ended(plan, 0)) == [2]


def test_grown_condition_chooses_among_the_new_steps():
    a, d, e = step("a"), step("d"), step("e")
    choice = Step(name="c", kind="condition", when="a", needs=["a"], branches={"true": ["d"], "false": ["e"]})
    plan = machine(a)
    begin(plan, open=True)
    ended(plan, 0)
    assert started(plan, plan.take(Grown(graph(a, choice, d, e), 1))) == [1]
    assert started(plan, ended(plan, 1, not_chosen=(3,))) == [2]


@pytest.mark.parametrize(
    "others",
    [
        (step("x"), step("a")),
        (step("a"), Step(name="c", kind="condition", when="true", branches={"true": ["a"]})),
    ],
)
def test_grown_plan_whose_steps_would_change_is_refused_and_changes_nothing(others):
    plan = machine(step("a"))
    begin(plan, open=True)
    with pytest.raises(AxonFlowError, match="the steps of a running plan do not change"):
        plan.take(Grown(graph(*others), 1))
    ended(plan, 0)
    assert plan.take(Closed(2)) == [Finish()]


def test_growing_of_a_plan_that_is_closed_or_stopped_is_refused():
    a, b = step("a"), step("b")
    plan = machine(a)
    begin(plan)
    for event in (Grown(graph(a, b), 1), Closed(1)):
        with pytest.raises(AxonFlowError, match="out of place"):
            plan.take(event)
    stopped = machine(a)
    begin(stopped, open=True)
    stopped.take(Cancelled(1))
    with pytest.raises(AxonFlowError, match="out of place"):
        stopped.take(Grown(graph(a, b), 1))
    assert stopped.take(Closed(1, complete=False)) == []
    assert stopped.stopped == "cancelled"


def test_open_plan_with_nothing_to_do_can_be_cancelled():
    plan = machine(step("a"))
    begin(plan, open=True)
    ended(plan, 0)
    assert plan.take(Cancelled(1)) == [Finish()]
    assert (plan.status, plan.stopped) == ("failed", "cancelled")


@pytest.mark.parametrize(
    ("policy", "commands", "status"),
    [
        ("cancel", [Stop(0, 1, "incomplete")], "failed"),
        ("continue", [], "failed"),
        ("partial", [], "completed"),
    ],
)
def test_plan_whose_rest_does_not_come_ends_as_its_failure_policy_says(policy, commands, status):
    plan = machine(step("a"), on_failure=policy)
    begin(plan, open=True)
    told = plan.take(Closed(1, complete=False))
    assert [one for one in told if isinstance(one, Stop)] == commands
    assert ended(plan, 0)[-1] == Finish()
    assert plan.status == status


def test_events_that_begin_twice_are_refused():
    plan = machine(step("a"))
    assert plan.take(Begin(0)) == [Start(0, 1)]
    with pytest.raises(AxonFlowError, match="out of place"):
        plan.take(Begin(0))
    assert plan.take(Begun(0, 1, 0)) == []
    assert plan.take(Ended(0, 1, GOOD, 0)) == [Finish()]


@pytest.mark.parametrize(("policy", "status"), [("continue", "failed"), ("partial", "completed")])
def test_run_of_half_a_plan_that_goes_on_comes_to_what_it_would_have_come_to(policy, status):
    plan = machine(step("a"), on_failure=policy)
    assert started(plan, plan.take(Begin(0, complete=False))) == [0]
    assert ended(plan, 0) == [Finish()]
    assert plan.status == status
