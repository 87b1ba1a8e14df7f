"""`axonflow replay`."""

from __future__ import annotations

import click

from axonflow.cli.groups import EXIT_INTERRUPTED, EXIT_NO
from axonflow.cli.policies import policies_option
from axonflow.cli.reading import INPUT_FILE
from axonflow.cli.via import Via, opened_decider, via_options

__all__ = ["command"]


@click.command("replay")
@click.argument("traffic", metavar="TRAFFIC.jsonl|-", type=INPUT_FILE)
@policies_option
@via_options
@click.option("--expect", is_flag=True, help="Compare with what the lines expect; exit 1 on a mismatch.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, all policies included.")
@click.pass_context
def command(
    ctx: click.Context, /, *, traffic: str, policies: str | None, via: Via | None, expect: bool, as_json: bool
) -> None:
    """Decide a file of requests and sum it up.

    TRAFFIC.jsonl holds one JSON object a line; - reads standard input and a name that ends in .gz is unpacked. Files of
    any size take the same memory. Nothing is counted against limits and nothing is recorded, unless an agent is asked
    with --via.

    \b
    A line:
      {"request": {"principal": "user:ann", "action": "tool.call",
                   "resource": "tool:shell", "context": {"env": "prod"}},
       "expect": {"effect": "deny", "policies": ["deny-shell-in-production"]},
       "note": "no shell in production"}

    "expect" and "note" may be left out, and so may "policies" and "redacted" in "expect": only what is named there is
    compared. A line that is not of this shape is reported on standard error, skipped and counted.

    \b
    Examples:
      axonflow replay traffic.jsonl --policies @baseline
      axonflow replay traffic.jsonl --expect         in CI: exit 1 on a mismatch
      axonflow replay traffic.jsonl --via http https://127.0.0.1:8443
      zcat *.gz | axonflow replay - --json | jq .latency_us.p99

    \b
    Exit codes:
      0    done; with --expect: every expectation was met
      1    every line malformed; with --expect: a mismatch, or nothing expected
      2    wrong usage, invalid policies, a file that cannot be read
      130  interrupted by Ctrl-C; the summary is of what was decided so far
    """
    from axonflow.cli.decisions.replay.replaying import opened_traffic, run_replay
    from axonflow.cli.decisions.replay.text import replay_text

    with opened_decider(policies, via) as decider, opened_traffic(traffic) as source:
        summary = run_replay(decider, source, expect=expect)
    click.echo(summary.to_json() if as_json else replay_text(summary))
    if summary.interrupted:
        ctx.exit(EXIT_INTERRUPTED)
    if summary.malformed.count and not summary.decided:
        ctx.exit(EXIT_NO)
    if summary.expect is not None and (summary.expect.mismatched or not summary.expect.labelled):
        ctx.exit(EXIT_NO)
