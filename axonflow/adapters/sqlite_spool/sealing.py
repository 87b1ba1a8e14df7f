"""A batch on its way: its records as they are held, and how they are sealed."""

from __future__ import annotations

from typing import NamedTuple

from axonflow.adapters.sqlite_spool.rows import Row

__all__ = ["NextBatch", "Sealing"]


class NextBatch(NamedTuple):
    """The batch that comes next: its number, the hash of the one before, its records, and how it was sealed, if it was
    (`statement` and `signature`, else None). `last_position` is what it is told by when it is sealed."""

    number: int
    previous: bytes
    statement: bytes | None
    signature: bytes | None
    last_position: int
    rows: list[Row]


class Sealing(NamedTuple):
    """How a batch is sealed: its records, so many, are all that are held up to `last_position`."""

    statement: bytes
    signature: bytes
    last_position: int
    records: int
