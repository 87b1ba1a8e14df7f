"""Where a command's policies come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow import AxonFlow

__all__ = ["DEFAULT_FOLDER", "chosen_place", "open_flow", "policies_option"]

DEFAULT_FOLDER: Final = "policies"


def policies_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--policies`, as the argument `policies`."""
    return click.option(
        "--policies",
        metavar="PLACE",
        help="A folder of policy documents, one such file, or @baseline for those that are shipped."
        f" Default: ./{DEFAULT_FOLDER}, if it is there; nothing is loaded unasked.",
    )(command)


def chosen_place(policies: str | None) -> str:
    """`policies`, or the default folder. Raises ConfigurationError that offers the baseline when there is neither."""
    if policies is not None:
        return policies
    if Path(DEFAULT_FOLDER).is_dir():
        return DEFAULT_FOLDER
    raise ConfigurationError(
        "no policies to decide by",
        expected=f"--policies PLACE, or a folder ./{DEFAULT_FOLDER}",
        found="neither",
        hint=f"To start from the baseline: axonflow policy init {DEFAULT_FOLDER}/, or try it with --policies @baseline",
    )


def open_flow(policies: str | None) -> AxonFlow:
    """The control plane with the policies that were asked for. Says so when they hold no rule."""
    from axonflow import AxonFlow

    place = chosen_place(policies)
    flow = AxonFlow.open(policies=place)
    if not flow.policies.rules:
        click.echo(
            f"note: {place} holds no rules. To start from the baseline: axonflow policy init {DEFAULT_FOLDER}/",
            err=True,
        )
    return flow
