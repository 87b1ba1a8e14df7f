"""What commands sign with, and whom they tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.settings import read_settings
from axonflow.installation import Installation

if TYPE_CHECKING:
    from axonflow.app.commands import Commands

__all__ = ["signed_commands"]

_NONE: Final = "none"


def signed_commands(data: Path | None, anchor: str = "") -> Commands:
    """Signed as the environment says, or with the keys of the installation in `data`; told to `anchor`, or else to that
    of the environment."""
    from axonflow.app.commands import Commands

    settings = read_settings()
    keys: Path | None = Installation(data or settings.data).commands_folder
    if settings.command_keys:
        keys = None if settings.command_keys == _NONE else Path(settings.command_keys).expanduser().absolute()
    return Commands(
        keys, anchor or settings.anchor, settings.anchor_token, lambda said: click.echo(f"warning: {said}", err=True)
    )
