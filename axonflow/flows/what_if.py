"""Verb: what if. Go through decisions that were recorded, and compare each with what other policies make of it."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.audit import AuditEvent, AuditQuery
from axonflow.audit.export import RECORD_START, read_line
from axonflow.errors import AuditError
from axonflow.policy.whatif import Comparison, Recorded
from axonflow.ports import AuditHistory

__all__ = ["Opened", "Refused", "compare_export", "compare_history", "compare_rows", "decode_events"]

_PAGE: Final = 4_000
_AT_ONCE: Final = 64
"""Decoded before they are compared: few enough to be in the processor's cache still when they are, and to be gone
before a collection of garbage walks them. With 1,000 it took half as long again."""
_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of the lines that are held at a time, but for the last of them."""

Opened = Callable[[str, Sequence[AuditEvent]], Awaitable[Sequence[AuditEvent]]]
"""Events of a tenant with what tells of persons opened, as far as their keys are there."""
Refused = Callable[[str, str], None]
"""Is told of what is no event: where it is, and what is wrong with it."""


class _RecordLine(Struct, gc=False):
    """Of a line of an export, what is compared."""

    event: Recorded


async def compare_history(
    history: AuditHistory,
    query: AuditQuery,
    comparison: Comparison,
    *,
    refused: Refused,
    progress: Callable[[int], None] = lambda _done: None,
    opened: Opened | None = None,
) -> None:
    """Compare all decisions that `query` covers, newest first, a page at a time. `progress` is told how many there were
    so far. Raises AuditError when the store does not answer."""
    asked, done = replace(query, kind="decision"), 0
    while True:
        rows = await history.newest(asked, _PAGE)
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            events = decode_events([row for _, row in some], [event_id for event_id, _ in some], refused)
            if opened is not None and any(event.sealed for event in events):
                events = await _opened(some, query.tenant_id, opened, refused)
            comparison.take(events)
        done += len(rows)
        progress(done)
        if len(rows) < _PAGE:
            return
        asked = replace(asked, before=rows[-1][0])


async def _opened(
    rows: Sequence[tuple[str, bytes]], tenant_id: str, opened: Opened, refused: Refused
) -> Sequence[Recorded]:
    whole = []
    for event_id, row in rows:
        try:
            whole.append(AuditEvent.from_canonical(row))
        except AuditError as error:
            refused(event_id, str(error))
    events = await opened(tenant_id, whole)
    return decode_events([event.canonical() for event in events], [event.event_id for event in events], refused)


def compare_export(
    lines: Iterable[bytes],
    comparison: Comparison,
    *,
    refused: Refused,
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Compare all decisions in the `lines` of an export of the audit trail, or of its Parquet file. Nothing is verified
    here; that is what ``axonflow audit verify`` does. What is no line of one is told of, and passed over."""
    first = 1
    for some in _batches(lines):
        records, places = _records(some, first, refused)
        comparison.take(_decoded_lines(records, places, refused))
        first += len(some)
        progress(first - 1)


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    held_bytes = 0
    for line in lines:
        some.append(line)
        held_bytes += len(line)
        if len(some) == _AT_ONCE or held_bytes >= _MOST_BYTES:
            yield some
            some, held_bytes = [], 0
    if some:
        yield some


def _records(lines: list[bytes], first: int, refused: Refused) -> tuple[Sequence[bytes], Sequence[int]]:
    """Those of `lines`, which begin with number `first`, that are records, and their numbers."""
    if all(map(_is_record, lines)):  # as nearly always, so it is worth asking
        return lines, range(first, first + len(lines))
    records: list[bytes] = []
    places: list[int] = []
    for number, line in enumerate(lines, first):
        if _is_record(line):
            records.append(line)
            places.append(number)
        else:
            _check_line(number, line, refused)
    return records, places


def _check_line(number: int, line: bytes, refused: Refused) -> None:
    if line.isspace():
        return
    try:
        read_line(line)
    except AuditError as error:
        refused(f"line {number}", str(error))


def _decoded_lines(lines: Sequence[bytes], places: Sequence[int], refused: Refused) -> Iterable[Recorded]:
    try:
        found = _decode_lines(b"".join(lines))
        if len(found) == len(lines):
            return map(_event, found)
    except _UNDECODABLE:
        pass  # one of them is none: which one is told by each by itself
    return [
        event
        for line, number in zip(lines, places, strict=True)
        if (event := _decoded_line(line, number, refused)) is not None
    ]


def _decoded_line(line: bytes, number: int, refused: Refused) -> Recorded | None:
    try:
        return _decode_line(line).event
    except _UNDECODABLE as error:
        refused(f"line {number}", f"not a record of an export: {error}")
        return None


def compare_rows(rows: Sequence[bytes], names: Sequence[str], comparison: Comparison, refused: Refused) -> None:
    """Compare all decisions among the events whose bytes `rows` are; what is none is told of under its name."""
    for start in range(0, len(rows), _AT_ONCE):
        end = start + _AT_ONCE
        comparison.take(decode_events(rows[start:end], names[start:end], refused))


def decode_events(rows: Sequence[bytes], names: Sequence[str], refused: Refused) -> Sequence[Recorded]:
    """The events whose bytes `rows` are; what is none is told of under its name, and left out."""
    try:
        return _decode_all(b"[" + b",".join(rows) + b"]")
    except _UNDECODABLE:
        pass  # as above
    events = []
    for row, name in zip(rows, names, strict=True):
        try:
            events.append(_decode(row))
        except _UNDECODABLE as error:
            refused(f"event {name}", f"not an audit event: {error}")
    return events


_UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_is_record: Final = operator.methodcaller("startswith", RECORD_START)
_event: Final = operator.attrgetter("event")
_decode_lines: Final = msgspec.json.Decoder(_RecordLine).decode_lines
_decode_line: Final = msgspec.json.Decoder(_RecordLine).decode
_decode: Final = msgspec.json.Decoder(Recorded).decode
_decode_all: Final = msgspec.json.Decoder(list[Recorded]).decode
