"""`axonflow demo`: everything once, on free ports, with a summary at the end and nothing left behind."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["command"]


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--keep", metavar="FOLDER", type=click.Path(path_type=Path),
              help="Keep everything in this folder, to look at; else it is removed.")  # fmt: skip
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, keep: Path | None) -> None:
    """Start everything on free ports, show what it does, and clean up.

    Starts PostgreSQL, the agent and the orchestrator; replays the labelled sample traffic in this machine's process and
    through the agent over HTTP/2 and TLS; runs a plan of ten agents; verifies the audit trail in PostgreSQL.

    \b
    Example:
      axonflow demo

    \b
    Exit codes:
      0    every verdict was as labelled, at both doors, and every chain is whole
      1    something was not; the summary says what
      2    it could not be started
    """
    from axonflow_sidecar.commands.showing import show

    with _folder(keep) as folder:
        summary = show(folder / "data", _said)
    click.echo(summary.to_json() if as_json else summary.text())
    if not summary.passed:
        ctx.exit(1)


def _said(step: str) -> None:
    click.echo(f"- {step}", err=True)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="axonflow-demo-"))
    folder.chmod(0o711)  # for root: PostgreSQL's account passes through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            click.echo(f"note: {folder} could not be removed", err=True)
