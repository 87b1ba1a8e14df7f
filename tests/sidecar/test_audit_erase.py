"""Persons in the trail over HTTP: found and shown while their keys are there, erased by who may, and gone then."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryAuditTail, MemoryPersonKeys
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.app.persons import AuditPersons
from axonflow.app.spooling import move_person_keys
from axonflow.app.tailing import Tailing
from axonflow.audit import AuditQuery
from axonflow.audit.tail import TailPosition
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing
from tests.sidecar.doors import ACME, HEADERS, KEYS, REQUEST, Doors

ERASE, SEARCH = "/v1/audit/persons/erase", "/api/v1/audit/search"
ADMIN_KEY = "admin-key-0123456789-0123456789-a"
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
ANN = {"person": "user:ann", "confirm": "user:ann"}


class SealingDoors(Doors):
    """Doors behind which persons are sealed."""

    def __init__(self, folder):
        super().__init__(audit=SqliteAuditSpool.open(folder))
        spool, self.keys = self.flow.audit, MemoryPersonKeys()
        self.persons = AuditPersons(bytes(32), self.keys, self.audit_store, spool)
        self.writer = self.persons.writer_keys()
        spool.seal_persons(self.writer.key_of)
        self.identities = Identities(
            KeyRing([*KEYS, ApiKey(ADMIN_KEY, "boss", "acme", roles=("admin",))]), self.stored, self.inactive
        )
        self.reopen(
            search=self.searched,
            persons=self.persons,
            tail=Tailing(MemoryAuditTail(self.audit_store), persons=self.persons),
        )

    async def searched(self, query):
        await move_person_keys(self.flow.audit, self.keys)
        await self.search(query)
        return await self.persons.search(query)


@pytest.fixture
def doors(tmp_path):
    made = SealingDoors(tmp_path)
    yield made
    made.flow.audit.close()


def decided(doors, tenant, headers):
    return doors.post("/v1/decisions", REQUEST | {"principal": {"id": "ann", "tenant": tenant}}, headers).json()


def entries(doors, headers, **body):
    return doors.post(SEARCH, body, headers).json()["entries"]


def test_person_is_found_shown_and_explained_while_the_key_is_there(doors):
    decision = decided(doors, "acme", ACME)
    (entry,) = entries(doors, ACME, user_email="ann")
    assert (entry["user_email"], entry["policy_details"]["principal"]) == ("ann", "user:ann")
    told = doors.call("GET", f"/api/v1/decisions/{decision['decision_id']}/explain", headers=ACME).json()
    assert told["principal"] == "user:ann"
    assert not {"erased"} & (told.keys() | entry["policy_details"].keys())


def test_person_that_is_erased_is_shown_as_that_and_the_change_is_recorded_without_them(doors):
    decision = decided(doors, "acme", ACME)
    assert len(entries(doors, ACME, user_email="ann")) == 1
    erased = doors.post(ERASE, ANN, ACME).json()
    assert (len(erased["keys"]), erased["plain_records"]) == (1, 0)
    assert entries(doors, ACME, user_email="ann") == []
    (entry,) = entries(doors, ACME, kind="decision")
    assert (entry["user_email"], entry["policy_details"]["erased"]) == (f"~{erased['keys'][0]}", True)
    told = doors.call("GET", f"/api/v1/decisions/{decision['decision_id']}/explain", headers=ACME).json()
    assert (told["erased"], told["principal"]) == (True, f"user:~{erased['keys'][0]}")
    changes = asyncio.run(doors.searched(AuditQuery(tenant_id="acme", kind="admin"))).events[::-1]
    assert [(one.action, one.principal, one.details) for one in changes] == [
        ("person.erase", "service:crm", {"outcome": "begun"}),
        ("person.erase", "service:crm", {"outcome": "done", "keys": 1, "key_1": erased["keys"][0]}),
    ]
    assert b"ann" not in b"".join(event.canonical() for event in changes)


def test_person_of_one_tenant_that_is_erased_stays_with_the_other(doors):
    decided(doors, "acme", ACME)
    decided(doors, "default", HEADERS)
    entries(doors, ACME)
    assert len(doors.post(ERASE, ANN, ACME).json()["keys"]) == 1
    assert len(entries(doors, HEADERS, user_email="ann")) == 1


def test_tail_shows_persons_while_their_keys_are_there(doors):
    decided(doors, "acme", ACME)
    entries(doors, ACME)
    query = AuditQuery(tenant_id="acme", principal="user:ann")

    def principals(query):
        look = asyncio.run(doors.services.tail.look(query, TailPosition.at(0)))
        return [event.principal for _, event in look.events]

    assert principals(query) == ["user:ann"]
    (key,) = doors.post(ERASE, ANN, ACME).json()["keys"]
    assert principals(query) == []
    assert principals(AuditQuery(tenant_id="acme", kind="decision")) == [f"user:~{key}"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (ANN | {"confirm": "user:bob"}, 400, "not confirmed"),
        ({"person": "agent:bot", "confirm": "agent:bot"}, 400, "not a person"),
        ({"person": "user:ann"}, 400, "confirm"),
    ],
)
def test_erasing_what_is_not_confirmed_or_no_person_is_refused(doors, body, status, says):
    response = doors.post(ERASE, body, ACME)
    assert (response.status_code, says in response.text) == (status, True)


def test_erasing_by_an_administrator_without_the_permission_of_a_held_tenant_or_without_a_key_is_refused(doors):
    decided(doors, "acme", ACME)
    entries(doors, ACME)
    assert doors.post(ERASE, ANN, ADMIN).status_code == 403
    doors.keys.held.add("acme")
    assert doors.post(ERASE, ANN, ACME).status_code == 409
    assert len(entries(doors, ACME, user_email="ann")) == 1
    doors.reopen(persons=None)
    assert doors.post(ERASE, ANN, ACME).status_code == 503


def test_erase_in_a_tenant_that_nobody_knows_is_404_and_makes_no_trail_of_it(doors):
    response = doors.post(ERASE, ANN, HEADERS | {"x-tenant-id": "nobody"})
    assert (response.status_code, response.json()["message"]) == (404, "no such tenant")
    assert asyncio.run(doors.searched(AuditQuery(tenant_id="nobody"))).total == 0
    decided(doors, "beta", HEADERS)  # of which there is a record, though nobody made it
    assert doors.post(ERASE, ANN, HEADERS | {"x-tenant-id": "beta"}).status_code == 200
