"""`axonflow policy`: the commands about policy documents."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "policy",
    cls=LazyGroup,
    modules={
        "init": "axonflow.cli.policy.init",
        "import": "axonflow.cli.policy.importing",
        "check": "axonflow.cli.policy.check",
        "test": "axonflow.cli.policy.test",
        "keygen": "axonflow.cli.policy.keygen",
        "certify": "axonflow.cli.policy.certify",
        "build": "axonflow.cli.policy.build",
        "inspect": "axonflow.cli.policy.inspect",
        "publish": "axonflow.cli.policy.publish",
        "activate": "axonflow.cli.policy.activate",
        "rollback": "axonflow.cli.policy.rollback",
        "history": "axonflow.cli.policy.history",
        "diff": "axonflow.cli.policy.diff",
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
