"""Fixtures of the tests that run whole programs."""

from tests.postgres import new_database, postgres_dsn

__all__ = ["new_database", "postgres_dsn"]
