"""What every vault must do: keep a value for its tenant, and never mix two up."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryVault
from axonflow.adapters.postgres.vault import PostgresVault
from axonflow.detect import RedactionKey
from axonflow.errors import VaultError
from axonflow.ids import new_id
from tests.postgres import execute
from tests.postgres_stores import opened

LABEL, OTHER = "[REDACTED:pii.email:vault:a]", "[REDACTED:pii.email:vault:b]"
KEY = RedactionKey(b"k" * 32)


@pytest.fixture(scope="module", params=["memory", "postgres"])
def opened_vault(request):
    """What runs coroutines, and a vault that other tests write to as well: each keeps to tenants of its own."""
    if request.param == "memory":
        with asyncio.Runner() as runner:
            yield runner.run, MemoryVault()
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, PostgresVault(database, KEY)


@pytest.fixture
def tenants():
    return new_id(1), new_id(2)


@pytest.mark.parametrize("value", ["Ann \u00e9 \U0001f600", "", "\0", "\ud800", "x" * 10_000])
def test_vault_gives_back_what_it_was_given(opened_vault, tenants, value):
    run, vault = opened_vault
    run(vault.put(tenants[0], LABEL, value))
    run(vault.put(tenants[0], LABEL, value))
    assert (run(vault.get(tenants[0], LABEL)), run(vault.get(tenants[0], OTHER))) == (value, None)


def test_vault_keeps_tenants_apart(opened_vault, tenants):
    run, vault = opened_vault
    run(vault.put(tenants[0], LABEL, "one"))
    assert run(vault.get(tenants[1], LABEL)) is None
    run(vault.put(tenants[1], LABEL, "two"))
    assert [run(vault.get(tenant, LABEL)) for tenant in tenants] == ["one", "two"]


def test_vault_refuses_another_value_for_a_label_without_showing_either(opened_vault, tenants):
    run, vault = opened_vault
    run(vault.put(tenants[0], LABEL, "the first"))
    with pytest.raises(VaultError) as raised:
        run(vault.put(tenants[0], LABEL, "the second"))
    assert run(vault.get(tenants[0], LABEL)) == "the first"
    assert "the first" not in str(raised.value)
    assert "the second" not in str(raised.value)


def test_vault_of_many_at_once_keeps_each_value_once(opened_vault, tenants):
    run, vault = opened_vault

    async def put_all():
        await asyncio.gather(*(vault.put(tenants[0], f"{LABEL}{number % 5}", str(number % 5)) for number in range(40)))

    run(put_all())
    assert [run(vault.get(tenants[0], f"{LABEL}{number}")) for number in range(5)] == list("01234")


def test_postgres_vault_shows_nothing_to_who_has_the_database_alone(migrated_dsn, tenants):
    with opened(migrated_dsn) as (run, database):
        run(PostgresVault(database, KEY).put(tenants[0], LABEL, "ann@example.com"))
        (row,) = execute(migrated_dsn, f"SELECT sealed FROM axonflow.vault_value WHERE tenant_id = '{tenants[0]}'")
        assert b"ann" not in row["sealed"]
        with pytest.raises(VaultError, match="cannot be opened"):
            run(PostgresVault(database, RedactionKey(b"j" * 32)).get(tenants[0], LABEL))


def test_postgres_vault_refuses_a_label_that_it_cannot_hold(migrated_dsn, tenants):
    with opened(migrated_dsn) as (run, database):
        vault = PostgresVault(database, KEY)
        with pytest.raises(VaultError, match="cannot be kept"):
            run(vault.put(tenants[0], "\0", "x"))
        assert run(vault.get(tenants[0], "\ud800")) is None


def test_memory_vault_that_is_full_refuses_what_is_new_and_keeps_the_rest():
    async def run():
        vault = MemoryVault(max_values=1)
        await vault.put("acme", LABEL, "one")
        await vault.put("acme", LABEL, "one")
        with pytest.raises(VaultError, match="full"):
            await vault.put("acme", OTHER, "two")
        return await vault.get("acme", LABEL)

    assert asyncio.run(run()) == "one"
