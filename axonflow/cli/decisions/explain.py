"""`axonflow explain`."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

import click

from axonflow.cli.decisions.request_input import request_options
from axonflow.cli.decisions.trees import tree_text
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import open_flow, policies_option

if TYPE_CHECKING:
    from axonflow import Request

__all__ = ["command"]


@click.command("explain")
@request_options
@policies_option
@click.option("--all", "every_rule", is_flag=True, help="Show in full also the rules that changed nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, request: Request, policies: str | None, every_rule: bool, as_json: bool) -> None:
    """Show why a request is decided as it is, as a tree.

    By layer: the rules that were looked at and by which look-up, what each part of their conditions came to, down to
    the attributes of the request, and what was not evaluated since it could not matter any more; exceptions,
    errors and what they counted as, what the request lacks, and why the effect won. The request is given as to
    `axonflow decide`, which decides the same. Nothing of its content is shown, and no secret that a detector
    or its name tells.

    \b
    Examples:
      axonflow explain --policies @baseline --principal user:ann \\
          --action tool.call --resource tool:shell --context env=prod
      axonflow explain request.json --policies policies/ --json

    Exit codes: 0 allowed, 1 not allowed (denied, or held for approval), 2 bad input.
    """
    from axonflow.cli.decisions.explanation_tree import explanation_tree
    from axonflow.policy.explaining import explain

    told = explain(open_flow(policies).policies_for(request), request, time())
    click.echo(json_text(told) if as_json else tree_text(explanation_tree(told, every_rule=every_rule)))
    if not told.allowed:
        ctx.exit(EXIT_NO)
