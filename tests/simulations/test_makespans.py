import pytest

from tests.simulations.makespans import SHAPES, graham_bound_us, lower_bound_us, makespan_us

WORKERS = 40


@pytest.mark.parametrize("shape", SHAPES)
def test_makespan_of_workflows_is_within_the_bounds_of_list_scheduling(shape):
    for seed in range(3):
        flow = shape(seed, 60)
        took_us = makespan_us(flow, WORKERS)
        assert lower_bound_us(flow, WORKERS) <= took_us <= graham_bound_us(flow, WORKERS)


def test_makespan_with_the_longest_path_first_is_shorter_than_first_in_first_out():
    flows = [shape(seed, 60) for shape in SHAPES for seed in range(3)]
    ours = sum(makespan_us(flow, WORKERS) / lower_bound_us(flow, WORKERS) for flow in flows) / len(flows)
    fifo = sum(makespan_us(flow, WORKERS, fifo=True) / lower_bound_us(flow, WORKERS) for flow in flows) / len(flows)
    assert ours < fifo
    assert ours <= 1.10
