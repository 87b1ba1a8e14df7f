import pytest

from axonflow.errors import PlanError
from axonflow.plan import Hedge, Plan, Retry, SoFar, Step, StepRecord, StepState, Takes
from axonflow.plan.running.budget import attempts_at_most, done_within, left_out, taken_by_attempt


def run(**_arguments):
    """Nothing here calls it."""


def plan(**takes):
    made = Plan("p")
    for name, (tokens, options) in takes.items():
        made.step(name, run, takes=Takes(tokens=tokens, usd_micros=tokens // 10), **options)
    return made


def test_left_out_of_a_plan_that_fits_is_nothing():
    assert left_out(plan(a=(10, {}), b=(20, {})).check(), {"tokens": 30, "usd_micros": 3}) == ()


def test_left_out_counts_every_attempt_and_second_copies():
    made = plan(a=(10, {"retry": Retry(attempts=3), "idempotent": True, "hedge": Hedge(after_ms=1)}))
    assert attempts_at_most(made.steps[0]) == 6
    with pytest.raises(PlanError, match="does not fit its budget: expected at most 59 tokens, found 60 at worst"):
        left_out(made.check(), {"tokens": 59})


def test_left_out_are_optional_steps_of_low_priority_then_late_ones_with_what_needs_them():
    made = plan(
        first=(10, {"optional": True}),
        behind=(10, {"needs": ["first"]}),
        high=(10, {"optional": True, "priority": 5}),
        late=(10, {"optional": True}),
        needed=(10, {}),
    ).check()
    assert left_out(made, {"tokens": 40}) == (3,)
    assert left_out(made, {"tokens": 39}) == (0, 1, 3)
    assert left_out(made, {"tokens": 19}) == (0, 1, 2, 3)
    with pytest.raises(PlanError, match="plan 'p': the plan does not fit"):
        left_out(made, {"tokens": 9})


def test_left_out_step_behind_two_optional_ones_is_taken_off_once():
    made = plan(
        a=(10, {"optional": True}), b=(10, {"optional": True}), c=(10, {"needs": ["a", "b"]}), d=(10, {})
    ).check()
    assert left_out(made, {"tokens": 10, "usd_micros": 1}) == (0, 1, 2)


def test_taken_by_a_plan_within_is_what_its_steps_take_and_by_a_map_nothing_yet():
    body = plan(a=(10, {"retry": Retry(attempts=2)}), b=(5, {}))
    made = Plan("p").plan("x", body).step("list", run).map("each", "list", body)
    assert [taken_by_attempt(step, "tokens") for step in made.steps] == [25, 0, 0]


def test_left_out_leaves_a_join_that_can_do_without_the_step():
    made = plan(a=(10, {"optional": True}), b=(10, {}), c=(10, {"optional": True}))
    made.add(Step(name="first", kind="join", wait_for="any", needs=["a", "b"]))
    made.add(Step(name="both", kind="join", needs=["a", "b"]))
    made.add(Step(name="none", kind="join", wait_for="any", needs=["a", "c"]))
    assert left_out(made.check(), {"tokens": 20}) == (2,)
    assert left_out(made.check(), {"tokens": 10}) == (0, 2, 4, 5)


def test_done_within_is_what_the_ended_steps_of_a_body_may_have_taken():
    inner = plan(c=(1, {}), d=(2, {}))
    body = plan(a=(10, {}), b=(20, {"retry": Retry(attempts=2)})).plan("e", inner)
    step = Plan("p").plan("f", body).check().steps["f"]
    ended = {"a": StepRecord("a", StepState.SUCCEEDED), "b": StepRecord("b", StepState.SKIPPED)}
    so_far = SoFar(ended, {"a": 1}, {"e": SoFar({"c": StepRecord("c", StepState.SUCCEEDED)}, {"c": 1})})
    assert taken_by_attempt(step, "tokens") == 53
    assert [done_within(step, "tokens", one) for one in (None, SoFar(), so_far)] == [0, 0, 51]
    assert done_within(step, "tokens", SoFar({"a": StepRecord("a", StepState.HELD)})) == 0
    made = Plan("p").plan("f", body).check()
    assert left_out(made, {"tokens": 2}, (), {"f": so_far}) == ()
    with pytest.raises(PlanError, match="at most 1 tokens, found 2 at worst"):
        left_out(made, {"tokens": 1}, (), {"f": so_far})
