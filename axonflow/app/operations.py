"""What an administrator does with the database: migrate it, look at it, back it up, restore it, keep it in order.

Needs asyncpg: ``pip install '.[postgres]'``.
"""

from __future__ import annotations

from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.backup import Manifest, backup, restore
from axonflow.adapters.postgres.doctor import Check, Status, examine, status
from axonflow.adapters.postgres.retention import DAYS_AHEAD, Upkeep, maintain

__all__ = [
    "DAYS_AHEAD",
    "Check",
    "Manifest",
    "Status",
    "Upkeep",
    "backup",
    "examine",
    "maintain",
    "migrate",
    "restore",
    "status",
]
