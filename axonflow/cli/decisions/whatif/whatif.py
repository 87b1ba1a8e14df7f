"""`axonflow whatif`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.audit.filters import PastTime, chosen_persons_key, filter_options, filters_in, persons_key_option
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_INTERRUPTED, EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import open_flow, redaction_key_option, trust_option
from axonflow.cli.reading import INPUT_FILE
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.cli.decisions.whatif.sources import Compare

__all__ = ["command"]

_FAILS = ("flips", "tightened", "loosened", "undecidable", "malformed", "never")
_OF_DATABASE = (
    "principal", "client", "action", "resource", "effect", "policy", "decision", "kind", "allowed", "since", "until",
)  # fmt: skip


@click.command("whatif")
@click.argument("policies", metavar="POLICIES")
@click.option(
    "--from", "traffic", metavar="FILE.jsonl|-", type=INPUT_FILE, help="Whole requests, as replay takes them."
)
@click.option("--export", "exported", metavar="FILE|-", type=INPUT_FILE, help="An export of the audit trail.")
@click.option("--database", "database", is_flag=True, help="The audit trail in the database.")
@click.option("--against", metavar="PLACE", help="Compare with what these policies make of the same decisions.")
@click.option("--fail-on", "fails", multiple=True, type=click.Choice(_FAILS), default=("flips",), show_default=True,
              help="What to end with 1 for; again for each further one.")  # fmt: skip
@click.option("--limit-shown", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Examples of each.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object, all rules included.")
@click.option("--tenant", metavar="ID", default="default", show_default=True, help="With --database: whose decisions.")
@filter_options
@click.option("--allowed/--refused", default=None, help="Only what was allowed, or only what was not.")
@click.option("--since", metavar="TIME", type=PastTime(), help="RFC 3339; the first instant that counts.")
@click.option("--until", metavar="TIME", type=PastTime(), help="RFC 3339; the first instant that does not.")
@database_options
@persons_key_option
@trust_option
@redaction_key_option
@click.pass_context
def command(
    ctx: click.Context, /, *, policies: str, against: str | None, fails: tuple[str, ...], as_json: bool, **wanted: Any
) -> None:
    """Hold other policies against recorded decisions.

    POLICIES are a folder, a file or a bundle. Of each decision it is said whether it comes to something else, and by
    which rule. What was recorded of it is all that is known: where a rule asks for more (content, an attribute that
    nobody read, a detector that nobody asked), and the verdict depends on it, the decision is undecidable, and it is
    said what was missing. Findings are those of then. Nothing is counted against limits and nothing is recorded.

    With --against it is compared with what those policies make of it. Where they are the ones that were in force, they
    tell as well which attributes requests did not have, and which detectors found nothing; so name them.

    \b
    Examples:
      axonflow whatif next/ --database --tenant acme --against policies/
      axonflow whatif next.axb --export acme.jsonl --trust policy.pub
      axonflow whatif next/ --from traffic.jsonl --against policies/
      axonflow whatif next/ --database --since 2026-11-01T00:00:00Z \\
        --fail-on loosened --fail-on undecidable

    \b
    Exit codes:
      0    compared, and there is nothing of what --fail-on names
      1    there is, or there was nothing to compare
      2    wrong usage, invalid policies, a source that cannot be read
      130  interrupted by Ctrl-C; the report is of what was compared so far
    """
    from axonflow.cli.decisions.whatif.report import FAILS, report_of
    from axonflow.cli.decisions.whatif.sources import compare_recorded
    from axonflow.cli.decisions.whatif.text import whatif_text
    from axonflow.policy.whatif import Comparison

    source, compare = _source(wanted)
    after = open_flow(policies).policies
    before = None if against is None else open_flow(against).policies
    comparison = Comparison(after, before, limit_shown=wanted["limit_shown"])
    gone = compare_recorded(comparison, compare)
    report = report_of(
        comparison.finish(), gone.refusals, source=source, digests=(after.digest, before.digest if before else None),
        wall_ns=gone.wall_ns, interrupted=gone.interrupted,
    )  # fmt: skip
    click.echo(json_text(report) if as_json else whatif_text(report))
    if gone.interrupted:
        ctx.exit(EXIT_INTERRUPTED)
    if not report.compared or any(FAILS[name](report) for name in fails if name in FAILS):
        ctx.exit(EXIT_NO)


def _source(wanted: dict[str, Any]) -> tuple[str, Compare]:
    """What it is called, and what compares it. Raises ConfigurationError unless one is named."""
    from axonflow.cli.decisions.whatif.sources import from_database, from_export, from_traffic

    named = [name for name in ("traffic", "exported", "database") if wanted[name]]
    if len(named) != 1:
        raise ConfigurationError(
            "what to compare", expected="one of --from FILE, --export FILE and --database", found=str(len(named))
        )
    if not wanted["database"]:
        for name in _OF_DATABASE:
            if wanted[name] is not None:
                raise ConfigurationError(f"--{name} is for --database", found=f"with {_shown(named[0])}")
        place = wanted[named[0]]
        return place, (from_traffic if wanted["traffic"] else from_export)(place)
    return _database(wanted, from_database)


def _shown(name: str) -> str:
    return {"traffic": "--from", "exported": "--export"}[name]


def _database(wanted: dict[str, Any], from_database: Any) -> tuple[str, Compare]:
    from axonflow.audit import AuditQuery

    if wanted["kind"] not in (None, "decision"):
        raise ConfigurationError("only decisions are compared", expected="--kind decision", found=wanted["kind"])
    data: Path | None = wanted["data"]
    query = AuditQuery(
        tenant_id=wanted["tenant"], start_us=wanted["since"], end_us=wanted["until"], allowed=wanted["allowed"],
        **filters_in(wanted),
    )  # fmt: skip
    key = chosen_persons_key(wanted["persons_key_file"], data)
    url = chosen_url(wanted["database_url"], data)
    return f"the audit trail of {wanted['tenant']}", from_database(url, query, key)
