"""`axonflow audit export` in each of its forms, from a real PostgreSQL."""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from axonflow.app.auditing import counted
from axonflow.cli.audit import export
from axonflow.errors import AuditError
from tests.postgres import postgres_dsn
from tests.unit.cli.audit.test_commands import database, events
from tests.unit.cli.db.test_commands import Screen

__all__ = ["database", "postgres_dsn"]


def test_export_as_jsonl_is_verified_by_itself(run, database, tmp_path):
    path = tmp_path / "acme.jsonl"
    result = run("audit", "export", "--tenant", "acme", "-o", str(path), "--database-url", database)
    assert (result.exit_code, result.stdout) == (0, f"wrote 3 events to {path}\n")
    report = json.loads(run("audit", "verify", "--export", str(path), "--json").stdout)
    assert (report["records"], report["broken"]) == (3, [])


def test_export_as_parquet_is_verified_by_itself_as_long_as_it_is_whole(run, database, tmp_path):
    path = tmp_path / "acme.parquet"
    command = ("audit", "export", "--tenant", "acme", "--format", "parquet", "-o", str(path))
    result = run(*command, "--database-url", database)
    assert (result.exit_code, result.stdout) == (0, f"wrote 3 events to {path}\n")
    report = json.loads(run("audit", "verify", "--export", str(path), "--json").stdout)
    assert (report["records"], report["broken"]) == (3, [])
    path.write_bytes(path.read_bytes()[:-4])
    result = run("audit", "verify", "--export", str(path))
    assert (result.exit_code, "a whole Parquet file" in result.stderr) == (2, True)


def test_export_as_csv_has_a_line_for_each_event_of_the_time_newest_first(run, database, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_PAGE", 2)
    path = tmp_path / "default.csv"
    command = ("audit", "export", "--tenant", "default", "--format", "csv", "-o", str(path))
    assert run(*command, "--database-url", database).exit_code == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["decision_id"] for row in rows] == ["d4", "d2", "d0"]
    assert (rows[0]["policies"], rows[0]["allowed"], rows[0]["duration_us"]) == ("no-tools", "false", "")
    path.unlink()
    run(*command, "--to", "2026-02-02T02:40:04Z", "--from", "2026-02-02T02:40:02Z", "--database-url", database)
    assert [line.split(",")[3] for line in path.read_text().splitlines()] == ["decision_id", "d2"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_export_on_a_terminal_shows_how_much_of_it_is_done(database, tmp_path, monkeypatch, form):
    screen = Screen()
    monkeypatch.setattr("axonflow.cli.bars.sys.stderr", screen)
    monkeypatch.setattr("axonflow.cli.progress._REDRAW_NS", 0)
    monkeypatch.delenv("TERM", raising=False)
    path = str(tmp_path / "export")
    arguments = ["--tenant", "acme", "--format", form, "-o", path, "--database-url", database]
    export.command.main(arguments, standalone_mode=False)
    assert "] 100%  3 events, " in screen.said


def test_export_whose_events_take_too_long_to_count_goes_on_without_a_share(database, tmp_path, monkeypatch):
    async def late(*_):
        raise AuditError("cannot count audit events")

    screen = Screen()
    monkeypatch.setattr("axonflow.cli.bars.sys.stderr", screen)
    monkeypatch.setattr("axonflow.app.auditing.counted", late)
    path = tmp_path / "export"
    arguments = ["--tenant", "acme", "-o", str(path), "--database-url", database]
    export.command.main(arguments, standalone_mode=False)
    assert path.read_bytes().endswith(b'"records":3}\n')
    assert "%" not in screen.said


def test_export_of_a_part_counts_what_is_of_that_time(database):
    second = datetime(2026, 2, 2, 2, 40, 2, tzinfo=UTC)
    start_us, end_us = (int(one.timestamp() * 1_000_000) for one in (second, second + timedelta(seconds=1)))
    assert asyncio.run(counted(database, "default")) == 3
    assert asyncio.run(counted(database, "default", start_us, end_us)) == 1
    assert asyncio.run(counted(database, "a\0b")) == 0


def test_export_as_csv_of_what_a_spreadsheet_would_compute_shows_it_as_text():
    event = replace(next(events()), principal="=HYPERLINK()", reasons=('a "b",\nc',), resource="\udcff")
    line = export._row(export._cells(event))
    (cells,) = csv.reader([line.decode()])
    named = dict(zip(export._COLUMNS, cells, strict=True))
    assert (named["principal"], named["reasons"], named["resource"]) == ("'=HYPERLINK()", 'a "b",\nc', "\\udcff")


@pytest.mark.parametrize(
    ("parts", "message"),
    [(("--from", "2026-01-01"), "cannot be verified by itself"), (("--format", "csv"), "cannot write the export")],
    ids=["a part of what can be verified", "a file that is there"],
)
def test_export_that_cannot_be_made_says_why_and_leaves_the_file_alone(run, database, tmp_path, parts, message):
    path = tmp_path / "there"
    path.write_text("mine")
    result = run("audit", "export", "--tenant", "acme", "-o", str(path), *parts, "--database-url", database)
    assert result.exit_code == 2
    assert message in result.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "says"),
    [(("-o", "-"), "the export goes to a file"), (("-o", ""), "it is empty"),
     (("-o", "x", "--format", "csv", "--from", "90d"), "is not a time"),
     (("-o", "x", "--format", "csv", "--from", "2026-01-02", "--to", "2026-01-01"), "--to: the time ends before")],
)  # fmt: skip
def test_export_with_a_wrong_option_is_bad_input_and_makes_no_file(run, tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    result = run("audit", "export", "--tenant", "acme", "--database-url", "postgresql://127.0.0.1:9/x", *options)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_export_from_a_database_that_is_away_leaves_no_file(run, tmp_path):
    path = tmp_path / "none.csv"
    away = "postgresql://ann@/db?host=/nowhere"
    for form in ("csv", "jsonl", "parquet"):
        result = run("audit", "export", "--tenant", "a", "--format", form, "-o", str(path), "--database-url", away)
        assert (result.exit_code, path.exists()) == (2, False)
