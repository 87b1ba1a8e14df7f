"""Where an agent keeps what it decides by, for when it starts and the database is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from axonflow.policy.publication import InForce

__all__ = ["BundleKey", "PolicySnapshots"]

BundleKey = tuple[str, str, int]
"""Scope, set and version."""


class PolicySnapshots(Protocol):
    """Methods block: they are called in a thread."""

    def save(self, in_force: InForce, bundles: Mapping[BundleKey, bytes]) -> None:
        """Keep both in place of what was kept: all of it or, when that fails, nothing. Raises PolicyStoreError."""

    def load(self) -> tuple[InForce, dict[BundleKey, bytes]] | None:
        """What was kept, if anything was. Raises PolicyStoreError for what cannot be read; a bundle that is not there
        is left out. Nothing of it is verified here: whoever loads a bundle does that."""
