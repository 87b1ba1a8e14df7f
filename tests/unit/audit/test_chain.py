"""The hash chain: any change to what was written is found, and named."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.audit import GENESIS, AuditEvent, ChainHead, link, verify_chain
from axonflow.errors import AuditError


def event_id(number):
    """The id of the event that happens at microsecond `number`."""
    ms = number // 1000
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"


def event(number):
    what = {"principal": "user:ann", "action": "tool.call", "resource": "tool:x", "effect": "deny", "allowed": False}
    ids = {"event_id": event_id(number), "tenant_id": "t", "writer_id": "w", "decision_id": f"d{number}"}
    why = {"policy_digest": "sha256:0", "policies": ("p",), "reasons": ("r",)}
    return AuditEvent(time_us=number, kind="decision", **ids, **what, **why)


def chain(length):
    records = []
    for number in range(length):
        records.append(link(event(number), records[-1] if records else None))
    return records


@given(st.integers(0, 12))
def test_chain_as_written_verifies(length):
    records = chain(length)
    assert verify_chain(records) == length
    assert not records or records[0].previous == GENESIS


@given(st.integers(2, 8), st.data())
def test_chain_with_a_change_does_not_verify(length, data):
    records = chain(length)
    where = data.draw(st.integers(0, length - 2))
    change = data.draw(st.sampled_from(["remove", "swap", "edit", "bytes", "hash", "insert", "number"]))
    record = records[where]
    if change == "remove":
        del records[where]
    elif change == "swap":
        records[where : where + 2] = reversed(records[where : where + 2])
    elif change == "insert":
        records.insert(where, record)
    else:
        altered = {
            "edit": {"event": replace(record.event, effect="allow")},
            "bytes": {"canonical": record.canonical + b" "},
            "hash": {"hash": bytes(32)},
            "number": {"sequence": record.sequence + 1},
        }[change]
        records[where] = replace(record, **altered)
    with pytest.raises(AuditError, match="chain is broken"):
        verify_chain(records)


def test_chain_verifies_from_a_known_record_on():
    records = chain(5)
    assert verify_chain(records[2:], after=records[1]) == 3
    with pytest.raises(AuditError, match=f"event {event_id(3)}"):
        verify_chain(records[3:], after=records[1])


def test_chain_of_two_tenants_or_writers_does_not_verify():
    first = link(event(0), None)
    for stranger in (replace(event(1), tenant_id="other"), replace(event(1), writer_id="other")):
        with pytest.raises(AuditError, match="another chain"):
            verify_chain([first, link(stranger, first)])
        with pytest.raises(AuditError, match=f"event {event_id(1)}: a record of another chain"):
            verify_chain([link(stranger, first)], after=first)


@pytest.mark.parametrize("records", [3, 5, 6])
def test_chain_that_holds_its_head_verifies_however_it_has_grown(records):
    whole = chain(6)
    head = ChainHead.of(whole[records - 1])
    assert (head.records, head.hash) == (records, whole[records - 1].hash.hex())
    assert verify_chain(whole, head=head) == 6
    assert verify_chain(whole[2:], after=whole[1], head=head) == 4


@pytest.mark.parametrize("left", [0, 1, 4])
def test_chain_cut_off_before_its_head_does_not_verify(left):
    with pytest.raises(AuditError, match=f"missing at the end of the chain: expected 5 or more, found {left}"):
        verify_chain(chain(5)[:left], head=ChainHead.of(chain(5)[-1]))


def test_chain_written_anew_does_not_verify_against_its_head():
    head = ChainHead.of(chain(4)[-1])
    anew = chain(2)
    for number in range(2, 6):
        anew.append(link(replace(event(number), effect="allow"), anew[-1]))
    assert verify_chain(anew) == 6
    with pytest.raises(AuditError, match=f"event {event_id(3)}: the chain was written anew"):
        verify_chain(anew, head=head)


def test_chain_of_another_tenant_does_not_verify_against_a_head():
    with pytest.raises(AuditError, match="a record of another chain: expected other w, found t w"):
        verify_chain(chain(2), head=replace(ChainHead.of(chain(2)[-1]), tenant_id="other"))


def test_verify_chain_behind_the_head_of_what_was_removed_goes_on_from_there():
    records = chain(5)
    cut = ChainHead.of(records[1])
    assert verify_chain(records[2:], cut) == 3
    assert verify_chain([], cut, head=cut) == 0
    with pytest.raises(AuditError, match="the chain is broken"):
        verify_chain(records[3:], cut)
    with pytest.raises(AuditError, match="a record of another chain"):
        verify_chain(records[2:], replace(cut, tenant_id="another"))
    with pytest.raises(AuditError, match="records are missing at the end"):
        verify_chain(records[2:3], cut, head=ChainHead.of(records[4]))


def test_link_gives_the_leaf_hash_over_the_place_and_the_bytes():
    first, second = chain(2)
    entry = b"axonflow.audit.v2\0" + first.hash + (1).to_bytes(8, "big") + second.canonical
    assert second.hash == hashlib.sha256(b"\0" + entry).digest()


def test_verify_chain_of_records_of_the_first_version_goes_on_from_them():
    last, records = None, []
    for number in range(3):
        made = link(event(number), last)
        old = hashlib.sha256(b"axonflow.audit.v1\0" + made.previous + number.to_bytes(8, "big") + made.canonical)
        last = replace(made, hash=old.digest())
        records.append(last)
    records.append(link(event(3), last))
    assert verify_chain(records) == 4
    with pytest.raises(AuditError, match=f"event {event_id(3)}: the chain is broken"):
        verify_chain([*records[:2], replace(records[2], hash=bytes(32)), records[3]][3:], after=records[1])


def test_verify_chain_of_bytes_that_a_later_version_wrote_takes_them_as_they_are():
    (record,) = chain(1)
    assert AuditEvent.from_canonical(record.canonical) == record.event
    spaced = record.canonical.replace(b",", b", ", 1)
    other = replace(record, canonical=spaced, hash=hashlib.sha256(
        b"\0axonflow.audit.v2\0" + GENESIS + bytes(8) + spaced
    ).digest())  # fmt: skip
    assert verify_chain([other]) == 1


def test_verify_chain_of_bytes_that_are_no_event_is_broken_whatever_their_hash():
    (record,) = chain(1)
    digest = hashlib.sha256(b"\0axonflow.audit.v2\0" + GENESIS + bytes(8) + b"{").digest()
    with pytest.raises(AuditError, match="found another event"):
        verify_chain([replace(record, canonical=b"{", hash=digest)])
