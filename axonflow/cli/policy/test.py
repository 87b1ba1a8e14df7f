"""`axonflow policy test`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import (
    chosen_place,
    redaction_key,
    redaction_key_option,
    trust_option,
    trusted_keys,
)
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.cli.policy.junit import TimedOutcome

__all__ = ["command"]

PERCENT = click.FloatRange(0, 100)


@click.command("test")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option(
    "--scenarios",
    metavar="FILE_OR_FOLDER",
    multiple=True,
    type=click.Path(exists=True),
    help="Scenarios that stand elsewhere, or labelled traffic (.jsonl, .jsonl.gz); again for each further one.",
)
@trust_option
@redaction_key_option
@click.option("-k", "pattern", metavar="TEXT", help="Run only tests whose set, rule or name holds TEXT.")
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first test that fails.")
@click.option("--coverage/--no-coverage", default=True, help="Whether to tell what the tests try. Default: tell it.")
@click.option("--min-coverage", metavar="PERCENT", type=PERCENT, help="Exit 1 when less is tried.")
@click.option("--mutate", is_flag=True, help="Change the policies, one thing at a time: would a test notice?")
@click.option("--sample", metavar="N", type=click.IntRange(1), help="With --mutate: only N changes, drawn at random.")
@click.option("--seed", metavar="S", type=int, default=0, show_default=True, help="What the sample is drawn with.")
@click.option("--min-score", metavar="PERCENT", type=PERCENT, help="With --mutate: exit 1 when fewer are noticed.")
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    places: tuple[str, ...],
    scenarios: tuple[str, ...],
    junit: Path | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run the tests of policies: those of the rules, and scenarios of kind PolicyTests beside them.

    PLACE is a folder, a file or @baseline; policies of several are in force together. The default is ./policies.
    Scenarios that name policies of their own test those. docs/how-to/test-policies.md shows how to write them.

    What no test tries is listed with its place: rules never matched or always, parts of conditions never true or never
    false, values, exceptions, defaults, requirements. With --mutate the policies are changed, one thing at a time (an
    effect, a comparison, a value...), and what no test notices is listed.

    \b
    Examples:
      axonflow policy test policies/
      axonflow policy test policies/ --min-coverage 90 --junit report.xml
      axonflow policy test policies/ -k payments -x
      axonflow policy test policies/ --mutate --min-score 95
      axonflow policy test policies/ --scenarios last-week.jsonl

    \b
    Exit codes:
      0    every test passes, and enough is covered and noticed
      1    a test fails, there is none, or too little is covered or noticed
      2    wrong usage, or policies or scenarios that are not valid
      130  interrupted by Ctrl-C
    """
    from axonflow.cli.policy.running_tests import Options, run
    from axonflow.cli.policy.tests_text import shown

    options = Options(**asked)
    options.check()
    report, outcomes = run(places or (chosen_place(None),), scenarios, options, trusted_keys(), redaction_key())
    if junit is not None:
        _write(junit, outcomes)
    click.echo(json_text(report) if as_json else shown(report))
    if not report.ok:
        ctx.exit(EXIT_NO)


def _write(junit: Path, outcomes: Sequence[TimedOutcome]) -> None:
    from axonflow.cli.policy.junit import junit_xml

    try:
        junit.write_bytes(junit_xml(outcomes))
    except OSError as error:
        raise ConfigurationError("the report cannot be written", found=error.strerror, at=str(junit)) from None
