"""`axonflow audit check-proof`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.reading import INPUT_FILE, read_bytes
from axonflow.cli.tables import coloured, fields
from axonflow.cli.times import shown_time
from axonflow.errors import AuditError

if TYPE_CHECKING:
    from axonflow.app.auditing import ProvedEvent

__all__ = ["command"]

_MAX_PROOF_BYTES: Final = 64 * 1024 * 1024


@click.command("check-proof")
@click.argument("proof", type=INPUT_FILE, metavar="PROOF")
@click.option(
    "--trust", "keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True, required=True,
    metavar="KEY.pem", help="A public key of the writer that you trust. Repeatable.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what is proved as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, proof: str, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check what `axonflow audit prove` made: offline, with nothing but the keys that you trust.

    \b
    Example:
      axonflow audit check-proof proof.json --trust writer.pub

    \b
    Exit codes:
      0    it holds: the event was recorded as it says, and signed
      1    it does not; the step that fails is named
      2    the proof or a key cannot be read
    """
    from axonflow.app.auditing import proved_event

    data = read_bytes(proof, _MAX_PROOF_BYTES)
    try:
        found = proved_event(data, keys)
    except AuditError as error:
        click.echo(str(error), err=True)
        ctx.exit(EXIT_NO)
    click.echo(_as_json(found) if as_json else _shown(found))


def _as_json(found: ProvedEvent) -> bytes:
    import msgspec

    return msgspec.json.encode(found)


def _shown(found: ProvedEvent) -> str:
    event = found.event
    parts = fields([
        ("event", event.event_id), ("tenant", event.tenant_id), ("time", f"{shown_time(event.time_us)} UTC"),
        ("principal", event.principal), ("action", event.action), ("resource", event.resource),
        ("effect", event.effect), ("record", f"{found.sequence} of writer {event.writer_id}"),
        ("signed", f"in batch {found.number}, {shown_time(found.sealed_us)} UTC, by the word of key {found.key_id}"),
    ])  # fmt: skip
    return f"{coloured('verified')}\n{parts}"
