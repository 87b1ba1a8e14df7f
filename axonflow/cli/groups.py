"""A group of commands whose modules are imported when they are needed, and the one place that ends the process."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import click

from axonflow.cli.json_output import say_failed, wants_json
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import printable
from axonflow.errors import AxonFlowError

__all__ = ["EXIT_BAD_INPUT", "EXIT_INTERRUPTED", "EXIT_NO", "Commands", "Failure", "LazyGroup"]

EXIT_NO: Final = 1
"""The command worked, and the answer is no: denied, a mismatch, a problem found."""
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count."""
_WANTS_JSON: Final = "axonflow.wants_json"
_WHOLE: Final = 200
"""Characters: more than any first sentence of a command's help has."""
_EXIT_BROKEN_PIPE: Final = 141
"""128 + SIGPIPE: nobody reads any more, and neither success nor failure was told."""
_EXIT_NO_OUTPUT: Final = 74
"""EX_IOERR of sysexits.h: the disk is full, and neither success nor failure was told."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Failure(click.ClickException):
    """A message on standard error and exit code 2, without a traceback."""

    exit_code = EXIT_BAD_INPUT

    def show(self, file: Any = None) -> None:
        """Print the message; the file that click offers is not used, it is always standard error."""
        del file
        text = "\n".join(printable(line) for line in self.message.split("\n"))
        click.echo(f"{click.style('error:', fg='red', bold=True)} {text}", err=True)


class LazyGroup(click.Group):
    """Commands by name, each the attribute `command` of its module."""

    def __init__(self, *args: Any, modules: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._modules = dict(modules or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table: what is needed most comes first."""
        del ctx
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        del ctx
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, but with whole sentences: beside a long name they take a second line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in commands if command is not None]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that is not known."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = get_close_matches(args[0], self._modules, n=1)
            if close and "Did you mean" not in error.message:
                hint = f"No such command {printable(args[0])!r}. Did you mean {close[0]!r}?"
                raise click.UsageError(hint, ctx) from None
            raise


class Commands(LazyGroup):
    """The outermost group: turns what is raised within into messages and exit codes."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line, whatever became of its streams."""
        _open_closed_streams()
        try:
            return super().main(*args, **options)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            with suppress(OSError):  # standard error may be full as well
                click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
            for stream in (sys.stdout, sys.stderr):
                _let_go(stream)
            sys.exit(_EXIT_NO_OUTPUT)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, remembering whether errors are told as JSON too: those of a subcommand's options as well."""
        ctx.meta[_WANTS_JSON] = wants_json(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. AxonFlow's own errors end in exit code 2, whatever else is wrong shows its traceback."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # names from anywhere are printed: no locale may stop that
                stream.reconfigure(errors="backslashreplace")
        try:
            return self._answered(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it once more
            ctx.exit(_EXIT_BROKEN_PIPE)

    def _answered(self, ctx: click.Context) -> Any:
        """Run the command. With `--json` an error is an object on standard output, beside the message for people."""
        try:
            if not read_settings().colour:
                ctx.color = False
            return super().invoke(ctx)
        except (AxonFlowError, click.ClickException) as error:
            if ctx.meta[_WANTS_JSON]:
                say_failed(error)
            if isinstance(error, click.ClickException):
                raise
            raise Failure(str(error)) from None


def _open_closed_streams() -> None:
    """Python has None for a stream that was closed before it started (``>&-``), and next to nothing expects that."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  for as long as the process runs


def _let_go(stream: Any) -> None:
    """Lose what `stream` still holds and cannot write: the interpreter flushes it once more, and would complain."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
