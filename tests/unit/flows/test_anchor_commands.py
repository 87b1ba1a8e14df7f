"""Telling an anchor what was signed by command: by commands and services at once; never what does not follow."""

import asyncio

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditAnchor, MemoryAuditProofs, MemoryCommandBatches
from axonflow.audit import batch_hash, seal
from axonflow.audit.commands import command_writer
from axonflow.errors import AuditError
from axonflow.flows import anchor_commands as module
from axonflow.flows.anchor_commands import CommandAnchoring, bring_head
from axonflow.flows.read_anchor import read_anchor
from tests.audit_trail import START_US, Writer, public_key, signer

MACHINE = command_writer(signer("one").key_id)


def machine(count=1):
    return ran(Writer(MACHINE, "one"), count)


def ran(writer, count=1):
    for _ in range(count):
        writer.seal_records([writer.record("a", kind="admin")])
    return writer


async def kept(*writers):
    store = MemoryAuditProofs()
    for writer in writers:
        await writer.put_into(store)
    return store


def anchoring(anchor, store, told=None, **options):
    report = [].append if told is None else told.append
    return CommandAnchoring(anchor, MemoryCommandBatches(store), made_signature, report, **options)


async def newest(anchor):
    return {name: one.statement for name, one in (await read_anchor(anchor)).items()}


def test_what_was_signed_by_command_is_brought_and_again_only_when_it_moved(monkeypatch):
    async def run():
        monkeypatch.setattr(module, "_PAGE", 2)
        anchor, writer, agent = MemoryAuditAnchor(), machine(5), Writer("agent")
        store = await kept(writer, ran(agent))
        looking = anchoring(anchor, store)
        await looking.look()
        assert await newest(anchor) == {MACHINE: writer.batches[-1].statement}
        count = len(anchor.objects)
        await looking.look()
        await anchoring(anchor, store).look()
        assert len(anchor.objects) == count == 2
        ran(writer, 3)
        await writer.put_into(store)
        await looking.look()
        assert await newest(anchor) == {MACHINE: writer.batches[-1].statement}
        assert (await read_anchor(anchor))[MACHINE].public_key == public_key("one")

    asyncio.run(run())


def test_commands_and_services_that_tell_at_once_bring_one_history():
    async def run():
        anchor, writer = MemoryAuditAnchor(), machine(4)
        store = await kept(writer)
        heads = [bring_head(anchor, public_key("one"), one.statement, one.signature) for one in writer.batches]
        await asyncio.gather(*heads, *(anchoring(anchor, store).look() for _ in range(3)))
        assert await newest(anchor) == {MACHINE: writer.batches[-1].statement}
        await bring_head(anchor, public_key("one"), writer.batches[1].statement, writer.batches[1].signature)
        assert await newest(anchor) == {MACHINE: writer.batches[-1].statement}

    asyncio.run(run())


class Late(MemoryAuditAnchor):
    """Another has put its object into each place a moment before."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    async def put(self, name, data):
        before = self.other.pop(name.partition("/")[0], None)
        if before is not None:
            await super().put(name, before)
        return await super().put(name, data)


def test_head_that_another_was_faster_with_goes_behind_that():
    async def run():
        plain, writer = MemoryAuditAnchor(), machine(2)
        first, second = writer.batches
        await bring_head(plain, public_key("one"), first.statement, first.signature)
        late = Late({name.partition("/")[0]: data for name, data in plain.objects.items()})
        await bring_head(late, public_key("one"), second.statement, second.signature)
        assert await newest(late) == {MACHINE: second.statement}
        assert len([name for name in late.objects if name.startswith("heads")]) == 2

    asyncio.run(run())


def resigned(writer, number, seed):
    old = writer.batches[number]
    return seal(old.records, MACHINE, number, bytes.fromhex(old.said.previous), START_US + 5, signer(seed))


def forge(store, *batches):
    for one in batches:
        store._batches[MACHINE][one.said.number] = one


def cut_off(store, writer):
    del store._batches[MACHINE][2]


def removed_between(store, writer):
    store._batches[MACHINE][4] = writer.batches[2]
    del store._batches[MACHINE][2]


def signed_by_another(store, writer):
    forge(store, seal([writer.record("a", kind="admin")], MACHINE, 3, batch_hash(writer.batches[2].statement), 9,
                      signer("thief")))  # fmt: skip


def rewritten(store, writer):
    forge(store, resigned(writer, 2, "one"))


def not_linked(store, writer):
    forge(store, seal([writer.record("a", kind="admin")], MACHINE, 3, bytes(32), 9, signer("one")))


def other_key(store, writer):
    (key,) = writer.keys
    store._keys[MACHINE, 0] = replace(key, key_id=signer("thief").key_id, public_key=public_key("thief"))
    forge(store, *(resigned(writer, number, "thief") for number in range(3)))


@pytest.mark.parametrize("tamper", [cut_off, removed_between, signed_by_another, rewritten, not_linked, other_key])
def test_what_does_not_follow_what_the_anchor_knows_is_reported_and_not_blessed(tamper):
    async def run():
        anchor, writer = MemoryAuditAnchor(), machine(3)
        store = await kept(writer)
        await anchoring(anchor, store).look()
        tamper(store, writer)
        honest = command_writer(signer("two").key_id)
        other = ran(Writer(honest, "two"))
        await other.put_into(store)
        with pytest.raises(AuditError, match="does not follow what the anchor knows"):
            await anchoring(anchor, store).look()
        assert await newest(anchor) == {MACHINE: writer.batches[2].statement, honest: other.batches[0].statement}

    asyncio.run(run())


def test_writer_that_nobody_knows_is_brought_when_it_is_named_after_its_key_and_signs():
    async def run():
        anchor, silent = MemoryAuditAnchor(), ran(Writer("cli-x", seed=None))
        other = ran(Writer("cli-y", "one"))
        with pytest.raises(AuditError, match="cli-x"):
            await anchoring(anchor, await kept(silent, other)).look()
        assert anchor.objects == {}

    asyncio.run(run())


def test_anchoring_beside_a_service_reports_once_what_fails_and_that_it_works_again():
    class Shaky(MemoryAuditAnchor):
        failing = 3

        async def get(self, name):
            self.failing -= 1
            if self.failing >= 0:
                raise AuditError("away") if self.failing else OSError("odd")
            return await super().get(name)

    async def run():
        anchor, told, works, since_us = Shaky(), [], asyncio.Event(), []

        def report(error):
            told.append(error and str(error))
            since_us.append(flow.failing_since_us)
            works.set() if error is None else None
            raise ValueError("a report that fails")

        batches = MemoryCommandBatches(await kept(machine()))
        flow = CommandAnchoring(anchor, batches, made_signature, report, every_s=0.001)
        flow.start()
        await asyncio.wait_for(works.wait(), 60)
        await flow.stop(60)
        assert (told[0], "OSError" in told[1], told[2], len(told)) == ("away", True, None, 3)
        assert (since_us[0] is None, since_us[0] == since_us[1], since_us[2]) == (False, True, None)
        assert MACHINE in await newest(anchor)

    asyncio.run(run())


def test_anchoring_whose_anchor_hangs_ends_in_time_and_without_a_start_at_once():
    class Stuck(MemoryAuditAnchor):
        async def get(self, name):
            await asyncio.Event().wait()

    async def run():
        flow = anchoring(Stuck(), await kept(machine()))
        await flow.stop(1)
        flow.start()
        await flow.stop(0.01)

    asyncio.run(run())
