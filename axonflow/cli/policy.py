"""`axonflow policy`: the commands about policy documents."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "policy",
    cls=LazyGroup,
    modules={
        "init": "axonflow.cli.policy_init",
        "import": "axonflow.cli.policy_import",
        "check": "axonflow.cli.policy_check",
        "test": "axonflow.cli.policy_test",
        "keygen": "axonflow.cli.policy_keygen",
        "certify": "axonflow.cli.policy_certify",
        "build": "axonflow.cli.policy_build",
        "inspect": "axonflow.cli.policy_inspect",
        "publish": "axonflow.cli.policy_publish",
        "activate": "axonflow.cli.policy_activate",
        "rollback": "axonflow.cli.policy_rollback",
        "history": "axonflow.cli.policy_history",
        "diff": "axonflow.cli.policy_diff",
    },
)
def command() -> None:
    """Write, check, sign and publish policies.

    \b
    Example:
      axonflow policy init policies/
      axonflow policy check policies/
      axonflow policy keygen release
      axonflow policy build policies/ --key release.key --out policies.axb
      axonflow policy inspect policies.axb --trust release.pub
      axonflow policy publish policies/ --activate --reason "The first ones."
      axonflow policy history
    """
