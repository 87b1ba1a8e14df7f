"""Every table of a tenant, by raw SQL: nothing of another tenant, and nothing at all without one."""

import asyncio
import contextlib

import asyncpg
import pytest

from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.database import ROLES
from tests.postgres import execute, fresh_database
from tests.postgres_rows import WRITABLE, add_rows, insert, key_hmac, rows_of

TABLES = sorted(rows_of(""))
SHARED = {"policy_set", "policy_version", "policy_activation", "api_policy", "api_policy_version"}
"""What tenants see of the layers above them."""
ERASED = [table for table in TABLES if table != "audit_segment"]
"""Segments stay: the roots of batches are over those of all tenants."""
REFUSED = (asyncpg.InsufficientPrivilegeError,)


@pytest.fixture(scope="module")
def filled(postgres_dsn):
    """A database with a row in each table of two tenants, of the organization of one, and of the system."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        execute(dsn, "DELETE FROM axonflow.tenant", "SELECT 1")
        asyncio.run(add_rows(dsn, "*", "@org", "A", "B"))
        execute(dsn, "UPDATE axonflow.tenant SET organization_id = '@org' WHERE tenant_id = 'A'", "SELECT 1")
        yield dsn


def attempt(dsn, role, sql, *values, **settings):
    """The rows of `sql`, in a transaction that is taken back."""

    async def run():
        connection = await asyncpg.connect(dsn, server_settings={"role": role, "search_path": "pg_catalog"})
        try:
            transaction = connection.transaction()
            await transaction.start()
            for name, value in settings.items():
                await connection.execute("SELECT set_config($1, $2, true)", f"axonflow.{name}", value)
            if callable(sql):
                return await sql(connection)
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    return asyncio.run(run())


def tenants_in(dsn, table, **settings):
    return {row[0] for row in attempt(dsn, "axonflow_app", f"SELECT tenant_id FROM axonflow.{table}", **settings)}


def test_rows_for_these_tests_cover_every_table_of_a_tenant(filled):
    with_tenant = """SELECT relname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'tenant_id'
        WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"""
    assert [row[0] for row in execute(filled, with_tenant)] == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_app_without_a_tenant_sees_no_row(filled, table):
    assert tenants_in(filled, table) == tenants_in(filled, table, tenant_id="") == set()


@pytest.mark.parametrize("table", TABLES)
def test_app_sees_its_tenant_and_the_layers_above_only(filled, table):
    above = {"A": {"*", "@org"}, "B": {"*"}, "@org": {"*"}, "*": set()} if table in SHARED else {}
    for tenant_id in ("A", "B", "@org", "*"):
        assert tenants_in(filled, table, tenant_id=tenant_id) == {tenant_id} | above.get(tenant_id, set())


@pytest.mark.parametrize("settings", [{}, {"tenant_id": ""}, {"tenant_id": "A"}], ids=["none", "empty", "another"])
@pytest.mark.parametrize("table", sorted(WRITABLE))
def test_app_cannot_add_a_row_of_another_tenant(filled, table, settings):
    with pytest.raises(REFUSED, match="row-level security"):
        attempt(filled, "axonflow_app", lambda connection: insert(connection, table, rows_of("B")[table]), **settings)


@pytest.mark.parametrize("settings", [{}, {"tenant_id": "A"}, {"tenant_id": "*"}], ids=["none", "A", "system"])
@pytest.mark.parametrize("table", TABLES)
def test_app_cannot_change_or_remove_a_row_of_another_tenant(filled, table, settings):
    column = {"api_key": "name", "policy_set": "description", "policy_override": "revoked_us"}.get(table)
    columns = [column] if column else sorted(rows_of("B")[table].keys() - {"tenant_id"})[:1]
    for sql in (
        f"UPDATE axonflow.{table} SET {columns[0]} = {columns[0]} WHERE tenant_id IN ('B', '@org') RETURNING tenant_id",
        f"DELETE FROM axonflow.{table} WHERE tenant_id IN ('B', '@org') RETURNING tenant_id",
    ):
        with contextlib.suppress(*REFUSED):
            assert attempt(filled, "axonflow_app", sql, **settings) == []


@pytest.mark.parametrize("table", sorted(WRITABLE))
def test_app_cannot_hand_its_row_to_another_tenant(filled, table):
    sql = f"UPDATE axonflow.{table} SET tenant_id = 'B' WHERE tenant_id = 'A'"
    with pytest.raises(REFUSED):
        attempt(filled, "axonflow_app", sql, tenant_id="A")


def test_app_can_never_read_or_change_the_hash_of_a_key(filled):
    for sql in ("SELECT key_hmac FROM axonflow.api_key", "UPDATE axonflow.api_key SET key_hmac = '\\x00'"):
        with pytest.raises(REFUSED, match="permission denied"):
            attempt(filled, "axonflow_app", sql, tenant_id="A")


@pytest.mark.parametrize("table", ["policy_version", "policy_activation", "api_policy_version", "catalog_version"])
def test_history_of_a_tenant_cannot_be_changed_by_itself(filled, table):
    for sql in (f"UPDATE axonflow.{table} SET schema_version = 2", f"DELETE FROM axonflow.{table}"):
        with pytest.raises(REFUSED, match="permission denied"):
            attempt(filled, "axonflow_app", sql, tenant_id="A")


LOOK_UP = "SELECT tenant_id, key_id FROM axonflow.api_key"


def test_key_look_up_sees_the_keys_it_was_shown_and_their_tenants_only(filled):
    assert attempt(filled, "axonflow_keys", LOOK_UP) == attempt(filled, "axonflow_keys", LOOK_UP, key_hmacs="") == []
    assert attempt(filled, "axonflow_keys", LOOK_UP, key_hmacs="{}") == []
    shown = "{" + ",".join(f'"\\\\x{key_hmac(name).hex()}"' for name in ("A", "C")) + "}"
    assert attempt(filled, "axonflow_keys", LOOK_UP, key_hmacs=shown) == [("A", "k")]
    tenant = "SELECT tenant_id, status FROM axonflow.tenant"
    assert attempt(filled, "axonflow_keys", tenant, key_hmacs=shown) == [("A", "active")]
    assert attempt(filled, "axonflow_keys", tenant) == []


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ["axonflow_keys", "axonflow_sync", "axonflow_registrar"])
def test_role_across_tenants_reads_nothing_beside_its_work(filled, role, table):
    work = {"axonflow_keys": {"api_key", "tenant"}, "axonflow_sync": {"policy_set", "tenant"}}
    if table in work.get(role, {"tenant"}):
        return
    with pytest.raises(REFUSED, match="permission denied"):
        attempt(filled, role, f"SELECT tenant_id FROM axonflow.{table}", tenant_id="A")


def test_sync_sees_which_policies_are_in_force_and_not_what_they_say(filled):
    sql = "SELECT tenant_id, active_version FROM axonflow.policy_set ORDER BY 1"
    assert attempt(filled, "axonflow_sync", sql) == [("*", 1), ("@org", 1), ("A", 1), ("B", 1)]
    with pytest.raises(REFUSED, match="permission denied"):
        attempt(filled, "axonflow_sync", "SELECT description FROM axonflow.policy_set")


def test_keeper_notes_what_it_cut_of_a_segment_of_its_tenant_and_changes_nothing_else_of_any(filled):
    note = "UPDATE axonflow.audit_segment SET removed = sha256('') RETURNING tenant_id"
    assert attempt(filled, "axonflow_keeper", note, tenant_id="A") == [("A",)]
    assert attempt(filled, "axonflow_keeper", note) == []
    for sql in ("UPDATE axonflow.audit_segment SET root = head", "DELETE FROM axonflow.audit_segment"):
        with pytest.raises(REFUSED, match="permission denied"):
            attempt(filled, "axonflow_keeper", sql, tenant_id="A")


@pytest.mark.parametrize("table", ERASED)
def test_keeper_removes_nothing_of_a_tenant_that_is_not_being_deleted(filled, table):
    for settings in ({}, {"tenant_id": "A"}):
        if table == "audit_cut" and settings:
            continue
        gone = attempt(filled, "axonflow_keeper", f"DELETE FROM axonflow.{table} RETURNING tenant_id", **settings)
        assert gone == [("A",)] * (table == "audit_event" and bool(settings))


@pytest.mark.parametrize("state", ["status = 'deleting'", "status = 'deleting', audit_hold = true"])
def test_keeper_removes_all_of_a_tenant_that_is_being_deleted_unless_it_is_held(filled, state):
    execute(filled, f"UPDATE axonflow.tenant SET {state} WHERE tenant_id = 'B'", "SELECT 1")

    async def erase(connection):
        await connection.execute("SET CONSTRAINTS ALL DEFERRED")
        removed = {}
        for table in sorted(ERASED, key="tenant".__eq__):  # the tenant itself says what may go, so it goes last
            status = await connection.execute(f"DELETE FROM axonflow.{table}")
            removed[table] = int(status.split()[1])
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return removed

    removed = attempt(filled, "axonflow_keeper", erase, tenant_id="B")
    execute(
        filled, "UPDATE axonflow.tenant SET status = 'active', audit_hold = false WHERE tenant_id = 'B'", "SELECT 1"
    )
    # A row may have gone with the one it belongs to.
    parts = {"role_grant", "connector_secret", "catalog_version", "plan_version", "plan_step", "workflow_step"}
    expected = {"audit_cut"} if "hold" in state else {*ERASED} - parts
    assert {table for table, rows in removed.items() if rows} - parts == expected


@pytest.mark.parametrize("role", [role for role in ROLES if role != "axonflow_app"])
def test_role_that_is_not_the_application_adds_no_row_of_a_tenant(filled, role):
    for table in WRITABLE:
        with pytest.raises(REFUSED, match="permission denied"):
            attempt(filled, role, lambda c, t=table: insert(c, t, rows_of("A")[t]), tenant_id="A")


DEACTIVATE = """INSERT INTO axonflow.policy_activation
    (tenant_id, set_name, sequence, kind, author, reason, created_us)
    VALUES ('A', 'baseline', 2, 'deactivate', 'user:ann', 'off', 2)"""


def test_change_of_policies_keys_and_tenants_is_announced_when_it_is_committed(filled):
    async def run():
        heard = []
        listening = await asyncpg.connect(filled)
        await listening.add_listener("axonflow", lambda *said: heard.append(said[3]))
        connection = await asyncpg.connect(filled)
        for sql in (
            DEACTIVATE,
            "UPDATE axonflow.api_key SET last_used_us = 5 WHERE tenant_id = 'A'",
            "UPDATE axonflow.api_key SET revoked_us = 5, revoked_by = 'user:ann' WHERE tenant_id = 'A'",
            "DELETE FROM axonflow.role_grant WHERE tenant_id = 'B'",
            "UPDATE axonflow.tenant SET status = 'suspended' WHERE tenant_id = 'B'",
        ):
            await connection.execute(sql)
        await listening.execute("SELECT 1")
        await connection.close()
        await listening.close()
        return heard

    assert asyncio.run(run()) == ["policy_activation A", "api_key A", "role_grant B", "tenant B"]


@pytest.mark.parametrize("sequence", [1, 3])
def test_activation_that_does_not_follow_the_last_one_is_refused(filled, sequence):
    row = rows_of("B")["policy_activation"] | {"sequence": sequence}
    with pytest.raises((asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError)):
        attempt(filled, "axonflow_app", lambda connection: insert(connection, "policy_activation", row), tenant_id="B")


@pytest.mark.parametrize("reference", ["hunter2", "", "env:", "postgresql://ann:hunter2@db/x"])
def test_connector_secret_that_is_no_reference_is_refused(filled, reference):
    row = rows_of("A")["connector_secret"] | {"name": "other", "reference": reference}
    with pytest.raises(asyncpg.CheckViolationError):
        attempt(filled, "axonflow_app", lambda connection: insert(connection, "connector_secret", row), tenant_id="A")
