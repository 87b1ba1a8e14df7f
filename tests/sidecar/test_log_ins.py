"""Log-ins in the trail: the first use of each key, refusals within bounds, never a key, and no log-in waits for it."""

import asyncio

from axonflow import AxonFlow
from axonflow.adapters.memory import MemoryAuditLog
from axonflow.audit import Origin
from axonflow.errors import AuditError
from axonflow_sidecar.http.keys import Client
from axonflow_sidecar.http.log_ins import MAX_A_MINUTE, LogIns
from tests.sidecar.doors import ACME, ACME_KEY, HEADERS, KEY, REQUEST, Doors

BAD = {"authorization": "Bearer wrong-key-0123456789-0123456789-ab"}
ORIGIN = Origin("", "r", "0" * 32, "1" * 16)


class FullLog(MemoryAuditLog):
    full = True

    async def append(self, event):
        if self.full:
            raise AuditError("the disk is full")
        return await super().append(event)


class Watched:
    """LogIns by a clock that tests turn, and what they recorded."""

    def __init__(self, audit=None):
        self.now_s = 0.0
        self.flow = AxonFlow.open(audit=audit)
        self.log_ins = LogIns(self.flow, lambda: self.now_s)

    def refuse(self, *authorizations):
        async def run():
            for authorization in authorizations:
                await self.log_ins.refused(authorization, ORIGIN)

        asyncio.run(run())

    def accept(self, authorization, client):
        asyncio.run(self.log_ins.accepted(authorization, client, ORIGIN))

    def events(self, tenant="default"):
        return [record.event for record in asyncio.run(self.flow.audit.records(tenant))]


def log_ins(doors, tenant="default"):
    return [event for event in doors.trail(tenant) if event.kind == "login"]


def test_log_in_is_recorded_at_the_first_use_of_each_key_under_its_tenant():
    doors = Doors()
    for headers in (HEADERS, HEADERS, ACME, HEADERS):
        doors.post("/v1/decisions", REQUEST, headers)
    (operator,) = log_ins(doors)
    (tenant,) = log_ins(doors, "acme")
    assert (operator.principal, operator.action, operator.allowed, operator.effect) == (
        "service:tester", "key.use", True, "log",
    )  # fmt: skip
    assert (tenant.principal, tenant.resource, tenant.origin.client_id) == ("service:crm", "api_key:crm", "crm")
    assert len(operator.origin.span_id) == 16
    assert operator.decision_id != tenant.decision_id
    assert all(key.encode() not in event.canonical() for key in (KEY, ACME_KEY) for event in (operator, tenant))


def test_log_in_that_is_refused_is_recorded_as_denied_without_the_key():
    doors = Doors()
    for headers in (BAD, BAD, {}, {"authorization": "Basic Y3JtOm5vbmU="}):
        assert doors.post("/v1/decisions", REQUEST, headers).status_code == 401
    first, second, third = log_ins(doors)
    assert (first.allowed, first.effect, first.errors) == (False, "deny", ("no valid key",))
    assert (second.errors, second.details["unrecorded"]) == (("no key",), 1)
    assert third.details["client_id"] == "crm"
    assert b"wrong-key" not in first.canonical()


def test_log_ins_that_are_refused_are_recorded_once_a_minute_for_each_key():
    watched = Watched()
    watched.refuse("Bearer a", "Bearer a", "Bearer b")
    watched.now_s = 59.9
    watched.refuse("Bearer a")
    watched.now_s = 60.0
    watched.refuse("Bearer a")
    assert [event.details.get("unrecorded") for event in watched.events()] == [None, 1, 1]
    assert len({event.details["key"] for event in watched.events()}) == 2


def test_log_ins_of_many_guessed_keys_are_recorded_up_to_a_bound_and_counted_beyond():
    watched = Watched()
    watched.refuse(*[f"Bearer guess-{number}" for number in range(MAX_A_MINUTE + 500)])
    assert len(watched.events()) == MAX_A_MINUTE
    watched.now_s = 60.0
    watched.refuse("Bearer another")
    assert watched.events()[-1].details["unrecorded"] == 500


def test_log_in_with_a_valid_key_of_a_suspended_tenant_is_recorded_as_refused_in_its_trail():
    doors = Doors()
    doors.inactive["acme"] = "suspended"
    for headers in (ACME, ACME, HEADERS):
        doors.post("/v1/decisions", REQUEST, headers)
    (refused,) = log_ins(doors, "acme")
    assert (refused.allowed, refused.errors) == (False, ("the tenant is suspended",))
    assert (refused.principal, refused.origin.client_id, len(refused.origin.span_id)) == ("service:crm", "crm", 16)
    assert ACME_KEY.encode() not in refused.canonical()
    assert [event.principal for event in log_ins(doors)] == ["service:tester"]
    doors.inactive.clear()
    doors.post("/v1/decisions", REQUEST, ACME)
    assert [event.allowed for event in log_ins(doors, "acme")] == [False, True]


def test_log_ins_that_are_guessed_keep_none_of_a_suspended_tenant_out_of_its_trail():
    watched = Watched()
    watched.refuse(*[f"Bearer guess-{number}" for number in range(MAX_A_MINUTE + 5)])
    for _ in range(3):
        asyncio.run(watched.log_ins.barred("Bearer a", Client("crm", "acme"), "the tenant is suspended", ORIGIN))
    watched.now_s = 60.0
    asyncio.run(watched.log_ins.barred("Bearer a", Client("crm", "acme"), "the tenant is suspended", ORIGIN))
    assert [event.details.get("unrecorded") for event in watched.events("acme")] == [None, 2]


def test_log_in_that_cannot_be_recorded_goes_on_and_is_recorded_when_it_can():
    log = FullLog()
    watched = Watched(log)
    watched.accept("Bearer a", Client("crm", "acme"))
    watched.refuse("Bearer b", "Bearer b")
    log.full = False
    watched.accept("Bearer a", Client("crm", "acme"))
    watched.accept("Bearer a", Client("crm", "acme"))
    watched.refuse("Bearer c")
    assert [event.principal for event in watched.events("acme")] == ["service:crm"]
    assert [event.details["unrecorded"] for event in watched.events()] == [2]


def test_log_ins_of_more_keys_than_are_remembered_are_recorded_again(monkeypatch):
    monkeypatch.setattr("axonflow_sidecar.http.log_ins.MAX_KNOWN", 2)
    watched = Watched()
    for key in ("a", "b", "c", "c", "a"):
        watched.accept(f"Bearer {key}", Client("crm", "acme"))
    assert len(watched.events("acme")) == 4
