"""Verb: record a change. What an administrator does is in the trail before it is done, and so is what came of it.

Two events, as with a write-ahead log: when the first cannot be recorded, nothing is changed; when a process ends before
the second, the trail says what was begun.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from msgspec import Struct

from axonflow.audit import IN_PROCESS, AuditEvent, Origin
from axonflow.errors import AuditError, AxonFlowError
from axonflow.flows.record import append
from axonflow.ids import new_id, now_us
from axonflow.ports import AuditLog

__all__ = ["KIND", "Came", "Change", "record_change", "recorded_change"]

KIND: Final = "admin"
MAX_TEXT_CHARS: Final = 256

Outcome = Literal["begun", "done", "failed"]


class Change(Struct, frozen=True, kw_only=True):
    """`principal` and `resource` are in short form: ``cli:ann``, ``api_key:ID``. `reason` is what people said."""

    tenant_id: str
    principal: str
    action: str
    resource: str
    reason: str = ""
    origin: Origin = IN_PROCESS


class Came:
    """What came of a change, for the second event: facts by name, never secrets, and the `resource` where it was made
    only now."""

    __slots__ = ("facts", "resource")

    def __init__(self) -> None:
        self.facts: dict[str, str | int | bool] = {}
        self.resource: str | None = None


@asynccontextmanager
async def recorded_change(audit: AuditLog, change: Change) -> AsyncIterator[Came]:
    """For as long as the block makes `change`. Raises AuditError: before the block, and then nothing is to be changed;
    or behind it, for a change that was made."""
    change_id = new_id(now_us())
    await record_change(audit, change, "begun", change_id=change_id)
    came = Came()
    try:
        yield came
    except BaseException as error:
        code = error.code if isinstance(error, AxonFlowError) else type(error).__name__
        with suppress(AxonFlowError):  # what went wrong first is what the caller has to hear of
            await record_change(audit, change, "failed", change_id=change_id, facts={"error": code})
        raise
    try:
        await record_change(audit, change, "done", change_id=change_id, facts=came.facts, resource=came.resource)
    except AxonFlowError as error:  # a key that is gone would say by itself that nothing was changed
        raise AuditError(
            "the change was made, and that it was could not be recorded", found=str(error), at=change.action,
            hint="The trail says that it was begun. Look at what is there before you repeat it.",
        ) from error  # fmt: skip


async def record_change(
    audit: AuditLog,
    change: Change,
    outcome: Outcome,
    *,
    change_id: str,
    facts: dict[str, str | int | bool] | None = None,
    resource: str | None = None,
) -> None:
    """One event of `change`; `change_id` stands where a decision's id does, the same for all of a change."""
    time_us = now_us()
    shown = {name: _shown(fact) if isinstance(fact, str) else fact for name, fact in (facts or {}).items()}
    event = AuditEvent(
        event_id=new_id(time_us), tenant_id=change.tenant_id, writer_id=audit.writer_id, time_us=time_us, kind=KIND,
        decision_id=change_id, policy_digest="", principal=_shown(change.principal), action=change.action,
        resource=_shown(resource or change.resource), effect="log", allowed=outcome != "failed", policies=(),
        reasons=(_shown(change.reason),) if change.reason else (), origin=change.origin,
        details={"outcome": outcome, **shown},
    )  # fmt: skip
    await append(audit, event)


def _shown(text: str) -> str:
    """`text` as it can be kept and shown: people choose names and reasons, and a NUL must not stop a record."""
    cut = text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}..."
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)
