"""`axonflow db`: the commands about the database."""

from __future__ import annotations

import click

from axonflow.cli.groups import LazyGroup

__all__ = ["command"]

_MODULES = {
    "migrate": "axonflow.cli.db.migrate",
    "status": "axonflow.cli.db.status",
    "doctor": "axonflow.cli.db.doctor",
    "backup": "axonflow.cli.db.backup",
    "restore": "axonflow.cli.db.restore",
    "maintain": "axonflow.cli.db.maintain",
}


@click.group("db", cls=LazyGroup, modules=_MODULES)
def command() -> None:
    """Migrate, examine, back up and restore the database.

    \b
    Example:
      axonflow db status
      axonflow db doctor --database-url postgresql://admin@db/axonflow
      axonflow db backup monday.zip
    """
