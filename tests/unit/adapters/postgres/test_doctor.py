"""The doctor finds what is wrong with a database, each fault by its name; and a sound one is sound."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, doctor, migrate, service_login
from axonflow.adapters.postgres.database import ROLES
from axonflow.adapters.postgres.doctor import examine, status
from axonflow.adapters.postgres.retention import DAYS_AHEAD
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.audit import AuditQuery
from axonflow.errors import ConfigurationError
from axonflow.ids import now_us
from tests.postgres import execute
from tests.postgres_rows import insert, rows_of
from tests.postgres_stores import audit_event, chained, opened

DAY_US = 86_400_000_000


@pytest.fixture
def database(whole_day, new_database):
    asyncio.run(migrate(new_database))
    return new_database


def found(dsn, **options):
    """What is not well, by name."""
    return {check.name: check for check in asyncio.run(examine(dsn, **options)) if check.state != "ok"}


def test_doctor_of_a_sound_database_finds_all_well(database):
    checks = asyncio.run(examine(database))
    assert [check for check in checks if check.state != "ok" or check.remedy] == []
    assert len({check.name for check in checks}) == len(checks) == 25
    assert all(check.found for check in checks)


LEAK = """CREATE FUNCTION public.leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    AS 'SELECT count(*) FROM axonflow.audit_event'"""
FAULTS = {
    "row-level security": ("ALTER TABLE axonflow.vault_value NO FORCE ROW LEVEL SECURITY", "axonflow.vault_value"),
    "policies": (
        "CREATE POLICY lax ON axonflow.principal FOR SELECT TO axonflow_app USING (true)", "principal: lax",
    ),
    "hidden rows": (
        "CREATE POLICY less ON axonflow.audit_event AS RESTRICTIVE FOR SELECT USING (sequence <> 7)",
        "audit_event: less",
    ),
    "views": ("CREATE VIEW public.events AS SELECT * FROM axonflow.audit_event", "public.events"),
    "SECURITY DEFINER functions": (
        LEAK, "public.leak()",
    ),
    "rights of everybody": ("GRANT SELECT ON axonflow.tenant TO PUBLIC", "axonflow.tenant"),
    "triggers": (
        "ALTER TABLE axonflow.audit_event DISABLE TRIGGER second_history", "axonflow.audit_event: second_history",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("granted", "said"),
    [
        ("DELETE ON axonflow.audit_event TO axonflow_writer", "axonflow_writer may DELETE axonflow.audit_event"),
        ("UPDATE (canonical) ON axonflow.audit_event TO axonflow_app", "axonflow_app may UPDATE axonflow.audit_event"),
        ("SELECT ON axonflow.audit_event_first TO axonflow_app", "axonflow_app may SELECT axonflow.audit_event_first"),
        ("TRUNCATE ON axonflow.vault_value TO axonflow_app", "axonflow_app may TRUNCATE axonflow.vault_value"),
        ("INSERT ON axonflow.api_key TO axonflow_auditor", "axonflow_auditor may INSERT axonflow.api_key"),
    ],
)
def test_doctor_of_roles_with_rights_beyond_their_work_names_each(database, granted, said):
    execute(database, f"GRANT {granted}", "SELECT 1")
    faults = found(database)
    assert {name: fault.found for name, fault in faults.items()} == {"rights of roles": said}
    assert faults["rights of roles"].state == "problem"


@pytest.mark.parametrize(
    "sql", ["DROP TABLE axonflow.tier CASCADE", "ALTER TABLE axonflow.tenant RENAME audit_hold TO held"]
)
def test_doctor_of_a_schema_with_a_part_missing_says_so_and_never_that_all_is_well(database, sql):
    execute(database, sql, "SELECT 1")
    fault = found(database)["retention"]
    assert fault.state == "problem"
    assert "the schema is not whole" in fault.found


def test_doctor_of_a_service_whose_login_sees_all_tenants_says_so(database):
    async def run():
        dsn = await service_login(database)
        service = await asyncpg.connect(dsn, server_settings={"application_name": "axonflow"})
        admin = await asyncpg.connect(database)
        try:
            before = await examine(database)
            await admin.execute("GRANT axonflow_backup TO axonflow_service")
            return [
                one for both in (before, await examine(database)) for one in both if one.name == "logins of services"
            ]
        finally:
            await admin.execute("REVOKE axonflow_backup FROM axonflow_service")
            await service.close()
            await admin.close()

    sound, fault = asyncio.run(run())
    assert (sound.state, fault.state) == ("ok", "warning")
    assert fault.found.startswith("axonflow_service may work as one of axonflow_auditor, axonflow_backup")


@pytest.mark.parametrize("name", FAULTS)
def test_doctor_of_a_database_that_was_tampered_with_names_the_fault(database, name):
    sql, said = FAULTS[name]
    execute(database, sql, "SELECT 1")
    faults = found(database)
    assert set(faults) == {name}
    assert (faults[name].state, said in faults[name].found) == ("problem", True)
    assert faults[name].remedy


def test_doctor_of_a_view_that_reads_as_its_caller_finds_nothing_wrong(database):
    view = "CREATE VIEW axonflow.events WITH (security_invoker=true) AS SELECT * FROM axonflow.audit_event"
    execute(database, view, "SELECT 1")
    assert found(database) == {}


def test_doctor_of_a_materialized_view_names_it(database):
    execute(database, "CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM axonflow.audit_event", "SELECT 1")
    assert found(database)["views"].found == "public.kept"


ROLE_FAULTS = {
    "powers of roles": ("ALTER ROLE axonflow_app BYPASSRLS LOGIN", "axonflow_app is BYPASSRLS LOGIN"),
    "memberships of roles": ("GRANT axonflow_auditor TO axonflow_app", "axonflow_app is a member of axonflow_auditor"),
    "owners": ("ALTER TABLE axonflow.vault_value OWNER TO axonflow_app", "axonflow_app owns axonflow.vault_value"),
}


@pytest.mark.parametrize("name", ROLE_FAULTS)
def test_doctor_of_roles_that_may_too_much_names_them(bare_database, name):
    asyncio.run(migrate(bare_database))
    sql, said = ROLE_FAULTS[name]
    execute(bare_database, sql, "SELECT 1")
    faults = found(bare_database)
    assert faults[name].found == said
    assert faults[name].state == "problem"


def test_doctor_of_a_database_with_too_few_partitions_says_which_and_what_to_do(database):
    partitions = "SELECT relname FROM pg_class WHERE relname LIKE 'audit_event_20%' AND relkind = 'r' ORDER BY 1"
    last = [row[0] for row in execute(database, partitions)][1]
    execute(database, f"DROP TABLE axonflow.{last}", "SELECT 1")
    fault = found(database)["partitions"]
    assert (fault.state, fault.found) == ("problem", last.removeprefix("audit_event_").replace("_", "-"))
    assert fault.remedy == "axonflow db maintain"


def test_doctor_of_events_far_ahead_and_past_their_time_says_so(database):
    async def add():
        connection = await asyncpg.connect(database)
        await insert(connection, "tenant", rows_of("A")["tenant"] | {"audit_retention_days": 10})
        await connection.close()

    asyncio.run(add())
    forever = f"UPDATE axonflow.tenant SET audit_retention_days = {2**31 - 1} WHERE tenant_id = 'default'"
    execute(database, forever, "SELECT 1")
    times_us = (now_us() - 20 * DAY_US, now_us() + 900 * DAY_US)
    with opened(database) as (run, pools):
        run(PostgresAuditStore(pools).write(chained(audit_event("A", time_us=time_us) for time_us in times_us)))
    faults = found(database)
    assert {name: fault.state for name, fault in faults.items()} == {
        "events beyond partitions": "warning", "retention": "warning",
    }  # fmt: skip
    assert faults["retention"].found == "A"


def test_doctor_of_a_database_without_our_schema_says_to_migrate(new_database, migrated_dsn):
    fault = found(new_database)["schema"]
    assert (fault.state, fault.remedy) == ("problem", "axonflow db migrate")
    assert f"{len(migrations())} pending" in fault.found


def test_doctor_of_a_database_with_a_changed_history_says_so(database):
    execute(database, f"UPDATE axonflow.schema_migration SET sha256 = '{'0' * 64}' WHERE version = 2", "SELECT 1")
    assert "changed after it was applied" in found(database)["schema"].found


def test_doctor_under_a_login_that_may_not_see_everything_says_what_is_not_known(database):
    dsn = asyncio.run(service_login(database))
    assert "may not read which migrations" in found(dsn)["schema"].found
    execute(database, "GRANT USAGE ON SCHEMA axonflow TO axonflow_service",
            "GRANT SELECT ON axonflow.schema_migration TO axonflow_service", "SELECT 1")  # fmt: skip
    faults = found(dsn)
    assert (faults["retention"].state, faults["events beyond partitions"].state) == ("warning", "warning")
    assert "not known" in faults["retention"].found


@pytest.mark.parametrize(("ahead_s", "state"), [(0, "ok"), (-30, "warning"), (600, "problem")])
def test_doctor_whose_clock_is_another_than_the_servers_says_how_far(database, monkeypatch, ahead_s, state):
    real = doctor.time.time
    monkeypatch.setattr(doctor.time, "time", lambda: real() + ahead_s)
    (check,) = [check for check in asyncio.run(examine(database)) if check.name == "clock"]
    assert check.state == state
    assert bool(check.remedy) == (state != "ok")


@pytest.mark.parametrize(("taken", "state"), [(3, "ok"), (95, "warning")])
def test_doctor_judges_connections_by_those_that_are_left(taken, state):
    assert doctor._connections({"taken": taken, "usable": 97, "ours": 2}).state == state


@pytest.mark.parametrize(("major", "state"), [(14, "problem"), (15, "ok"), (18, "ok"), (19, "warning")])
def test_doctor_judges_the_version_of_the_server(major, state):
    assert doctor._version({"major": major, "version": f"{major}.1"}).state == state
    assert doctor._encoding({"encoding": "LATIN1"}).state == "problem"


def test_doctor_while_a_service_runs_under_the_owners_login_warns_of_it(database):
    with opened(database) as (run, pools):
        run(PostgresAuditProofs(pools).stored_chains())
        fault = found(database)["logins of services"]
        assert (fault.state, fault.found) == ("warning", "postgres is a superuser")
    with opened(asyncio.run(service_login(database))) as (run, pools):
        assert run(PostgresAuditStore(pools).search(AuditQuery(tenant_id="A"))).total == 0
        assert found(database) == {}


def test_doctor_of_a_replica_that_is_none_or_is_away_says_so(database):
    assert found(database, replica_url=database)["replica"].state == "warning"
    away = found(database, replica_url="postgresql://ann:secret-word@/db?host=/nowhere")["replica"]
    assert away.state == "problem"
    assert "secret-word" not in away.found


def test_doctor_and_status_of_a_database_that_is_away_are_refused():
    for command in (examine, status):
        with pytest.raises(ConfigurationError, match="no connection to PostgreSQL"):
            asyncio.run(command("postgresql://ann:secret-word@/db?host=/nowhere"))


def test_status_before_and_after_migrating_tells_versions_and_what_is_pending(new_database, migrated_dsn):
    before = asyncio.run(status(new_database))
    assert (before.schema_version, len(before.pending)) == (0, len(migrations()))
    asyncio.run(migrate(new_database))
    after = asyncio.run(status(new_database))
    newest = migrations()[-1].version
    assert (after.schema_version, after.code_version, after.pending) == (newest, newest, ())
    assert len(after.partitions) == DAYS_AHEAD + 3  # today, and the first and the other
    assert after.size_bytes > 0


def test_long_list_of_faults_is_cut_short():
    assert doctor._listed([str(number) for number in range(8)]) == "0, 1, 2, 3, 4 and 3 more"


def test_every_query_of_the_doctor_is_used(database):
    used = {scan.query for scan in doctor._scans()} | {"server", "clock", "connections", "lag", "partitions"}
    assert used == doctor._SQL.keys()
    assert {scan.role for scan in doctor._scans()} <= {"", *ROLES}
