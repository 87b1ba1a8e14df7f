"""A PostgreSQL of our own, for whoever has none: `EmbeddedPostgres` starts and stops it."""

from axonflow_sidecar.hosting.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
