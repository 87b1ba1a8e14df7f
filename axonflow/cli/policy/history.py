"""`axonflow policy history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.policy.store import Place, moment, place_options, show, with_publisher
from axonflow.cli.tables import table

if TYPE_CHECKING:
    from axonflow.app.publishing import PolicyHistory

__all__ = ["command"]


@click.command("history")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many of each.")
@place_options
def command(*, limit: int, place: Place, as_json: bool) -> None:
    """Show what was published and what was put in force, when, by whom and why; newest first.

    \b
    Examples:
      axonflow policy history
      axonflow policy history --tenant acme --json | jq '.activations[0]'

    \b
    Exit codes:
      0    shown, whatever there is
      2    the database cannot be read
    """
    history = with_publisher(place, lambda publisher: publisher.history(place.scope, place.set_name, limit))
    show(history, _shown(place, history), as_json=as_json)


def _shown(place: Place, history: PolicyHistory) -> str:
    if not history.versions:
        return f"nothing was published as {place.set_name} for {place.scope}"
    versions = [
        (one.version, moment(one.created_us), one.rules, one.digest[:19], one.author, one.reason)
        for one in history.versions
    ]
    activations = [
        (one.sequence, moment(one.created_us), one.kind, one.version or "", one.author, one.reason)
        for one in history.activations
    ]
    text = table(
        versions, ("version", "published (UTC)", "rules", "digest", "author", "reason"), right=frozenset({0, 2})
    )
    if not activations:
        return f"{text}\n\nnone of them was ever in force"
    header = ("activation", "since (UTC)", "what", "version", "author", "reason")
    return f"{text}\n\n{table(activations, header, right=frozenset({0, 3}))}"
