"""What clients were told against what the audit trail holds: "acknowledged = stored, exactly once, in order"."""

import itertools
from typing import NamedTuple

__all__ = ["SHOWN", "STORED", "Stored", "complaints"]

SHOWN = 5
STORED = (
    "SELECT request_id, decision_id, tenant_id, writer_id, sequence FROM axonflow.audit_event WHERE kind = 'decision'"
)


class Stored(NamedTuple):
    """One record of the trail."""

    request_id: str
    decision_id: str
    tenant_id: str
    writer_id: str
    sequence: int


def complaints(asked, stored):
    """What contradicts the promise, each in a line; nothing when all is well.

    `asked` is what clients wrote down, `stored` all records of decisions. A request that was answered is there once,
    as it was told; one that was not at most once; and nothing else is. A record that was acknowledged before another
    request was sent comes before it in their chain, whose sequence numbers are 0, 1, 2, ... An agent is one writer.
    """
    known = {one.request_id: one for one in asked}
    assert len(known) == len(asked)
    return [*_content(known, stored), *_order(known, stored), *_writers(known, stored)]


def _content(known, stored):
    kept = {name: [] for name in known}
    for one in stored:
        kept.setdefault(one.request_id, []).append(one)
    for name, records in kept.items():
        asked, found = known.get(name), [(one.decision_id, one.tenant_id) for one in records]
        if asked is None:
            yield f"nobody asked for {name}: {found}"
        elif len(found) > 1:
            yield f"{name} is stored {len(found)} times: {found}"
        elif asked.decision_id is not None and found != [(asked.decision_id, asked.tenant_id)]:
            yield f"{name} was acknowledged as {asked.decision_id}, and {found or 'nothing'} is stored"


def _order(known, stored):
    place = sorted(stored, key=lambda one: (one.tenant_id, one.writer_id, one.sequence))
    for chain, records in itertools.groupby(place, key=lambda one: (one.tenant_id, one.writer_id)):
        latest = None  # of those before, the one that was sent last
        for number, one in enumerate(records):
            if one.sequence != number:
                yield f"chain {chain} has sequence {one.sequence} in place {number}"
                break
            asked = known.get(one.request_id)
            if asked is None:
                continue
            if latest is not None and asked.decision_id is not None and asked.ended_ns < latest.sent_ns:
                yield f"{asked.request_id} was acknowledged before {latest.request_id} was sent, and comes after it"
            if latest is None or asked.sent_ns > latest.sent_ns:
                latest = asked


def _writers(known, stored):
    found = {}
    for one in stored:
        if one.request_id in known:
            found.setdefault(known[one.request_id].agent, set()).add(one.writer_id)
    for agent, writers in found.items():
        if len(writers) != 1:
            yield f"agent {agent} wrote as {sorted(writers)}"
    if len(set().union(*found.values())) < len(found):
        yield f"agents share a writer: {found}"
