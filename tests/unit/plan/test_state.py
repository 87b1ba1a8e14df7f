from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import AxonFlowError
from axonflow.plan import TRANSITIONS, Plan, Schedule, Step, StepState, status_of
from axonflow.plan.graph import MAX_STEPS

ENDS = sorted(TRANSITIONS[StepState.RUNNING])


def run() -> None:
    """Nothing here calls it."""


def schedule(**needs: Sequence[str]) -> Schedule:
    steps = [Step(name=name, run=run, needs=list(others)) for name, others in needs.items()]
    return Schedule(Plan("p", steps=steps).check())


def test_transitions_name_every_state_and_only_states() -> None:
    assert set(TRANSITIONS) == set(StepState)
    assert all(following <= set(StepState) for following in TRANSITIONS.values())


def test_schedule_diamond_hands_out_each_step_once_its_needs_succeeded() -> None:
    plan = schedule(a="", b="a", c="a", d="bc")
    assert plan.start() == ["a"]
    assert plan.finished("a", StepState.SUCCEEDED) == ["b", "c"]
    assert plan.finished("c", StepState.SUCCEEDED) == []
    assert plan.states["d"] is StepState.PENDING
    assert plan.finished("b", StepState.SUCCEEDED) == ["d"]
    assert not plan.done
    assert plan.finished("d", StepState.SUCCEEDED) == []
    assert plan.done


@pytest.mark.parametrize("end", [StepState.FAILED, StepState.DENIED, StepState.HELD])
def test_finished_without_success_skips_all_descendants_and_nothing_else(end: StepState) -> None:
    plan = schedule(a="", other="", b="a", c="b", d="bc", both=("c", "other"), after=("other",))
    plan.start()
    assert plan.finished("a", end) == []
    assert plan.blockers == dict.fromkeys(["b", "c", "d", "both"], "a")
    assert plan.finished("other", StepState.SUCCEEDED) == ["after"]
    assert plan.states["both"] is StepState.SKIPPED
    assert not plan.done


def test_finished_second_failure_keeps_the_first_blocker() -> None:
    plan = schedule(a="", b="", c="ab")
    plan.start()
    plan.finished("b", StepState.DENIED)
    plan.finished("a", StepState.FAILED)
    assert plan.blockers == {"c": "b"}
    assert plan.done


def test_skip_all_before_start_ends_every_step() -> None:
    plan = schedule(a="", b="a")
    plan.skip_all()
    assert plan.done
    assert set(plan.states.values()) == {StepState.SKIPPED}
    with pytest.raises(AxonFlowError, match="illegal transition: expected no further state, found skipped -> running"):
        plan.start()


def test_start_twice_is_an_illegal_transition() -> None:
    plan = schedule(a="")
    plan.start()
    with pytest.raises(AxonFlowError, match="step 'a': illegal transition"):
        plan.start()


def test_finished_pending_step_is_an_illegal_transition_that_changes_nothing() -> None:
    plan = schedule(a="", b="a")
    plan.start()
    with pytest.raises(AxonFlowError, match="expected running, skipped, found pending -> succeeded"):
        plan.finished("b", StepState.SUCCEEDED)
    assert plan.states == {"a": StepState.RUNNING, "b": StepState.PENDING}


def test_finished_twice_is_an_illegal_transition() -> None:
    plan = schedule(a="")
    plan.start()
    plan.finished("a", StepState.SUCCEEDED)
    with pytest.raises(AxonFlowError, match="found succeeded -> failed"):
        plan.finished("a", StepState.FAILED)


def test_finished_with_a_state_that_is_no_end_is_an_illegal_transition() -> None:
    plan = schedule(a="")
    plan.start()
    with pytest.raises(AxonFlowError, match="expected denied, failed, held, succeeded, found running -> skipped"):
        plan.finished("a", StepState.SKIPPED)


def test_finished_unknown_step_is_an_illegal_transition() -> None:
    plan = schedule(a="")
    with pytest.raises(AxonFlowError, match="step 'zzz': illegal transition: expected a step of the plan"):
        plan.finished("zzz", StepState.FAILED)


def test_views_handed_out_cannot_be_written() -> None:
    plan = schedule(a="")
    with pytest.raises(TypeError):
        plan.states["a"] = StepState.SUCCEEDED  # type: ignore[index]
    with pytest.raises(TypeError):
        plan.blockers["a"] = "b"  # type: ignore[index]


@pytest.mark.parametrize("end", [StepState.SUCCEEDED, StepState.FAILED])
def test_schedule_longest_chain_ends_without_recursion(end: StepState) -> None:
    steps = [
        Step(name=f"s{number}", run=run, needs=[f"s{number - 1}"] if number else []) for number in range(MAX_STEPS)
    ]
    plan = Schedule(Plan("p", steps=steps).check())
    ready = plan.start()
    while ready:
        ready = plan.finished(ready[0], end)
    assert plan.done


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"succeeded"}, "completed"),
        ({"succeeded", "failed", "skipped", "denied"}, "failed"),
        ({"succeeded", "denied", "skipped"}, "denied"),
        ({"held"}, "denied"),
        ({"skipped"}, "denied"),
    ],
)
def test_status_of_mixed_ends_is_the_worst_that_a_step_did(states: set[str], status: str) -> None:
    assert status_of(StepState(state) for state in states) == status


@given(st.data())
def test_schedule_random_dag_in_any_order_ends_as_the_model_says(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    needs = [sorted(data.draw(st.sets(st.integers(0, number - 1)))) if number else [] for number in range(count)]
    ends = data.draw(st.lists(st.sampled_from([StepState.SUCCEEDED] * 4 + ENDS), min_size=count, max_size=count))
    order = data.draw(st.permutations(range(count)))
    steps = [Step(name=f"s{i}", run=run, needs=[f"s{need}" for need in needs[i]]) for i in order]
    plan = Schedule(Plan("p", steps=steps).check())

    expected: list[StepState] = []
    for number in range(count):
        blocked = any(expected[need] is not StepState.SUCCEEDED for need in needs[number])
        expected.append(StepState.SKIPPED if blocked else StepState(ends[number]))

    running, started = plan.start(), []
    while running:
        name = running.pop(data.draw(st.integers(0, len(running) - 1)))
        number = int(name[1:])
        assert all(plan.states[f"s{need}"] is StepState.SUCCEEDED for need in needs[number])
        started.append(name)
        running += plan.finished(name, StepState(ends[number]))
    assert plan.done
    assert len(started) == len(set(started))
    assert plan.states == {f"s{number}": expected[number] for number in range(count)}
    assert set(plan.blockers) == {f"s{n}" for n in range(count) if expected[n] is StepState.SKIPPED}
    assert all(plan.states[blocker] not in {"succeeded", "skipped"} for blocker in plan.blockers.values())
