import pytest

from axonflow.errors import AxonFlowError
from axonflow.plan import FINAL, TRANSITIONS, Retry, Step, StepState
from axonflow.plan.model.graph import MAX_STEPS
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Ended,
    Finish,
    Refused,
    Stop,
    TimePassed,
    Undone,
    WakeAt,
)  # fmt: skip
from tests.unit.plan.running.machine_runs import BAD, GOOD, begin, ended, machine, started, states, step

# -- the table --------------------------------------------------------------------------------------------------------


def test_transitions_name_every_state_and_only_states():
    assert set(TRANSITIONS) == set(StepState)
    assert all(following <= set(StepState) for following in TRANSITIONS.values())


def test_final_states_are_those_that_nothing_follows_and_success():
    assert {state for state in StepState if not TRANSITIONS[state]} | {GOOD} == FINAL


# -- what starts when -------------------------------------------------------------------------------------------------


def test_machine_diamond_starts_each_step_once_its_needs_succeeded():
    plan = machine(step("a"), step("b", "a"), step("c", "a"), step("d", "bc"))
    assert begin(plan) == [0]
    assert started(plan, ended(plan, 0)) == [1, 2]
    assert ended(plan, 2) == []
    assert plan.states[3] is StepState.PENDING
    assert started(plan, ended(plan, 1)) == [3]
    assert ended(plan, 3) == [Finish()]
    assert (plan.finished, plan.status) == (True, "completed")


@pytest.mark.parametrize(("bad", "status"), [(BAD, "failed"), (StepState.DENIED, "denied")])
def test_ended_without_success_skips_all_descendants_and_nothing_else(bad, status):
    plan = machine(
        step("a"), step("o"), step("b", "a"), step("c", "b"), step("d", "bc"), step("e", "co"), step("f", "o")
    )
    begin(plan)
    assert ended(plan, 0, bad) == []
    assert plan.blockers == dict.fromkeys([2, 3, 4, 5], 0)
    assert started(plan, ended(plan, 1)) == [6]
    assert ended(plan, 6) == [Finish()]
    assert plan.status == status


def test_ended_second_failure_keeps_the_first_blocker_and_the_worse_status():
    plan = machine(step("a"), step("b"), step("c", "ab"), step("d"))
    begin(plan)
    ended(plan, 0, BAD)
    ended(plan, 1, StepState.DENIED)
    ended(plan, 3)
    assert (plan.blockers, plan.status) == ({2: 0}, "failed")


def test_join_of_any_starts_at_the_first_success_and_is_skipped_without_one():
    steps = [step("a"), step("b"), step("c"), Step(name="j", kind="join", needs=["a", "b", "c"], wait_for="any")]
    plan = machine(*steps)
    begin(plan)
    assert ended(plan, 0, BAD) == []
    assert started(plan, ended(plan, 1)) == [3]
    assert ended(plan, 2) == []
    plan = machine(*steps)
    begin(plan)
    for number in range(2):
        ended(plan, number, BAD)
    assert ended(plan, 2, BAD) == [Finish()]
    assert states(plan) == "fffs"


def test_join_of_two_that_loses_one_too_many_is_skipped():
    plan = machine(step("a"), step("b"), step("c"), Step(name="j", kind="join", needs=["a", "b", "c"], wait_for=2))
    begin(plan)
    ended(plan, 0)
    ended(plan, 1, BAD)
    assert plan.states[3] is StepState.PENDING
    ended(plan, 2, BAD)
    assert plan.states[3] is StepState.SKIPPED


def test_ended_condition_skips_the_branches_that_it_has_not_chosen():
    plan = machine(step("c"), step("x", "c"), step("y", "c"), step("z", "y"))
    begin(plan)
    assert started(plan, ended(plan, 0, not_chosen=(2,))) == [1]
    assert ended(plan, 1) == [Finish()]
    assert (states(plan), plan.status, plan.blockers) == ("ssss", "completed", {2: 0, 3: 0})


def test_begin_without_some_steps_skips_them_and_what_needs_them():
    plan = machine(step("a"), step("b"), step("c", "a"))
    assert begin(plan, without=(0, 2)) == [1]
    assert ended(plan, 1) == [Finish()]
    assert (states(plan), plan.status) == ("sss", "completed")


def test_refused_plan_skips_every_step():
    plan = machine(step("a"), step("b", "a"))
    assert plan.take(Refused()) == [Finish()]
    assert (set(plan.states), plan.status) == ({StepState.SKIPPED}, "denied")


@pytest.mark.parametrize("last", [GOOD, BAD])
def test_machine_longest_chain_ends_without_recursion(last):
    steps = [step(f"s{number}", [f"s{number - 1}"] if number else []) for number in range(MAX_STEPS)]
    plan = machine(*steps)
    ready = begin(plan)
    while ready:
        ready = started(plan, ended(plan, ready[0], last))
    assert plan.finished


# -- events out of place ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        Begin(0),
        Refused(),
        Begun(0, 1, 0),
        Begun(0, 2, 0),
        Begun(1, 1, 0),
        Ended(1, 1, GOOD, 0),
        Ended(0, 2, GOOD, 0),
        Ended(0, 1, StepState.SKIPPED, 0),
        Undone(0, succeeded=True, time_us=0),
    ],
)
def test_machine_event_out_of_place_is_refused_and_changes_nothing(event):
    plan = machine(step("a"), step("b", "a"))
    begin(plan)
    with pytest.raises(AxonFlowError, match="an event out of place: expected an answer to a command"):
        plan.take(event)
    assert states(plan) == "rp"
    assert started(plan, ended(plan, 0)) == [1]


def test_machine_state_that_may_not_follow_is_refused():
    plan = machine(step("a"))
    begin(plan)
    with pytest.raises(AxonFlowError, match=r"step 'a': illegal transition: .* found running -> skipped"):
        plan._move(0, StepState.SKIPPED)
    ended(plan, 0, BAD)
    with pytest.raises(AxonFlowError, match="expected no further state, found failed -> running"):
        plan._move(0, StepState.RUNNING)


# -- room, and who goes first -----------------------------------------------------------------------------------------


def test_max_parallel_starts_the_longest_path_first_and_no_more_than_that():
    plan = machine(
        step("short"), step("mid"), step("mid2", ["mid"]), step("long"), step("l2", ["long"]), step("l3", ["l2"]),
        max_parallel=2,
    )  # fmt: skip
    assert begin(plan) == [3, 1]
    assert started(plan, ended(plan, 3)) == [4]
    assert started(plan, ended(plan, 1)) == [0]


def test_max_parallel_durations_decide_what_is_long_and_priority_comes_before():
    steps = [step("a"), step("b"), step("c", priority=1)]
    plan = machine(*steps, max_parallel=1, durations_us=lambda wiring: [10, 20, 1])
    assert begin(plan) == [2]
    assert started(plan, ended(plan, 2)) == [1]
    assert started(plan, ended(plan, 1)) == [0]


# -- trying again -----------------------------------------------------------------------------------------------------


def test_retry_waits_longer_each_time_and_then_fails():
    plan = machine(step("a", retry=Retry(attempts=3, first_ms=100, factor=2, jitter=0.5)), draw=lambda: 1.0)
    begin(plan)
    assert ended(plan, 0, BAD, time_us=1_000) == [WakeAt(51_000)]
    assert states(plan) == "r"
    assert plan.take(TimePassed(50_999)) == [WakeAt(51_000)]
    assert started(plan, plan.take(TimePassed(51_000))) == [0]
    assert ended(plan, 0, BAD, attempt=2, time_us=60_000) == [WakeAt(160_000)]
    assert started(plan, plan.take(TimePassed(160_000))) == [0]
    assert ended(plan, 0, BAD, attempt=3, time_us=170_000) == [Finish()]
    assert plan.status == "failed"


def test_retry_that_was_cancelled_does_not_come_back_and_a_time_out_is_of_one_attempt():
    plan = machine(step("a", timeout_ms=10, retry=Retry(attempts=3, first_ms=2, factor=1, jitter=0)), step("b"))
    begin(plan)
    ended(plan, 0, BAD, time_us=1_000)
    assert started(plan, plan.take(TimePassed(3_000)), 3_000) == [0]
    assert Stop(0, 2, "timeout") not in plan.take(TimePassed(10_000))
    ended(plan, 0, BAD, attempt=2, time_us=10_500)
    plan.take(Cancelled(11_000))
    assert started(plan, plan.take(TimePassed(20_000))) == []
    assert ended(plan, 1, BAD) == [Finish()]
    assert plan.take(TimePassed(30_000)) == []


def test_retry_that_succeeds_completes_the_plan():
    plan = machine(step("a", retry=Retry(attempts=2, first_ms=0)))
    begin(plan)
    assert ended(plan, 0, BAD) == [WakeAt(0)]
    assert started(plan, plan.take(TimePassed(0))) == [0]
    assert ended(plan, 0, attempt=2) == [Finish()]
    assert plan.status == "completed"


@pytest.mark.parametrize(
    ("on", "bad", "errors", "state"),
    [
        (("LookupError",), BAD, ("KeyError", "LookupError"), "retrying"),
        (("LookupError",), BAD, ("ValueError",), "failed"),
        ((), BAD, (), "retrying"),
        ((), StepState.DENIED, (), "denied"),
    ],
)
def test_retry_is_for_errors_of_the_named_classes_and_never_for_denials(on, bad, errors, state):
    plan = machine(step("a", retry=Retry(on=on)))
    begin(plan)
    ended(plan, 0, bad, errors=errors)
    assert plan.states[0] == state
