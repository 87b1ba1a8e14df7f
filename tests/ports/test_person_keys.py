"""What every store of persons' keys must do: keep them by tenant, find those of a person, never bring one back."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryPersonKeys
from axonflow.adapters.postgres.person_keys import PostgresPersonKeys
from axonflow.audit.persons import KeptKey
from axonflow.errors import AuditConflict, TenancyConflict
from axonflow.ids import new_id
from tests.postgres import execute
from tests.postgres_stores import opened

ANN, BOB = b"a" * 32, b"b" * 32


@pytest.fixture(scope="module", params=["memory", "postgres"])
def opened_keys(request):
    """What runs coroutines, a store that other tests write to as well, and what puts a hold on a tenant."""
    if request.param == "memory":
        with asyncio.Runner() as runner:
            store = MemoryPersonKeys()
            yield runner.run, store, store.held.add
    else:
        dsn = request.getfixturevalue("migrated_dsn")
        with opened(dsn) as (run, database):

            def hold(tenant_id):
                columns = "tenant_id, name, tier, created_us, created_by, updated_us, audit_hold"
                values = f"'{tenant_id}', 'x', 'community', 0, 'x', 0, true"
                execute(dsn, f"INSERT INTO axonflow.tenant ({columns}) VALUES ({values})", "SELECT 1")

            yield run, PostgresPersonKeys(database), hold


@pytest.fixture
def tenant():
    return new_id(1)


def key(tenant_id, number, tag=ANN):
    return KeptKey(tenant_id, f"key {number}", tag, b"wrapped %d" % number, number)


def test_person_keys_are_found_by_tag_newest_first_and_by_id(opened_keys, tenant):
    run, store, _ = opened_keys
    run(store.keep([key(tenant, 1), key(tenant, 3, BOB), key(tenant, 2)]))
    assert run(store.of_person(tenant, ANN)) == ["key 2", "key 1"]
    assert run(store.of_person(tenant, BOB)) == ["key 3"]
    assert run(store.of_person(tenant, b"c" * 32)) == []
    assert run(store.wrapped(tenant, ["key 1", "key 3", "key 9"])) == {"key 1": b"wrapped 1", "key 3": b"wrapped 3"}
    assert run(store.wrapped(tenant, [])) == {}


def test_newest_person_keys_are_those_of_the_tenant_that_were_not_destroyed(opened_keys, tenant):
    run, store, _ = opened_keys
    run(store.keep([key(tenant, 1), key(tenant, 3, BOB), key(tenant, 2), key(tenant, 4), key(new_id(1), 5)]))
    run(store.destroy(tenant, BOB, 9))
    assert run(store.newest(tenant, 2)) == {"key 4": b"wrapped 4", "key 2": b"wrapped 2"}
    assert run(store.newest("no\0body", 2)) == {}


def test_person_key_that_is_kept_again_stays_as_it_was(opened_keys, tenant):
    run, store, _ = opened_keys
    run(store.keep([key(tenant, 1)]))
    run(store.keep([key(tenant, 1, BOB), key(tenant, 2, BOB)]))
    assert (run(store.of_person(tenant, ANN)), run(store.of_person(tenant, BOB))) == (["key 1"], ["key 2"])


def test_person_keys_destroyed_are_gone_and_never_come_back(opened_keys, tenant):
    run, store, _ = opened_keys
    run(store.keep([key(tenant, 1), key(tenant, 2), key(tenant, 3, BOB)]))
    assert run(store.destroy(tenant, ANN, 5)) == ["key 2", "key 1"]
    assert run(store.destroy(tenant, ANN, 6)) == []
    run(store.keep([key(tenant, 1)]))  # by a writer that was away
    assert run(store.of_person(tenant, ANN)) == []
    assert run(store.wrapped(tenant, ["key 1", "key 2", "key 3"])) == {"key 3": b"wrapped 3"}
    run(store.keep([key(tenant, 4)]))
    assert run(store.of_person(tenant, ANN)) == ["key 4"]


def test_person_keys_of_another_tenant_are_neither_found_nor_destroyed(opened_keys, tenant):
    run, store, _ = opened_keys
    other = new_id(2)
    run(store.keep([key(tenant, 1), key(other, 1), key(other, 2)]))
    assert run(store.wrapped(tenant, ["key 1", "key 2"])) == {"key 1": b"wrapped 1"}
    assert run(store.destroy(tenant, ANN, 5)) == ["key 1"]
    assert run(store.of_person(other, ANN)) == ["key 2", "key 1"]


def test_person_keys_of_a_tenant_on_hold_are_not_destroyed(opened_keys, tenant):
    run, store, hold = opened_keys
    run(store.keep([key(tenant, 1)]))
    hold(tenant)
    with pytest.raises(TenancyConflict, match="everything of the tenant is kept"):
        run(store.destroy(tenant, ANN, 5))
    assert run(store.of_person(tenant, ANN)) == ["key 1"]


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_person_keys_asked_for_text_that_cannot_be_stored_finds_nothing(opened_keys, tenant, text):
    run, store, _ = opened_keys
    assert run(store.of_person(text, ANN)) == []
    assert run(store.wrapped(text, ["key 1"])) == run(store.wrapped(tenant, [text])) == {}
    assert run(store.destroy(text, ANN, 5)) == []


def test_postgres_person_keys_that_cannot_be_kept_are_told_of(migrated_dsn, tenant):
    with opened(migrated_dsn) as (run, database), pytest.raises(AuditConflict, match="could not keep keys of persons"):
        run(PostgresPersonKeys(database).keep([key(f"{tenant}\0", 1)]))


def test_postgres_application_may_destroy_a_key_and_change_nothing_else_of_it(migrated_dsn, tenant):
    with opened(migrated_dsn) as (run, database):
        run(PostgresPersonKeys(database).keep([key(tenant, 1)]))

        async def changed(sql):
            async with database.tenant(tenant) as connection:
                return await connection.execute(f"UPDATE axonflow.audit_person_key SET {sql}")

        for sql in ("tag = '\\x00'", "wrapped = '\\x00'", "created_us = 9", "tenant_id = 'other'"):
            with pytest.raises(Exception, match=r"row-level security|permission denied"):
                run(changed(sql))
        assert run(changed("tag = NULL, wrapped = NULL, destroyed_us = 1")) == "UPDATE 1"
