"""`axonflow audit verify`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from axonflow.cli.audit.filters import FILLED
from axonflow.cli.bars import Bar
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.reading import INPUT_FILE, STANDARD_INPUT, read_bytes
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import coloured, fields, printable, table
from axonflow.cli.times import Duration, shown_time
from axonflow.errors import ConfigurationError
from axonflow.ids import now_us

if TYPE_CHECKING:
    from axonflow.app.auditing import AuditVerification, Finding, Trust, VerifiedWriter

__all__ = ["command"]

_MAX_REPORT_BYTES: Final = 256 * 1024 * 1024
_MAX_SHOWN: Final = 100
_MAX_WRITERS: Final = 5
_PARQUET: Final = b"PAR1"
_BUFFER_BYTES: Final = 256 * 1024
_KEY: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify")
@click.option("--tenant", metavar="ID", type=FILLED, help="Only this tenant's chains. Default: all.")
@click.option(
    "--export", "exported", type=_KEY, metavar="FILE", help="Verify an export (jsonl or parquet), and no database."
)
@click.option(
    "--spool", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
    help="Verify what waits in a spool, and no database.",
)  # fmt: skip
@click.option(
    "--anchor", metavar="URL", help="What is kept elsewhere: file:/folder, s3://bucket/prefix, https://host/path."
)
@click.option("--trust", "keys", type=_KEY, multiple=True, metavar="KEY.pem", help="A writer's first key. Repeatable.")
@click.option("--kept-for", type=Duration(), metavar="TIME", help="Nothing younger may be past its time: 90d.")
@click.option(
    "--since-report",
    "earlier",
    type=INPUT_FILE,
    metavar="FILE",
    help="An earlier report (--json): chains must still hold what they held then.",
)
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, /, *, database_url: str | None, data: Path | None, as_json: bool, **wanted: Any
) -> None:
    """Prove that no record of the audit trail was changed, removed, moved or put in, or name those that were.

    Every record holds the hash of the one before it, and every batch of them is signed by its writer. Whoever may write
    to the database can still cut off the newest end of everything together, or its beginning, as past its time: an
    anchor, in a place of another owner, shows both, and which keys are right. Without one, name the keys with --trust;
    else those in the database are believed.

    \b
    Examples:
      axonflow audit verify
      axonflow audit verify --tenant acme --json
      axonflow audit verify --database-url postgresql://auditor@db/axonflow
      axonflow audit verify --anchor s3://another-account/audit
      axonflow audit verify --export acme.jsonl --trust writer.pub
      axonflow audit verify --spool /var/lib/axonflow/spool/agent
      axonflow audit verify --since-report monday.json

    \b
    Exit codes:
      0    all is as it was written
      1    something is not; the report names it
      2    no such tenant, or the database, the export or the anchor
           cannot be read
    """
    if (wanted["exported"] or wanted["spool"]) and (database_url, data) != (None, None):
        raise ConfigurationError(
            "two trails to verify", expected="--export, --spool or a database", found="two of them"
        )
    if wanted["exported"]:
        report = _held_to_anchor(_verified_export(wanted), wanted)
    elif wanted["spool"]:
        report = asyncio.run(_verify_spool(wanted))
    else:
        known = _read(wanted["earlier"]) if wanted["earlier"] else None
        report = asyncio.run(_verify(chosen_url(database_url, data), wanted, known))
        report = _held_to_anchor(_named(report, data), wanted)
    click.echo(_as_json(report) if as_json else _shown(report, is_spool=bool(wanted["spool"])))
    if report.broken:
        ctx.exit(EXIT_NO)


def _named(report: AuditVerification, data: Path | None) -> AuditVerification:
    """With what is in quarantine in the spools of this installation. Writers have ids of their own: of another one's
    trail, they say nothing."""
    from axonflow.app.auditing import told_of_quarantine

    spools = (data or read_settings().data).joinpath("spool").glob("*/spool.sqlite3")
    return told_of_quarantine(report, [path.parent for path in spools])


def _held_to_anchor(report: AuditVerification, wanted: dict[str, Any]) -> AuditVerification:
    """What goes from a spool is in a store: its beginning is no cut, and no anchor is told of it."""
    from axonflow.app.auditing import told_of_cuts

    if not wanted["anchor"]:
        return report
    return asyncio.run(told_of_cuts(report, wanted["anchor"], read_settings().anchor_token))


async def _trust(wanted: dict[str, Any]) -> Trust:
    from axonflow.app.auditing import trust_in

    return await trust_in(wanted["keys"], wanted["anchor"], read_settings().anchor_token)


async def _verify(url: str, wanted: dict[str, Any], known: AuditVerification | None) -> AuditVerification:
    from axonflow.app.auditing import check_tenant, opened_proofs, verified

    bar = Bar("records")
    since_us = now_us() - int(wanted["kept_for"] * 1_000_000) if wanted["kept_for"] is not None else None
    trust = await _trust(wanted)
    try:
        async with opened_proofs(url) as proofs:
            report = await verified(
                proofs, wanted["tenant"], trust=trust, known=known, kept_since_us=since_us,
                progress=lambda _done, _chains, records: bar(records),
            )  # fmt: skip
    finally:
        bar.clear()
    if wanted["tenant"] and not report.chains and not report.broken:  # a slip of the pen must not be "verified"
        await check_tenant(url, wanted["tenant"])
    return report


async def _verify_spool(wanted: dict[str, Any]) -> AuditVerification:
    from axonflow.app.auditing import verified_spool

    _check_alone(wanted, "--spool")
    bar = Bar("records")
    try:
        return await verified_spool(
            wanted["spool"], await _trust(wanted), lambda _done, _chains, records: bar(records)
        )  # fmt: skip
    finally:
        bar.clear()


def _check_alone(wanted: dict[str, Any], source: str) -> None:
    if wanted["exported"] and wanted["spool"]:
        raise ConfigurationError("two trails to verify", expected="--export or --spool", found="both")
    if wanted["tenant"] or wanted["earlier"] or wanted["kept_for"] is not None:
        raise ConfigurationError("options of a database", expected=f"{source} with --anchor and --trust only")


def _verified_export(wanted: dict[str, Any]) -> AuditVerification:
    from axonflow.app.auditing import verified_export, verified_parquet

    _check_alone(wanted, "--export")
    trust = asyncio.run(_trust(wanted))
    path: Path = wanted["exported"]
    bar = None
    try:
        with BufferedReader(
            path.open("rb", buffering=0), _BUFFER_BYTES
        ) as file:  # once: of a pipe, what was read is gone
            is_parquet = file.peek(len(_PARQUET)).startswith(_PARQUET)
            bar = Bar("records" if is_parquet else "bytes")
            if not is_parquet:
                return verified_export(_lines(file, path.stat().st_size, bar), trust)
            if not file.seekable():
                raise ConfigurationError("Parquet cannot be read from a pipe", expected="a file", at=str(path))
            return verified_parquet(file, trust, bar)
    except OSError as error:
        raise ConfigurationError("the export cannot be read", found=error.strerror, at=str(path)) from None
    finally:
        if bar is not None:
            bar.clear()


def _lines(file: BinaryIO, whole: int, bar: Bar) -> Iterator[bytes]:
    done = 0
    for number, line in enumerate(file):
        yield line
        done += len(line)
        if number % 1_000 == 0:
            bar(done, whole)


def _read(place: str) -> AuditVerification:
    import msgspec

    from axonflow.app.auditing import AuditVerification

    try:
        return msgspec.json.decode(read_bytes(place, _MAX_REPORT_BYTES), type=AuditVerification)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "not a report",
            expected="what axonflow audit verify --json prints",
            found=str(error),
            at="<stdin>" if place == STANDARD_INPUT else place,
        ) from None


def _as_json(report: AuditVerification) -> bytes:
    import msgspec

    return msgspec.json.encode(report)


def _shown(report: AuditVerification, *, is_spool: bool) -> str:
    batches, signed = (sum(getattr(one, name) for one in report.writers) for name in ("batches", "signed"))
    head = fields([
        ("chains", f"{report.chains:,}"),
        ("records", f"{report.records:,}"),
        ("drained before", f"{report.removed:,}: verify the database" if is_spool and report.removed else ""),
        ("past their time", "" if is_spool else _removed(report)),
        ("given up", f"{report.shed:,} for want of room, as their writers say" if report.shed else ""),
        ("batches", f"{batches:,}, {signed:,} of them with a good signature"),
        ("not signed", _unsigned(report, batches - signed)),
        ("proved", _proved(report)),
    ])  # fmt: skip
    if not report.broken:
        return f"{coloured('verified')}\n{head}"
    more = f"\n  and {len(report.broken) - _MAX_SHOWN:,} more: --json has them all"
    rows = table(map(_row, report.broken[:_MAX_SHOWN]), ("what", "tenant", "writer", "where", "what is wrong"))
    return f"{coloured('broken')}\n{head}\n\n{rows}{more if len(report.broken) > _MAX_SHOWN else ''}"


def _removed(report: AuditVerification) -> str:
    if not report.removed:
        return ""
    if report.accepted is None or any(one.kind == "cut" for one in report.broken):
        return f"{report.removed:,}, as the database says: see --kept-for"
    late = f", except {report.accepted:,}, which were accepted on the database's word" if report.accepted else ""
    return f"{report.removed:,}, of which the anchor was told before{late}: see --kept-for"


def _unsigned(report: AuditVerification, batches: int) -> str:
    parts = [
        (batches, "batches"),
        (report.first_version, "records are older than batches are"),
        (report.unsealed, "records wait for their batch"),
    ]
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def _proved(report: AuditVerification) -> str:
    """Up to when, and on whose word."""
    sealed = [one.sealed_us for one in report.writers if one.sealed_us is not None]
    if report.trust == "anchor":
        return _anchored(report.writers)
    whose = {"named": "with the keys you named", "store": "on the word of the store, which holds the keys as well"}
    newest = (
        f" what was cut off at the end, after {shown_time(max(sealed))} UTC or before, does not show" if sealed else ""
    )
    return f"{whose[report.trust]};{newest} without an anchor"


def _anchored(writers: Sequence[VerifiedWriter]) -> str:
    """Up to when for each writer, for it is another time: of many, the earliest and how many they are."""
    newer = "what is newer may have been cut off unseen"
    times = sorted((one.anchored_us, one.writer_id) for one in writers if one.anchored_us is not None)
    if not times:
        return f"nothing yet; {newer}"
    if len(writers) == 1:
        return f"up to {_utc(times[0][0])}, the newest that the anchor has; {newer}"
    nothing = sorted(one.writer_id for one in writers if one.anchored_us is None)
    if len(writers) <= _MAX_WRITERS:
        rows = [
            *((f"up to {_utc(time_us)}", name) for time_us, name in times),
            *(("nothing yet", one) for one in nothing),
        ]
        width = max(len(until) for until, _ in rows)
        listed = "\n".join(f"  {until.ljust(width)}  {printable(name, 80)}" for until, name in rows)
        return f"of each writer up to the newest that the anchor has; {newer}\n{listed}"
    earliest = (
        f"up to {_utc(times[0][0])} or later, of {len(times):,} writers by the newest that the anchor has of each"
    )
    first = f"the earliest is of {printable(times[0][1], 80)}"
    none = f"; of {len(nothing):,} writers nothing yet" if nothing else ""
    return f"{earliest}\n{first}{none}; {newer}; --json has them all"


def _utc(time_us: int) -> str:
    return f"{shown_time(time_us)} UTC"


def _row(one: Finding) -> tuple[str, ...]:
    places = [("record", one.sequence), ("batch", one.number)]
    where = " ".join(f"{name} {number}" for name, number in places if number is not None)
    event = f" (event {printable(one.event_id, 64)})" if one.event_id else ""
    return one.kind, printable(one.tenant_id), printable(one.writer_id), where, printable(one.what, 250) + event
