import pytest

from tests.simulations.plan_worlds import World


@pytest.mark.parametrize("first_seed", range(0, 120, 40))
def test_random_plans_under_a_virtual_clock_end_as_they_should(first_seed):
    for seed in range(first_seed, first_seed + 40):
        World(seed).run()
