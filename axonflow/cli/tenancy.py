"""What the commands about tenants, keys and roles share: the database, who asks, and how an answer is printed."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from axonflow.cli.database import chosen_url
from axonflow.cli.settings import read_settings
from axonflow.cli.signing import signed_commands
from axonflow.installation import Installation

if TYPE_CHECKING:
    from axonflow.app.tenancy import Tenancy
    from axonflow.tenancy import Actor, Pepper

__all__ = ["actor", "json_option", "pepper_option", "peppers_in", "tenant_option", "with_tenancy", "written"]

T = TypeVar("T")


def tenant_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--tenant`."""
    option = click.option("--tenant", "tenant_id", metavar="ID", default="default", show_default=True, help="Whose.")
    return option(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def pepper_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--pepper`."""
    return click.option(
        "--pepper", "pepper_file", metavar="FILE", envvar="AXONFLOW_PEPPER_FILE", show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="What keys are hashed with. Default: that of the data folder of `axonflow up`.",
    )(command)  # fmt: skip


def peppers_in(pepper_file: Path | None, data: Path | None) -> list[Pepper]:
    """The peppers of the file, or of the installation in `data`. Raises ConfigurationError."""
    from axonflow.app.peppers import parse_peppers, read_peppers

    file = pepper_file or Installation(data or read_settings().data).pepper_file
    return parse_peppers(read_peppers(file), str(file))


def with_tenancy(
    database_url: str | None,
    data: Path | None,
    work: Callable[[Tenancy], Awaitable[T]],
    peppers: list[Pepper] | None = None,
    anchor: str = "",
) -> T:
    """What `work` makes of the tenants in the database. `anchor` is told what was recorded, and not the usual one."""
    from axonflow.app.tenancy import opened_tenancy

    url = chosen_url(database_url, data)

    async def run() -> T:
        async with opened_tenancy(url, peppers or (), signed_commands(data, anchor)) as tenancy:
            return await work(tenancy)

    return asyncio.run(run())


def actor() -> Actor:
    """Whoever has the database's address may do everything; their name is kept with what they do."""
    from axonflow.tenancy import ADMINISTRATOR, Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        name = "unknown"
    return Actor(f"cli:{name}", ADMINISTRATOR)


def written(value: Any, text: str, *, as_json: bool) -> None:
    """Print `value` as JSON or as `text`."""
    import msgspec

    click.echo(msgspec.json.encode(value).decode() if as_json else text)
