"""What the commands about published policies share: whose, which set, in which database, by whom and why."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import trust_option, trusted_keys
from axonflow.cli.settings import read_settings
from axonflow.cli.signing import signed_commands
from axonflow.cli.tenancy import actor
from axonflow.installation import Installation

if TYPE_CHECKING:
    from axonflow.app.publishing import Change, Publisher, SetState

__all__ = [
    "By",
    "Place",
    "change_options",
    "changed_by",
    "moment",
    "place_options",
    "show",
    "state_line",
    "with_publisher",
]

T = TypeVar("T")

DEFAULT_SET: Final = "main"


class Place(NamedTuple):
    """Whose policies, which set of theirs, and the database they are in."""

    scope: str
    set_name: str
    database_url: str | None
    data: Path | None

    @property
    def installation(self) -> Installation:
        """The one on this machine, if there is one."""
        return Installation(self.data or read_settings().data)


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--tenant`, `--set`, `--database-url` and `--data`, together as the argument `place`: a Place; and
    `--json`, as `as_json`."""

    @functools.wraps(command)
    def collected(
        *args: Any, tenant: str, set_name: str, database_url: str | None, data: Path | None, **options: Any
    ) -> Any:
        return command(*args, place=Place(tenant, set_name, database_url, data), **options)

    set_option = click.option(
        "--set", "set_name", metavar="NAME", default=DEFAULT_SET, show_default=True,
        help="The name under which these policies are published; a scope may have several.",
    )  # fmt: skip
    tenant = click.option(
        "--tenant", metavar="ID", default="default", show_default=True,
        help="Whose: a tenant, @NAME for an organization, or '*' for the system, to which all belong.",
    )  # fmt: skip
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
    return tenant(set_option(database_options(as_json(collected))))


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`place_options`, `--trust`, and `--author`, `--reason` and `--expect`, together as the argument `by`: a By."""

    @functools.wraps(command)
    def collected(*args: Any, author: str | None, reason: str, expect: int | None, **options: Any) -> Any:
        return command(*args, by=By(author or _login(), reason, expect), **options)

    expect_option = click.option(
        "--expect", metavar="N", type=click.IntRange(min=0),
        help="The activation that you take for the last one (0: none); when it is another, nothing is done.",
    )  # fmt: skip
    reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
    author_option = click.option(
        "--author", metavar="WHO", help="Who, for the history. Default: user:NAME, of this login."
    )
    return author_option(reason_option(expect_option(trust_option(place_options(collected)))))


class By(NamedTuple):
    """Who changes something, why, and what they expect to be the last activation."""

    author: str
    reason: str
    expected: int | None


def _login() -> str:
    try:
        return f"user:{getuser()}"
    except (OSError, KeyError):  # an account without a name
        return "user:unknown"


def changed_by(publisher: Publisher, place: Place, by: By) -> Change:
    """The change of `place` that is asked for."""
    return publisher.change(
        place.scope, place.set_name, author=by.author, reason=by.reason, expected_sequence=by.expected
    )


def with_publisher(place: Place, use: Callable[[Publisher], Awaitable[T]]) -> T:
    """The result of `use` with what publishes into the database of `place`. Raises what that raises."""
    from axonflow.app.recorded_publishing import opened_publisher

    own = place.installation.policy_public_file
    keys = [*trusted_keys(), *([str(own)] if trusted_keys() and own.exists() else [])]

    async def run() -> T:
        url = chosen_url(place.database_url, place.data)
        async with opened_publisher(url, actor(), signed_commands(place.data), trusted_keys=keys) as publisher:
            return await use(publisher)

    return asyncio.run(run())


def show(value: object, text: str, *, as_json: bool) -> None:
    """Print `value`, a Struct, as one JSON object, or `text`."""
    click.echo(json_text(value) if as_json else text)


def moment(time_us: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def state_line(place: Place, state: SetState) -> str:
    """What is in force of a set now."""
    if state.version is None:
        return f"nothing of {place.set_name} is in force for {place.scope} (activation {state.sequence})"
    return (
        f"version {state.version} of {place.set_name} is in force for {place.scope} (activation {state.sequence})\n"
        f"digest {state.digest}"
    )
