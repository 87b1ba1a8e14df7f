"""`axonflow audit rotate-key`."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow.cli.settings import read_settings
from axonflow.errors import ConfigurationError
from axonflow.installation import Installation

__all__ = ["command"]


@click.command("rotate-key")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="The data folder of `axonflow up`: all its writers. Default: the usual one.")  # fmt: skip
def command(folders: tuple[Path, ...], data: Path | None) -> None:
    """Have writers of the audit trail sign with a new key from their next start on.

    FOLDER is the folder of a spool, with the key of its writer, or one with a key of commands. The key before endorses
    the new one, so whoever trusts the first trusts all that came after it; give the new public half (audit.pub) to
    those who trust keys by file.

    \b
    Examples:
      axonflow audit rotate-key
      axonflow audit rotate-key /var/lib/axonflow/spool

    \b
    Exit codes:
      0    the next start rotates
      2    there is no key to rotate, or a rotation was asked for already
    """
    from axonflow.app.audit_keys import ask_for_rotation

    for folder in folders or _writers(data or read_settings().data):
        click.echo(f"{folder}: {ask_for_rotation(folder)} signs from the next start on")


def _writers(data: Path) -> list[Path]:
    place = Installation(data)
    found = sorted(
        path.parent for folder in (place.path / "spool", place.commands_folder) for path in folder.glob("*/audit.key")
    )
    if not found:
        raise ConfigurationError(
            "no writer of an audit trail", expected="the data folder of `axonflow up`", found="none with a key",
            at=str(data), hint="Name the folders of spools, or the data folder with --data.",
        )  # fmt: skip
    return found
