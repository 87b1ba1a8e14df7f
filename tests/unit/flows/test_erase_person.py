"""Erasing a person: what is destroyed, what is recorded of it, and what still names them."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditStore, MemoryPersonKeys
from axonflow.adapters.person_keys import InstallationKey
from axonflow.audit import MAX_TOTAL
from axonflow.errors import AuditError, RequestError
from axonflow.flows.erase_person import ErasedPerson, erase_person
from axonflow.flows.read_persons import PersonLookup
from axonflow.flows.record_change import Change
from tests.postgres_stores import audit_event, chained

INSTALLATION = InstallationKey(bytes(32))
CHANGE = Change(tenant_id="acme", principal="service:crm", action="person.erase", resource="audit:acme")


class Trail:
    def __init__(self, *events):
        self.log, self.keys, self.store = MemoryAuditLog(), MemoryPersonKeys(), MemoryAuditStore()
        asyncio.run(self.store.write(chained(events)))

    def erase(self, person):
        lookup = PersonLookup(self.keys, INSTALLATION.tag, INSTALLATION.opens)
        return asyncio.run(erase_person(lookup, self.store, self.log, person, CHANGE))

    def details(self):
        return [record.event.details for record in asyncio.run(self.log.records("acme"))]


def test_erasing_counts_what_still_names_the_person_wherever_it_does():
    trail = Trail(
        audit_event("acme", principal="agent:bot", on_behalf_of=("user:ann",)),
        audit_event("acme", principal="cli:root", resource="user:ann"),
        audit_event("acme", principal="user:bob"),
        audit_event("other", principal="user:ann"),
    )
    assert trail.erase("user:ann") == ErasedPerson((), 2)
    assert trail.details() == [{"outcome": "begun"}, {"outcome": "done", "keys": 0}]


def test_erasing_counts_up_to_what_anybody_counts():
    trail = Trail(*(audit_event("acme", time_us=number, resource="user:ann") for number in range(MAX_TOTAL)))
    assert trail.erase("user:ann").plain_records == MAX_TOTAL + 1


def test_erasing_with_another_key_of_the_installation_says_how_many_keys_it_does_not_open():
    trail = Trail()
    lost = InstallationKey(b"lost" * 8)
    for made in (lost, lost, INSTALLATION):
        asyncio.run(trail.keys.keep([made.new_key("acme", "user:ann").unkept]))
    erased = trail.erase("user:ann")
    assert (len(erased.keys), erased.foreign_keys) == (1, 2)
    assert trail.erase("user:ann") == ErasedPerson((), 0, 2)


def test_erasing_more_keys_than_one_event_names_destroys_all_of_them():
    trail = Trail()
    made = [INSTALLATION.new_key("acme", "user:ann").unkept for _ in range(1_002)]
    asyncio.run(trail.keys.keep(made))
    assert {*trail.erase("user:ann").keys} == {key.key_id for key in made}
    done = trail.details()[-1]
    assert (done["keys"], len(done)) == (1_002, 1_002)


def test_erasing_what_is_no_person_does_nothing_and_records_nothing():
    trail = Trail()
    with pytest.raises(RequestError, match="person: not a person: expected \"user:\" and an id, found 'agent:ann'"):
        trail.erase("agent:ann")
    with pytest.raises(RequestError, match=r"person: not a person: .*, found 'user:'"):
        trail.erase("user:")
    with pytest.raises(RequestError, match="person: a pseudonym: expected the name of the person"):
        trail.erase(f"user:~{'0a' * 16}")
    assert trail.details() == []


def test_erasing_that_cannot_be_recorded_destroys_nothing():
    trail = Trail()
    trail.log = MemoryAuditLog(max_tenants=0)
    kept = INSTALLATION.new_key("acme", "user:ann").unkept
    asyncio.run(trail.keys.keep([kept]))
    with pytest.raises(AuditError, match="full"):
        trail.erase("user:ann")
    assert asyncio.run(trail.keys.of_person("acme", kept.tag)) == [kept.key_id]


class Unreachable(MemoryAuditStore):
    async def search(self, query):
        raise AuditError("the store is away")


def test_erasing_of_which_nothing_can_be_counted_says_that_it_is_done():
    trail = Trail()
    kept = INSTALLATION.new_key("acme", "user:ann").unkept
    asyncio.run(trail.keys.keep([kept]))
    trail.store = Unreachable()
    with pytest.raises(AuditError, match=r"the keys were destroyed.*the store is away"):
        trail.erase("user:ann")
    assert asyncio.run(trail.keys.of_person("acme", kept.tag)) == []
    assert trail.details()[-1]["keys"] == 1
