"""The suite that every AuditHistory passes: what a query covers, all of it, newest first, page by page."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryAuditHistory, MemoryAuditStore
from axonflow.adapters.postgres import PostgresAuditHistory, PostgresAuditStore
from axonflow.audit import AuditEvent, AuditQuery
from axonflow.ids import new_id
from tests.postgres_stores import audit_event, chained, opened

START_US = 1_780_000_000_000_000
DAY_US = 86_400_000_000


@pytest.fixture(scope="module", params=["memory", "postgres"])
def kept(request):
    """What runs coroutines, and the history of two tenants and of what was written of the first."""
    if request.param == "memory":
        store = MemoryAuditStore()
        with asyncio.Runner() as runner:
            yield filled(runner.run, store, MemoryAuditHistory(store))
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield filled(run, PostgresAuditStore(database), PostgresAuditHistory(database))


def filled(run, store, history):
    tenant_id = new_id(1)
    events = [
        audit_event(
            tenant_id, f"w{number % 2}", time_us=START_US + number * DAY_US // 4, decision_id=f"d{number}",
            kind="decision" if number % 3 else "tool_call", effect="deny" if number % 2 else "allow",
            principal=f"user:{'ann' if number % 4 else 'bob'}",
        )
        for number in range(40)
    ]  # fmt: skip
    run(store.write(chained([*events, audit_event(new_id(1), time_us=START_US)])))
    return run, history, tenant_id, events


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"kind": "decision"}, {"effect": "deny", "principal": "user:ann"}, {"start_us": START_US + DAY_US},
        {"end_us": START_US + 3 * DAY_US, "kind": "decision"}, {"decision_id": "d7"}, {"policy": "none\0such"},
        {"start_us": 2**63}, {"policy": "p", "resource": "tool:x", "allowed": False, "action": "tool.call"},
    ],
)  # fmt: skip
def test_history_gives_what_a_query_covers_newest_first_page_by_page(kept, asked):
    run, history, tenant_id, events = kept
    query = AuditQuery(tenant_id=tenant_id, **asked)
    expected = sorted((one for one in events if query.covers(one)), key=lambda one: one.event_id, reverse=True)
    found = []
    while page := run(history.newest(query, 7)):
        assert len(page) <= 7
        found += page
        query = AuditQuery(tenant_id=tenant_id, **asked, before=page[-1][0])
    assert [AuditEvent.from_canonical(row) for _, row in found] == expected
    assert [event_id for event_id, _ in found] == [one.event_id for one in expected]
