"""Plans as people change them, at the orchestrator: other settings, an earlier version, the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import RequestError
from axonflow.errors import Denied, ModelError, PlanConflict
from axonflow.ids import now_us
from axonflow.plan import PlanExecution
from axonflow.plan.keeping.execution import ENDED
from axonflow.plan.keeping.versions import MAX_VERSIONS, Made, PlanVersion, VersionKind, next_version
from axonflow.plan.planner.modes import ExecutionMode
from axonflow.policy.json_value import check_json_value
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.plan_shapes import version_of
from axonflow_sidecar.http.routes.plans import (
    Asked,
    OrchestratorServices,
    asked_by,
    found_plan,
    keeping,
    recorded_for,
)
from axonflow_sidecar.plans.describing import described

__all__ = [
    "UpdateBody",
    "cancel_plan",
    "cancel_reason",
    "cancelled",
    "plan_versions",
    "refused_plan",
    "roll_back_plan",
    "short_text",
    "told_of_cancel",
    "told_of_update",
    "update_plan",
]

MAX_METADATA_BYTES: Final = 64 * 1024
MAX_REASON_CHARS: Final = 2_000


class UpdateBody(Struct, kw_only=True):
    """What is to be different: what is not said stays. `version` is the one that the caller looked at."""

    version: int
    execution_mode: ExecutionMode | None = None
    domain: str | None = None
    metadata: dict[str, Any] | None = None


class _CancelBody(Struct, kw_only=True):
    reason: str | None = None


_update = msgspec.json.Decoder(UpdateBody)
_cancel = msgspec.json.Decoder(_CancelBody)


def update_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``PUT /api/v1/plan/{id}``: what is not said stays."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        body = decode_json(await call.json_body(), _update)
        return shown(await told_of_update(services, asked, call.value, body))

    return handler


async def told_of_update(
    services: OrchestratorServices, asked: Asked, plan_id: str, body: UpdateBody, at: str = "$"
) -> dict[str, Any]:
    """What the contract tells of a plan that was changed, as `body`, which came at `at`, says. Raises RequestError, and
    Refused: 404, or 409 for one that is in another version or was begun."""
    if body.metadata is not None and len(msgspec.json.encode(body.metadata)) > MAX_METADATA_BYTES:
        raise RequestError("metadata too large", expected=f"at most {MAX_METADATA_BYTES} bytes", at=f"{at}.metadata")
    check_json_value(body.metadata, f"{at}.metadata")
    execution = await found_plan(services, asked, plan_id)
    made = await _updated(services, asked, execution, body)
    after = await _changed(services, asked, execution, made, body.version, "updated")
    return {"plan_id": after.plan_id, "version": after.version, "status": after.status, "success": True}


def roll_back_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/rollback/{version}``: a new version that is as that one was."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        plan_id, wanted = call.values
        execution = await found_plan(services, asked, plan_id)
        with keeping():
            versions = await services.plans.changes.versions(asked.tenant_id, plan_id)
        there = ", ".join(str(one.version) for one in versions[:20])
        target = next((one for one in versions if str(one.version) == wanted), None)
        if target is None:
            raise Refused(404, RequestError("no such version", expected=there or "none", found=ascii(wanted)[:20]))
        plan = services.maker.again(
            target.domain, execution.query, execution.context, target.execution_mode, target.definition
        )
        made = Made(
            plan.name, target.domain, target.execution_mode, target.metadata, described(plan), target.definition
        )
        summary = f"back to version {target.version}"
        after = await _changed(services, asked, execution, made, execution.version, "rolled_back", summary)
        return shown(
            {
                "plan_id": plan_id, "version": after.version, "previous_version": execution.version,
                "status": after.status,
            }
        )  # fmt: skip

    return handler


def plan_versions(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/plan/{id}/versions``: the newest first."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        await found_plan(services, asked, call.value)
        with keeping():
            versions = await services.plans.changes.versions(asked.tenant_id, call.value)
        return shown({"plan_id": call.value, "versions": [version_of(one) for one in versions]})

    return handler


def cancel_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/cancel``."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        return shown(await told_of_cancel(services, asked, call.value, await cancel_reason(call)))

    return handler


async def told_of_cancel(services: OrchestratorServices, asked: Asked, plan_id: str, reason: str) -> dict[str, Any]:
    """What the contract tells of a plan that was cancelled. Raises as `cancelled`."""
    execution = await cancelled(services, asked, plan_id, reason)
    status = "cancelling" if execution.status == "running" else execution.status
    return {"plan_id": execution.plan_id, "status": status, "success": True}


async def cancel_reason(call: Call) -> str:
    """Why whoever calls cancels it: nobody has to say."""
    data = await call.json_body()
    return short_text(decode_json(data, _cancel).reason if data else None, "$.reason")


async def cancelled(services: OrchestratorServices, asked: Asked, plan_id: str, reason: str) -> PlanExecution:
    """The plan, which is to stop, as it is then. Raises Refused: 404, or 409 for one that has ended."""
    execution = await found_plan(services, asked, plan_id)
    try:
        async with recorded_for(services, asked, "plan.cancel", execution.plan_id, reason) as came:
            told = await _stop(services, execution, reason)
            came.facts = {"status": told.status}
    except PlanConflict as conflict:
        raise refused_plan(conflict, execution, execution.version) from None
    return told


def short_text(text: str | None, at: str) -> str:
    """`text`, which people keep with a change. Raises RequestError for one that is too long."""
    if text is not None and len(text) > MAX_REASON_CHARS:
        raise RequestError("too long", expected=f"at most {MAX_REASON_CHARS} characters", found="more", at=at)
    return text or ""


@contextmanager
def _asking_a_model() -> Iterator[None]:
    try:
        yield
    except Denied as denied:
        raise Refused(403, denied) from None
    except ModelError as error:
        raise Refused(503, error) from None


async def _updated(services: OrchestratorServices, asked: Asked, execution: PlanExecution, body: UpdateBody) -> Made:
    """What the plan is with what `body` says; one of another domain is made, or written, anew."""
    query, context = execution.query, execution.context
    mode = body.execution_mode or execution.execution_mode
    metadata = execution.metadata if body.metadata is None else body.metadata
    domain, definition = execution.domain, execution.definition
    if body.domain is None or body.domain == domain:
        plan = services.maker.again(domain, query, context, mode, definition)
    else:
        if (execution.version, execution.status) != (body.version, "pending"):  # a model would be asked for nothing
            raise _outdated(execution, body.version)
        with _asking_a_model():
            plan, domain, definition = await services.maker.make(body.domain, query, context, mode, asked.principal)
    return Made(plan.name, domain, mode, metadata, described(plan), definition)


async def _changed(
    services: OrchestratorServices,
    asked: Asked,
    execution: PlanExecution,
    made: Made,
    expected: int,
    kind: VersionKind,
    summary: str = "",
) -> PlanExecution:
    """The plan in its next version. Raises Refused (409) when it is in another than `expected`, or was begun."""
    if execution.version >= MAX_VERSIONS:
        conflict = PlanConflict(
            "the plan was changed too often", expected=f"at most {MAX_VERSIONS} versions", hint="Make another plan."
        )
        raise refused_plan(conflict, execution, expected)
    action = "plan.update" if kind == "updated" else "plan.rollback"
    after, version = next_version(
        execution, made, kind=kind, changed_us=now_us(), changed_by=asked.name, summary=summary
    )
    try:
        async with recorded_for(services, asked, action, execution.plan_id) as came:
            came.facts = {"version": after.version, "summary": version.summary}
            await _revise(services, after, version, expected)
    except PlanConflict:
        raise _outdated(await found_plan(services, asked, execution.plan_id), expected) from None
    return after


async def _stop(services: OrchestratorServices, execution: PlanExecution, reason: str) -> PlanExecution:
    with keeping():
        told = await services.runs.cancel(execution.tenant_id, execution.plan_id, reason)
    if told is None or (told.status in ENDED and told.status != "cancelled"):  # before, or before it was stopped
        found = None if told is None else told.status
        raise PlanConflict("the plan has ended", expected="one that has not", found=found)
    return told


async def _revise(services: OrchestratorServices, after: PlanExecution, version: PlanVersion, expected: int) -> None:
    with keeping():
        is_made = after.version == expected + 1 and await services.plans.changes.revise(after, version)
    if not is_made:
        raise PlanConflict("the plan is not what it was")


def _outdated(known: PlanExecution, expected: int) -> Refused:
    hint = "Look at the plan again, then decide." if known.status == "pending" else "Make another plan."
    conflict = PlanConflict(
        "the plan is not what it was", expected=f"version {expected}, not begun",
        found=f"version {known.version}, {known.status}", hint=hint,
    )  # fmt: skip
    return refused_plan(conflict, known, expected)


def refused_plan(conflict: PlanConflict, execution: PlanExecution, expected: int) -> Refused:
    """409, with the version that was `expected` and the one that there is."""
    more = {"plan_id": execution.plan_id, "expected_version": expected, "current_version": execution.version}
    return Refused(409, conflict, more=more)
