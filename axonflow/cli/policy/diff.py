"""`axonflow policy diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import trust_option, trusted_keys
from axonflow.cli.policy.comparisons import shown_comparison
from axonflow.cli.policy.store import Place, place_options, show, with_publisher
from axonflow.cli.tables import printable
from axonflow.errors import ConfigurationError, PolicyError

if TYPE_CHECKING:
    from axonflow.app.comparing import Comparison
    from axonflow.app.publishing import PolicyDiff, Publisher
    from axonflow.policy.publication import PolicyVersion

__all__ = ["command"]


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="[NEW]", required=False)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where two versions differ, as for places.")
@trust_option
@place_options
@click.pass_context
def command(ctx: click.Context, /, *, old: str, new: str | None, exit_code: bool, place: Place, as_json: bool) -> None:
    """Show which requests get another verdict, between two places or two published versions.

    OLD and NEW are folders, files, bundles or @baseline. For each change there is a request that is answered otherwise
    for it, before and after: those that are newly allowed first. What has no effect is proven to have none, or called
    undecided. Shadow sets are left out.

    Two numbers are versions that are published, one number a version and what is in force: rules first, then verdicts
    of the set by itself, then the documents as they were written. A folder that is called 6 is ./6.

    \b
    Examples:
      axonflow policy diff policies/ new-policies/
      axonflow policy diff @baseline policies.axb --trust release.pub --json
      axonflow policy diff 6 7
      axonflow policy diff 7 --tenant acme --exit-code

    \b
    Exit codes of places:
      0    the same verdicts, proven
      1    verdicts differ, or it is not known
      2    policies that do not load
    \b
    Exit codes of versions:
      0    shown, whatever differs
      1    with --exit-code, rules differ
      2    no such version, or the database cannot be read
    """
    if not _is_version(old) or (new is not None and not _is_version(new)):
        found = _between_places(old, new)
        show(found, shown_comparison(found), as_json=as_json)
        if found.verdict != "same":
            ctx.exit(EXIT_NO)
        return
    differs = _between_versions(int(old), None if new is None else int(new), place, as_json=as_json)
    if differs and exit_code:
        ctx.exit(EXIT_NO)


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0


def _between_places(old: str, new: str | None) -> Comparison:
    from axonflow.app.comparing import compare
    from axonflow.cli.bars import Bar

    if new is None:
        raise click.UsageError("two places are compared, or one version with what is in force: name another place")
    bar = Bar("changes looked at")
    found = compare(old, new, trusted_keys=trusted_keys(), progress=bar)
    bar.clear()
    return found


def _between_versions(first: int, second: int | None, place: Place, *, as_json: bool) -> bool:
    """Show what differs between two versions, or one and what is in force; whether anything does."""
    import msgspec

    async def diff(publisher: Publisher) -> tuple[PolicyDiff, PolicyVersion, PolicyVersion]:
        one, other = first, second
        if other is None:
            sets = await publisher.sets(place.scope)
            active = next((one.version for one in sets if one.set_name == place.set_name), None)
            if active is None:
                raise ConfigurationError("nothing to compare with", expected="a version in force, or a second VERSION")
            one, other = active, first
        versions = [await publisher.version(place.scope, place.set_name, number) for number in (one, other)]
        return await publisher.diff(place.scope, place.set_name, one, other), versions[0], versions[1]

    found, before, after = with_publisher(place, diff)
    verdicts = _verdicts(before, after)
    report = {**msgspec.structs.asdict(found), "verdicts": verdicts}
    click.echo(json_text(report) if as_json else _shown(found, verdicts))
    return bool(found.added or found.removed or found.changed)


def _verdicts(before: PolicyVersion, after: PolicyVersion) -> Comparison | None:
    """What the change does to requests; None where a version does not load any more, or not by itself."""
    from axonflow.app.comparing import compare_versions

    try:
        return compare_versions(before, after)
    except PolicyError:
        return None


def _shown(found: PolicyDiff, verdicts: Comparison | None) -> str:
    lines = [f"from version {found.from_version} to version {found.to_version}"]
    lines += [click.style(f"  + {printable(name)}", fg="green") for name in found.added]
    lines += [click.style(f"  - {printable(name)}", fg="red") for name in found.removed]
    lines += [
        f"  ~ {printable(one.policy_set)}{'/' if one.rule else ''}{printable(one.rule)}: {', '.join(one.fields)}"
        for one in found.changed
    ]
    if len(lines) == 1:
        lines.append("  no rule differs")
    if verdicts is None:
        lines.append("\nverdicts are not compared: one of the two does not load by itself")
    elif verdicts.changes:
        lines.append(f"\n{shown_comparison(verdicts)}")
    text = [printable(line) for line in found.text.split("\n")] if found.text else []
    return "\n".join([*lines, *([""] if text else []), *text])
