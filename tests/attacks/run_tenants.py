"""Ten thousand steps of tenants against each other, on a PostgreSQL of their own: ``nox -s attack``."""

import argparse
import asyncio
import secrets
import sys

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from axonflow.adapters.postgres import migrate
from tests.attacks.tenants_machine import World, machine, steps
from tests.postgres import fresh_database, own_server, temporary_data_folder

STEPS_A_RUN = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with temporary_data_folder() as folder:
        server = own_server(folder)
        try:
            with fresh_database(server.start()) as dsn:
                asyncio.run(migrate(dsn))
                attack(dsn, options.steps, options.seed)
        finally:
            server.stop()
    print(f"{steps['taken']:,} steps: no tenant read or changed what is another's")


def attack(dsn, wanted, first_seed):
    """Run the machine until it has taken `wanted` steps; what fails is raised, with how to repeat it."""
    world = World(dsn)
    quiet = settings(
        max_examples=10, stateful_step_count=STEPS_A_RUN, deadline=None, database=None, verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        number = first_seed
        while steps["taken"] < wanted:
            before = steps["taken"]
            run_state_machine_as_test(seed(number)(machine(world)), settings=quiet)
            number += 1
            assert steps["taken"] > before
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())
