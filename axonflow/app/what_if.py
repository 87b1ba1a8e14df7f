"""Comparing recorded decisions, wherever they are kept, with what other policies make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from axonflow.audit import AuditQuery
from axonflow.flows.what_if import Refused, compare_export, compare_history, compare_rows
from axonflow.policy.whatif import Comparison

__all__ = ["compare_database", "compare_export", "compare_parquet"]


async def compare_database(
    database_url: str,
    query: AuditQuery,
    comparison: Comparison,
    *,
    persons_key: bytes | None = None,
    refused: Refused,
    progress: Callable[[int], None],
) -> None:
    """What :func:`axonflow.flows.what_if.compare_history` does, with the database; with `persons_key` what tells of
    persons is opened. Raises ConfigurationError and AuditError."""
    from axonflow.adapters.postgres import PostgresAuditHistory, PostgresDatabase

    database = await PostgresDatabase.connect(database_url)
    try:
        opened = None
        if persons_key is not None:
            from axonflow.app.persons import persons_in

            persons = persons_in(database, persons_key)
            query, opened = await persons.asked(query), persons.opened
        history = PostgresAuditHistory(database)
        await compare_history(history, query, comparison, refused=refused, progress=progress, opened=opened)
    finally:
        await database.close()


def compare_parquet(
    file: BinaryIO, comparison: Comparison, *, refused: Refused, progress: Callable[[int, int], None]
) -> None:
    """As :func:`axonflow.flows.what_if.compare_export`, with an export in Parquet. `progress` is told how many records
    there were so far, and how many there are. Raises ConfigurationError without pyarrow, AuditError for another file.
    """
    from axonflow.adapters.parquet_export import ParquetReading

    reading, done = ParquetReading(file), 0
    for rows in reading.events():
        names = [f"in row {number}" for number in range(done + 1, done + len(rows) + 1)]
        compare_rows([row or b"" for row in rows], names, comparison, refused)
        done += len(rows)
        progress(done, reading.rows)
