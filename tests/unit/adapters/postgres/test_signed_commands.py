"""Whatever the owner of the database does to what was done by command is found, and named for what it is."""

import asyncio
import shutil
from urllib.parse import urlsplit

import pytest

from axonflow.adapters.anchors import FolderAnchor
from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditAnchor
from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, migrate
from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.command_batches import PostgresCommandBatches
from axonflow.app.command_keys import KeptCommandKey
from axonflow.app.commands import Commands, opened_log
from axonflow.app.durable import Durable
from axonflow.audit import batch_hash, link, seal
from axonflow.audit.commands import UNSIGNED_COMMANDS
from axonflow.audit.trust import Trust
from axonflow.errors import AuditError
from axonflow.flows.anchor_commands import CommandAnchoring
from axonflow.flows.read_anchor import read_anchor
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import Writer
from tests.postgres import execute, fresh_database
from tests.postgres_stores import audit_event, opened

UNSIGNED = frozenset({UNSIGNED_COMMANDS})
OPENED = "DROP POLICY signed ON axonflow.audit_batch"
CLOSED = """CREATE POLICY signed ON axonflow.audit_batch AS RESTRICTIVE FOR INSERT TO axonflow_writer
    WITH CHECK (writer_id <> 'axonflow-cli')"""
OLD = Writer(UNSIGNED_COMMANDS, seed=None)
for _number in range(2):
    OLD.seal_records([OLD.record("default", kind="admin")])


async def fill(database, folder):
    """Two commands of an earlier release, then four of two machines. The key of the first, and an anchor that knows."""
    await OLD.put_into(PostgresAuditStore(database))
    kept = Commands(folder)
    for commands in (kept, kept, Commands(), kept):
        async with opened_log(database, commands) as log:
            await log.append(audit_event("default", log.writer_id, kind="admin"))
    anchor = MemoryAuditAnchor()
    await CommandAnchoring(anchor, PostgresCommandBatches(database), made_signature, print).look()
    return KeptCommandKey(folder / str(database.made_us)), anchor


@pytest.fixture(scope="module")
def trail(postgres_dsn, tmp_path_factory):
    """A database with what was done by command, to be copied; the key of a machine, and an anchor."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        execute(dsn, OPENED)
        with opened(dsn) as (run, database):
            key, anchor = run(fill(database, tmp_path_factory.mktemp("keys")))
        execute(dsn, CLOSED)
        yield dsn, key, anchor


@pytest.fixture
def owned(postgres_dsn, trail):
    """A copy that is tampered with."""
    name = urlsplit(trail[0]).path[1:]
    execute(postgres_dsn, f"CREATE DATABASE {name}_owned TEMPLATE {name}")
    try:
        yield trail[0].replace(name, f"{name}_owned")
    finally:
        execute(postgres_dsn, f"DROP DATABASE {name}_owned WITH (FORCE)")


def found(dsn, *, anchor=None, keys=None):
    async def look(database):
        writers = await read_anchor(anchor) if anchor else None
        trust = Trust(frozenset(keys) if keys else None, writers, UNSIGNED)
        return await verify_audit(PostgresAuditProofs(database), trust=trust, verify=made_signature)

    with opened(dsn) as (run, database):
        report = run(look(database))
    return {(one.kind, one.number) for one in report.broken}


def of(machine):
    return f"writer_id = '{machine}'"


def removed(dsn, where):
    tables = ("audit_event", "audit_segment", "audit_batch")
    statements = [f"DELETE FROM axonflow.{table} WHERE {where}" for table in tables]
    execute(dsn, "SET session_replication_role = replica", *statements)


def cut_off(dsn, machine):
    where = of(machine)
    execute(
        dsn, "SET session_replication_role = replica",
        f"DELETE FROM axonflow.audit_event WHERE {where} AND sequence = 2",
        f"DELETE FROM axonflow.audit_segment WHERE {where} AND number = 2",
        f"DELETE FROM axonflow.audit_batch WHERE {where} AND number = 2",
    )  # fmt: skip


def gone(dsn, machine):
    removed(dsn, of(machine))
    execute(dsn, f"DELETE FROM axonflow.audit_writer_key WHERE {of(machine)}", "SELECT 1")


def as_another(dsn, machine, key):
    """All of the machine anew, as what was never done, signed with `key`."""
    removed(dsn, of(machine))
    forger = Writer(machine, key)
    for _ in range(3):
        forger.seal_records([forger.record("default", kind="admin", action="nothing.happened")])
    execute(dsn, f"DELETE FROM axonflow.audit_writer_key WHERE {of(machine)}", "SELECT 1")
    with opened(dsn) as (run, database):
        run(forger.put_into(PostgresAuditStore(database)))


def unsigned_anew(dsn, count):
    removed(dsn, of(UNSIGNED_COMMANDS))
    forger = Writer(UNSIGNED_COMMANDS, seed=None)
    for _ in range(count):
        forger.seal_records([forger.record("default", kind="admin", action="nothing.happened")])
    execute(dsn, OPENED, "SELECT 1")
    with opened(dsn) as (run, database):
        run(forger.put_into(PostgresAuditStore(database)))


def unsigned_added(dsn):
    head = OLD.batches[-1]
    record = link(audit_event("default", UNSIGNED_COMMANDS, kind="admin"), head.records[-1])
    more = seal([record], UNSIGNED_COMMANDS, 2, batch_hash(head.statement), 9, None)
    execute(dsn, OPENED, "SELECT 1")
    with opened(dsn) as (run, database):
        run(PostgresAuditStore(database).write_batch(more))


def test_commands_untouched_verify_whoever_is_trusted(trail):
    dsn, key, anchor = trail
    assert found(dsn) == found(dsn, anchor=anchor) == set()
    assert found(dsn, keys=[key.signing(0)[1][0].public_key]) == {("untrusted_key", 0)}  # the key that is kept nowhere


@pytest.mark.parametrize(
    ("tamper", "without", "by_anchor"),
    [
        (cut_off, set(), {("batch_missing", 2)}),
        (gone, set(), {("writer_missing", 0)}),
        (
            lambda dsn, machine: as_another(dsn, machine, "thief"),
            {("unknown_key", 0), ("untrusted_key", 0), ("unsigned", 0)},
            {("unknown_key", 0), ("untrusted_key", 0), ("unsigned", 0), ("anchor_broken", 2)},
        ),
        (
            lambda dsn, machine: as_another(dsn, machine, None),
            {("unsigned", 0)}, {("unsigned", 0), ("anchor_broken", 2)},
        ),
        (lambda dsn, machine: unsigned_anew(dsn, 2), {("batch_unlinked", 0)}, {("batch_unlinked", 0)}),
        (lambda dsn, machine: unsigned_anew(dsn, 5), {("batch_unlinked", 0)}, {("batch_unlinked", 0)}),
        (lambda dsn, machine: removed(dsn, of(UNSIGNED_COMMANDS)), {("batch_unlinked", 0)}, {("batch_unlinked", 0)}),
        (lambda dsn, machine: unsigned_added(dsn), {("unsigned", 2)}, {("unsigned", 2)}),
    ],
    ids=["cut off", "gone", "signed by another", "not signed", "old anew", "old anew and longer", "old gone", "added"],
)  # fmt: skip
def test_commands_that_the_owner_of_the_database_tampered_with_are_named(owned, trail, tamper, without, by_anchor):
    _, key, anchor = trail
    tamper(owned, key.writer_id)
    assert found(owned) == without
    assert found(owned, anchor=anchor) == by_anchor


def test_command_behind_what_was_cut_off_shows_that_it_was_and_services_do_not_bless_it(owned, trail, tmp_path):
    _, key, anchor = trail
    cut_off(owned, key.writer_id)
    shutil.copytree(key.folder, tmp_path / "copy")
    with opened(owned) as (run, database):
        log = PostgresAuditLog(database, KeptCommandKey(tmp_path / "copy"))
        run(log.append(audit_event("default", log.writer_id, kind="admin")))
        batches = PostgresCommandBatches(database)
        assert run(batches.newest())[key.writer_id] == 3
        with pytest.raises(AuditError, match="does not follow what the anchor knows"):
            run(CommandAnchoring(anchor, batches, made_signature, print).look())
    assert found(owned) == {("batch_missing", 2)}


def test_command_whose_note_is_older_than_what_was_cut_off_does_not_bless_another_history(owned, trail, tmp_path):
    _, key, known = trail
    shutil.copytree(key.folder, tmp_path / "keys" / key.folder.name, ignore=shutil.ignore_patterns("newest.json"))
    for name, data in known.objects.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    told = []

    async def ran(database):
        commands = Commands(tmp_path / "keys", f"file:{tmp_path}", "", told.append)
        async with opened_log(database, commands) as log:
            await log.append(audit_event("default", log.writer_id, kind="admin"))

    cut_off(owned, key.writer_id)
    with opened(owned) as (run, database):
        run(ran(database))
        run(ran(database))
    assert ["another than the one that the anchor has" in one for one in told] == [True, True]
    assert found(owned, anchor=FolderAnchor(tmp_path)) == {("anchor_broken", 2)}


def test_first_batch_of_a_machine_signs_for_the_newest_that_nobody_signed(trail):
    dsn, key, _ = trail
    with opened(dsn) as (run, database):
        (first, *_) = run(PostgresCommandBatches(database).stored_batches(key.writer_id, 0, 5))
    assert batch_hash(OLD.batches[-1].statement).hex() in first.statement.decode()


def test_commands_that_tell_an_anchor_do_so_at_their_end_and_report_when_they_cannot(migrated_dsn, tmp_path):
    told = []
    (tmp_path / "anchor").mkdir()

    async def ran(database, place):
        async with opened_log(
            database, Commands(tmp_path / "keys", f"file:{tmp_path}/{place}", "", told.append)
        ) as log:
            await log.append(audit_event("default", log.writer_id, kind="admin"))

    with opened(migrated_dsn) as (run, database):
        run(ran(database, "away"))
        assert "the anchor was not told" in told.pop()
        run(ran(database, "anchor"))
    assert (told, len([*(tmp_path / "anchor").glob("heads/cli-*/*.json")])) == ([], 1)


def test_service_whose_anchor_is_not_told_what_was_signed_by_command_says_so_until_it_is(trail, tmp_path):
    class Away(MemoryAuditAnchor):
        is_away = True

        async def get(self, name):
            if self.is_away:
                raise AuditError("the anchor is away")
            return await super().get(name)

    async def run():
        anchor, told = Away(), asyncio.Queue()
        durable = await Durable.open(spool=tmp_path, database_url=trail[0], report=told.put_nowait, anchor=anchor)
        try:
            while "the anchor is away" not in await asyncio.wait_for(told.get(), 30):
                pass
            (trouble,) = [one for one in durable.troubles if one.part == "anchor"]
            anchor.is_away = False
            await durable._commands.look()
            durable._commands._tell(None)
            return trouble, [one.part for one in durable.troubles]
        finally:
            await durable.close(30)

    trouble, after = asyncio.run(run())
    assert "signed by command" in trouble.reason
    assert "anchor" not in after
