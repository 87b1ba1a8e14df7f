"""`axonflow policy keygen`."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("keygen")
@click.argument("name", metavar="NAME", type=click.Path())
def command(name: str) -> None:
    """Make a key pair for bundles: NAME.key to sign with, NAME.pub to give to whoever shall trust it.

    The private key is for its owner's eyes only and has no password: keep it where you keep such things. Files that are
    there already are left alone.

    \b
    Example:
      axonflow policy keygen release

    Exit codes: 0 made, 2 a file is in the way or cannot be written.
    """
    from axonflow.app.bundles import make_key_pair

    key_id = make_key_pair(f"{name}.key", f"{name}.pub")
    click.echo(f"wrote {name}.key and {name}.pub (key {key_id})")
