"""`axonflow policy activate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.policy.store import By, Place, change_options, changed_by, show, state_line, with_publisher

if TYPE_CHECKING:
    from axonflow.app.publishing import Publisher, SetState

__all__ = ["command"]


@click.command("activate")
@click.argument("version", metavar="VERSION", type=click.IntRange(min=1))
@change_options
def command(*, version: int, by: By, place: Place, as_json: bool) -> None:
    """Put a published version in force, in place of the one that is. Running agents serve it within a second.

    It is checked again, together with the scope's other sets that are in force. Of two people who activate at once, the
    second is told, and nothing of theirs is done.

    \b
    Examples:
      axonflow policy activate 7 --reason "Approved in change 4711."
      axonflow policy activate 7 --tenant acme --expect 12 --reason "Approved."

    \b
    Exit codes:
      0    in force
      2    no such version, it does not load, somebody else was first, or the
           database cannot be written; what was in force stays
    """

    async def activate(publisher: Publisher) -> SetState:
        return await publisher.activate(changed_by(publisher, place, by), version)

    state = with_publisher(place, activate)
    show(state, state_line(place, state), as_json=as_json)
