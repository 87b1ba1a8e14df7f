"""The `axonflow` command. One module a command; heavy imports wait until a command runs."""

from __future__ import annotations

import gc
from typing import Final

import click

from axonflow.cli.groups import Commands

__all__ = ["commands", "main"]

_MODULES = {
    "up": "axonflow.cli.up",
    "demo": "axonflow.cli.demo",
    "replay": "axonflow.cli.decisions.replay.replay",
    "whatif": "axonflow.cli.decisions.whatif.whatif",
    "decide": "axonflow.cli.decisions.decide",
    "explain": "axonflow.cli.decisions.explain",
    "counterfactual": "axonflow.cli.decisions.counterfactual",
    "policy": "axonflow.cli.policy",
    "detect": "axonflow.cli.detectors.detect",
    "detectors": "axonflow.cli.detectors",
    "plan": "axonflow.cli.plan",
    "audit": "axonflow.cli.audit",
    "db": "axonflow.cli.db",
    "tenant": "axonflow.cli.tenants",
    "key": "axonflow.cli.keys",
    "role": "axonflow.cli.roles",
    "version": "axonflow.cli.version",
    "completion": "axonflow.cli.completion",
}

_COLLECTED_AFTER: Final = (100_000, 20, 20)
"""Objects, and collections of younger ones: what modules are made of is hardly ever garbage, and to look through it
after every 700 objects, as Python does, takes a fifth of the time in which a command starts."""


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  click's signature
    if wanted and not ctx.resilient_parsing:
        from axonflow import __version__

        click.echo(f"axonflow {__version__}")
        ctx.exit()


@click.group(cls=Commands, modules=_MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Print the version and exit.")  # fmt: skip
def commands() -> None:
    """Decide what AI agents, models and tools may do, by policies that you write down.

    \b
    To begin:
      axonflow policy init policies/            write the baseline policies there
      axonflow decide --principal user:ann --action tool.call \\
          --resource tool:shell --context env=prod
      axonflow replay traffic.jsonl             decide a whole file of requests

    \b
    Exit codes of all commands:
      0    done, and the answer is yes
      1    done, and the answer is no: denied, a mismatch, a problem in a policy
      2    bad input: wrong usage, an invalid policy, a missing file
      74   the answer cannot be written: the disk is full
      130  interrupted

    Every command has a --help with an example.
    """


def main() -> None:
    """Run the command line and end the process."""
    gc.set_threshold(*_COLLECTED_AFTER)
    commands.main(prog_name="axonflow")
