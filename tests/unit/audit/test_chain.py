"""The hash chain: any change to what was written is found, and named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.audit import GENESIS, AuditEvent, link, verify_chain
from axonflow.errors import AuditError


def event(number):
    what = {"principal": "user:ann", "action": "tool.call", "resource": "tool:x", "effect": "deny", "allowed": False}
    ids = {"event_id": f"e{number}", "tenant_id": "t", "writer_id": "w", "decision_id": f"d{number}"}
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
    with pytest.raises(AuditError, match="event e3"):
        verify_chain(records[3:], after=records[1])
