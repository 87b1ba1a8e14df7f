"""`axonflow plan`: the commands about multi-agent plans."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "plan",
    cls=LazyGroup,
    modules={
        "run": "axonflow.cli.plan.run",
        "check": "axonflow.cli.plan.check",
        "show": "axonflow.cli.plan.show",
        "trace": "axonflow.cli.plan.trace",
        "schema": "axonflow.cli.plan.schema",
    },
)
def command() -> None:
    """Run multi-agent plans, check and draw them.

    A plan has steps (tools, agents, functions), each judged by the policies before it starts. It is Python, or a
    document in YAML or JSON.

    \b
    Examples:
      axonflow plan run axonflow.samples.trip_plan:plan --policies @baseline
      axonflow plan check trip.yaml
      axonflow plan show trip.yaml --format svg --output trip.svg
    """
