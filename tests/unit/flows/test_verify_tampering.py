"""Whatever the owner of a store does to a signed trail is found, and named for what it is."""

import asyncio
import hashlib

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import NO_BATCH, ChainHead, link, seal
from axonflow.audit.batch import BatchStatement
from axonflow.audit.chain_walk import MAX_FINDINGS
from axonflow.audit.trust import AnchoredWriter, Trust
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import Writer, an_event, public_key, signer, two_writers

WRITERS = two_writers()
TRUST = Trust(frozenset({public_key("key")}))
NEWEST = {one.writer_id: one.batches[-1].statement for one in WRITERS}
ANCHOR = Trust(writers={name: AnchoredWriter(name, public_key("key"), newest) for name, newest in NEWEST.items()})
CHAIN = ("a", "w")


def found(tamper, trust=TRUST, writers=WRITERS):
    """What a verification names after `tamper` had its way: kind, tenant, sequence and number of each."""

    async def run():
        store = MemoryAuditProofs()
        for writer in writers:
            await writer.put_into(store)
        if tamper is not None:
            await (tamper(store) or asyncio.sleep(0))
        report = await verify_audit(store, verify=made_signature, trust=trust)
        assert all(one.what and one.writer_id for one in report.broken)
        return [(one.kind, one.tenant_id, one.sequence, one.number) for one in report.broken]

    return asyncio.run(run())


def delete(store):
    del store._chains[CHAIN][4]


def delete_last_of_a_batch(store):
    del store._chains[CHAIN][9]


def delete_a_whole_segment(store):
    for number in range(10, 18):
        del store._chains[CHAIN][number]


def truncate(store):
    for number in range(20, 25):
        del store._chains[CHAIN][number]


def update(store):
    record = store._chains[CHAIN][4]
    event = replace(record.event, effect="allow")
    store._chains[CHAIN][4] = replace(record, canonical=event.canonical(), event=event)


def update_hash_as_well(store):
    chain = store._chains[CHAIN]
    chain[4] = link(replace(chain[4].event, effect="allow"), chain[3])


def write_anew_from_there_on(store):
    chain = store._chains[CHAIN]
    for number in range(4, 25):
        chain[number] = link(replace(chain[number].event, effect="allow"), chain[number - 1])


def spoil_hash(store):
    store._chains[CHAIN][4] = replace(store._chains[CHAIN][4], hash=bytes(32))


def insert_at_the_end(store):
    store._chains[CHAIN][25] = link(an_event(*CHAIN, 99), store._chains[CHAIN][24])


def insert_in_the_middle(store):
    chain = store._chains[CHAIN]
    rest = [chain[number].event for number in range(4, 25)]
    for number, event in enumerate([an_event(*CHAIN, 99), *rest], start=4):
        chain[number] = link(event, chain[number - 1])


def swap(store):
    chain = store._chains[CHAIN]
    chain[4], chain[5] = replace(chain[5], sequence=4), replace(chain[4], sequence=5)


def swap_across_chains(store):
    other = store._chains["b", "w"]
    store._chains[CHAIN][1], other[1] = other[1], store._chains[CHAIN][1]


def edit_a_search_column(store):
    record = store._chains[CHAIN][4]
    store._chains[CHAIN][4] = replace(record, event=replace(record.event, effect="allow"))


def spoil_bytes(store):
    store._chains[CHAIN][4] = replace(store._chains[CHAIN][4], canonical=b"\xff{")


def spoil_bytes_and_hash(store):
    chain = store._chains[CHAIN]
    entry = b"\0axonflow.audit.v2\0" + chain[3].hash + (4).to_bytes(8, "big") + b"{}"
    chain[4] = replace(chain[4], canonical=b"{}", hash=hashlib.sha256(entry).digest())


def twice(store):
    store._chains[CHAIN][30] = store._chains[CHAIN][24]


def cut_elsewhere(store):
    store.cut(*CHAIN, 10)
    store._cuts[CHAIN] = replace(store._cuts[CHAIN], hash="00" * 32)


def cut_further_than_removed(store):
    store.cut(*CHAIN, 10)
    store._cuts[CHAIN] = replace(store._cuts[CHAIN], records=13)


def cut_less_than_removed(store):
    store.cut(*CHAIN, 10)
    store._cuts[CHAIN] = replace(store._cuts[CHAIN], records=8)


def cut_beyond_the_end(store):
    store.cut(*CHAIN, 25)
    store._cuts[CHAIN] = ChainHead(*CHAIN, 40, "11" * 32)


def remove_batch(store):
    del store._batches["w"][1]


def remove_newest_batch_but_not_its_records(store):
    del store._batches["w"][2]


def remove_newest_batch(store):
    del store._batches["w"][2]
    for tenant, left in (("a", 18), ("b", 3), ("c", 0)):
        for number in [number for number in store._chains[tenant, "w"] if number >= left]:
            del store._chains[tenant, "w"][number]


def remove_segment(store):
    batch = store._batches["w"][2]
    store._batches["w"][2] = replace(batch, segments=batch.segments[:2])
    del store._chains["c", "w"]


def replay_old_batch(store):
    store._batches["w"][3] = store._batches["w"][1]


def replace_batch_by_an_older_one(store):
    store._batches["w"][2] = store._batches["w"][1]


def batch_of_another_writer(store):
    store._batches["w"][2] = store._batches["v"][2]


def resealed(store, key):
    """The newest batch with another record in it, sealed anew with `key`."""
    old = store._batches["w"][2]
    chain = store._chains[CHAIN]
    for number in range(20, 25):
        chain[number] = link(replace(chain[number].event, effect="allow"), chain[number - 1])
    records = [store._chains[one.event.tenant_id, "w"][one.sequence] for one in old.records]
    said = old.said
    store._batches["w"][2] = seal(records, "w", 2, bytes.fromhex(said.previous), said.sealed_us, key)


def sign_with_another_key(store):
    resealed(store, signer("thief"))


def sign_with_another_key_that_is_registered(store):
    sign_with_another_key(store)
    thief = signer("thief")
    key = replace(store._keys["w", 0], number=2, key_id=thief.key_id, public_key=thief.public_bytes)
    store._keys["w", 2] = replace(key, endorsement=thief.sign(key.statement()))


def sign_all_anew_and_register_another_key(store):
    sign_with_another_key(store)
    thief = signer("thief")
    store._keys["w", 0] = replace(store._keys["w", 0], key_id=thief.key_id, public_key=thief.public_bytes)
    previous = NO_BATCH
    for number, old in store._batches["w"].items():
        batch = seal(old.records, "w", number, previous, old.said.sealed_us, thief)
        store._batches["w"][number] = batch
        previous = hashlib.sha256(batch.statement).digest()


def register_another_key_under_the_same_id(store):
    store._keys["w", 0] = replace(store._keys["w", 0], public_key=signer("thief").public_bytes)


def remove_the_key(store):
    del store._keys["w", 0]


def unsigned(store):
    resealed(store, None)


def spoil_signature(store):
    batch = store._batches["w"][1]
    store._batches["w"][1] = replace(batch, signature=bytes(64))


def spoil_statement(store):
    batch = store._batches["w"][1]
    store._batches["w"][1] = replace(batch, statement=b"{}")


def edit_statement(store):
    batch = store._batches["w"][1]
    said = BatchStatement.from_bytes(batch.statement)
    later = batch.statement.replace(str(said.sealed_us).encode(), str(said.sealed_us + 1).encode())
    store._batches["w"][1] = replace(batch, statement=later)


def edit_segment(store):
    batch = store._batches["w"][1]
    store._batches["w"][1] = replace(batch, segments=(replace(batch.segments[0], root=bytes(32)),))


def remove_writer(store):
    for chain in [chain for chain in store._chains if chain[1] == "w"]:
        del store._chains[chain]
    del store._batches["w"], store._keys["w", 0]


def remove_records_of_a_writer(store):
    for chain in [chain for chain in store._chains if chain[1] == "w"]:
        del store._chains[chain]


async def put_in_a_writer(store):
    writer = Writer("x", seed="thief")
    writer.seal(a=3)
    await writer.put_into(store)


TAMPERED = {
    delete: [("missing", "a", 4, 0)],
    delete_last_of_a_batch: [("missing", "a", 9, 0)],
    delete_a_whole_segment: [("missing", "a", 10, 1)],
    truncate: [("missing", "a", 20, 2)],
    update: [("altered", "a", 4, None)],
    update_hash_as_well: [("unlinked", "a", 5, None)],
    write_anew_from_there_on: [("rewritten", "a", 0, 0), ("rewritten", "a", 10, 1), ("rewritten", "a", 18, 2)],
    spoil_hash: [("altered", "a", 4, None)],
    insert_at_the_end: [("unsealed", "a", 25, None)],
    insert_in_the_middle: [
        ("rewritten", "a", 0, 0),
        ("rewritten", "a", 10, 1),
        ("rewritten", "a", 18, 2),
        ("unsealed", "a", 25, None),
    ],
    swap: [("altered", "a", 4, None), ("altered", "a", 5, None)],
    swap_across_chains: [("column", "a", 1, None), ("column", "b", 1, None)],
    edit_a_search_column: [("column", "a", 4, None)],
    spoil_bytes: [("altered", "a", 4, None)],
    spoil_bytes_and_hash: [("column", "a", 4, None)],
    twice: [("altered", "a", 24, None)],
    cut_elsewhere: [("cut", "a", 9, None), ("unlinked", "a", 10, None)],
    cut_further_than_removed: [
        ("cut", "a", 10, None),
        ("cut", "a", 11, None),
        ("cut", "a", 12, None),
        ("unlinked", "a", 13, None),
    ],
    cut_less_than_removed: [("missing", "a", 8, 0)],
    cut_beyond_the_end: [("cut", "a", 25, None)],
    remove_batch: [("batch_missing", "", None, 1), ("unsealed", "a", 10, None)],
    remove_newest_batch_but_not_its_records: [
        ("unsealed", "a", 18, None),
        ("unsealed", "b", 3, None),
        ("unsealed", "c", 0, None),
    ],
    remove_segment: [("batch_altered", "", None, 2)],
    replay_old_batch: [("batch_misplaced", "", None, 3), ("sealed_twice", "a", 10, 3)],
    replace_batch_by_an_older_one: [
        ("batch_misplaced", "", None, 2),
        ("sealed_twice", "a", 10, 2),
        ("unsealed", "a", 18, None),
        ("unsealed", "b", 3, None),
        ("unsealed", "c", 0, None),
    ],
    batch_of_another_writer: [
        ("batch_misplaced", "", None, 2),
        ("rewritten", "a", 18, 2),
        ("rewritten", "b", 3, 2),
        ("rewritten", "c", 0, 2),
    ],
    sign_with_another_key: [("unknown_key", "", None, 2)],
    sign_with_another_key_that_is_registered: [("unendorsed_key", "", None, 2), ("untrusted_key", "", None, 2)],
    sign_all_anew_and_register_another_key: [("untrusted_key", "", None, 0)],
    register_another_key_under_the_same_id: [("unknown_key", "", None, 0), ("untrusted_key", "", None, 0)],
    remove_the_key: [("unknown_key", "", None, 0)],
    unsigned: [("unsigned", "", None, 2)],
    spoil_signature: [("bad_signature", "", None, 1)],
    spoil_statement: [("batch_unreadable", "", None, 1), ("batch_unlinked", "", None, 2)],
    edit_statement: [("bad_signature", "", None, 1), ("batch_unlinked", "", None, 2)],
    edit_segment: [("batch_altered", "", None, 1), ("rewritten", "a", 10, 1)],
    remove_records_of_a_writer: [
        ("missing", "a", 0, 0),
        ("missing", "a", 10, 1),
        ("missing", "a", 18, 2),
        ("missing", "b", 0, 0),
        ("missing", "b", 3, 2),
        ("missing", "c", 0, 2),
    ],
    put_in_a_writer: [("untrusted_key", "", None, 0)],
}


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_verify_audit_of_a_trail_that_was_tampered_with_names_what_was_done(tamper):
    assert found(tamper) == TAMPERED[tamper]


def test_verify_audit_of_the_same_trail_untouched_finds_nothing():
    assert found(None) == found(None, Trust()) == found(None, ANCHOR) == []


UNSEEN_WITHOUT_ANCHOR = [remove_newest_batch, remove_writer]
WITH_ANCHOR = {
    remove_newest_batch: [("batch_missing", "", None, 2)],
    remove_writer: [("writer_missing", "", None, 0)],
    put_in_a_writer: [("writer_unknown", "", None, None), ("untrusted_key", "", None, 0)],
    sign_all_anew_and_register_another_key: [("anchor_broken", "", None, 2), ("untrusted_key", "", None, 0)],
    write_anew_from_there_on: TAMPERED[write_anew_from_there_on],
}


@pytest.mark.parametrize("tamper", UNSEEN_WITHOUT_ANCHOR, ids=lambda tamper: tamper.__name__)
def test_verify_audit_without_an_anchor_sees_nothing_of_what_was_cut_off_together(tamper):
    assert found(tamper) == []


@pytest.mark.parametrize("tamper", WITH_ANCHOR, ids=lambda tamper: tamper.__name__)
def test_verify_audit_with_an_anchor_names_what_the_owner_of_all_tables_did(tamper):
    assert sorted(found(tamper, ANCHOR), key=str) == sorted(WITH_ANCHOR[tamper], key=str)


def test_verify_audit_with_an_anchor_of_an_older_statement_proves_up_to_there():
    older = {
        one.writer_id: AnchoredWriter(one.writer_id, public_key("key"), one.batches[1].statement) for one in WRITERS
    }
    assert found(None, Trust(writers=older)) == []
    assert found(remove_newest_batch, Trust(writers=older)) == []
    assert found(remove_writer, Trust(writers=older)) == [("writer_missing", "", None, 0)]
    registered = {name: replace(one, statement=b"") for name, one in older.items()}
    assert found(None, Trust(writers=registered)) == []


def test_verify_audit_against_the_owner_of_the_store_is_worth_nothing_without_trust():
    assert found(sign_all_anew_and_register_another_key, Trust()) == []


def test_verify_audit_of_a_chain_in_great_disorder_stops_looking():
    def every_second(store):
        for number in range(0, 2 * MAX_FINDINGS + 20, 2):
            store._chains["a", "w"][number] = replace(store._chains["a", "w"][number], hash=bytes(32))

    writer = Writer("w")
    writer.seal(a=3 * MAX_FINDINGS, b=1)
    assert len(found(every_second, writers=[writer])) == MAX_FINDINGS


def test_verify_audit_of_a_hidden_tail_behind_a_segment_that_claims_to_be_newer_still_finds_it():
    class Store(MemoryAuditProofs):
        async def stored_segments(self, tenant_id, writer_id, after, limit):
            page = await super().stored_segments(tenant_id, writer_id, after, limit)
            return [replace(one, number=999) if one.segment.first == 18 else one for one in page]

    async def run():
        store = Store()
        for writer in WRITERS:
            await writer.put_into(store)
        report = await verify_audit(store, "a", verify=made_signature)
        assert [(one.kind, one.writer_id, one.number) for one in report.broken] == [
            ("batch_missing", "v", 999), ("batch_missing", "w", 999),
        ]  # fmt: skip

    asyncio.run(run())
