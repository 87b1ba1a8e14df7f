"""The login that owns the schema where nobody is a superuser, as in a managed PostgreSQL: all works with it."""

import asyncio

from axonflow.adapters.memory import MemoryAuditAnchor
from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.backup import backup, restore
from axonflow.adapters.postgres.doctor import examine, status
from axonflow.adapters.postgres.retention import maintain
from axonflow.flows.anchor_cuts import CutAnchoring
from axonflow.ids import now_us
from tests.postgres import execute, fresh_database
from tests.postgres_rows import add_rows
from tests.postgres_stores import audit_event, chained, opened, write_sealed
from tests.unit.adapters.postgres.test_migrating import as_login, database_of

DAY_US = 86_400_000_000


def test_owner_without_superuser_migrates_examines_maintains_backs_up_and_restores(
    whole_day, lone_server, bare_database, tmp_path
):
    with fresh_database(lone_server[1]) as other:
        execute(bare_database, "CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'secret-word'", "SELECT 1")
        for dsn in (bare_database, other):
            execute(dsn, f"GRANT CREATE ON DATABASE {database_of(dsn)} TO migrator", "SELECT 1")
        owner, other_owner = as_login(bare_database, "migrator"), as_login(other, "migrator")
        asyncio.run(migrate(owner))
        asyncio.run(add_rows(bare_database, "A"))
        trail = ("audit_event", "audit_segment", "audit_cut")
        execute(bare_database, *(f"DELETE FROM axonflow.{table}" for table in trail), "SELECT 1")
        with opened(owner) as (run, database):
            times_us = (now_us() - 200 * DAY_US, now_us() + 15 * DAY_US)
            run(write_sealed(database, chained(audit_event("A", time_us=one) for one in times_us)))
        done = asyncio.run(maintain(owner, days_ahead=16, witness=CutAnchoring(MemoryAuditAnchor())))
        assert (done.removed, len(done.made)) == (1, 2)
        assert [check for check in asyncio.run(examine(owner)) if check.state != "ok"] == []
        asyncio.run(backup(owner, tmp_path / "b.zip"))
        manifest = asyncio.run(restore(other_owner, tmp_path / "b.zip"))
        assert {entry.name: entry.rows for entry in manifest.tables}["audit_event"] == 1
        assert asyncio.run(status(other_owner)).pending == ()
        assert [check for check in asyncio.run(examine(other_owner)) if check.state == "problem"] == []
        execute(other, "DROP OWNED BY migrator CASCADE", "SELECT 1")
