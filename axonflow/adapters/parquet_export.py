"""The trail of one tenant as an Apache Parquet file: columns to analyse, and all that proves them.

A row is a record: what is searched by as columns of real types, and beside them the bytes that were hashed. What stands
between the records of an export, line by line, is in the column `proof` of the record that it comes ahead of, and
behind the last one in the file's metadata. So the file verifies as its lines do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    from axonflow.errors import ConfigurationError

    raise ConfigurationError(
        "Parquet needs pyarrow", found=f"no {error.name}", hint="pip install 'axonflow[parquet]'"
    ) from None

from msgspec import Raw

from axonflow.audit import AuditEvent
from axonflow.audit.export import ExportedHeader, ExportedRecord, Line, read_line, write_line
from axonflow.audit.stored import Finding
from axonflow.errors import AuditError

__all__ = ["PARQUET_FORMAT", "ParquetReading", "ParquetWriting"]

PARQUET_FORMAT: Final = "axonflow.audit.parquet.v1"
_GROUP_ROWS: Final = 10_000
_GROUP_BYTES: Final = 32 << 20
"""What is held until it is written: so many rows, or so many bytes of events and proofs."""
_PAGE: Final = 1_000
_MAX_FINDINGS: Final = 100

_TEXTS: Final = pa.list_(pa.string())
_SEARCHED: Final = pa.schema([
    ("event_id", pa.string()), ("time", pa.timestamp("us", "UTC")), ("kind", pa.string()),
    ("decision_id", pa.string()), ("principal", pa.string()), ("on_behalf_of", _TEXTS), ("client_id", pa.string()),
    ("request_id", pa.string()), ("trace_id", pa.string()), ("action", pa.string()), ("resource", pa.string()),
    ("effect", pa.string()), ("allowed", pa.bool_()), ("policies", _TEXTS), ("reasons", _TEXTS),
    ("policy_digest", pa.string()), ("duration_us", pa.int64()),
])  # fmt: skip
"""What an event says, column by column: null where its bytes are no event."""
_PROVING: Final = pa.schema([
    ("writer_id", pa.string()), ("sequence", pa.int64()), ("hash", pa.binary(32)), ("previous", pa.binary(32)),
    ("canonical", pa.binary()), ("proof", pa.binary()),
])  # fmt: skip
"""`previous` is null where it is the hash of the row before."""
_SCHEMA: Final = pa.unify_schemas([_SEARCHED, _PROVING])
_REST: Final = b"axonflow.rest"
_BROKEN: Final = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What reading raises for a file that is not whole, or whose bytes were changed."""


class ParquetWriting:
    """Writes the parts of an export, in their order, to `file`. A group of rows at a time is held in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, _SCHEMA, compression="zstd")
        self._about: dict[bytes, bytes] = {}
        self._rows: list[tuple[ExportedRecord, bytes | None]] = []
        self._ahead: list[bytes] = []
        self._held_bytes = 0

    def write(self, part: Line | ExportedRecord) -> None:
        """The part that comes next."""
        if not isinstance(part, ExportedRecord):
            if isinstance(part, ExportedHeader):
                self._about = _about(part)
            self._ahead.append(write_line(part))
            self._held_bytes += len(self._ahead[-1])
            return
        self._rows.append((part, b"".join(self._ahead) if self._ahead else None))
        self._ahead = []
        self._held_bytes += len(memoryview(part.event))
        if len(self._rows) == _GROUP_ROWS or self._held_bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """There are no more: what is not closed is no Parquet file."""
        self._flush()
        self._writer.add_key_value_metadata(self._about | {_REST: b"".join(self._ahead)})
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        records = [record for record, _ in self._rows]
        events = [bytes(record.event) for record in records]
        proving: list[list[Any]] = [
            [record.writer_id for record in records],
            [record.sequence for record in records],
            [bytes.fromhex(record.hash) for record in records],
            [bytes.fromhex(record.previous) or None for record in records],
            events,
            [proof for _, proof in self._rows],
        ]
        arrays = [pa.array(each, field.type) for each, field in zip(proving, _PROVING, strict=True)]
        self._writer.write_table(pa.Table.from_arrays([*_searched(events).columns, *arrays], schema=_SCHEMA))
        self._rows, self._held_bytes = [], 0


class ParquetReading:
    """The lines that a file was written from, to be verified as those are. `findings` are the rows whose columns do not
    say what was hashed, as far as the lines were read."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._file = pq.ParquetFile(file)
            about = self._file.schema_arrow.metadata or {}
            about |= self._file.metadata.metadata or {}
            if about.get(b"axonflow.format") != PARQUET_FORMAT.encode() or not self._file.schema_arrow.equals(_SCHEMA):
                raise AuditError("not an export of the audit trail", expected=PARQUET_FORMAT, found="another file")
        except _BROKEN as error:
            raise _unreadable(error) from None
        self._about = about
        self._tenant_id = about.get(b"axonflow.tenant_id", b"").decode("utf-8", "replace")
        self._rest = about.get(_REST, b"")
        self.findings: list[Finding] = []

    @property
    def rows(self) -> int:
        """How many records there are said to be."""
        return int(self._file.metadata.num_rows)

    def lines(self) -> Iterator[bytes]:
        """Each with its end. Raises AuditError for what cannot be read, and for a file about which other is said than
        in its first line."""
        lines = self._lines()
        for line in lines:
            said = read_line(line)
            if not isinstance(said, ExportedHeader) or not _about(said).items() <= self._about.items():
                raise AuditError("the export cannot be read", expected="metadata as in its first line", found="other")
            yield line
            break
        yield from lines

    def events(self) -> Iterator[list[bytes | None]]:
        """The bytes of the events, a page at a time, and nothing of what proves them. Raises AuditError for what cannot
        be read."""
        try:
            for batch in self._file.iter_batches(_PAGE, columns=["canonical"]):
                yield batch.column("canonical").to_pylist()
        except _BROKEN as error:
            raise _unreadable(error) from None

    def _lines(self) -> Iterator[bytes]:
        try:
            for batch in self._file.iter_batches(_PAGE):
                self._compare(batch)
                for row in batch.select(_PROVING.names).to_pylist():
                    yield from (row["proof"] or b"").splitlines(keepends=True)
                    yield _line(row)
        except _BROKEN as error:
            raise _unreadable(error) from None
        yield from self._rest.splitlines(keepends=True)

    def _compare(self, batch: Any) -> None:
        said = _searched(batch.column("canonical").to_pylist())
        found = batch.select(_SEARCHED.names)
        if found.equals(said):
            return
        for name in _SEARCHED.names:
            for index, (one, other) in enumerate(zip(found.column(name), said.column(name), strict=True)):
                if not one.equals(other) and len(self.findings) < _MAX_FINDINGS:
                    row = batch.select(["writer_id", "sequence"]).slice(index, 1).to_pylist()[0]
                    self.findings.append(
                        Finding(
                            kind="column", what=f"{name} does not say what was hashed", tenant_id=self._tenant_id,
                            writer_id=row["writer_id"] or "", sequence=row["sequence"],
                        )
                    )  # fmt: skip


def _about(header: ExportedHeader) -> dict[bytes, bytes]:
    return {
        b"axonflow.format": PARQUET_FORMAT.encode(),
        b"axonflow.tenant_id": header.tenant_id.encode(),
        b"axonflow.exported_us": str(header.exported_us).encode(),
    }


def _line(row: dict[str, Any]) -> bytes:
    if None in (row["writer_id"], row["sequence"], row["hash"], row["canonical"]):
        raise AuditError("the export cannot be read", expected="a record in each row", found="a row without one")
    previous = (row["previous"] or b"").hex()
    return write_line(
        ExportedRecord(row["sequence"], row["writer_id"], row["hash"].hex(), Raw(row["canonical"]), previous)
    )


def _searched(events: Sequence[bytes | None]) -> Any:
    """The columns that are searched by, out of the bytes of events."""
    said = [_columns(event) for event in events]
    names = _SEARCHED.names
    return pa.RecordBatch.from_arrays(
        [pa.array([row[index] for row in said], _SEARCHED.field(index).type) for index in range(len(names))],
        schema=_SEARCHED,
    )


def _columns(canonical: bytes | None) -> tuple[Any, ...]:
    try:
        event = AuditEvent.from_canonical(canonical or b"")
    except AuditError:
        return (None,) * len(_SEARCHED)
    origin = event.origin
    return (
        event.event_id, event.time_us, event.kind, event.decision_id, event.principal, event.on_behalf_of,
        origin.client_id, origin.request_id, origin.trace_id, event.action, event.resource, event.effect, event.allowed,
        event.policies, event.reasons, event.policy_digest, event.duration_us,
    )  # fmt: skip


def _unreadable(error: Exception) -> AuditError:
    return AuditError("the export cannot be read", expected="a whole Parquet file", found=str(error)[:200])
