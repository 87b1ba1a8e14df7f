"""A spool that was damaged while the database was away: what can be read of it is in the trail in the end."""

import asyncio

from axonflow import AxonFlow, Request
from axonflow.app.auditing import opened_proofs, verified
from axonflow.app.durable import Durable, SpoolSettings
from axonflow.audit import AuditQuery

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
RECORDS = 200


async def recorded(folder, database_url, numbers, timeout_s, **settings):
    """Decisions of one process with its spool in `folder`: what it was told, how that stood, and what was found."""
    told = []
    durable = await Durable.open(
        spool=folder, database_url=database_url, report=told.append, spool_settings=SpoolSettings(**settings)
    )
    watch = asyncio.create_task(durable.watch_tenants(lambda _: None, lambda _: None, {}).run())
    flow = AxonFlow.open("@baseline", audit=durable.audit)
    for number in numbers:
        await flow.enforce(Request("user:ann", "tool.call", f"tool:t{number}"))
    found = None if database_url == NOWHERE else await durable.search(AuditQuery(tenant_id="default", limit=1_000))
    figures, troubles = durable.spool, [one.part for one in durable.troubles]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    drained = await durable.close(timeout_s)
    return told, figures, troubles, found, drained


async def in_database(database_url):
    async with opened_proofs(database_url) as proofs:
        return await verified(proofs)


def test_durable_with_a_damaged_spool_drains_what_can_be_read_and_goes_on(migrated_dsn, tmp_path):
    _, figures, _, _, drained = asyncio.run(recorded(tmp_path, NOWHERE, range(RECORDS), 0))
    assert (figures.records, drained) == (RECORDS, False)
    file = tmp_path / "spool.sqlite3"
    sound = file.read_bytes()
    middle = len(sound) // 8192 * 4096
    file.write_bytes(sound[:middle] + b"\xff" * 4096 + sound[middle + 4096 :])
    told, figures, troubles, _, _ = asyncio.run(recorded(tmp_path, migrated_dsn, range(RECORDS, RECORDS + 9), 60))
    assert any("the audit spool was damaged" in one for one in told)
    assert figures.damaged == 1
    assert "spool" in troubles
    _, figures, _, found, drained = asyncio.run(recorded(tmp_path, migrated_dsn, [RECORDS + 9], 60))
    assert (drained, figures.records) == (True, 0)
    there = {event.resource for event in found.events}
    assert {f"tool:t{number}" for number in range(RECORDS, RECORDS + 10)} <= there
    assert RECORDS - 20 < len(there) < RECORDS + 10
    result = asyncio.run(in_database(migrated_dsn))
    own = [finding for finding in result.broken if finding.tenant_id == "default"]  # other tests write there as well
    assert {finding.kind for finding in own} <= {"missing"}, own


def test_durable_in_async_mode_waits_for_each_record_until_it_has_heard_how_tenants_stand(migrated_dsn, tmp_path):
    _, figures, _, _, _ = asyncio.run(recorded(tmp_path / "away", NOWHERE, range(3), 0, mode="async"))
    assert figures.usual == "durable"
    _, figures, _, found, _ = asyncio.run(recorded(tmp_path / "there", migrated_dsn, range(3), 60, mode="async"))
    assert figures.usual == "async"
    assert found.total >= 3
