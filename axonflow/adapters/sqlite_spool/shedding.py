"""What goes when there is no room, where the operator has chosen so: the oldest of what no answer waited for.

A chain goes on all the same: a record at its end says what is gone, and the hash behind which it went on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from axonflow.audit import AuditEvent
from axonflow.audit.shed import SHED_ACTION
from axonflow.ids import new_id, now_us

__all__ = ["COST_BYTES", "Run", "runs", "shed_event"]

COST_BYTES: Final = 1_024
"""About what the record that tells of a run takes, at most. A shorter run is left where it is."""


class Run(Struct):
    """`positions` of records of one chain that follow each other, from sequence `first` on; `hash` is that of the
    last."""

    tenant_id: str
    first: int
    hash: bytes
    positions: list[int]
    size_bytes: int


def runs(rows: Iterable[tuple[int, str, int, bytes, int]], needed_bytes: int) -> list[Run]:
    """What of `rows` (position, tenant, sequence, hash, bytes; the oldest first) has to go for so much room."""
    found: list[Run] = []
    last: dict[str, Run] = {}
    taken_bytes = 0
    for position, tenant_id, sequence, digest, size_bytes in rows:
        if taken_bytes >= needed_bytes:
            break
        run = last.get(tenant_id)
        if run is None or run.first + len(run.positions) != sequence:
            run = last[tenant_id] = Run(tenant_id, sequence, digest, [], -COST_BYTES)
            found.append(run)
            taken_bytes -= COST_BYTES
        run.hash = digest
        run.positions.append(position)
        run.size_bytes += size_bytes
        taken_bytes += size_bytes
    return [run for run in found if run.size_bytes > 0]


def shed_event(run: Run, writer_id: str) -> AuditEvent:
    """What tells of it."""
    time_us = now_us()
    return AuditEvent(
        event_id=new_id(time_us), tenant_id=run.tenant_id, writer_id=writer_id, time_us=time_us, kind="admin",
        decision_id=new_id(time_us), policy_digest="", principal="service:audit-spool", action=SHED_ACTION,
        resource=f"audit:{run.tenant_id}", effect="log", allowed=True, policies=(),
        reasons=("The audit spool was full.",),
        details={"first": run.first, "records": len(run.positions), "hash": run.hash.hex()},
    )  # fmt: skip
