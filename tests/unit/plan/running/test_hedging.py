"""How many second copies there may be."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import PlanError
from axonflow.plan import Hedge, Plan, Step
from axonflow.plan.running.events import Begin, Begun, Start, TimePassed
from axonflow.plan.running.hedging import REMEMBERED, Hedging
from axonflow.plan.running.machine import Machine


def taken(hedging: Hedging, wanted: int) -> int:
    return sum(hedging.take() for _ in range(wanted))


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.0, 0.01, 0.05, 0.07, 0.3, 0.5, 1.0]))
def test_copies_are_never_more_than_their_share_of_attempts_rounded_up(asks: list[bool], share: float) -> None:
    hedging, attempts, copies = Hedging(share), 0, 0
    for asks_for_copy in asks:
        if asks_for_copy and attempts:
            was_free = copies < ceil(round(share * attempts, 6))
            took = hedging.take()
            assert took is was_free
            copies += took
            if not took:
                continue
        hedging.started()
        attempts += 1
        assert copies <= ceil(round(share * attempts, 6))


@pytest.mark.parametrize(("share", "attempts", "copies"), [(0.05, 1, 1), (0.05, 20, 1), (0.05, 21, 2), (0.0, 99, 0)])
def test_share_of_few_attempts_is_rounded_up(share: float, attempts: int, copies: int) -> None:
    hedging = Hedging(share)
    for _ in range(attempts):
        hedging.started()
    assert taken(hedging, 100) == copies


def test_share_of_attempts_of_long_ago_is_forgotten() -> None:
    hedging = Hedging(0.05)
    for _ in range(3 * REMEMBERED):
        hedging.started()
    assert taken(hedging, REMEMBERED) == 0.05 * REMEMBERED


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "much", None, True])
def test_share_that_is_none_is_refused(share: object) -> None:
    with pytest.raises(PlanError, match="hedge_share: not a share of calls: expected 0 to 1"):
        Hedging(share)  # type: ignore[arg-type]  # what people may write


def test_machines_that_share_it_share_its_copies() -> None:
    shared = Hedging(0.05)
    copies = 0
    for _ in range(40):
        step = Step(name="a", run=print, idempotent=True, hedge=Hedge(after_ms=5))
        machine = Machine(Plan("p", steps=[step]).check(), hedging=shared)
        machine.take(Begin(0))
        machine.take(Begun(0, 1, 0))
        copies += any(isinstance(command, Start) for command in machine.take(TimePassed(5_000)))
    assert copies == 3  # of 43 calls
