"""`axonflow policy inspect`."""

from __future__ import annotations

import click

from axonflow.cli.policies import trust_option, trusted_keys
from axonflow.cli.policy.certificates import shown_certificate
from axonflow.cli.tables import fields

__all__ = ["command"]


@click.command("inspect")
@click.argument("bundle", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the statement as one JSON object.")
def command(*, bundle: str, as_json: bool) -> None:
    """Verify a bundle, and show what it says of itself: whose it is, and what decisions by it may cost.

    \b
    Example:
      axonflow policy inspect policies.axb --trust release.pub

    Exit codes: 0 a trusted key signed it and nothing was changed, 2 anything else.
    """
    import msgspec

    from axonflow.app.bundles import verified_statement

    statement = verified_statement(bundle, trusted_keys())
    if as_json:
        click.echo(msgspec.json.encode(statement))
        return
    sets = ", ".join(entry.name for entry in statement.sets)
    click.echo(fields([("digest", statement.digest), ("signed by", f"key {statement.key}"), ("sets", sets)]))
    if statement.certificate is not None:
        click.echo(f"\n{shown_certificate(statement.certificate)}")
