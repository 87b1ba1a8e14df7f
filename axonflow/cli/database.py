"""Which database a command reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from axonflow.cli.settings import read_settings
from axonflow.errors import ConfigurationError
from axonflow.installation import Installation

__all__ = ["chosen_url", "database_options"]


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--database-url` and `--data`."""
    command = click.option(
        "--data", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The data folder of a running `axonflow up`. Default: AXONFLOW_DATA, or the usual place.",
    )(command)  # fmt: skip
    return click.option(
        "--database-url",
        metavar="URL",
        help="The PostgreSQL to read. Default: AXONFLOW_DATABASE_URL, or that of --data.",
    )(command)


def chosen_url(database_url: str | None, data: Path | None) -> str:
    """The address of the database. Raises ConfigurationError that says how to name one when none is up."""
    settings = read_settings()
    if database_url is not None:
        if not database_url.strip():  # a variable that is not set must not lead to another database
            raise ConfigurationError(
                "--database-url is empty", expected="the address of a database, or no such option", found="nothing"
            )
        return database_url
    if data is None and settings.database_url:
        return settings.database_url
    file = Installation(data or settings.data).database_url_file
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "no database to read", expected="--database-url URL, or a running `axonflow up`",
            found=getattr(error, "strerror", None) or type(error).__name__, at=str(file),
            hint="Start it with `axonflow up`, or name its folder with --data.",
        ) from None  # fmt: skip
