"""`axonflow detectors`: the commands about what content is inspected for."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "detectors",
    cls=LazyGroup,
    modules={"list": "axonflow.cli.detectors.list", "show": "axonflow.cli.detectors.show"},
)
def command() -> None:
    """What detectors there are, and what each finds.

    They are what `detected("...")`, redact obligations and `axonflow detect --detectors` take.

    \b
    Examples:
      axonflow detectors list pii
      axonflow detectors show pii.iban
      axonflow detectors list custom --policies policies/
    """
