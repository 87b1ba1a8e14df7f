"""Rows of the file as records and batches: in the event loop that asked, so that the file's thread is soon free."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from axonflow.adapters.sqlite_spool.batches import NextBatch
from axonflow.adapters.sqlite_spool.rows import Row
from axonflow.audit import AuditRecord, BatchStatement, SealedBatch, seal
from axonflow.errors import AuditError

__all__ = ["as_sealed", "decoded", "read", "record_or_none"]

_SLICE: Final = 64
"""Records decoded before others get their turn."""
_REASON_CHARS: Final = 1_000


def as_sealed(found: NextBatch, records: Sequence[AuditRecord]) -> SealedBatch | None:
    """`records` as they were sealed before; None when they are others, or the statement is none: the file was damaged
    or changed."""
    statement, signature = found.statement or b"", found.signature or b""
    try:
        said = BatchStatement.from_bytes(statement)
        again = seal(records, said.writer_id, said.number, bytes.fromhex(said.previous), said.sealed_us, None)
    except (AuditError, ValueError):
        return None
    if again.said.root != said.root:
        return None
    return SealedBatch(statement, signature, again.segments, again.records)


async def decoded(rows: Sequence[Row]) -> list[AuditRecord]:
    """The records of `rows`. Raises AuditError when one is not what was recorded."""
    records: list[AuditRecord] = []
    for start in range(0, len(rows), _SLICE):
        records += [row.record() for row in rows[start : start + _SLICE]]
        await asyncio.sleep(0)  # others get their turn
    return records


async def read(rows: Sequence[Row]) -> tuple[list[AuditRecord], list[tuple[int, str]]]:
    """As `decoded`; what cannot be read comes as its position and why, instead of raising."""
    records: list[AuditRecord] = []
    damaged: list[tuple[int, str]] = []
    for start in range(0, len(rows), _SLICE):
        for row in rows[start : start + _SLICE]:
            try:
                records.append(row.record())
            except AuditError as error:
                damaged.append((row.position, str(error)[:_REASON_CHARS]))
        await asyncio.sleep(0)  # others get their turn
    return records, damaged


def record_or_none(row: Row) -> AuditRecord | None:
    """The record; None for what cannot be read."""
    try:
        return row.record()
    except AuditError:
        return None
