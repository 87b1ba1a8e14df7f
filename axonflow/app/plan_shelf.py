"""Where plans are kept, for what makes, changes and runs them."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

from axonflow.ports import PlanChanges, PlanLeases, PlanRunning, PlanStore

__all__ = ["PlanShelf"]


class _AllOfThem(PlanStore, PlanChanges, PlanRunning, PlanLeases, Protocol):
    """A store that is all four."""


class PlanShelf(NamedTuple):
    """What there is, what people change, what runs, and who runs it."""

    kept: PlanStore
    changes: PlanChanges
    running: PlanRunning
    leases: PlanLeases

    @classmethod
    def of(cls, store: _AllOfThem) -> Self:
        """All of `store`."""
        return cls(store, store, store, store)
