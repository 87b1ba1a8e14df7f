"""The trail as Parquet: what pyarrow reads in it, and that it verifies as the lines do, columns and all."""

import asyncio
import contextlib
import io
import random
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.parquet_export import PARQUET_FORMAT, ParquetReading, ParquetWriting
from axonflow.app.auditing import export_parquet, verified_parquet
from axonflow.audit.trust import Trust
from axonflow.errors import AuditError, ConfigurationError
from axonflow.flows.export_audit import export_audit, export_parts
from axonflow.flows.verify_export import verify_export
from tests.audit_trail import START_US, public_key, two_writers

OTHER = b'{"event_id":"e","tenant_id":"a","writer_id":"v"}'
TRUST = Trust(frozenset({public_key("key")}))


@pytest.fixture(scope="module")
def store():
    """Of tenant `a`, 25 records of each of two writers, of which the first 12 of `w` are past their time."""
    made = MemoryAuditProofs()
    for writer in two_writers():
        asyncio.run(writer.put_into(made))
    made.cut("a", "w", 12)
    return made


@pytest.fixture(scope="module")
def exported(store):
    return exported_of(store, "a")


def exported_of(store, tenant_id):
    file = io.BytesIO()

    async def run():
        return [count async for count in export_parquet(store, tenant_id, file)]

    counts = asyncio.run(run())
    return file.getvalue(), counts[-1]


def verified(data):
    report = verified_parquet(io.BytesIO(data), TRUST)
    return [(one.kind, one.writer_id, one.sequence) for one in report.broken], report


def test_parquet_export_has_real_types_and_the_bytes_that_were_hashed(exported):
    data, count = exported
    table = pq.read_table(pa.BufferReader(data))
    assert (count, table.num_rows) == (38, 38)
    assert table.schema.field("time").type == pa.timestamp("us", "UTC")
    assert table.schema.field("policies").type == pa.list_(pa.string())
    row = table.slice(0, 1).to_pylist()[0]
    assert row["time"] == datetime.fromtimestamp(START_US / 1e6, UTC)
    assert (row["writer_id"], row["sequence"], row["allowed"], row["policies"]) == ("v", 0, False, ["p"])
    assert (len(row["hash"]), row["canonical"][:12], row["duration_us"]) == (32, b'{"event_id":', None)
    about = pq.ParquetFile(pa.BufferReader(data)).metadata.metadata
    assert (about[b"axonflow.format"], about[b"axonflow.tenant_id"]) == (PARQUET_FORMAT.encode(), b"a")


def test_parquet_export_gives_back_the_lines_that_it_was_made_of(store):
    async def run():
        proofs, file = store, io.BytesIO()
        parts, writing = [part async for part in export_parts(proofs, "a")], ParquetWriting(file)
        for part in parts:
            writing.write(part)
        writing.close()
        return [line async for line in export_audit(proofs, "a")], [*ParquetReading(file).lines()]

    lines, read = asyncio.run(run())
    assert read[1:] == lines[1:]  # the first says when
    assert verify_export(read, trust=TRUST, verify=made_signature).broken == ()


def test_parquet_export_verifies_with_its_signatures(exported):
    found, report = verified(exported[0])
    assert (found, report.records, report.chains, report.removed) == ([], 38, 2, 12)
    assert all(one.signed == one.batches > 0 for one in report.writers)


def test_parquet_export_in_many_groups_holds_no_more_than_one(store, monkeypatch):
    monkeypatch.setattr("axonflow.adapters.parquet_export._GROUP_ROWS", 4)
    data, _ = exported_of(store, "a")
    assert pq.ParquetFile(pa.BufferReader(data)).num_row_groups == 10
    assert verified(data)[0] == []
    monkeypatch.setattr("axonflow.adapters.parquet_export._GROUP_BYTES", 1)
    assert pq.ParquetFile(pa.BufferReader(exported_of(store, "a")[0])).num_row_groups == 38


def test_parquet_export_of_nobody_is_whole_and_empty(store):
    data, count = exported_of(store, "nobody")
    assert (count, verified(data)[1].records) == (0, 0)


@pytest.mark.parametrize("name", [b"axonflow.tenant_id", b"axonflow.exported_us"])
def test_parquet_export_about_which_other_is_said_than_in_it_is_refused(exported, name):
    file = pq.ParquetFile(pa.BufferReader(exported[0]))
    out = io.BytesIO()
    pq.write_table(file.read().replace_schema_metadata(file.metadata.metadata | {name: b"b"}), out)
    with pytest.raises(AuditError, match="metadata as in its first line"):
        verified(out.getvalue())


def test_parquet_export_of_which_any_bit_flips_is_read_or_refused_and_nothing_else(exported):
    draw = random.Random(7)
    for _ in range(150):
        data = bytearray(exported[0])
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        with contextlib.suppress(AuditError):
            verified(bytes(data))


def changed(data, column, index, value):
    """The file with another value in one place, its metadata as it was."""
    file = pq.ParquetFile(pa.BufferReader(data))
    table = file.read()
    values = table.column(column).to_pylist()
    values[index] = value
    field = table.schema.field(column)
    table = table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(file.metadata.metadata), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [("effect", "allow", "column"), ("policies", [], "column"), ("time", None, "column"), ("event_id", "", "column"),
     ("canonical", OTHER, "altered"), ("hash", b"x" * 32, "altered"), ("sequence", 99, "missing")],
)  # fmt: skip
def test_parquet_export_of_which_one_value_was_changed_is_found_broken(exported, column, value, kind):
    found, _ = verified(changed(exported[0], column, 5, value))
    assert kind in {one[0] for one in found}
    if kind == "column":
        assert found == [("column", "v", 5)]


def test_parquet_export_of_which_a_row_was_taken_out_is_found_broken(exported):
    table = pq.ParquetFile(pa.BufferReader(exported[0]))
    rows = table.read()
    out = io.BytesIO()
    shorter = pa.concat_tables([rows.slice(0, 7), rows.slice(8)])
    pq.write_table(shorter.replace_schema_metadata(table.metadata.metadata), out)
    found, report = verified(out.getvalue())
    assert "missing" in {kind for kind, _, _ in found}
    assert "38" in report.broken[-1].what


@pytest.mark.parametrize("column", ["writer_id", "sequence", "hash", "canonical"])
def test_parquet_export_with_a_row_that_is_no_record_cannot_be_read(exported, column):
    with pytest.raises(AuditError, match="a row without one"):
        verified(changed(exported[0], column, 3, None))


def test_parquet_file_that_is_no_export_or_not_whole_says_so(exported):
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), out)
    with pytest.raises(AuditError, match="not an export"):
        verified(out.getvalue())
    with pytest.raises(AuditError, match="a whole Parquet file"):
        verified(exported[0][:-100])
    middle = len(exported[0]) // 3
    with pytest.raises(AuditError):
        verified(exported[0][:middle] + bytes(200) + exported[0][middle + 200 :])


def test_parquet_without_pyarrow_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "axonflow.adapters.parquet_export")
    with pytest.raises(ConfigurationError, match="pyarrow") as raised:
        verified_parquet(io.BytesIO())
    assert raised.value.hint == "pip install 'axonflow[parquet]'"
