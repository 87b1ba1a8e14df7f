"""What is read of what was signed by command, to be told to an anchor."""

import asyncio
import contextlib

import pytest

from axonflow.adapters.memory import MemoryAuditProofs, MemoryCommandBatches
from axonflow.adapters.postgres import PostgresAuditStore
from axonflow.adapters.postgres.command_batches import PostgresCommandBatches
from axonflow.audit.commands import UNSIGNED_COMMANDS, command_writer
from axonflow.audit.stored import StoredWriter
from axonflow.errors import AuditError
from tests.audit_trail import Writer, public_key, signer
from tests.postgres_stores import opened
from tests.tenancy import new_tenant_id


@contextlib.contextmanager
def memory(dsn):
    store = MemoryAuditProofs()
    with asyncio.Runner() as runner:
        yield runner.run, store, MemoryCommandBatches(store)


@contextlib.contextmanager
def postgres(dsn):
    with opened(dsn) as (run, database):
        yield run, PostgresAuditStore(database), PostgresCommandBatches(database)


@pytest.fixture(params=[memory, postgres], ids=lambda kind: kind.__name__)
def there(request, migrated_dsn):
    with request.param(migrated_dsn) as parts:
        yield parts


def machine(seed):
    writer = Writer(command_writer(signer(seed).key_id), seed)
    tenant_id = new_tenant_id()
    for _ in range(3):
        writer.seal_records([writer.record(tenant_id, kind="admin", event_id=f"{tenant_id}-{writer.count}")])
    return writer


def test_newest_batches_are_those_of_the_writers_of_commands_alone(there):
    run, store, batches = there
    writers = [machine(f"newest-{number}") for number in range(2)]
    agent = Writer(f"agent-{new_tenant_id()}")
    agent.seal(**{new_tenant_id(): 1})
    for writer in [*writers, agent]:
        run(writer.put_into(store))
    newest = run(batches.newest())
    assert {writer.writer_id: newest[writer.writer_id] for writer in writers} == {
        writer.writer_id: 2 for writer in writers
    }
    assert agent.writer_id not in newest


def test_writer_of_commands_has_its_keys_and_batches_as_they_were_signed(there):
    run, store, batches = there
    writer = machine("first")
    writer.rotate("second")
    run(writer.put_into(store))
    found = run(batches.writer(writer.writer_id))
    assert (found.writer_id, [key.public_key for key in found.keys]) == (
        writer.writer_id, [public_key("first"), public_key("second")],
    )  # fmt: skip
    assert found.keys == tuple(writer.keys)
    page = run(batches.stored_batches(writer.writer_id, 1, 5))
    assert [(one.number, one.statement, one.signature) for one in page] == [
        (number, one.statement, one.signature) for number, one in enumerate(writer.batches) if number
    ]
    assert len(run(batches.stored_batches(writer.writer_id, 0, 2))) == 2
    assert run(batches.writer("cli-nobody")) == StoredWriter("cli-nobody")


def test_unsigned_command_of_an_earlier_release_is_refused_by_the_database(migrated_dsn):
    old = Writer(UNSIGNED_COMMANDS, seed=None)
    old.seal(**{new_tenant_id(): 1})
    with opened(migrated_dsn) as (run, database), pytest.raises(AuditError, match="row-level security"):
        run(old.put_into(PostgresAuditStore(database)))
