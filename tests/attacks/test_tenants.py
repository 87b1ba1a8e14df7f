"""A small part of the attack of `nox -s attack`, the same in each run."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.attacks.tenants_machine import World, machine
from tests.postgres import postgres_dsn
from tests.postgres_stores import migrated_dsn

__all__ = ["migrated_dsn", "postgres_dsn"]


def test_tenants_that_attack_each_other_get_and_change_nothing(migrated_dsn):
    few = settings(
        max_examples=5, stateful_step_count=40, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    world = World(migrated_dsn)
    try:
        run_state_machine_as_test(machine(world), settings=few)
    finally:
        world.close()
