"""Where plans are kept, for what makes, changes and runs them."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

from axonflow.ports import PlanChanges, PlanRunning, PlanStore

__all__ = ["PlanShelf"]


class _AllOfThem(PlanStore, PlanChanges, PlanRunning, Protocol):
    """A store that is all three."""


class PlanShelf(NamedTuple):
    """What there is, what people change, and what runs."""

    kept: PlanStore
    changes: PlanChanges
    running: PlanRunning

    @classmethod
    def of(cls, store: _AllOfThem) -> Self:
        """All of `store`."""
        return cls(store, store, store)
