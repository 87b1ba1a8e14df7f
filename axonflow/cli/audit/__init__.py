"""`axonflow audit`: the commands about the audit trail."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "audit",
    cls=LazyGroup,
    modules={
        "verify": "axonflow.cli.audit.verify",
        "prove": "axonflow.cli.audit.prove",
        "check-proof": "axonflow.cli.audit.check_proof",
        "rotate-key": "axonflow.cli.audit.rotate_key",
        "search": "axonflow.cli.audit.search",
        "export": "axonflow.cli.audit.export",
        "show": "axonflow.cli.audit.show",
        "spool": "axonflow.cli.audit.spool",
        "tail": "axonflow.cli.audit.tail",
        "erase": "axonflow.cli.audit.erase",
    },
)
def command() -> None:
    """Search and follow the audit trail, and prove that it is whole.

    \b
    Example:
      axonflow audit verify
      axonflow audit search --principal user:ann --since 2026-01-31T00:00:00Z
    """
