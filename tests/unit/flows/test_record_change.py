"""What administrators do, in the trail: before it is done, and what came of it."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryAuditLog
from axonflow.audit import Origin, verify_chain
from axonflow.errors import AuditError, ConfigurationError, TenancyConflict
from axonflow.flows.record_change import MAX_TEXT_CHARS, Change, recorded_change

CHANGE = Change(
    tenant_id="t", principal="cli:ann", action="key.revoke", resource="api_key:k", reason="It leaked.",
    origin=Origin("", "request", ""),
)  # fmt: skip


def recorded(log, act=lambda came: None, change=CHANGE):
    """The events of one change, in which `act` is what is done."""

    async def run():
        async with recorded_change(log, change) as came:
            act(came)

    try:
        asyncio.run(run())
    finally:
        records = asyncio.run(log.records("t"))
        assert verify_chain(records) == len(records)
    return [record.event for record in records]


def raising(error):
    def act(came):
        raise error

    return act


def test_change_is_recorded_before_it_is_made_and_with_what_came_of_it():
    log = MemoryAuditLog()

    def act(came):
        assert len(log._chains["t"]) == 1
        came.facts["roles"] = "agent"
        came.resource = "api_key:new"

    begun, done = recorded(log, act)
    assert (begun.kind, begun.action, begun.principal, begun.origin.request_id) == (
        "admin", "key.revoke", "cli:ann", "request",
    )  # fmt: skip
    assert (begun.resource, begun.details, begun.reasons) == ("api_key:k", {"outcome": "begun"}, ("It leaked.",))
    assert (done.resource, done.details, done.allowed) == ("api_key:new", {"outcome": "done", "roles": "agent"}, True)
    assert begun.decision_id == done.decision_id


@pytest.mark.parametrize(
    ("error", "code"),
    [(TenancyConflict("taken"), "conflict"), (OSError("gone"), "OSError"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)  # fmt: skip
def test_change_that_fails_is_recorded_with_why_and_raises_on(error, code):
    log = MemoryAuditLog()
    with pytest.raises(type(error)):
        recorded(log, raising(error))
    failed = asyncio.run(log.records("t"))[-1].event
    assert (failed.details, failed.allowed) == ({"outcome": "failed", "error": code}, False)


def test_change_that_cannot_be_recorded_is_never_begun():
    done = []
    with pytest.raises(AuditError, match="full"):
        recorded(MemoryAuditLog(max_tenants=0), done.append)
    assert done == []


@pytest.mark.parametrize("kind", [AuditError, ConfigurationError])
def test_change_that_fails_when_nothing_can_be_recorded_any_more_says_why_it_failed(kind):
    log = MemoryAuditLog()

    async def gone(event):
        raise kind("the disk is gone")

    def act(came):
        log.append = gone
        raise TenancyConflict("taken")

    with pytest.raises(TenancyConflict):
        recorded(log, act)


@pytest.mark.parametrize("kind", [AuditError, ConfigurationError])
def test_change_whose_end_cannot_be_recorded_says_that_it_was_made(kind):
    log = MemoryAuditLog()

    async def gone(event):
        raise kind("the disk is gone")

    def act(came):
        log.append = gone

    with pytest.raises(AuditError, match=r"the change was made.*the disk is gone.*Look at what is there"):
        recorded(log, act)
    assert [record.event.details["outcome"] for record in asyncio.run(log.records("t"))] == ["begun"]


def test_text_of_people_is_recorded_as_it_can_be_shown():
    change = Change(tenant_id="t", principal="cli:a\0b", action="x", resource="role:\ud800", reason="y" * 1000)
    begun, _ = recorded(MemoryAuditLog(), change=change)
    assert (begun.principal, begun.resource) == ("cli:a\N{REPLACEMENT CHARACTER}b", "role:\N{REPLACEMENT CHARACTER}")
    assert begun.reasons == ("y" * MAX_TEXT_CHARS + "...",)
