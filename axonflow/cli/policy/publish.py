"""`axonflow policy publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import chosen_place
from axonflow.cli.policy.check import checked, shown
from axonflow.cli.policy.store import By, Place, change_options, changed_by, show, state_line, with_publisher
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.publishing import Published, Publisher

__all__ = ["command"]

_BUNDLE = ".axb"


@click.command("publish")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option(
    "--key", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="The private key (PEM) to sign with. Default: that of the installation on this machine.",
)  # fmt: skip
@click.option("--activate", is_flag=True, help="Put it in force as well.")
@change_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    places: tuple[str, ...],
    key: str | None,
    activate: bool,
    by: By,
    place: Place,
    as_json: bool,
) -> None:
    """Publish policies: check and sign them, and keep them in the database as a version that never changes.

    PLACE is a folder, a file or @baseline; several are published together; the default is ./policies. One bundle
    (.axb) is published as it is, with its signature. The same policies under the same key are the same version.

    Sets for a tenant have `layer: tenant`, for an organization `layer: organization`, for all `layer: system`.

    \b
    Examples:
      axonflow policy publish policies/ --reason "No shell." --activate
      axonflow policy publish all.yaml --tenant '*' --reason "A floor."
      axonflow policy publish bank/ --tenant acme --key a.key --reason "New." \\
          --database-url postgresql://publisher@db/axonflow

    \b
    Exit codes:
      0    published
      1    a fault or a failing test in the policies: nothing was published
      2    no key, the database cannot be written, or somebody else was first
    """
    places = places or (chosen_place(None),)
    if len(places) == 1 and places[0].endswith(_BUNDLE):
        if key is not None:
            raise ConfigurationError("a bundle is signed already", expected="no --key", at=places[0])
    else:
        report = checked(places)
        if not report.ok:
            click.echo(shown(report), err=True)
            ctx.exit(EXIT_NO)
        own = place.installation.policy_key_file
        key = str(own) if key is None and own.exists() else key

    async def publish(publisher: Publisher) -> Published:
        return await publisher.published(changed_by(publisher, place, by), places, key, activate=activate)

    done = with_publisher(place, publish)
    show(done, _shown(place, done), as_json=as_json)


def _shown(place: Place, done: Published) -> str:
    text = f"published version {done.version.version} of {place.set_name} for {place.scope}: {done.version.rules} rules"
    if done.in_force is not None:
        return f"{text}\n{state_line(place, done.in_force)}"
    named = f"--tenant '{place.scope}' --set {place.set_name}"
    return (
        f"{text}\ndigest {done.version.digest}\n"
        f"It is not in force yet: axonflow policy activate {done.version.version} {named} --reason ..."
    )
