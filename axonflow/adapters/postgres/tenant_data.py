"""All that a tenant has in PostgreSQL: read as that tenant, erased by the keeper."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from axonflow.adapters.postgres.administration import administered, quoted
from axonflow.adapters.postgres.database import ONE_MOMENT, Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.limits import use_of
from axonflow.adapters.postgres.retention import Keeping
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyConflict, TenancyMissing, TenancyUnavailable
from axonflow.ids import now_us
from axonflow.ports import CutWitness, Erased, TenantRow
from axonflow.tenancy import TenantUse

__all__ = ["PostgresTenantData"]

_SQL: Final = named_queries("tenant_data.sql")
_ROWS_AT_ONCE: Final = 500
_END_OF_TIME_US: Final = 2**63 - 1
_LOCK_TIMEOUT_S: Final = 60.0
_TABLE_LOCK_MS: Final = 2_000


class PostgresTenantData:
    """A TenantData. Reading needs `database`; erasing a connection of its own, by `dsn`, whose login may work as the
    keeper: the services' login may not."""

    def __init__(self, database: PostgresDatabase, dsn: str) -> None:
        self._database = database
        self._dsn = dsn

    async def rows(self, tenant_id: str) -> AsyncGenerator[TenantRow, None]:
        if not is_storable(tenant_id):
            return
        with translated(TenancyUnavailable, "read what a tenant has"):
            async with self._database.tenant(tenant_id, isolation=ONE_MOMENT) as connection:
                for table in await connection.fetch(_SQL["tables"]):
                    columns, key = (", ".join(map(quoted, table[part])) for part in ("columns", "key"))
                    place = f"axonflow.{quoted(table['name'])}"
                    # Named besides row-level security, under which a tenant also sees the layers above it.
                    query = f"SELECT {columns} FROM {place} WHERE tenant_id = $1 ORDER BY {key}"  # noqa: S608  quoted
                    async for row in connection.cursor(query, tenant_id, prefetch=_ROWS_AT_ONCE):
                        yield TenantRow(table["name"], dict(row))

    async def use(self, tenant_id: str) -> TenantUse:
        found = None
        if is_storable(tenant_id):
            with translated(TenancyUnavailable, "count what a tenant has"):
                async with self._database.tenant(tenant_id) as connection:
                    found = await use_of(connection, tenant_id, now_us())
        if found is None:
            raise TenancyMissing("no such tenant", at=ascii(tenant_id)[:80])
        return found

    async def erase(self, tenant_id: str, *, audit: bool, witness: CutWitness | None = None) -> Erased:
        if not is_storable(tenant_id):
            raise TenancyMissing("no such tenant", at=ascii(tenant_id)[:80])
        with translated(TenancyUnavailable, "erase a tenant"):
            async with administered(self._dsn, "erase") as connection:
                await _await_writers(connection, tenant_id)
                rows = await _erase_rows(connection, tenant_id)
                if audit:
                    trail = Keeping(connection, _LOCK_TIMEOUT_S, witness=witness)
                    await trail.tell_ahead({tenant_id: _END_OF_TIME_US}, tenant_id)
                    await trail.cut_chains(tenant_id, _END_OF_TIME_US)
                    rows["audit_event"] = trail.removed
                kept, last = await _end(connection, tenant_id)
        return Erased({**rows, **last}, kept)


async def _await_writers(connection: Connection, tenant_id: str) -> None:
    """In a transaction of its own, and not for long: writers of all tenants wait meanwhile."""
    async with connection.transaction():
        await _become_keeper(connection, tenant_id)
        await connection.execute(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_MS}ms'")
        await connection.execute(_SQL["await_writers"])


async def _erase_rows(connection: Connection, tenant_id: str) -> dict[str, int]:
    """All but the audit trail, in one transaction."""
    rows = {}
    async with connection.transaction():
        await _become_keeper(connection, tenant_id)
        state = await connection.fetchrow(_SQL["state"], tenant_id)
        if state is None:
            raise TenancyMissing("no such tenant", at=tenant_id)
        if state["status"] != "deleting" or state["audit_hold"]:
            raise TenancyConflict("the tenant is not to be erased", expected="one that is being deleted and not held",
                                  found="a hold" if state["audit_hold"] else state["status"],
                                  at=tenant_id)  # fmt: skip
        if state["has_members"]:  # one that joined after it was marked
            raise TenancyConflict("the organization has members", expected="none: its policies hold for them",
                                  at=tenant_id, hint="Take them out of it first.")  # fmt: skip
        await connection.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in await connection.fetch(_SQL["erasable"]):
            name = table["name"]
            query = f"DELETE FROM axonflow.{quoted(name)} WHERE tenant_id = $1"  # noqa: S608  quoted
            rows[name] = _count(await connection.execute(query, tenant_id))
    return rows


async def _end(connection: Connection, tenant_id: str) -> tuple[int, dict[str, int]]:
    """How many records of the trail are left; and where none are, how many rows went of what opens them, and of the
    tenant itself.

    Where its chains were cut stays: its id, and per chain a number and a hash. So what is left of the database still
    verifies, and a record of the tenant that comes late, from a spool, has its place.
    """
    async with connection.transaction():
        await _become_keeper(connection, tenant_id)
        kept = await connection.fetchval(_SQL["kept"], tenant_id)
        last = {"audit_person_key": "remove_person_keys", "tenant": "remove_tenant"}
        if kept:
            return kept, dict.fromkeys(last, 0)
        return 0, {table: _count(await connection.execute(_SQL[name], tenant_id)) for table, name in last.items()}


async def _become_keeper(connection: Connection, tenant_id: str) -> None:
    await connection.execute("SET LOCAL ROLE axonflow_keeper")
    await connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", tenant_id)


def _count(status: str) -> int:
    return int(status.removeprefix("DELETE "))
