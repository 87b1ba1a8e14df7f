"""Commands that the sidecar's distribution brings: `axonflow up` and `axonflow demo`."""

from __future__ import annotations

import click

from axonflow.errors import ConfigurationError
from axonflow.plugins import COMMANDS, load

__all__ = ["sidecar_command"]

_DISTRIBUTION = "axonflow-sidecar"


def sidecar_command(name: str, short_help: str) -> click.Command:
    """The command of this name, or one in its place that says what to install."""
    try:
        command = load(COMMANDS, name, distribution=_DISTRIBUTION)
    except ConfigurationError as error:
        missing = error
    else:
        if isinstance(command, click.Command):
            return command
        missing = ConfigurationError(
            f"{name!r} is not a command", expected="click.Command", found=type(command).__name__
        )

    @click.command(name, short_help=short_help, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def absent(*, arguments: tuple[str, ...]) -> None:
        del arguments
        raise missing

    absent.help = f"{short_help}\n\nNeeds the distribution {_DISTRIBUTION}, which is not installed here."
    return absent
