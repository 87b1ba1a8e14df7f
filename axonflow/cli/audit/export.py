"""`axonflow audit export`."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from axonflow.cli.audit.filters import FILLED, PastTime, chosen_persons_key, persons_key_option
from axonflow.cli.bars import Bar
from axonflow.cli.database import chosen_url, database_options
from axonflow.errors import AuditError, ConfigurationError

if TYPE_CHECKING:
    from axonflow.audit import AuditEvent

__all__ = ["command"]

_COLUMNS: Final = (
    "event_id", "time_us", "kind", "decision_id", "principal", "on_behalf_of", "client_id", "request_id", "trace_id",
    "action", "resource", "effect", "allowed", "policies", "reasons", "policy_digest", "duration_us",
)  # fmt: skip
_FORMULA: Final = tuple("=+-@\t\r")
"""What makes a spreadsheet compute a cell: whoever asks for something can have that recorded."""
_PAGE: Final = 1_000
_STANDARD_OUTPUT: Final = "-"


@click.command("export")
@click.option("--tenant", metavar="ID", type=FILLED, required=True, help="Whose trail.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="jsonl and parquet can be verified; csv is for a spreadsheet.",
)
@click.option("--from", "start_us", metavar="TIME", type=PastTime(), help="Only csv: the first instant that counts.")
@click.option("--to", "end_us", metavar="TIME", type=PastTime(), help="Only csv: the first instant that does not.")
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    required=True,
    type=FILLED,
    help="A file that is not there yet.",
)
@database_options
@persons_key_option
def command(
    *, database_url: str | None, data: Path | None, persons_key_file: Path | None, path: str, **wanted: Any
) -> None:
    """Write the audit trail of one tenant to a new FILE, a page at a time, however large it is.

    As jsonl it is the whole trail with all that proves it: `axonflow audit verify --export FILE` needs nothing else.
    As parquet it is the same in columns, for tools that analyse (pip install 'axonflow[parquet]').
    As csv it is one line an event, the newest first; a cell that a spreadsheet would compute begins with an apostrophe.
    What tells of persons stays sealed in jsonl and parquet, and is opened in csv.

    \b
    Examples:
      axonflow audit export --tenant acme -o acme.jsonl
      axonflow audit export --tenant acme --format parquet -o acme.parquet
      axonflow audit export --tenant acme --format csv -o acme.csv \\
        --from 2026-01-01T00:00:00Z

    \b
    Exit codes:
      0    FILE is there, and whole
      2    it is not: no such tenant, the database cannot be read, or FILE
           cannot be written
    """
    from axonflow.audit.query import check_period

    if wanted["form"] != "csv" and (wanted["start_us"], wanted["end_us"]) != (None, None):
        raise ConfigurationError(
            "a part of a trail cannot be verified by itself", expected="--from and --to with --format csv"
        )
    if path == _STANDARD_OUTPUT:
        raise ConfigurationError(
            "the export goes to a file", expected="the name of one that is not there yet", found="-",
            hint="What is not whole is removed again.",
        )  # fmt: skip
    check_period(wanted["start_us"], wanted["end_us"], "--to")
    url = chosen_url(database_url, data)
    if wanted["form"] == "csv":
        wanted["persons_key"] = chosen_persons_key(persons_key_file, data)
    count = _write(Path(path), partial(_checked, url, wanted), partial(_whole, url, wanted))
    click.echo(f"wrote {count:,} events to {path}")


def _write(path: Path, put: Callable[[BinaryIO], AsyncIterator[int]], whole: Callable[[Bar], Awaitable[int]]) -> int:
    """How many events `put` says at last that there were, once all of them are in the file; else there is none."""
    bar = Bar("events")
    try:
        with path.open("xb") as file:
            try:
                return asyncio.run(_put(put(file), bar, whole(bar)))
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise ConfigurationError("cannot write the export", found=error.strerror or str(error), at=str(path)) from None
    finally:
        bar.clear()


async def _put(counts: AsyncIterator[int], bar: Bar, counting: Awaitable[int]) -> int:
    count, whole = 0, await counting
    async for count in counts:
        bar(count, whole)
    return count


async def _whole(url: str, wanted: dict[str, Any], bar: Bar) -> int:
    """About how many there will be, for the bar; 0 where nobody sees it, or where to count them takes too long."""
    if not bar.is_shown:
        return 0
    from axonflow.app.auditing import counted

    try:
        return await counted(url, wanted["tenant"], wanted["start_us"], wanted["end_us"])
    except AuditError:  # what is wrong will be said by who writes, if it is more than a slow count
        return 0


async def _checked(url: str, wanted: dict[str, Any], file: BinaryIO) -> AsyncIterator[int]:
    """As the form gives them. Where there are none, raises TenancyMissing unless the tenant is known."""
    from axonflow.app.auditing import check_tenant

    count = 0
    async for count in _FORMS[wanted["form"]](url, wanted, file):
        yield count
    if not count:
        await check_tenant(url, wanted["tenant"])


async def _parquet(url: str, wanted: dict[str, Any], file: BinaryIO) -> AsyncIterator[int]:
    from axonflow.app.auditing import export_parquet, opened_proofs

    async with opened_proofs(url) as proofs:
        async for count in export_parquet(proofs, wanted["tenant"], file):
            yield count


async def _jsonl(url: str, wanted: dict[str, Any], file: BinaryIO) -> AsyncIterator[int]:
    from axonflow.app.auditing import export_audit, opened_proofs
    from axonflow.audit.export import RECORD_START

    count = 0
    async with opened_proofs(url) as proofs:
        async for line in export_audit(proofs, wanted["tenant"]):
            file.write(line)
            count += line.startswith(RECORD_START)
            yield count


async def _csv(url: str, wanted: dict[str, Any], file: BinaryIO) -> AsyncIterator[int]:
    from axonflow.app.durable import opened_store
    from axonflow.audit import AuditQuery

    file.write(_row(_COLUMNS))
    period = {name: wanted[name] for name in ("start_us", "end_us")}
    before, count = None, 0
    async with opened_store(url, wanted["persons_key"]) as store:
        while True:
            query = AuditQuery(tenant_id=wanted["tenant"], before=before, limit=_PAGE, **period)
            events = (await store.search(query)).events
            file.writelines(_row(_cells(event)) for event in events)
            count += len(events)
            yield count
            if len(events) < _PAGE:
                return
            before = events[-1].event_id


_FORMS: Final = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}


def _cells(event: AuditEvent) -> tuple[str, ...]:
    said = {name: getattr(event.origin, name, getattr(event, name, None)) for name in _COLUMNS}
    return tuple(_cell(value) for value in said.values())


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return _cell(" ".join(value))
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: tuple[str, ...]) -> bytes:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "backslashreplace")
