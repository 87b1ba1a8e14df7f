"""What each role may see and do, by raw SQL: the database keeps tenants apart, whatever the code around it forgets."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditStore, PostgresPlanStore
from axonflow.adapters.postgres.database import ROLES
from axonflow.adapters.postgres.vault import PostgresVault
from axonflow.audit import AuditQuery
from axonflow.detect import RedactionKey
from tests.postgres_stores import audit_event, chained, opened, plan_execution

CONTENT = "SELECT canonical FROM axonflow.audit_event"
READABLE = "SELECT tenant_id, writer_id, sequence, event_id, hash FROM axonflow.audit_event"
CHANGES = [
    "UPDATE axonflow.audit_event SET effect = 'allow'",
    "DELETE FROM axonflow.audit_event",
    "TRUNCATE axonflow.audit_event",
    "DELETE FROM axonflow.plan_version",
    "UPDATE axonflow.plan_version SET summary = ''",
    "TRUNCATE axonflow.plan_execution",
    "UPDATE axonflow.vault_value SET sealed = ''",
    "DELETE FROM axonflow.vault_value",
    "TRUNCATE axonflow.plan_executor",
    "DROP TABLE axonflow.audit_event",
    "ALTER TABLE axonflow.audit_event DISABLE ROW LEVEL SECURITY",
    "CREATE TABLE axonflow.mine (a int)",
    "DELETE FROM axonflow.schema_migration",
]
TENANT, WRITERS, EXECUTOR = "axonflow.tenant_id", "axonflow.writer_ids", "axonflow.executor_id"


@pytest.fixture(scope="module")
def written(migrated_dsn):
    """A database with an audit event, a running plan and a redacted value of each of two tenants."""
    with opened(migrated_dsn) as (run, database):
        run(PostgresAuditStore(database).write(chained(audit_event(name, f"writer of {name}") for name in ("A", "B"))))
        plans = PostgresPlanStore(database)
        for name in ("A", "B"):
            run(plans.add(plan_execution(name, plan_id="plan")))
            run(plans.begin(name, "plan", f"executor of {name}", 6))
            run(PostgresVault(database, RedactionKey(bytes(32))).put(name, "label", "value"))
    return migrated_dsn


def as_role(dsn, role, sql, **settings):
    """The rows of `sql`, run as the pools run it."""

    async def run():
        connection = await asyncpg.connect(dsn, server_settings={"role": role})
        try:
            async with connection.transaction():
                for name, value in settings.items():
                    await connection.execute("SELECT set_config($1, $2, true)", f"axonflow.{name}", value)
                return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_app_without_a_tenant_sees_nothing(written):
    for table in ("audit_event", "plan_execution", "vault_value"):
        assert as_role(written, "axonflow_app", f"SELECT * FROM axonflow.{table}") == []
        assert as_role(written, "axonflow_app", f"SELECT * FROM axonflow.{table}", tenant_id="") == []


def test_app_of_one_tenant_sees_nothing_of_another(written):
    for table in ("audit_event", "plan_execution", "vault_value"):
        rows = as_role(written, "axonflow_app", f"SELECT tenant_id FROM axonflow.{table}", tenant_id="A")
        assert set(rows) == {("A",)}
        sql = f"SELECT * FROM axonflow.{table} WHERE tenant_id = 'B'"
        assert as_role(written, "axonflow_app", sql, tenant_id="A") == []


def test_app_of_one_tenant_cannot_change_or_make_plans_of_another(written):
    change = "UPDATE axonflow.plan_execution SET name = 'x' WHERE tenant_id = 'B' RETURNING 1"
    assert as_role(written, "axonflow_app", change, tenant_id="A") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        as_role(written, "axonflow_app", "UPDATE axonflow.plan_execution SET tenant_id = 'B'", tenant_id="A")
    copy = (
        "INSERT INTO axonflow.plan_execution SELECT 'B', 'new', (p).* FROM (SELECT p FROM axonflow.plan_execution p) q"
    )
    copy = copy.replace("(p).*", ", ".join(f"(p).{name}" for name in PLAN_COLUMNS))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        as_role(written, "axonflow_app", copy, tenant_id="A")


PLAN_COLUMNS = (
    "schema_version, name, domain, query, context, principal, status, steps, created_us, executor_id, started_us, "
    "finished_us, result, step_results, error"
).split(", ")


def test_app_cannot_append_to_the_audit_trail(written):
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        as_role(written, "axonflow_app", "INSERT INTO axonflow.audit_event DEFAULT VALUES", tenant_id="A")


def test_setting_of_one_transaction_is_gone_in_the_next(written):
    async def run():
        connection = await asyncpg.connect(written, server_settings={"role": "axonflow_app"})
        seen = []
        for tenant in ("A", None, "B", None):
            async with connection.transaction():
                if tenant:
                    await connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", tenant)
                rows = await connection.fetch("SELECT DISTINCT tenant_id FROM axonflow.audit_event")
                seen.append([row["tenant_id"] for row in rows])
        await connection.close()
        return seen

    assert asyncio.run(run()) == [["A"], [], ["B"], []]


def test_writer_cannot_read_what_events_say(written):
    for sql in (CONTENT, "SELECT principal FROM axonflow.audit_event", "SELECT * FROM axonflow.audit_event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            as_role(written, "axonflow_writer", sql, writer_ids='{"writer of A"}')


def test_writer_recognises_its_own_records_only(written):
    assert as_role(written, "axonflow_writer", READABLE) == []
    rows = as_role(written, "axonflow_writer", READABLE, writer_ids='{"writer of A"}')
    assert {row[1] for row in rows} == {"writer of A"}


def test_executor_sees_of_its_own_plans_no_more_than_that_they_run_and_are_to_stop(written):
    sql = "SELECT executor_id, status FROM axonflow.plan_execution"
    assert as_role(written, "axonflow_executor", sql) == []
    rows = as_role(written, "axonflow_executor", sql, executor_id="executor of A")
    assert rows == [("executor of A", "running")]
    for column in ("query", "result", "held"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            as_role(written, "axonflow_executor", f"SELECT {column} FROM axonflow.plan_execution", executor_id="x")


def test_app_removes_no_plan_that_has_not_ended(written):
    sql = "DELETE FROM axonflow.plan_execution RETURNING plan_id"
    assert as_role(written, "axonflow_app", sql, tenant_id="A") == []


def test_executor_can_turn_its_running_plans_into_failed_ones_only(written):
    for status in ("completed", "pending", "running"):
        sql = f"UPDATE axonflow.plan_execution SET status = '{status}'"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            as_role(written, "axonflow_executor", sql, executor_id="executor of A")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        as_role(written, "axonflow_executor", "UPDATE axonflow.plan_execution SET result = ''", executor_id="x")


def test_executor_speaks_and_leaves_for_nobody_but_whom_it_names(written):
    made = "INSERT INTO axonflow.plan_executor (executor_id, beat) VALUES ('A', 'one') ON CONFLICT DO NOTHING"
    as_role(written, "axonflow_executor", made, executor_id="A")
    for name in ("B", ""):
        for change in ("UPDATE axonflow.plan_executor SET beat = 'two'", "DELETE FROM axonflow.plan_executor"):
            assert as_role(written, "axonflow_executor", f"{change} RETURNING beat", executor_id=name) == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            as_role(written, "axonflow_executor", made.replace("'A'", "'C'"), executor_id=name)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        as_role(written, "axonflow_executor", "UPDATE axonflow.plan_executor SET executor_id = 'A'", executor_id="A")
    for role in set(ROLES) - {"axonflow_executor", "axonflow_backup"}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            as_role(written, role, "SELECT * FROM axonflow.plan_executor", tenant_id="A", executor_id="A")
    assert ("A", "one") in as_role(written, "axonflow_executor", "SELECT executor_id, beat FROM axonflow.plan_executor")


def test_auditor_reads_every_tenant_and_no_plan(written):
    assert {("A",), ("B",)} <= set(as_role(written, "axonflow_auditor", "SELECT tenant_id FROM axonflow.audit_event"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        as_role(written, "axonflow_auditor", "SELECT * FROM axonflow.plan_execution")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("change", CHANGES)
def test_role_that_tampers_is_refused_by_the_database(written, role, change):
    if role == "axonflow_keeper" and change.startswith("DELETE") and "schema_migration" not in change:
        table = change.split()[-1]
        assert as_role(written, role, f"{change} RETURNING tenant_id", tenant_id="A") == []
        assert set(as_role(written, "axonflow_app", f"SELECT tenant_id FROM {table}", tenant_id="A")) == {("A",)}
        return
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_role(written, role, change, tenant_id="A", writer_ids='{"writer of A"}', executor_id="executor of A")


@pytest.mark.parametrize("role", ROLES)
def test_connection_that_resets_its_settings_stays_its_role(written, role):
    async def run():
        connection = await asyncpg.connect(written, server_settings={"role": role})
        for statement in ("RESET ALL", "RESET ROLE", "DISCARD ALL"):
            await connection.execute(statement)
        found = await connection.fetchval("SELECT current_user")
        await connection.close()
        return found

    assert asyncio.run(run()) == role


def test_pools_work_as_their_roles_and_give_each_transaction_one_tenant(written):
    async def who(transaction):
        async with transaction as connection:
            return await connection.fetchval("SELECT current_user")

    with opened(written) as (run, database):
        transactions = (
            database.tenant("A"), database.writer({'a "b" \\'}), database.executor("e"), database.auditor(),
            database.key_lookup([bytes(32)]), database.sync(), database.registrar(), database.keeper("A"),
            database.backup(),
        )  # fmt: skip
        assert tuple(run(who(transaction)) for transaction in transactions) == ROLES
        store = PostgresAuditStore(database)
        assert [run(store.search(AuditQuery(tenant_id=name))).total for name in ("A", "B", "C")] == [1, 1, 0]


def test_auditor_transaction_that_writes_is_refused_as_read_only(written):
    async def write(database):
        async with database.auditor() as connection:
            await connection.execute(
                "CREATE TEMPORARY TABLE t (a int); INSERT INTO axonflow.audit_event DEFAULT VALUES"
            )

    with opened(written) as (run, database), pytest.raises(asyncpg.PostgresError):
        run(write(database))
