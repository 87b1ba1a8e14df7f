"""Which policies this process decides by: in few words in ``GET /health``, and all of it in ``GET /v1/policies``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from axonflow import AxonFlow
from axonflow.app.following import PolicyStatus, Refusal
from axonflow.tenancy import ANY_TENANT
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.translate import rfc3339

__all__ = ["policies_in_force", "policy_summary"]

SYSTEM = "*"


class _Services(Protocol):
    @property
    def flow(self) -> AxonFlow:
        """What decides."""

    @property
    def policies(self) -> Callable[[], PolicyStatus | None]:
        """How policies from the database stand, or None where there are files alone."""


def policy_summary(services: _Services) -> Callable[[], dict[str, Any]]:
    """What ``GET /health`` says, which anybody may read: nothing of any tenant, nor of the network."""

    def summary() -> dict[str, Any]:
        status = services.policies()
        if status is None:
            return {"source": "files", "digest": services.flow.policy_digest}
        body: dict[str, Any] = {
            "source": "database",
            "digest": status.digest,
            "tenants": len(status.tenants),
            "refused": len(status.refused),
            "refused_for_all": [_refusal(one) for one in status.refused if one.scope == SYSTEM],
        } | _times(status)
        if status.unkept is not None:
            body["kept_on_disk"] = False
        return body

    return summary


def policies_in_force(services: _Services) -> Handler:
    """The handler of ``GET /v1/policies``: for a key for any tenant everything, for one of a tenant what is its own."""

    async def handler(call: Call) -> Reply:
        status = services.policies()
        if status is None:
            return Reply(msgspec.json.encode({"source": "files", "digest": services.flow.policy_digest}))
        tenant_id = call.caller.tenant_id
        if tenant_id != ANY_TENANT:
            own = [one for one in status.refused if one.scope == tenant_id]
            theirs = {"source": "database", "digest": status.tenants.get(tenant_id, status.digest)}
            return Reply(msgspec.json.encode(theirs | _times(status) | {"refused": [_refusal(one) for one in own]}))
        body = {
            "source": "database",
            "digest": status.digest,
            "tenants": status.tenants,
            "refused": [_refusal(one) for one in status.refused],
            "reason": status.reason,
            "unkept": status.unkept,
        } | _times(status)
        return Reply(msgspec.json.encode(body))

    return handler


def _times(status: PolicyStatus) -> dict[str, Any]:
    times: dict[str, Any] = {"as_of": None if status.seen_us is None else rfc3339(status.seen_us)}
    if status.degraded_since_us is not None:
        times["degraded_since"] = rfc3339(status.degraded_since_us)
    return times


def _refusal(one: Refusal) -> dict[str, Any]:
    return {"scope": one.scope, "versions": one.versions, "errors": one.errors, "since": rfc3339(one.since_us)}
