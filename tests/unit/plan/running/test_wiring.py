"""How long a plan takes from each of its steps on."""

from axonflow.plan import Plan
from axonflow.plan.running.wiring import Wiring, path_lengths
from tests.unit.plan.running.machine_runs import step


def lengths(steps, durations_us):
    wiring = Wiring([], [], {}, [], [], [])
    wiring.grow(Plan("p", steps=steps).check())
    return dict(zip(wiring.names, path_lengths(wiring, durations_us), strict=True))


def test_path_lengths_of_a_diamond_go_by_its_longer_side():
    steps = [step("a"), step("b", "a"), step("c", "a"), step("d", "bc"), step("e")]
    assert lengths(steps, [1, 10, 100, 1_000, 5]) == {"a": 1_101, "b": 1_010, "c": 1_100, "d": 1_000, "e": 5}


def test_path_lengths_of_steps_written_before_their_needs_are_the_same():
    steps = [step("d", "bc"), step("b", "a"), step("c", "b"), step("a")]
    assert lengths(steps, [1_000, 10, 100, 1]) == {"d": 1_000, "b": 1_110, "c": 1_100, "a": 1_111}
