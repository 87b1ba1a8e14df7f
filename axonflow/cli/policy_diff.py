"""`axonflow policy diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.policy_store import Place, place_options, show, with_publisher
from axonflow.cli.tables import printable
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.publishing import PolicyDiff, Publisher

__all__ = ["command"]


@click.command("diff")
@click.argument("from_version", metavar="VERSION", type=click.IntRange(min=1))
@click.argument("to_version", metavar="[VERSION]", type=click.IntRange(min=1), required=False)
@place_options
def command(*, from_version: int, to_version: int | None, place: Place, as_json: bool) -> None:
    """Show what differs between two published versions; with one, between it and what is in force.

    Rules first, then the documents as they were written.

    \b
    Examples:
      axonflow policy diff 6 7
      axonflow policy diff 7 --tenant acme --json

    \b
    Exit codes:
      0    shown, whatever differs
      2    no such version, or the database cannot be read
    """

    async def diff(publisher: Publisher) -> PolicyDiff:
        if to_version is not None:
            return await publisher.diff(place.scope, place.set_name, from_version, to_version)
        sets = await publisher.sets(place.scope)
        active = next((one.version for one in sets if one.set_name == place.set_name), None)
        if active is None:
            raise ConfigurationError("nothing to compare with", expected="a version in force, or a second VERSION")
        return await publisher.diff(place.scope, place.set_name, active, from_version)

    found = with_publisher(place, diff)
    show(found, _shown(found), as_json=as_json)


def _shown(found: PolicyDiff) -> str:
    lines = [f"from version {found.from_version} to version {found.to_version}"]
    lines += [click.style(f"  + {printable(name)}", fg="green") for name in found.added]
    lines += [click.style(f"  - {printable(name)}", fg="red") for name in found.removed]
    lines += [
        f"  ~ {printable(one.policy_set)}{'/' if one.rule else ''}{printable(one.rule)}: {', '.join(one.fields)}"
        for one in found.changed
    ]
    if len(lines) == 1:
        lines.append("  no rule differs")
    text = [printable(line) for line in found.text.split("\n")] if found.text else []
    return "\n".join([*lines, *([""] if text else []), *text])
