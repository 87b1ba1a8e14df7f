import pytest

from axonflow.errors import PlanError
from axonflow.plan import StepCall, current_call
from axonflow.plan.running.step_call import CURRENT_CALL


def test_current_call_outside_of_a_step_is_refused():
    with pytest.raises(PlanError, match="no step is being called"):
        current_call()


def test_current_call_is_the_one_that_was_set():
    call = StepCall("1", "a", 1)
    token = CURRENT_CALL.set(call)
    assert current_call() is call
    CURRENT_CALL.reset(token)


def test_idempotency_key_is_of_the_step_and_run_unless_it_was_given():
    assert StepCall("1", "a", 1).idempotency_key == StepCall("1", "a", 2).idempotency_key == "1:a"
    assert StepCall("1", "a", 1, key="mine").idempotency_key == "mine"


def test_call_that_was_not_made_has_used_nothing():
    call = StepCall("1", "a", 1)
    assert call.used == {"tokens": 0, "usd_micros": 0}
    call.made = True
    assert call.used == {}


def test_call_that_says_what_it_used_adds_up_by_unit():
    call = StepCall("1", "a", 1)
    call.made = True
    call.use(tokens=3)
    assert call.used == {"tokens": 3}
    call.use(tokens=4, usd_micros=5)
    call.use(usd_micros=1)
    assert call.used == {"tokens": 7, "usd_micros": 6}


def test_call_of_a_plan_within_has_used_what_its_steps_spent_once_it_was_made():
    call = StepCall("1", "a", 1, spent={"tokens": 3})
    assert call.used == {"tokens": 0, "usd_micros": 0}
    call.made = True
    assert call.used == {"tokens": 3}


@pytest.mark.parametrize("used", [{"tokens": -1}, {"usd_micros": 1.5}])
def test_call_that_says_no_amount_is_refused(used):
    with pytest.raises(PlanError, match="step 'a': not a number of"):
        StepCall("1", "a", 1).use(**used)
