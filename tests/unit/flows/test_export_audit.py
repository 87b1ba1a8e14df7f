"""Exports: what is written verifies offline as the store does, and any change to a line is found."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import link
from axonflow.audit.trust import AnchoredWriter, Trust
from axonflow.errors import AuditError
from axonflow.flows import export_audit as module
from axonflow.flows.export_audit import export_audit
from axonflow.flows.verify_audit import verify_audit
from axonflow.flows.verify_export import verify_export
from tests.audit_trail import Writer, an_event, public_key, two_writers

TRUST = Trust(frozenset({public_key("key")}))


def exported(writers, tamper=None, tenant_id="a", page=1_000):
    async def run():
        store = MemoryAuditProofs()
        for writer in writers:
            await writer.put_into(store)
        if tamper:
            tamper(store)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_PAGE", page)
            lines = [line async for line in export_audit(store, tenant_id)]
        return lines, await verify_audit(store, tenant_id, trust=TRUST, verify=made_signature)

    return asyncio.run(run())


def verified(lines, trust=TRUST):
    return verify_export(lines, trust=trust, verify=made_signature)


@pytest.mark.parametrize("page", [1, 4, 7, 1_000])
def test_export_of_a_tenant_verifies_offline_as_its_store_does(page):
    lines, stored = exported(two_writers(), page=page)
    seen = []
    report = verify_export(lines, trust=TRUST, verify=made_signature, progress=seen.append)
    assert (report.broken, report.records, report.chains, report.heads) == ((), 50, 2, stored.heads)
    assert [(one.writer_id, one.batches, one.signed) for one in report.writers] == [("v", 3, 3), ("w", 3, 3)]
    assert (report.trust, verified(lines, Trust()).trust) == ("named", "store")
    assert len(lines) == 1 + 2 + 6 + 50 + 1
    assert not any(b'"tenant_id":"b"' in line for line in lines)


def test_export_holds_events_as_they_were_hashed():
    writers = two_writers()
    lines, _ = exported(writers)
    held = [line for line in lines if line.startswith(b'{"sequence":')]
    records = [one for writer in writers for batch in writer.batches for one in batch.records]
    for line, record in zip(held, [one for one in records if one.event.tenant_id == "a"], strict=True):
        assert b'"event":' + record.canonical in line
        said = json.loads(line)
        assert (said["sequence"], said["hash"], "previous" in said) == (record.sequence, record.hash.hex(), False)


def test_export_of_a_chain_that_was_cut_begins_there():
    lines, stored = exported(two_writers(), lambda store: store.cut("a", "w", 14))
    report = verified(lines)
    assert (report.broken, report.records, report.removed, report.heads) == ((), 36, 14, stored.heads)


@pytest.mark.parametrize(("cut", "firsts"), [(18, [10, 18]), (20, [10, 18]), (25, [18]), (5, [0, 10, 18])])
@pytest.mark.parametrize("page", [1, 1_000])
def test_export_of_what_is_past_its_time_holds_the_last_segment_alone(cut, firsts, page):
    lines, _ = exported(two_writers()[1:], lambda store: store.cut("a", "w", cut), page=page)
    segments = [json.loads(json.loads(line)["segment"]) for line in lines if line.startswith(b'{"segment":')]
    assert [one["first"] for one in segments] == firsts
    assert verified(lines).broken == ()


def test_export_tells_progress_every_thousand_records():
    writer = Writer("w")
    writer.seal(a=2_500)
    seen = []
    verify_export(exported([writer])[0], progress=seen.append)
    assert seen == [1_000, 2_000, 2_500]


def delete(store):
    del store._chains["a", "w"][4]


def update(store):
    chain = store._chains["a", "w"]
    chain[4] = link(replace(chain[4].event, effect="allow"), chain[3])


def insert(store):
    store._chains["a", "w"][25] = link(an_event("a", "w", 99), store._chains["a", "w"][24])


def truncate(store):
    for number in range(20, 25):
        del store._chains["a", "w"][number]


def stranger(store):
    store._chains["a", "w"][4] = store._chains["a", "v"][4]


def unsigned(store):
    store._batches["w"][1] = replace(store._batches["w"][1], signature=bytes(64))


@pytest.mark.parametrize("tamper", [delete, update, insert, truncate, stranger, unsigned], ids=lambda one: one.__name__)
def test_export_of_a_trail_that_was_tampered_with_shows_the_same(tamper):
    lines, stored = exported(two_writers(), tamper)
    report = verified(lines)
    assert stored.broken
    assert [(one.kind, one.sequence, one.number) for one in report.broken] == [
        (one.kind, one.sequence, one.number) for one in stored.broken
    ]


def test_export_with_a_segment_whose_batch_is_not_there_names_it():
    class Store(MemoryAuditProofs):
        async def stored_batches(self, writer_id, first, limit):
            return [one for one in await super().stored_batches(writer_id, first, limit) if one.number != 2]

    async def run():
        store = Store()
        await two_writers()[1].put_into(store)
        lines = [line async for line in export_audit(store, "a")]
        assert [(one.kind, one.sequence) for one in verified(lines).broken] == [("batch_missing", 18), ("unsealed", 18)]

    asyncio.run(run())


def test_export_with_a_segment_of_another_chain_names_it():
    lines = list(EXPORTED)
    places = [place for place, line in enumerate(lines) if line.startswith(b'{"segment"')]
    lines[places[5]] = lines[places[2]]
    assert {"segment_altered", "batch_misplaced"} <= {one.kind for one in verified(lines).broken}


@given(st.data())
def test_export_with_any_line_changed_removed_or_doubled_is_found(data):
    lines = list(EXPORTED)
    place = data.draw(st.integers(0, len(lines) - 1))
    change = data.draw(st.sampled_from(["remove", "double", "swap", "edit"]))
    line = lines[place]
    if change == "remove":
        del lines[place]
    elif change == "double":
        lines.insert(place, line)
    elif change == "swap":
        # Of neighbours one may be a segment, which may well stand a line before where its records begin.
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda other: abs(other - place) > 1))
        lines[place], lines[other] = lines[other], line
    else:
        text = line.decode()
        at = data.draw(st.integers(0, len(text) - 2).filter(lambda at: text[at].isalnum()))
        lines[place] = (text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]).encode()
    try:
        report = verified(lines)
    except AuditError:
        return
    assert report.broken or b"exported_us" in line or change == "edit"
    if change == "edit" and not report.broken:
        assert b"exported_us" in line or b'"keys"' in line


EXPORTED = exported(two_writers())[0]


def test_export_that_is_not_complete_is_refused():
    with pytest.raises(AuditError, match="not complete"):
        verified(EXPORTED[:-1])
    with pytest.raises(AuditError, match="not complete"):
        verified([])


def test_export_without_one_of_its_records_names_the_place_and_what_its_end_says():
    place = next(place for place, line in enumerate(EXPORTED) if line.startswith(b'{"sequence":3,'))
    first, *_, last = verified([*EXPORTED[:place], *EXPORTED[place + 1 :]]).broken
    assert (first.kind, first.sequence) == ("missing", 3)
    assert (last.kind, last.what) == ("missing", "the last line tells of 50 records of 2 chains, and here are 49 of 2")


def test_export_that_tells_of_fewer_than_it_has_is_not_what_was_exported():
    (finding,) = verified([*EXPORTED[:-1], EXPORTED[-1].replace(b"50", b"49")]).broken
    assert finding.kind == "unsealed"
    (finding,) = verified([*EXPORTED[:-1], EXPORTED[-1].replace(b"2,", b"3,")]).broken
    assert (finding.kind, finding.tenant_id) == ("missing", "a")


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{}", b'{"sequence":-1}', b'{"chain":1}', b'{"segment":"\xff"}', b'{"chains":1,"records":2']
)
def test_export_with_a_line_that_is_none_is_refused_by_its_number(line):
    with pytest.raises(AuditError, match="line 3: the export cannot be read"):
        verified([*EXPORTED[:2], line])


def test_export_with_lines_in_the_wrong_place_is_refused():
    for lines in (EXPORTED[1:], EXPORTED[:1] + EXPORTED[3:], EXPORTED[:1] + EXPORTED, [*EXPORTED, EXPORTED[4]]):
        with pytest.raises(AuditError, match="a line in the wrong place"):
            verified(lines)


def test_export_in_which_a_chain_stands_twice_is_refused():
    end = EXPORTED[-1].replace(b"2", b"4").replace(b"50", b"100")
    with pytest.raises(AuditError, match="there before"):
        verified([*EXPORTED[:-1], *EXPORTED[1:-1], end])


def test_export_of_a_writer_that_the_anchor_does_not_know_is_found():
    anchor = Trust(writers={"w": AnchoredWriter("w", public_key("key"))})
    report = verified(EXPORTED, anchor)
    assert (report.trust, [(one.kind, one.writer_id) for one in report.broken]) == (
        "anchor", [("writer_unknown", "v"), ("untrusted_key", "v")],
    )  # fmt: skip


def test_export_signed_by_nobody_we_trust_is_found():
    report = verified(EXPORTED, Trust(frozenset({public_key("other")})))
    assert [one.kind for one in report.broken] == ["untrusted_key", "untrusted_key"]
