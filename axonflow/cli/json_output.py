"""What a command prints with `--json`: one object, whatever is in it, and whatever went wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from axonflow.errors import AxonFlowError, DocumentError

__all__ = ["json_text", "say_failed", "wants_json"]


def json_text(value: object) -> str:
    """`value` as JSON that any stream takes. Names of files may hold bytes that are no text (PEP 383): they are written
    as the escapes of lone surrogates, which have no UTF-8."""
    import msgspec

    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def wants_json(args: Sequence[str]) -> bool:
    """Whether a command line asks for it, though it may be one that cannot be understood."""
    options = args[: args.index("--")] if "--" in args else args
    return "--json" in options


def say_failed(error: AxonFlowError | click.ClickException) -> None:
    """Print that there is no result, and why: `ok`, `error` and `problems`, each with its place if it has one."""
    problems: Sequence[AxonFlowError] = ()
    if isinstance(error, AxonFlowError):
        problems = error.problems if isinstance(error, DocumentError) else (error,)
    shown = error.format_message() if isinstance(error, click.ClickException) else str(error)
    parts = ("at", "message", "expected", "found", "hint")
    listed = [{part: getattr(problem, part) for part in parts} for problem in problems]
    click.echo(json_text({"ok": False, "error": shown, "problems": listed}))
