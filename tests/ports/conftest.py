"""The servers that the adapters under test need."""

from tests.postgres import postgres_dsn
from tests.postgres_stores import migrated_dsn

__all__ = ["migrated_dsn", "postgres_dsn"]
