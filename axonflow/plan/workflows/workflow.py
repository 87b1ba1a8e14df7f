"""A workflow of somebody else, and its steps, as they are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.errors import RequestError
from axonflow.plan.workflows.asking import Asked, PolicyMatch
from axonflow.plan.workflows.refusals import WorkflowConflict
from axonflow.plan.workflows.states import ANSWERS, GateAnswer, GateState, WorkflowState

__all__ = [
    "MAX_IN_PROGRESS",
    "MAX_STEPS",
    "SCHEMA_VERSION",
    "Completion",
    "HeldStep",
    "Workflow",
    "WorkflowListed",
    "WorkflowPage",
    "WorkflowQuery",
    "WorkflowSeen",
    "WorkflowSource",
    "WorkflowStep",
    "check_comment",
    "check_id",
    "check_text",
    "too_many_steps",
    "too_many_workflows",
]

SCHEMA_VERSION: Final = 1
MAX_STEPS: Final = 1_000
MAX_IN_PROGRESS: Final = 10_000
"""Workflows of one tenant at once."""
MAX_TEXT_CHARS: Final = 256
MAX_COMMENT_CHARS: Final = 1_000
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_OUTPUT_BYTES: Final = 256 * 1024
_ID: Final = re.compile(r"[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]{0,126}[^\s/\x00-\x1f\x7f])?")

WorkflowSource = Literal["langgraph", "langchain", "crewai", "external"]


def check_id(value: str, at: str) -> None:
    """Raise RequestError unless `value` can name a step: it is part of paths and of resources."""
    if not _ID.fullmatch(value) or not value.isprintable() or value in (".", ".."):
        raise RequestError(
            "not the id of a step", expected="1 to 128 printable characters, no slash, no white space around",
            found=ascii(value)[:80], at=at,
        )  # fmt: skip


def check_text(value: str, at: str) -> None:
    """Raise RequestError for a name that is too long, or that nobody could read."""
    _check_printable(value, value, at, MAX_TEXT_CHARS)


def check_comment(value: str, at: str) -> None:
    """Raise RequestError for a comment or a reason that is too long, or that nobody could read. It may have lines."""
    _check_printable(value, "".join(value.split("\n")), at, MAX_COMMENT_CHARS)


def _check_printable(value: str, text: str, at: str, most: int) -> None:
    if len(value) > most or not text.isprintable():
        found = f"{len(value)} characters" if len(value) > most else "others"
        raise RequestError("not a text", expected=f"at most {most} printable characters", found=found, at=at)


def check_size(value: object, at: str, most_bytes: int) -> None:
    """Raise RequestError for JSON that is too large to be kept."""
    size_bytes = len(msgspec.json.encode(value))
    if size_bytes > most_bytes:
        raise RequestError("too large", expected=f"at most {most_bytes} bytes of JSON", found=str(size_bytes), at=at)


class Workflow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`workflow_id` is a time-ordered id, `principal` who made it, in short form, `steps` how many were gated so far.
    Times are microseconds since the Unix epoch (UTC). `reason` says why it failed or was aborted.

    `resumes` counts how often it went back to a checkpoint. `went_back` says which time to the step of which index:
    answers that steps from there on were given before that do not count any more. `version` is one more with each
    change of these, but for `steps`.
    """

    tenant_id: str
    workflow_id: str
    name: str
    source: WorkflowSource = "external"
    total_steps: int | None = None
    metadata: dict[str, Any] = {}
    trace_id: str = ""
    principal: str
    state: WorkflowState = WorkflowState.IN_PROGRESS
    created_us: int
    ended_us: int | None = None
    reason: str = ""
    steps: int = 0
    resumes: int = 0
    went_back: tuple[tuple[int, int], ...] = ()
    version: int = 1
    schema_version: int = SCHEMA_VERSION

    def gone_back_to(self, index: int) -> Workflow:
        """This gone back once more, to the step of `index`. Earlier times that went to this step or a later one say
        nothing that this one does not, so there are never more of them than steps."""
        resumes = self.resumes + 1
        farther = tuple(one for one in self.went_back if one[1] < index)
        return replace(self, resumes=resumes, went_back=(*farther, (resumes, index)))

    def check(self) -> None:
        """Raise RequestError for one that cannot be made. What is kept was checked when it was made."""
        if not self.name.strip():
            raise RequestError("the workflow has no name", expected="1 to 256 characters", at="$.workflow_name")
        check_text(self.name, "$.workflow_name")
        check_text(self.trace_id, "$.trace_id")
        check_size(self.metadata, "$.metadata", MAX_METADATA_BYTES)
        if self.total_steps is not None and not 0 <= self.total_steps <= MAX_STEPS:
            raise RequestError(
                "out of range", expected=f"0 to {MAX_STEPS}", found=str(self.total_steps), at="$.total_steps"
            )


class Completion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of a step, as whoever ran it tells. Raises RequestError for an output that is too large to be kept."""

    output: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd_micros: int | None = None

    def __post_init__(self) -> None:
        check_size(self.output, "$.output", MAX_OUTPUT_BYTES)
        check_size(self.metadata, "$.metadata", MAX_METADATA_BYTES)


class WorkflowStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A step and its gate. `index` counts the steps of a workflow in the order in which they were first gated, from 0.

    `asked` and what follows it is the last question and the answer to it; `resumes` says how often the workflow had
    gone back by then. `approval_id`, `expires_us` and what follows are of the last time that it was held. `version` is
    one more with each change.
    """

    tenant_id: str
    workflow_id: str
    step_id: str
    index: int = 0
    state: GateState
    asked: Asked
    decision_id: str
    reason: str = ""
    matches: tuple[PolicyMatch, ...] = ()
    redacted: dict[str, Any] | None = None
    resumes: int = 0
    idempotency_key: str = ""
    gate_count: int = 1
    first_gated_us: int
    last_gated_us: int
    approval_id: str = ""
    approvers: tuple[tuple[str, ...], ...] = ()
    expires_us: int | None = None
    reviewed_by: str = ""
    reviewed_us: int | None = None
    comment: str = ""
    completion_count: int = 0
    completion: Completion | None = None
    completed_us: int | None = None
    resume_count: int = 0
    version: int = 1
    schema_version: int = SCHEMA_VERSION

    def standing(self, now_us: int) -> GateState:
        """Its state as of `now_us`: a hold that nobody decided on in time has expired."""
        is_late = self.state is GateState.HELD and self.expires_us is not None and self.expires_us <= now_us
        return GateState.EXPIRED if is_late else self.state

    def outline(self) -> WorkflowStep:
        """This without what it is given and what it gave, which may be large."""
        asked = replace(self.asked, step_input={}, tool_input={})
        return replace(self, asked=asked, redacted=None, completion=None)

    @property
    def answer(self) -> GateAnswer:
        """What whoever asks is told."""
        return ANSWERS[self.state]


class HeldStep(Struct, frozen=True):
    """A step that somebody has to approve, and the workflow that it is of."""

    workflow: Workflow
    step: WorkflowStep


class WorkflowQuery(Struct, frozen=True, kw_only=True):
    """Which workflows of a tenant, newest first: `limit` of them after the first `offset`. Times bound when they were
    made: from `since_us` on, before `until_us`."""

    tenant_id: str
    state: WorkflowState | None = None
    source: WorkflowSource | None = None
    trace_id: str | None = None
    workflow_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    limit: int = 50
    offset: int = 0


class WorkflowListed(Struct, frozen=True):
    """A workflow in a list, with how many of its steps are `completed`."""

    workflow: Workflow
    completed: int


class WorkflowSeen(Struct, frozen=True):
    """A workflow and the outline of each of its `steps`, by index, as both are at one moment. `revision` grows with
    each change of a step, 0 without any; `steps` is None when whoever looks has seen those of this revision."""

    workflow: Workflow
    revision: int
    steps: Sequence[WorkflowStep] | None = None


class WorkflowPage(Struct, frozen=True):
    """What was found, and how many there are in all."""

    workflows: tuple[WorkflowListed, ...]
    total: int


def too_many_workflows() -> WorkflowConflict:
    """What a store raises for a new one of a tenant that has as many in progress as it may."""
    return WorkflowConflict(
        "too many workflows are in progress", expected=f"at most {MAX_IN_PROGRESS} of a tenant", found="another",
        hint="Complete, fail or abort those that are over.",
    )  # fmt: skip


def too_many_steps(step: WorkflowStep) -> WorkflowConflict:
    """What a store raises for a new step of a workflow that has as many as it may."""
    return WorkflowConflict(
        "the workflow has as many steps as it may", expected=f"at most {MAX_STEPS}", found="another",
        at=f"step {step.step_id}", hint="Steps that are repeated keep their id; else make another workflow.",
    )  # fmt: skip
