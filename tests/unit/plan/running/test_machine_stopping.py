import pytest

from axonflow.plan import Hedge, Retry, StepState
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Compensate,
    Finish,
    LetGo,
    Start,
    Stop,
    TimePassed,
    Undone,
    WakeAt,
    Withdraw,
)  # fmt: skip
from tests.unit.plan.running.machine_runs import BAD, begin, ended, machine, started, states, step, undoable

# -- time-outs --------------------------------------------------------------------------------------------------------


def test_timeout_tells_the_step_to_stop_and_its_end_is_a_failure():
    plan = machine(step("a", timeout_ms=10))
    plan.take(Begin(0))
    assert plan.take(Begun(0, 1, 5_000)) == [WakeAt(15_000)]
    assert plan.take(TimePassed(15_000))[0] == Stop(0, 1, "timeout")
    assert plan.states[0] is StepState.STOPPING
    assert ended(plan, 0, BAD) == [Finish()]
    assert states(plan) == "f"


def test_timeout_of_a_step_that_succeeds_all_the_same_is_a_success():
    plan = machine(step("a", timeout_ms=10))
    begin(plan)
    plan.take(TimePassed(10_000))
    assert ended(plan, 0) == [Finish()]
    assert plan.status == "completed"


def test_timeout_that_is_not_heeded_lets_go_of_the_step_after_the_grace():
    plan = machine(step("a", timeout_ms=10, retry=Retry()), step("b", "a"), grace_ms=5)
    begin(plan)
    assert plan.take(TimePassed(10_000)) == [Stop(0, 1, "timeout"), WakeAt(15_000)]
    assert plan.take(TimePassed(15_000)) == [LetGo(0, 1), Finish()]  # no retry: it may still be at it
    assert states(plan) == "fs"


def test_timeout_of_an_idempotent_step_is_tried_again_even_when_let_go_of():
    plan = machine(step("a", timeout_ms=10, retry=Retry(on=["TimeoutError"]), idempotent=True), grace_ms=5)
    begin(plan)
    plan.take(TimePassed(10_000))
    assert plan.take(TimePassed(15_000))[0] == LetGo(0, 1)
    assert plan.states[0] is StepState.RETRYING


def test_timers_of_an_attempt_that_is_over_do_nothing():
    plan = machine(step("a", timeout_ms=10, idempotent=True, hedge=Hedge(after_ms=5)), step("b"))
    begin(plan)
    ended(plan, 0)
    assert plan.take(TimePassed(20_000)) == []
    assert ended(plan, 1) == [Finish()]


# -- second copies ----------------------------------------------------------------------------------------------------


def hedged(**options):
    return step("a", idempotent=True, hedge=Hedge(after_ms=5), **options)


def test_hedge_starts_a_second_copy_and_the_first_success_stops_the_other():
    plan = machine(hedged())
    begin(plan)
    assert plan.take(TimePassed(5_000)) == [Start(0, 2)]
    plan.take(Begun(0, 2, 5_000))
    assert ended(plan, 0, attempt=2)[0] == Stop(0, 1, "other_copy")
    assert not plan.finished
    assert ended(plan, 0, BAD) == [Finish()]
    assert (states(plan), plan.status) == ("s", "completed")


def test_hedge_loser_that_ignores_it_is_let_go_of():
    plan = machine(hedged(), grace_ms=1)
    begin(plan)
    started(plan, plan.take(TimePassed(5_000)))
    ended(plan, 0, time_us=5_000)
    assert plan.take(TimePassed(6_000)) == [LetGo(0, 2), Finish()]


def test_hedge_copy_that_has_not_begun_is_withdrawn():
    plan = machine(hedged())
    begin(plan)
    plan.take(TimePassed(5_000))
    assert ended(plan, 0) == [Withdraw(0, 2), Finish()]


def test_hedge_first_copy_fails_and_the_second_decides():
    plan = machine(hedged())
    begin(plan)
    started(plan, plan.take(TimePassed(5_000)))
    assert ended(plan, 0, BAD) == []
    assert ended(plan, 0, attempt=2) == [Finish()]
    assert plan.status == "completed"


def test_hedge_copy_never_begun_when_time_is_up_fails_the_step():
    plan = machine(hedged(timeout_ms=10))
    begin(plan)
    plan.take(TimePassed(5_000))
    assert ended(plan, 0, BAD) == []
    assert plan.take(TimePassed(10_000)) == [Withdraw(0, 2), Finish()]
    assert states(plan) == "f"


@pytest.mark.parametrize("rules", [{"hedge_share": 0.0}, {"max_parallel": 1}])
def test_hedge_beyond_its_share_or_without_room_is_not_started(rules):
    plan = machine(hedged(), **rules)
    begin(plan)
    assert plan.take(TimePassed(5_000)) == []


def test_hedge_both_copies_told_to_stop_are_told_once():
    plan = machine(hedged())
    begin(plan)
    started(plan, plan.take(TimePassed(5_000)))
    assert plan.take(Cancelled(6_000))[:2] == [Stop(0, 1, "cancelled"), Stop(0, 2, "cancelled")]
    assert ended(plan, 0, attempt=2) == []
    assert ended(plan, 0, BAD) == [Finish()]


# -- stopping ---------------------------------------------------------------------------------------------------------


def test_cancel_policy_stops_what_runs_and_nothing_starts_any_more():
    plan = machine(step("a", on_failure="cancel"), step("b"), step("c", "b"), step("d", retry=Retry()))
    begin(plan)
    ended(plan, 3, BAD)
    assert ended(plan, 0, BAD)[0] == Stop(1, 1, "failure")
    assert states(plan) == "fscc"
    assert plan.stopped == 0
    assert ended(plan, 1, BAD) == [Finish()]
    assert (states(plan), plan.status) == ("fccc", "failed")


def test_partial_policy_leaves_the_plan_completed():
    plan = machine(step("a"), step("b", "a"), step("c"), on_failure="partial")
    begin(plan)
    ended(plan, 0, BAD)
    assert ended(plan, 2) == [Finish()]
    assert (states(plan), plan.status) == ("fss", "completed")


def test_step_policy_comes_before_that_of_the_plan():
    plan = machine(step("a", on_failure="continue"), on_failure="partial")
    begin(plan)
    ended(plan, 0, BAD)
    assert plan.status == "failed"


def test_deadline_stops_the_plan():
    plan = machine(step("a"), step("b", "a"), deadline_ms=7)
    assert plan.take(Begin(1_000)) == [Start(0, 1), WakeAt(8_000)]
    plan.take(Begun(0, 1, 1_000))
    assert plan.take(TimePassed(8_000))[0] == Stop(0, 1, "deadline")
    assert ended(plan, 0, BAD) == [Finish()]
    assert (states(plan), plan.stopped) == ("cc", "deadline")


def test_deadline_after_the_end_of_all_steps_does_nothing():
    plan = machine(hedged(), deadline_ms=7)
    begin(plan)
    started(plan, plan.take(TimePassed(5_000)))
    ended(plan, 0)
    assert plan.take(TimePassed(7_000)) == [WakeAt(5_000_000)]
    assert plan.take(Cancelled(8_000)) == []
    assert plan.stopped is None


def test_cancelled_step_that_has_not_begun_is_withdrawn():
    plan = machine(step("a"))
    plan.take(Begin(0))
    assert plan.take(Cancelled(0)) == [Withdraw(0, 1), Finish()]
    assert states(plan) == "c"


def test_cancelled_queued_step_never_starts():
    plan = machine(step("a"), step("b"), max_parallel=1)
    begin(plan)
    plan.take(Cancelled(0))
    assert ended(plan, 0, BAD) == [Finish()]
    assert states(plan) == "cc"


def test_cancelled_twice_tells_each_step_once():
    plan = machine(step("a"))
    begin(plan)
    assert plan.take(Cancelled(0))[0] == Stop(0, 1, "cancelled")
    assert plan.take(Cancelled(1)) == []


# -- rolling back -----------------------------------------------------------------------------------------------------


def test_stopped_plan_undoes_what_succeeded_the_last_one_first():
    plan = machine(undoable("a"), undoable("b"), step("c"), step("d", "abc", on_failure="cancel"))
    begin(plan)
    for number in (1, 2, 0):
        started(plan, ended(plan, number))
    assert ended(plan, 3, BAD)[0] == Compensate(0)
    assert plan.take(Undone(0, succeeded=True, time_us=0))[0] == Compensate(1)
    assert plan.take(Undone(1, succeeded=False, time_us=0)) == [Finish()]
    assert list(plan.states) == ["compensated", "uncompensated", "succeeded", "failed"]


def test_undoing_that_does_not_end_is_let_go_of():
    plan = machine(undoable("a"), step("b"), undo_ms=3)
    begin(plan)
    ended(plan, 0)
    plan.take(Cancelled(0))
    assert ended(plan, 1, BAD) == [Compensate(0), WakeAt(3_000)]
    assert plan.take(TimePassed(3_000)) == [LetGo(0, 0), Finish()]
    assert plan.states[0] is StepState.UNCOMPENSATED


def test_undoing_that_ended_in_time_is_left_alone_by_its_timer():
    plan = machine(undoable("a"), undoable("b"), step("c"), undo_ms=3)
    begin(plan)
    ended(plan, 0)
    ended(plan, 1)
    plan.take(Cancelled(0))
    ended(plan, 2, BAD)
    plan.take(Undone(1, succeeded=True, time_us=2_000))
    assert plan.take(TimePassed(3_000)) == [WakeAt(5_000)]
    assert plan.take(Undone(0, succeeded=True, time_us=4_000)) == [Finish()]


def test_continuing_plan_that_failed_undoes_nothing():
    plan = machine(undoable("a"), step("b"))
    begin(plan)
    ended(plan, 0)
    assert ended(plan, 1, BAD) == [Finish()]
    assert states(plan) == "sf"
