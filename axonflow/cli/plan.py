"""`axonflow plan`: the commands about multi-agent plans."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group("plan", cls=LazyGroup, modules={"run": "axonflow.cli.plan_run"})
def command() -> None:
    """Run multi-agent plans.

    A plan has steps (tools, agents, functions), each judged by the policies before it starts.

    \b
    Example:
      axonflow plan run axonflow.samples.trip_plan:plan --policies @baseline
    """
