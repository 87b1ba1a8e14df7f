"""A database that is killed, hangs, is slow, read-only or out of connections, or dies amid publishing or migrating,
while two agents are asked 50 times a second: no decision fails or changes, and nothing is half applied."""

import random

import pytest

from tests.database_faults import FAULTS, MOMENTS, installation, migration_statements

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("installation")) as installed:
        yield installed


@pytest.mark.parametrize("fault", FAULTS)
def test_database_in_trouble_changes_no_decision_refuses_writes_whole_and_is_well_again(installed, fault):
    installed.check_fault(fault)


def test_database_that_takes_a_second_a_statement_delays_no_decision_and_no_publication_for_ever(installed):
    installed.check_slow(delay_s=1.0)


def test_replica_that_is_away_is_told_and_searches_go_on(installed):
    installed.check_replica()


def test_database_killed_in_a_publication_leaves_it_whole_or_not_there_and_a_retry_succeeds(installed):
    point = random.choice(MOMENTS), random.randint(1, installed.publish_statements())
    print(point)  # shown when it fails
    assert installed.check_killed_publish(*point)


def test_migration_interrupted_is_told_by_status_and_goes_on(installed):
    statements = migration_statements(installed.server.dsn)
    point = random.choice(["command", "server"]), random.choice(MOMENTS), random.randint(1, statements)
    print(point)  # shown when it fails
    assert installed.check_interrupted_migration(*point)
