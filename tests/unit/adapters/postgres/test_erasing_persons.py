"""What a trail tells of a person is gone with their keys, from database, export and spool alike; the rest stays."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from axonflow import AxonFlow, Request
from axonflow.app.auditing import export_audit, opened_proofs, proved, proved_event, verified, verified_export
from axonflow.app.durable import Durable, PersonSettings
from axonflow.audit import AuditQuery
from axonflow.audit.tail import TailPosition
from axonflow.errors import TenancyConflict
from axonflow.tenancy import ADMINISTRATOR, Actor
from tests.postgres import execute

KEY = bytes(range(32))
ADMIN = Actor("cli:root", ADMINISTRATOR)
WORDS = ["ann@example.com", "Trondheim", "my knee hurts"]
POLICIES = {
    "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "p"}, "default": "allow",
    "rules": [{
        "id": "far", "effect": "warn", "match": {"action": "llm.request"}, "reason": "They live far away.",
        "when": 'principal.attributes.city == "Trondheim"',
    }],
}  # fmt: skip


def asked_by(person, tenant):
    principal = {"id": person, "tenant": tenant, "attributes": {"city": "Trondheim"}}
    return Request(principal, "llm.request", "model:m", content="my knee hurts")


@asynccontextmanager
async def agent(folder, dsn, *, seals=True):
    """A process that seals what it records, once it hears what is destroyed."""
    durable = await Durable.open(
        spool=folder, database_url=dsn, report=print, persons=PersonSettings(KEY, seals=seals)
    )  # fmt: skip
    heard = asyncio.Event()
    watch = durable.watch_tenants(lambda _: heard.set(), lambda _: None, {})
    watching = asyncio.create_task(watch.run())
    try:
        await heard.wait()
        yield durable, AxonFlow.open(POLICIES, audit=durable.audit, audit_content="redacted")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await durable.close(20)


def dumped(dsn):
    """All rows of all our tables, as bytes would show in a dump and as text."""
    tables = execute(
        dsn, "SELECT relname FROM pg_class WHERE relnamespace = 'axonflow'::regnamespace AND relkind = 'r'"
    )
    found = []
    for (table,) in tables:
        for row in execute(dsn, f"SELECT * FROM axonflow.{table}"):
            found += [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
    return b"\n".join(found)


async def exported(dsn, tenant):
    async with opened_proofs(dsn) as proofs:
        return [line async for line in export_audit(proofs, tenant)]


async def tailed(durable, tenant, **filters):
    look = await durable.tail.look(AuditQuery(tenant_id=tenant, **filters), TailPosition.at(0))
    return [event for _, event in look.events]


def test_person_that_is_erased_is_nowhere_any_more_and_the_trail_verifies(migrated_dsn, tmp_path, tenant):
    execute(migrated_dsn, "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us) "
            f"VALUES ('{tenant}', 'x', 'community', 0, 'x', 0)", "SELECT 1")  # fmt: skip
    ann, bob = WORDS[0], "bob@example.com"

    async def run():
        async with agent(tmp_path / "spool", migrated_dsn) as (durable, flow):
            for person in (ann, bob, ann):
                await flow.enforce(asked_by(person, tenant))
            query = AuditQuery(tenant_id=tenant, principal=f"user:{ann}")
            before = await durable.search(query)
            followed = await tailed(durable, tenant, principal=f"user:{ann}")
            async with opened_proofs(migrated_dsn) as proofs:
                proof = (await proved(proofs, before.events[0].event_id)).to_json()
            erased = await durable.persons.erase(tenant, f"user:{ann}", actor=ADMIN)
            after = await durable.search(query)
            everything = await durable.search(AuditQuery(tenant_id=tenant))
            export = await exported(migrated_dsn, tenant)
            async with opened_proofs(migrated_dsn) as proofs:
                broken = (await verified(proofs, tenant)).broken
            async with asyncio.timeout(60):  # until it has heard that the key is gone, and has made another
                while not (again := await durable.search(query)).total:
                    await flow.enforce(asked_by(ann, tenant))
            return before, followed, proof, erased, after, everything, export, broken, again

    before, followed, proof, erased, after, everything, export, broken, again = asyncio.run(run())
    assert [event.principal for event in before.events] == [f"user:{ann}"] * 2 == [one.principal for one in followed]
    assert before.events[0].attributes["principal.attributes.city"] == "Trondheim"
    assert before.events[0].content_redacted == "my knee hurts"
    assert before.events[0].sealed == {}
    assert (len(erased.keys), erased.plain_records, after.total) == (1, 0, 0)
    told = {event.principal for event in everything.events}
    assert told == {f"user:~{erased.keys[0]}", f"user:{bob}", "cli:root"}
    gone = next(event for event in everything.events if event.sealed)
    assert (gone.attributes, gone.content_redacted, gone.policies) == ({}, "", ("far",))
    assert [one.details.get("key_1") for one in everything.events if one.kind == "admin"] == [*erased.keys, None]
    assert broken == verified_export(export).broken == ()
    assert proved_event(proof, [tmp_path / "spool" / "audit.pub"]).event.event_id == before.events[0].event_id
    assert again.total == 1
    spool = b"".join(file.read_bytes() for file in (tmp_path / "spool").rglob("*") if file.is_file())
    for place in (b"".join(export), spool, dumped(migrated_dsn)):
        assert not [word for word in WORDS if word.encode() in place]
    assert bob.encode() not in b"".join(export)


def test_person_of_a_tenant_on_hold_is_not_erased(migrated_dsn, tmp_path, tenant):
    execute(migrated_dsn, "INSERT INTO axonflow.tenant "
            "(tenant_id, name, tier, created_us, created_by, updated_us, audit_hold) "
            f"VALUES ('{tenant}', 'x', 'community', 0, 'x', 0, true)", "SELECT 1")  # fmt: skip

    async def run():
        async with agent(tmp_path, migrated_dsn) as (durable, flow):
            await flow.enforce(asked_by("ann", tenant))
            with pytest.raises(TenancyConflict, match="everything of the tenant is kept"):
                await durable.persons.erase(tenant, "user:ann", actor=ADMIN)
            return await durable.search(AuditQuery(tenant_id=tenant, principal="user:ann"))

    assert asyncio.run(run()).total == 1


def test_person_that_is_erased_as_soon_as_something_was_recorded_is_erased(migrated_dsn, tmp_path, tenant):
    async def run():
        async with agent(tmp_path, migrated_dsn) as (durable, flow):
            await flow.enforce(asked_by("ann", tenant))  # nobody waits until it is in the database
            erased = await durable.persons.erase(tenant, "user:ann", actor=ADMIN)
            return erased, await durable.search(AuditQuery(tenant_id=tenant, principal="user:ann"))

    erased, after = asyncio.run(run())
    assert (len(erased.keys), after.total) == (1, 0)
