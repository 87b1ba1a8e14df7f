"""The states of a step as a table. `machine` moves steps through it, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ENDED_BEFORE", "FINAL", "LOST", "TRANSITIONS", "StepState"]


class StepState(StrEnum):
    """Where a step is. `denied` and `held` (somebody must approve) are policy's answers; `skipped` was never asked.

    A run that is held ends with steps that are `held`, and with what waits for these `pending`.
    """

    PENDING = "pending"
    WAITING = "waiting"
    """Its inputs are there; it may start as soon as there is room for it."""
    RUNNING = "running"
    STOPPING = "stopping"
    """Told to stop, and has not yet."""
    RETRYING = "retrying"
    """Failed, and waits for its next attempt."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    HELD = "held"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    """Stopped, or never started, because the plan was stopped."""
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    """Succeeded, and was undone because the plan was stopped."""
    UNCOMPENSATED = "uncompensated"
    """Succeeded, and could not be undone."""

    __hash__ = str.__hash__  # that of Enum is written in Python: a tenth of all that a step of a plan costs


_S = StepState

TRANSITIONS: Final[Mapping[StepState, frozenset[StepState]]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.WAITING, _S.SKIPPED, _S.CANCELLED}),
        _S.WAITING: frozenset({_S.RUNNING, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.DENIED, _S.HELD, _S.RETRYING, _S.STOPPING}),
        _S.STOPPING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.RETRYING, _S.CANCELLED}),
        _S.RETRYING: frozenset({_S.WAITING, _S.CANCELLED}),
        _S.SUCCEEDED: frozenset({_S.COMPENSATING}),
        _S.COMPENSATING: frozenset({_S.COMPENSATED, _S.UNCOMPENSATED}),
        _S.FAILED: frozenset(),
        _S.DENIED: frozenset(),
        _S.HELD: frozenset({_S.CANCELLED}),
        _S.SKIPPED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.COMPENSATED: frozenset(),
        _S.UNCOMPENSATED: frozenset(),
    }
)
"""From each state, the states that may follow."""

FINAL: Final = frozenset(
    {_S.SUCCEEDED} | {state for state, following in TRANSITIONS.items() if not following},
)
"""The states that a step can be in when its plan has ended and is not held: success, and those that nothing follows."""
ENDED_BEFORE: Final = frozenset({_S.SUCCEEDED, _S.FAILED, _S.DENIED, _S.SKIPPED})
"""The states that a step can be in when a run of its plan is begun."""
LOST: Final = ENDED_BEFORE - {_S.SUCCEEDED} | {_S.CANCELLED}
"""The states in which a step will give nothing to those that need it."""
