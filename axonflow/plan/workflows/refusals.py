"""Why a call about a workflow is refused: the branch of `axonflow.errors` below WorkflowError."""

from __future__ import annotations

from axonflow.errors import WorkflowError

__all__ = ["IdempotencyMismatch", "WorkflowConflict", "WorkflowForbidden", "WorkflowMissing"]


class WorkflowMissing(WorkflowError):  # noqa: N818  named as what is found, like PolicyMissing
    """There is no such workflow, step or checkpoint: none at all, or none of this tenant."""

    code = "workflow_not_found"


class WorkflowConflict(WorkflowError):  # noqa: N818  named as the state of affairs, which the caller looks at again
    """The workflow or the step is in a state in which this cannot be, or somebody else came first."""

    code = "workflow_conflict"


class WorkflowForbidden(WorkflowError):  # noqa: N818  named as what is found, like PolicyForbidden
    """Whoever asks may not decide on this step."""

    code = "workflow_forbidden"


class IdempotencyMismatch(WorkflowConflict):
    """The step is known by `expected_key`, and the call came with `received_key`: two runs share one step."""

    code = "idempotency_key_mismatch"

    def __init__(self, message: str, *, expected_key: str, received_key: str, **parts: str) -> None:
        super().__init__(message, **parts)
        self.expected_key = expected_key
        self.received_key = received_key
