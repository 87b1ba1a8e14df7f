"""A database with the audit trail of ninety days, a partition each: a quarter of it of one tenant, the rest of a
thousand in turn."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from axonflow.adapters.postgres import migrate
from tests.postgres import execute
from tests.postgres_stores import audit_event

DAYS = 90
TENANTS = 1_000
DAY_US = 86_400_000_000
EVENT = audit_event("TENANT", event_id="EVENT", decision_id="DECISION", time_us=111111111).canonical().decode()
# A replica's session: rows go in without the trigger that looks for a second history.
AT_ONCE = {"session_replication_role": "replica", "synchronous_commit": "off"}
ROWS = f"""
INSERT INTO axonflow.audit_event (
    tenant_id, event_id, schema_version, writer_id, sequence, time_us, kind, decision_id, principal, on_behalf_of,
    client_id, trace_id, request_id, action, resource, effect, allowed, policies, previous, hash, canonical
)
SELECT
    tenant, id, 2, 'writer', n, time_us, 'decision', decision, 'user:' || n % 50, '{{}}', 'client', repeat('0', 32),
    'request', 'tool.call', 'tool:x', 'deny', false, '{{p}}', digest, digest,
    convert_to(replace(replace(replace(replace(
        '{EVENT}', 'TENANT', tenant), 'EVENT', id), 'DECISION', decision), '111111111', time_us::text), 'UTF8')
FROM
    generate_series($1::bigint, $2::bigint - 1) AS n,
    LATERAL (SELECT $3::bigint + (n - $1::bigint) * ({DAY_US} / ($2::bigint - $1::bigint)) AS time_us) AS at,
    LATERAL (SELECT sha256(n::text::bytea) AS digest, md5(n::text) AS hex, to_hex(time_us / 1000) AS ms) AS made,
    LATERAL (
        SELECT
            regexp_replace(lpad(ms, 12, '0'), '(.{{8}})', '\\1-') || '-7' || left(hex, 3) || '-8' || substr(hex, 4, 3)
            || '-' || right(hex, 12) AS id,
            regexp_replace(lpad(ms, 12, '0'), '(.{{8}})', '\\1-') || '-7' || substr(hex, 7, 3) || '-8'
            || substr(hex, 10, 3) || '-' || left(hex, 12) AS decision,
            'tenant-' || CASE WHEN n % 4 = 0 THEN 0 ELSE n % {TENANTS} END AS tenant
    ) AS named
"""


def filled(dsn, rows):
    """Migrate the empty database at `dsn` and put `rows` rows into its trail."""
    asyncio.run(migrate(dsn))
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=DAYS - number) for number in range(DAYS)]
    execute(
        dsn, "DROP TABLE axonflow.audit_event_first",
        *(f"SELECT axonflow.make_audit_day('{day}')" for day in days), "SELECT 1",
    )  # fmt: skip
    each = rows // DAYS

    async def fill(part):
        connection = await asyncpg.connect(dsn, server_settings=AT_ONCE)
        for number, day in [*enumerate(days)][part::2]:
            start_us = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
            await connection.execute(ROWS, number * each, (number + 1) * each, start_us)
        await connection.close()

    async def both():
        await asyncio.gather(fill(0), fill(1))

    asyncio.run(both())
    execute(dsn, "VACUUM (ANALYZE) axonflow.audit_event", "CHECKPOINT", "SELECT 1")
