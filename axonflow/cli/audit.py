"""`axonflow audit`: the commands about the audit trail."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]


@click.group(
    "audit",
    cls=LazyGroup,
    modules={
        "verify": "axonflow.cli.audit_verify",
        "prove": "axonflow.cli.audit_prove",
        "check-proof": "axonflow.cli.audit_check_proof",
        "rotate-key": "axonflow.cli.audit_rotate_key",
        "search": "axonflow.cli.audit_search",
        "export": "axonflow.cli.audit_export",
        "show": "axonflow.cli.audit_show",
        "spool": "axonflow.cli.audit_spool",
        "tail": "axonflow.cli.audit_tail",
        "erase": "axonflow.cli.audit_erase",
    },
)
def command() -> None:
    """Search and follow the audit trail, and prove that it is whole.

    \b
    Example:
      axonflow audit verify
      axonflow audit search --principal user:ann --since 2026-01-31T00:00:00Z
    """
