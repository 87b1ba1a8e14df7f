"""`axonflow policy rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.policy.store import By, Place, change_options, changed_by, show, state_line, with_publisher

if TYPE_CHECKING:
    from axonflow.app.publishing import Publisher, SetState

__all__ = ["command"]


@click.command("rollback")
@click.option(
    "--to", "version", metavar="VERSION", type=click.IntRange(min=1), help="Default: what was in force before."
)
@change_options
def command(*, version: int | None, by: By, place: Place, as_json: bool) -> None:
    """Put in force again what was before. When nothing was, nothing of the set is in force afterwards.

    One rollback after another goes on backwards, as undoing does; the history keeps every step.

    \b
    Examples:
      axonflow policy rollback --reason "It denied the night jobs."
      axonflow policy rollback --tenant acme --to 5 --reason "The last good one."

    \b
    Exit codes:
      0    done
      2    nothing to go back to, somebody else was first, or the database
           cannot be written; what was in force stays
    """

    async def back(publisher: Publisher) -> SetState:
        change = changed_by(publisher, place, by)
        if version is None:
            return await publisher.rollback(change)
        return await publisher.activate(change, version, back=True)

    state = with_publisher(place, back)
    show(state, state_line(place, state), as_json=as_json)
