"""`axonflow decide`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from axonflow.cli.decisions.request_input import request_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import open_flow, policies_option
from axonflow.cli.tables import coloured, fields

if TYPE_CHECKING:
    from axonflow import Decision, Request
    from axonflow.policy.decision import Obligation, Redact

__all__ = ["command", "described"]


@click.command("decide")
@request_options
@policies_option
@click.option("--json", "as_json", is_flag=True, help="Print the decision as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, request: Request, policies: str | None, as_json: bool) -> None:
    """Decide one request and say why.

    The request is a JSON file (or - for standard input), or is put together from the options. A VALUE that is JSON is
    taken as JSON, anything else as text. Nothing is counted or recorded.

    \b
    Examples:
      axonflow decide --policies @baseline --principal user:ann \\
          --action tool.call --resource tool:shell --context env=prod
      axonflow decide --policies @baseline --action llm.request \\
          --principal '{"id": "ann", "roles": ["pii_reader"]}' \\
          --resource model:gpt-5-mini --content "Write to bob@example.com"
      echo '{"principal": "user:ann", "action": "llm.request",
             "resource": "model:gpt-5", "content": "Hi"}' | axonflow decide -

    Exit codes: 0 allowed, 1 not allowed (denied, or held for approval), 2 bad input.
    """
    decision = open_flow(policies).decide(request)
    click.echo(decision.to_json() if as_json else _shown(decision))
    if not decision.allowed:
        ctx.exit(EXIT_NO)


def _shown(decision: Decision) -> str:
    import msgspec

    redacted = "" if decision.redacted is None else msgspec.json.encode(decision.redacted).decode()
    about = fields([
        ("reasons", "\n".join(decision.reasons)),
        ("policies", "\n".join(decision.policies)),
        ("obligations", "\n".join(described(obligation) for obligation in decision.obligations)),
        ("redacted", redacted),
        ("errors", "\n".join(f"{error.policy}: {error.message}" for error in decision.errors)),
        ("shadow", _shadow(decision)),
        ("decision", decision.decision_id),
        ("digest", decision.policy_digest),
    ])  # fmt: skip
    return f"{coloured(decision.effect.value)} ({'allowed' if decision.allowed else 'not allowed'})\n{about}"


def _shadow(decision: Decision) -> str:
    if decision.shadow is None:
        return ""
    return f"{decision.shadow.effect.value} by {', '.join(decision.shadow.policies) or 'no rule'} (not enforced)"


def described(obligation: Obligation) -> str:
    """What `obligation` asks for, on one line."""
    from axonflow.policy import Approval, Redact

    if isinstance(obligation, Redact):
        what = f"redact {', '.join(obligation.detectors)}"
        what += "" if obligation.style == "mask" else f" as {obligation.style}"
    elif isinstance(obligation, Approval):
        what = f"ask {', '.join(obligation.approvers) or 'an approver'} first"
    else:
        what = (
            f"at most {obligation.maximum} {obligation.unit} in {obligation.window_s} s"
            f" for each {', '.join(obligation.key)}"
        )
    return f"{what} ({obligation.policy}){_fulfilment(obligation) if isinstance(obligation, Redact) else ''}"


def _fulfilment(obligation: Redact) -> str:
    if obligation.fulfilled_by is None:
        return ""
    done = ", ".join(f"{one.findings} {one.detector} as {one.style}" for one in obligation.done)
    return f", fulfilled by {obligation.fulfilled_by}: {done or 'nothing found'}"
