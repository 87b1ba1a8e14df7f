"""`axonflow policy`: the commands about policy documents."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "policy", cls=LazyGroup, modules={"init": "axonflow.cli.policy_init", "check": "axonflow.cli.policy_check"}
)
def command() -> None:
    """Start a folder of policies, and check one.

    \b
    Example:
      axonflow policy init policies/
      axonflow policy check policies/
    """
