"""What verification finds where a walk from place to place might pass it by: at the end of a page, or of nobody."""

import asyncio

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import link
from axonflow.audit.trust import Trust
from axonflow.flows import verify_audit as module
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import an_event, public_key, two_writers

WRITERS = two_writers()
TRUST = Trust(frozenset({public_key("key")}))
CHAIN = ("a", "w")


def cut_and_put_in_what_is_before_it(store):
    store.cut(*CHAIN, 10)
    store._chains[CHAIN][0] = link(an_event(*CHAIN, 0, effect="allow"), None)


def insert_ahead_of_the_chain(store):
    store._chains[CHAIN][-5] = replace(link(an_event(*CHAIN, 99), None), sequence=-5)


@pytest.mark.parametrize(
    ("tamper", "sequence"), [(cut_and_put_in_what_is_before_it, 0), (insert_ahead_of_the_chain, -5)]
)
def test_verify_audit_of_a_record_ahead_of_its_chain_names_it(tamper, sequence):
    async def run():
        store = MemoryAuditProofs()
        for writer in WRITERS:
            await writer.put_into(store)
        tamper(store)
        report = await verify_audit(store, verify=made_signature, trust=TRUST)
        assert [(one.kind, one.tenant_id, one.sequence) for one in report.broken] == [("cut", "a", sequence)]

    asyncio.run(run())


def remove_tenant(store):
    for name, batches in store._batches.items():
        store._chains.pop(("a", name))
        for number, batch in batches.items():
            batches[number] = replace(batch, segments=tuple(one for one in batch.segments if one.tenant_id != "a"))


def test_verify_audit_of_one_tenant_that_was_removed_finds_batches_that_are_not_whole():
    async def run():
        store = MemoryAuditProofs()
        for writer in WRITERS:
            await writer.put_into(store)
        remove_tenant(store)
        report = await verify_audit(store, "a", verify=made_signature, trust=TRUST)
        assert (report.chains, {one.kind for one in report.broken}) == (0, {"batch_altered"})

    asyncio.run(run())


@pytest.mark.parametrize("place", range(25))
def test_verify_audit_of_a_place_that_is_taken_twice_finds_it_also_between_two_pages(monkeypatch, place):
    class Doubled(MemoryAuditProofs):
        async def stored_records(self, tenant_id, writer_id, first, limit):
            page = await super().stored_records(tenant_id, writer_id, first, 100)
            if (tenant_id, writer_id) == CHAIN and place >= first:
                one = next(one for one in page if one.sequence == place)
                page.insert(page.index(one) + 1, replace(one, canonical=b"{}", event_id="another"))
            return page[:limit]

    async def run():
        store = Doubled()
        for writer in WRITERS:
            await writer.put_into(store)
        monkeypatch.setattr(module, "_PAGE", 5)
        report = await verify_audit(store, verify=made_signature, trust=TRUST)
        assert [(one.kind, one.sequence, one.event_id) for one in report.broken] == [("altered", place, "another")]

    asyncio.run(run())
