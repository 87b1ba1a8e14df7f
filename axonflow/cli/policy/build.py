"""`axonflow policy build`."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import chosen_place
from axonflow.cli.policy.certificates import overview
from axonflow.cli.policy.check import checked, shown
from axonflow.cli.tables import fields
from axonflow.errors import ConfigurationError

__all__ = ["command"]


@click.command("build")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option(
    "--key", required=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="The private key (PEM)."
)
@click.option(
    "--out", "-o", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="Where the bundle goes; its name ends in .axb.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, /, *, places: tuple[str, ...], key: str, out: Path) -> None:
    """Build policies into a bundle: one file, signed, that loads many times faster than the documents.

    PLACE is a folder, a file or @baseline; several are built together. The default is ./policies. The policies are
    checked first, as by `axonflow policy check`: a fault or a failing test, and nothing is written. The same policies
    and key give the same file. What decisions may cost is in it, as `axonflow policy certify` says it.

    \b
    Examples:
      axonflow policy keygen release
      axonflow policy build policies/ --key release.key --out policies.axb
      axonflow up --policies policies.axb --trust release.pub

    Exit codes: 0 built, 1 a fault or a failing test, 2 a file cannot be read or written.
    """
    from axonflow.app.bundles import build_bundle, certificate_in

    if out.suffix != ".axb":
        raise ConfigurationError("the name of a bundle ends in .axb", expected=f"{out}.axb", found=str(out))
    places = places or (chosen_place(None),)
    report = checked(places)
    if not report.ok:
        click.echo(shown(report), err=True)
        ctx.exit(EXIT_NO)
    data = build_bundle(places, key)
    partial = out.with_name(f".{out.name}.part")
    try:
        partial.write_bytes(data)
        partial.replace(out)  # whoever reads it meanwhile reads the old one or the new one
    except OSError as error:
        raise ConfigurationError("the bundle cannot be written", found=error.strerror, at=str(out)) from None
    click.echo(f"wrote {out}: {sum(sum(kinds.values()) for kinds in report.rules.values())} rules, {len(data)} bytes")
    click.echo(f"digest {report.policy_digest}")
    certificate = certificate_in(data)
    if certificate is not None:
        click.echo(fields(overview(certificate)))
