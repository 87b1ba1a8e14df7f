"""What commands signed: by the key that the writer is named after, behind what was not signed, to which nothing is
added."""

import asyncio

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import WriterKey, batch_hash, seal
from axonflow.audit.batch_walk import unknown_to_anchor
from axonflow.audit.commands import UNSIGNED_COMMANDS, HandOver, command_writer
from axonflow.audit.stored import StoredBatch, StoredWriter
from axonflow.audit.trust import AnchoredWriter, Trust
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import START_US, Writer, public_key, signer

UNSIGNED = frozenset({UNSIGNED_COMMANDS})


def commands(seed, behind=None):
    """A machine that runs commands, and began behind the newest batch of `behind`."""
    writer = Writer(command_writer(signer(seed).key_id), seed)
    writer.begin = batch_hash(behind.batches[-1].statement) if behind and behind.batches else None
    return writer


def ran(writer, count=1, kind="admin"):
    for _ in range(count):
        record = writer.record("a", kind=kind)
        if writer.batches or getattr(writer, "begin", None) is None:
            writer.seal_records([record])
        else:
            own = signer(writer.seed)
            writer.batches.append(seal([record], writer.writer_id, 0, writer.begin, START_US, own))
    return writer


def unsigned(count):
    return ran(Writer(UNSIGNED_COMMANDS, seed=None), count)


def found(*writers, trust=None, tamper=lambda store: None):
    async def run():
        store = MemoryAuditProofs()
        for writer in writers:
            await writer.put_into(store)
        tamper(store)
        return await verify_audit(store, trust=trust or Trust(unsigned_writers=UNSIGNED), verify=made_signature)

    return [(one.kind, one.writer_id, one.number) for one in asyncio.run(run()).broken]


def test_commands_that_sign_behind_those_that_did_not_verify_whoever_is_trusted():
    old = unsigned(3)
    machines = [ran(commands(seed, old), 2) for seed in ("one", "two")]
    keys = frozenset(map(public_key, ("one", "two")))
    anchor = {
        one.writer_id: AnchoredWriter(one.writer_id, public_key(one.seed), one.batches[0].statement) for one in machines
    }
    for trust in (None, Trust(keys, unsigned_writers=UNSIGNED), Trust(None, anchor, UNSIGNED)):
        assert found(old, *machines, trust=trust) == []
    assert found(ran(commands("one"), 2)) == []


def test_machine_that_runs_its_first_command_while_the_trail_is_verified_is_left_for_next_time():
    old = unsigned(2)
    machine = ran(commands("one", old))

    class Coming(MemoryAuditProofs):
        async def stored_batches(self, writer_id, first, limit):
            found = await super().stored_batches(writer_id, first, limit)
            if writer_id == machine.writer_id:
                await machine.put_into(self)
            return found

    async def run():
        store = Coming()
        await old.put_into(store)
        await store.register(machine.keys[0])
        trust = Trust(unsigned_writers=UNSIGNED)
        return [await verify_audit(store, trust=trust, verify=made_signature) for _ in range(2)]

    meanwhile, later = asyncio.run(run())
    assert (meanwhile.broken, later.broken) == ((), ())
    assert [one.batches for one in later.writers] == [2, 1]


def test_unsigned_command_that_comes_behind_where_commands_began_to_sign_was_put_in():
    old = unsigned(2)
    first = ran(commands("one", old))
    ran(old)
    assert found(old, first) == [("unsigned", UNSIGNED_COMMANDS, 2)]
    assert found(old, first, ran(commands("two", old))) == [("unsigned", UNSIGNED_COMMANDS, 2)]
    assert found(unsigned(1), ran(commands("one"))) == [("unsigned", UNSIGNED_COMMANDS, 0)]


def test_unsigned_commands_that_were_written_anew_are_not_those_that_were_signed_for():
    machine = ran(commands("one", unsigned(3)))
    forged = Writer(UNSIGNED_COMMANDS, seed=None)
    for number in range(3):
        forged.seal_records([forged.record("a", kind="admin", action=f"forged.{number}")])
    assert found(forged, machine) == [("batch_unlinked", machine.writer_id, 0)]
    assert found(machine) == [("batch_unlinked", machine.writer_id, 0)]


def test_writer_of_commands_whose_first_key_is_not_the_one_of_its_name_is_found_without_any_trust():
    machine = commands("one")
    machine.seed, machine.keys = "thief", [WriterKey(machine.writer_id, 0, signer("thief").key_id, public_key("thief"))]
    kinds = [kind for kind, _, _ in found(ran(machine, 2))]
    assert kinds == ["unknown_key", "untrusted_key"]


def test_writer_of_commands_that_does_not_sign_or_records_decisions_is_found():
    silent = ran(Writer(command_writer("0" * 16), seed=None))
    assert found(silent) == [("unsigned", silent.writer_id, 0)]
    machine = ran(commands("one"), kind="decision")
    assert found(machine) == [("unsigned", machine.writer_id, None)]


def test_writer_of_commands_that_the_anchor_does_not_know_is_found_with_who_would_tell_it():
    machine = ran(commands("one"))
    kinds = found(machine, trust=Trust(None, {}, UNSIGNED))
    assert kinds == [("untrusted_key", machine.writer_id, 0), ("writer_unknown", machine.writer_id, None)]
    assert "AXONFLOW_ANCHOR" in unknown_to_anchor(machine.writer_id)
    assert "AXONFLOW_ANCHOR" not in unknown_to_anchor("agent")


def test_writer_of_commands_that_changed_its_key_is_still_named_after_the_first():
    machine = ran(commands("one"), 2)
    machine.rotate("second")
    assert found(ran(machine, 2)) == []


@pytest.mark.parametrize("statement", [b"{}", b""])
def test_first_batch_that_cannot_be_read_is_said_to_be_that_and_not_to_begin_anywhere(statement):
    hand_over = HandOver()
    writer = StoredWriter("cli-x")
    assert hand_over.begun(writer, StoredBatch(0, statement, b"", b"")) == writer
    assert hand_over.begun(writer, None) == writer
    odd = seal([Writer("cli-x").record("a")], "cli-x", 0, b"", 1, None)
    odd = StoredBatch(0, odd.statement.replace(b'"previous":""', b'"previous":"no"'), b"", b"")
    assert hand_over.begun(writer, odd) == writer
    assert hand_over.begun(writer, replace(odd, number=3)) == writer
    assert hand_over.findings == []
