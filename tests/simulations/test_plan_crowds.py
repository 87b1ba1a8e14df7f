import pytest

from tests.simulations.plan_crowds import Crowd


@pytest.mark.parametrize("first_seed", range(0, 30, 10))
def test_plans_beside_each_other_keep_to_the_limits_and_give_everything_back(first_seed):
    for seed in range(first_seed, first_seed + 10):
        Crowd(seed).run()
