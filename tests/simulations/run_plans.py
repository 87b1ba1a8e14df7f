"""Ten thousand random plans under a virtual clock: ``nox -s plans``. A seed that fails is told."""

import argparse
import secrets
import sys

from tests.simulations.plan_crowds import Crowd
from tests.simulations.plan_worlds import World


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = parser.parse_args()
    simulate(options.seed, options.count)
    print(f"{options.count:,} seeds from {options.seed}: every plan ended as it should")


def simulate(first_seed, count):
    """Run the worlds and the crowds of these seeds; what fails is raised, with how to repeat it."""
    for seed in range(first_seed, first_seed + count):
        for simulation in (World, Crowd):
            try:
                simulation(seed).run()
            except BaseException as error:
                error.add_note(
                    f"{simulation.__name__}; again: python -m tests.simulations.run_plans --seed {seed} --count 1"
                )
                raise


if __name__ == "__main__":
    sys.exit(main())
