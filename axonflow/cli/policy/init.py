"""`axonflow policy init`."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow.cli.policies import DEFAULT_FOLDER
from axonflow.errors import ConfigurationError

__all__ = ["command"]


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files of the same names.")
def command(folder: Path, *, force: bool) -> None:
    """Write the baseline policies into DIR, as a start to make your own from.

    DIR is created when it is not there. When one of the files is there already, nothing is written, unless
    you say --force.

    \b
    Example:
      axonflow policy init policies/

    Exit codes: 0 written, 2 a file is in the way or cannot be written.
    """
    from axonflow import AxonFlow

    texts = AxonFlow.baseline()
    in_the_way = [name for name in texts if (folder / name).exists()]
    if in_the_way and not force:
        raise ConfigurationError(
            "nothing was written: files are in the way",
            expected="none of the names",
            found=", ".join(in_the_way),
            at=str(folder),
            hint="Choose another folder, or overwrite them with --force.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            "the policies cannot be written", found=error.strerror, at=str(error.filename or folder)
        ) from None
    click.echo("\n".join(f"wrote {folder / name}" for name in texts))
    option = "" if folder == Path(DEFAULT_FOLDER) else f" --policies {folder}"
    click.echo(
        f"\nNow try:\n  axonflow policy check {folder}\n"
        f"  axonflow decide --principal user:ann --action tool.call --resource tool:shell --context env=prod{option}"
    )
