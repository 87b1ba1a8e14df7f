"""What every audit store must do: keep each record once, refuse a second history, find what is asked for."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditStore
from axonflow.audit import MAX_TOTAL, NO_BATCH, AuditPage, AuditQuery, Origin, link, seal, verify_chain
from axonflow.errors import AuditConflict
from axonflow.ids import new_id, now_us
from tests.postgres_stores import ReadableStore, audit_event, chained, opened


@pytest.fixture(scope="module", params=["memory", "postgres"])
def opened_store(request):
    """What runs coroutines, and a store that other tests write to as well: each keeps to tenants of its own."""
    if request.param == "memory":
        with asyncio.Runner() as runner:
            yield runner.run, MemoryAuditStore()
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, ReadableStore(database)


@pytest.fixture
def tenant():
    return new_id(1)


NAMES = st.sampled_from(
    ["user:ann", "user:bob", "agent:x", 'a "quoted", {name}', "back\\slash", "NULL", "ü\n\U0001f600", ""]
)
KINDS = st.sampled_from(["decision", "llm.call", "ä"])
EFFECTS = st.sampled_from(["deny", "allow", "ä"])
ASKED_KINDS, ASKED_EFFECTS = st.sampled_from(["decision", "login"]), st.sampled_from(["deny", "log"])
TIMES = st.sampled_from([0, 1, 2, 3, 10**6, 10**15, 10**15 + 1])
BEYOND = st.sampled_from([-1, -(2**63), 2**63 - 1, 2**63, 2**70, -(2**63) - 1])
EVENTS = st.fixed_dictionaries(
    {
        "tenant": st.integers(0, 1), "writer_id": NAMES.filter(bool), "time_us": TIMES, "kind": KINDS,
        "principal": NAMES, "on_behalf_of": st.lists(NAMES, max_size=2).map(tuple), "action": NAMES, "effect": EFFECTS,
        "resource": NAMES, "policies": st.lists(NAMES, max_size=3).map(tuple), "decision_id": NAMES,
        "allowed": st.booleans(), "origin": st.builds(Origin, NAMES, NAMES, NAMES),
        "content_chars": st.integers(0, 2**63 - 1),
        "details": st.dictionaries(NAMES, NAMES | st.booleans() | st.integers(-(2**53), 2**53), max_size=2),
    }
)  # fmt: skip
QUERIES = st.fixed_dictionaries(
    {"tenant": st.integers(0, 1), "limit": st.integers(1, 8), "offset": st.integers(0, 4)},
    optional={
        "start_us": TIMES | BEYOND, "end_us": TIMES | BEYOND, "kind": ASKED_KINDS, "principal": NAMES,
        "client_id": NAMES,
        "action": NAMES, "resource": NAMES, "effect": ASKED_EFFECTS, "allowed": st.booleans(), "decision_id": NAMES,
        "policy": NAMES,
        "before": NAMES | st.builds(new_id, TIMES),
    },
).filter(lambda asked: asked.get("start_us", -(2**99)) < asked.get("end_us", 2**99))  # fmt: skip


@settings(max_examples=60)
@given(drawn=st.lists(EVENTS, max_size=12), asked=st.lists(QUERIES, min_size=1, max_size=4))
def test_audit_store_any_query_finds_what_it_covers(opened_store, drawn, asked):
    run, store = opened_store
    tenants = [new_id(1), new_id(1)]
    events = [audit_event(tenants[one["tenant"]], **{k: v for k, v in one.items() if k != "tenant"}) for one in drawn]
    run(store.write(chained(events)))
    for one in asked:
        query = AuditQuery(tenant_id=tenants[one["tenant"]], **{k: v for k, v in one.items() if k != "tenant"})
        covered = sorted(filter(query.covers, events), key=lambda e: e.event_id, reverse=True)
        page = tuple(covered[query.offset : query.offset + query.limit])
        assert run(store.search(query)) == AuditPage(page, len(covered))


DAY_US = 86_400_000_000


def test_audit_store_pages_over_many_days_are_newest_first_and_count_what_is_older(opened_store, tenant):
    run, store = opened_store
    ages_us = [int(days * DAY_US) for days in (-20, -0.5, 0, 0.3, 0.4, 2, 3, 7.9, 8.1, 30, 63, 65, 200)]
    times_us = sorted(now_us() - age_us for age_us in ages_us)
    events = [audit_event(tenant, time_us=time_us) for time_us in times_us]
    run(store.write(chained(events)))
    newest_first = tuple(events[::-1])
    for limit in (1, 2, 5, 12, 13, 14):
        page = run(store.search(AuditQuery(tenant_id=tenant, limit=limit)))
        assert page == AuditPage(newest_first[:limit], 13)
    for number, event in enumerate(newest_first, start=1):
        page = run(store.search(AuditQuery(tenant_id=tenant, before=event.event_id, limit=3)))
        assert page == AuditPage(newest_first[number : number + 3], 13 - number)
        around = {"start_us": event.time_us - 3 * DAY_US, "end_us": event.time_us}
        within = [one for one in newest_first if around["start_us"] <= one.time_us < around["end_us"]]
        page = run(store.search(AuditQuery(tenant_id=tenant, limit=1, **around)))
        assert page == AuditPage(tuple(within[:1]), len(within))
    assert run(store.search(AuditQuery(tenant_id=tenant, before="~", limit=1))).events == newest_first[:1]


@pytest.mark.parametrize("start_us", [None, 0, 3_000, 7_000])
def test_audit_store_time_that_begins_or_ends_among_events_of_a_millisecond_counts_to_the_microsecond(
    opened_store, tenant, start_us
):
    run, store = opened_store
    events = [audit_event(tenant, time_us=time_us) for time_us in range(0, 30_000, 250)]
    run(store.write(chained(events)))
    for end_us in (end for end in (None, 1, 6_999, 7_001, 19_750, 19_751) if end is None or end > (start_us or 0)):
        query = AuditQuery(tenant_id=tenant, limit=1, start_us=start_us, end_us=end_us)
        assert run(store.search(query)).total == sum(map(query.covers, events))


def test_audit_store_of_more_than_anybody_counts_says_that_there_are_more(opened_store, tenant):
    run, store = opened_store
    events = [audit_event(tenant, time_us=number * 1_000, kind="decision") for number in range(MAX_TOTAL + 5)]
    run(store.write(chained(events)))
    for parts in ({}, {"start_us": 2_000}, {"end_us": 1_003_500}, {"effect": "deny"}, {"offset": MAX_TOTAL + 2}):
        assert run(store.search(AuditQuery(tenant_id=tenant, limit=2, **parts))).total == MAX_TOTAL + 1


def test_audit_store_batch_written_again_changes_nothing(opened_store, tenant):
    run, store = opened_store
    records = chained(audit_event(tenant, time_us=number) for number in range(10))
    for batch in (records[:6], records[:6], records[4:], records, []):
        run(store.write(batch))
    assert run(store.chain(tenant, "writer", 0, 100)) == records
    assert run(store.search(AuditQuery(tenant_id=tenant))).total == 10


def test_audit_store_batch_with_one_record_twice_keeps_it_once(opened_store, tenant):
    run, store = opened_store
    (record,) = chained([audit_event(tenant)])
    run(store.write([record, record]))
    assert run(store.chain(tenant, "writer", 0, 100)) == [record]


def test_audit_store_more_than_one_statement_takes_keeps_them_all(opened_store, tenant):
    run, store = opened_store
    records = chained(audit_event(tenant, time_us=number) for number in range(2_100))
    run(store.write(records))
    assert verify_chain(run(store.chain(tenant, "writer", 0, 5_000))) == 2_100


@pytest.mark.parametrize("conflict", ["place", "event id"])
def test_audit_store_second_history_is_refused_and_nothing_of_the_batch_kept(opened_store, tenant, conflict):
    run, store = opened_store
    kept = chained(audit_event(tenant, time_us=number) for number in range(3))
    run(store.write(kept))
    if conflict == "place":
        other = link(audit_event(tenant, kind="other"), kept[1])
    else:
        other = link(replace(audit_event(tenant), event_id=kept[0].event.event_id), kept[2])
    fresh = chained([audit_event(tenant, "another writer"), audit_event(f"{tenant}-2")])
    with pytest.raises(AuditConflict, match="another record holds this place"):
        run(store.write([fresh[0], other, fresh[1]]))
    assert run(store.chain(tenant, "writer", 0, 100)) == kept
    assert run(store.chains(tenant)) == [(tenant, "writer")]
    assert run(store.chains(f"{tenant}-2")) == []
    run(store.write(fresh))
    assert run(store.chains(f"{tenant}-2")) == [(f"{tenant}-2", "writer")]


def test_audit_store_event_id_of_another_tenant_is_no_conflict(opened_store, tenant):
    run, store = opened_store
    first = audit_event(tenant)
    run(store.write(chained([first, replace(first, tenant_id=f"{tenant}-2")])))
    assert run(store.search(AuditQuery(tenant_id=f"{tenant}-2"))).total == 1


def test_audit_store_written_by_many_at_once_keeps_each_record_once(opened_store, tenant):
    run, store = opened_store
    records = chained(audit_event(tenant, f"w{number % 3}", time_us=number) for number in range(60))

    async def all_at_once():
        parts = [records[start : start + 30] for start in range(0, 40, 5)]
        await asyncio.gather(*(store.write(part) for part in [*parts, *(part[::-1] for part in parts), records]))

    run(all_at_once())
    assert sum(len(run(store.chain(tenant, f"w{number}", 0, 100))) for number in range(3)) == 60
    assert run(store.search(AuditQuery(tenant_id=tenant))).total == 60


def test_audit_store_chain_read_in_parts_verifies(opened_store, tenant):
    run, store = opened_store
    run(store.write(chained(audit_event(tenant, time_us=number) for number in range(7))))
    after, count = None, 0
    while part := run(store.chain(tenant, "writer", count, 3)):
        count += verify_chain(part, after)
        after = part[-1]
    assert count == 7


def test_audit_store_chains_are_listed_in_order_and_by_tenant(opened_store, tenant):
    run, store = opened_store
    pairs = [(f"{tenant}-{a}", w) for a in ("b", "a", "ä") for w in ("w2", "w1", "W")]
    run(store.write(chained(audit_event(*pair) for pair in pairs)))
    assert [pair for pair in run(store.chains()) if pair[0].startswith(tenant)] == sorted(pairs)
    assert run(store.chains(f"{tenant}-a")) == [(f"{tenant}-a", w) for w in ("W", "w1", "w2")]
    assert run(store.chains(tenant)) == []


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_audit_store_asked_for_text_that_cannot_be_stored_finds_nothing(opened_store, tenant, text):
    run, store = opened_store
    run(store.write(chained([audit_event(tenant)])))
    for name in ("principal", "client_id", "action", "resource", "decision_id", "policy"):
        assert run(store.search(AuditQuery(tenant_id=tenant, **{name: text}))) == AuditPage((), 0)
    assert run(store.search(AuditQuery(tenant_id=text))) == AuditPage((), 0)
    assert run(store.chains(text)) == []
    assert run(store.chain(tenant, text, 0, 10)) == []


def test_audit_store_page_before_a_text_that_is_no_id_ends_there(opened_store, tenant):
    run, store = opened_store
    day_us = 86_400_000_000
    events = [audit_event(tenant, time_us=1_780_000_000_000_000 - number * 20 * day_us) for number in range(5)]
    run(store.write(chained(events)))
    for number, event in enumerate(events):
        page = run(store.search(AuditQuery(tenant_id=tenant, limit=2, before=f"{event.event_id}~")))
        assert page.events == tuple(events[number : number + 2])


def test_audit_store_given_a_batch_of_which_it_has_records_keeps_each_once(opened_store, tenant):
    run, store = opened_store
    writer_id = new_id(1)
    records = chained([audit_event(tenant, writer_id) for _ in range(4)])
    batch = seal(records, writer_id, 0, NO_BATCH, now_us(), None)
    run(store.write(records[:2]))
    for _ in range(2):
        run(store.write_batch(batch))
        assert run(store.chain(tenant, writer_id, 0, 9)) == records


def test_audit_store_given_a_batch_with_a_second_history_keeps_nothing_of_it(opened_store, tenant):
    run, store = opened_store
    writer_id = new_id(1)
    first = chained([audit_event(tenant, writer_id)])
    run(store.write(first))
    others = chained([audit_event(tenant, writer_id, principal="user:eve") for _ in range(2)])
    with pytest.raises(AuditConflict, match="another record holds this place"):
        run(store.write_batch(seal(others, writer_id, 0, NO_BATCH, now_us(), None)))
    assert run(store.chain(tenant, writer_id, 0, 9)) == first
    following = [link(audit_event(tenant, writer_id), first[0])]
    run(store.write_batch(seal(following, writer_id, 0, NO_BATCH, now_us(), None)))
    assert run(store.chain(tenant, writer_id, 0, 9)) == first + following
