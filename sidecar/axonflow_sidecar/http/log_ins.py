"""Which keys are used, and which are refused, in the audit trail: the first use of each, and refusals within bounds.

A refusal is recorded once a minute for each key that is offered, and for `MAX_A_MINUTE` of them together in one trail,
or whoever guesses could fill the disk; the next record says how many came between. Keys are never recorded, nor what
could be compared with one: ``key`` in the details is a number that stands for it as long as this process lives.

No log-in waits for a trail that cannot be written: what it then wants to do is recorded before it is answered, or
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from axonflow import AxonFlow, Principal, Request, Resource
from axonflow.audit import Origin
from axonflow.errors import AuditError
from axonflow.ids import new_id, now_us
from axonflow.tenancy import ANY_TENANT
from axonflow_sidecar.http.keys import Client, presented

__all__ = ["MAX_A_MINUTE", "LogIns"]

MAX_A_MINUTE: Final = 60
MAX_KNOWN: Final = 10_000
_ACTION: Final = "key.use"
_INSTALLATION: Final = "default"
"""The tenant that stands for none: where a key for any tenant acts unless it names one."""


class LogIns:
    """Of one process. Bound to one event loop."""

    def __init__(self, flow: AxonFlow, clock_s: Callable[[], float] = monotonic) -> None:
        self._flow = flow
        self._clock_s = clock_s
        self._known: set[int] = set()
        self._minute = 0
        self._refused: dict[str, set[int]] = {}
        self._unrecorded: dict[str, int] = {}

    async def accepted(self, authorization: str, client: Client, origin: Origin) -> None:
        """Record that this is whose key the header carries, at its first use."""
        key = hash(authorization)  # keyed by the process: it tells nothing of the key
        if key in self._known:
            return
        request = _request(client.client_id, _trail_of(client))
        origin = Origin(client.client_id, *_trace(origin))
        with suppress(AuditError):
            await self._flow.record("login", request, decision_id=_own_id(), details=_label(key), origin=origin)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known.add(key)

    async def refused(self, authorization: str, origin: Origin) -> None:
        """Record that the header carries no valid key, unless there were too many already."""
        offered = presented(authorization)
        named = {"client_id": offered.client_id} if offered is not None and offered.client_id else {}
        why = "no valid key" if authorization else "no key"
        await self._refused_by(authorization, _request("unknown", _INSTALLATION), named, why, origin)

    async def barred(self, authorization: str, client: Client, why: str, origin: Origin) -> None:
        """Record that this valid key is refused, and `why`: its tenant may do nothing at present. As `refused` in
        number; in the trail of that tenant, which can read it when it is resumed."""
        request = _request(client.client_id, _trail_of(client))
        await self._refused_by(authorization, request, {}, why, Origin(client.client_id, *_trace(origin)))

    async def _refused_by(
        self, authorization: str, request: Request, named: dict[str, str], why: str, origin: Origin
    ) -> None:
        minute = int(self._clock_s() // 60)
        if minute != self._minute:
            self._minute = minute
            self._refused.clear()
        key, tenant_id = hash(authorization), request.principal.tenant
        refused = self._refused.setdefault(tenant_id, set())
        if key in refused or len(refused) >= MAX_A_MINUTE:
            self._unrecorded[tenant_id] = self._unrecorded.get(tenant_id, 0) + 1
            return
        refused.add(key)
        unrecorded = self._unrecorded.pop(tenant_id, 0)
        between = {"unrecorded": unrecorded} if unrecorded else {}
        details = {**_label(key), **named, **between}
        try:
            await self._flow.record("login", request, decision_id=_own_id(), details=details, failed=why, origin=origin)
        except AuditError:
            self._unrecorded[tenant_id] = self._unrecorded.get(tenant_id, 0) + unrecorded + 1


def _trail_of(client: Client) -> str:
    return _INSTALLATION if client.tenant_id == ANY_TENANT else client.tenant_id


def _request(client_id: str, tenant_id: str) -> Request:
    return Request(Principal(client_id, "service", tenant_id), _ACTION, Resource("api_key", client_id))


def _own_id() -> str:
    """Whether a key is accepted is a decision too, if none of policies."""
    return new_id(now_us())


def _label(key: int) -> dict[str, str]:
    return {"key": f"{key & 0xFFFF_FFFF:08x}"}


def _trace(origin: Origin) -> tuple[str, str, str, str]:
    return origin.request_id, origin.trace_id, origin.span_id, origin.parent_span_id
