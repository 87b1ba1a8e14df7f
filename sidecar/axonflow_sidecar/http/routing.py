"""From a path to its handler: keys, permissions, limits and time, and every failure as a problem document."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final, Literal, NamedTuple

from axonflow import AxonFlowError, RequestError
from axonflow.audit import Origin
from axonflow.errors import (
    AuditError,
    DetectionError,
    LedgerError,
    PolicyConflict,
    PolicyForbidden,
    PolicyMissing,
    PolicyStoreError,
    TenancyConflict,
    TenancyForbidden,
    TenancyMissing,
    TenancyUnavailable,
    VaultError,
    WorkflowError,
)
from axonflow.plan.workflows import WorkflowConflict, WorkflowForbidden, WorkflowMissing
from axonflow.tenancy import Permission
from axonflow_sidecar.http.asgi import Application, Call, Handler, Receive, Refused, Reply, Scope, Send
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import Client
from axonflow_sidecar.http.log_ins import LogIns
from axonflow_sidecar.http.problems import PROBLEM, problem

__all__ = ["INTERNAL", "PUBLIC", "Route", "routed"]

PUBLIC: Final = "public"
INTERNAL: Final = "internal"

MAX_HEADER_BYTES: Final = 32 * 1024
HANDLER_TIMEOUT_S: Final = 30
MAX_SEGMENTS: Final = 16
STALLED_S: Final = 60
_UNAVAILABLE: Final = (AuditError, LedgerError, DetectionError, VaultError, TenancyUnavailable)
_STATUSES: Final[dict[type[AxonFlowError], int]] = {
    TenancyMissing: 404, TenancyConflict: 409, TenancyForbidden: 403,
    PolicyMissing: 404, PolicyConflict: 409, PolicyForbidden: 403, PolicyStoreError: 503,
    WorkflowMissing: 404, WorkflowConflict: 409, WorkflowForbidden: 403, WorkflowError: 503,
}  # fmt: skip
_DECIDING: Final = (b"authorization", b"x-tenant-id", b"x-user-token", b"x-axonflow-internal", b"x-axonflow-identity")
_log = logging.getLogger("axonflow.http")


class Route(NamedTuple):
    """A segment ``{name}`` of `path` stands for any one that is not empty. `permission` is what the caller has to have;
    PUBLIC needs no key, and INTERNAL is for our own processes, which its handler knows. Times are in seconds."""

    method: str
    path: str
    handler: Handler
    permission: Permission | Literal["public", "internal"]
    timeout_s: float = HANDLER_TIMEOUT_S


class _Table:
    """Paths without a variable segment are looked up at once; of the others each pattern of variable segments is."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.exact: dict[str, dict[str, Route]] = {}
        self.variable: dict[int, dict[tuple[int, ...], dict[str, dict[str, Route]]]] = {}
        for route in routes:
            segments = route.path.split("/")
            places = tuple(place for place, segment in enumerate(segments) if segment.startswith("{"))
            patterns = self.variable.setdefault(len(segments), {}).setdefault(places, {}) if places else self.exact
            patterns.setdefault(_without(segments, places), {})[route.method] = route

    def find(self, path: str) -> tuple[dict[str, Route] | None, tuple[str, ...]]:
        found = self.exact.get(path)
        if found is not None:
            return found, ()
        segments = path.split("/", MAX_SEGMENTS)
        for places, patterns in self.variable.get(len(segments), {}).items():
            found = patterns.get(_without(segments, places))
            values = tuple(segments[place] for place in places)
            if found is not None and all(values):
                return found, values
        return None, ()


def _without(segments: list[str], places: tuple[int, ...]) -> str:
    return "/".join("{" if place in places else segment for place, segment in enumerate(segments))


def routed(routes: Sequence[Route], identities: Identities, log_ins: LogIns | None = None) -> Application:
    """An application that answers `routes` for whom `identities` know, and tells `log_ins` of them. Nothing that fails
    is ever an allow."""
    table = _Table(routes)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive)
        try:
            reply = await _answer(table, identities, log_ins, call)
        except Refused as refused:
            reply = _problem(scope, refused.status, refused.error, refused)
        except _UNAVAILABLE as error:  # not recorded or not counted, so not answered: the caller takes it as a denial
            reply = _problem(scope, 503, error)
        except AxonFlowError as error:
            reply = _problem(scope, _STATUSES.get(type(error), 400), error)
        except TimeoutError:
            late = call.timed_out()
            reply = _problem(scope, late.status, late.error)
        except Exception as error:  # noqa: BLE001  the last line: whatever it is, the caller gets an answer
            _log_failure(scope, error)
            reply = _problem(scope, 500, AxonFlowError("something failed here", hint="The log has the request id."))
        if reply.status >= 400:
            await call.discard_body()
        await _send(send, reply)

    return application


async def _answer(table: _Table, identities: Identities, log_ins: LogIns | None, call: Call) -> Reply:
    scope = call.scope
    methods, values = table.find(scope["path"])
    if methods is None:
        scope["axonflow.route"] = "unknown"
        raise Refused(404, RequestError("no such route", expected="one of GET /health, POST /v1/decisions, ..."))
    route = methods.get(scope["method"])
    if route is None:
        scope["axonflow.route"] = next(iter(methods.values())).path
        raise Refused(405, RequestError("wrong method", expected=" or ".join(sorted(methods))))
    scope["axonflow.route"] = route.path
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        raise Refused(
            431, RequestError("headers too large", expected=f"at most {MAX_HEADER_BYTES} bytes", found="more")
        )
    if len(call.headers) != len(scope["headers"]):
        _check_single(scope)
    call.values = values
    call.identities = identities
    if route.permission not in (PUBLIC, INTERNAL):
        call.client = client = await _permitted(identities, log_ins, call, route.permission)
        origin = call.origin
        call.origin = Origin(
            client.client_id, origin.request_id, origin.trace_id, origin.span_id, origin.parent_span_id
        )
    call.timeout_s = route.timeout_s
    async with asyncio.timeout(route.timeout_s):
        return await route.handler(call)


async def _permitted(identities: Identities, log_ins: LogIns | None, call: Call, permission: str) -> Client:
    """Who calls. Raises Refused: 401 without a valid key, 403 for one that may not do this or whose tenant may not, 429
    for a tenant that calls too often."""
    authorization = call.header(b"authorization")
    client = await identities.client(authorization)
    if client is None:
        if log_ins is not None:
            await log_ins.refused(authorization, call.origin)
        raise Refused(
            401, RequestError("no valid API key", expected="Authorization: Bearer KEY, or Basic CLIENT_ID:KEY")
        )
    try:
        identities.check_holder(client)
    except Refused as refused:
        if log_ins is not None:
            await log_ins.barred(authorization, client, refused.error.message, call.origin)
        raise
    if log_ins is not None:
        await log_ins.accepted(authorization, client, call.origin)
    if client.max_requests_per_minute is not None:
        identities.check_rate(client.tenant_id, client.max_requests_per_minute)
    if permission not in client.permissions:
        raise Refused(
            403,
            TenancyForbidden(
                "the key may not do this", expected=f"the permission {permission}",
                hint="Its roles do not give it, or its scopes take it away.",
            ),
        )  # fmt: skip
    return client


def _check_single(scope: Scope) -> None:
    """Raise Refused when a header that decides who calls is there twice: a proxy may have looked at the other one."""
    names = [name for name, _ in scope["headers"]]
    for name in _DECIDING:
        if names.count(name) > 1:
            raise Refused(400, RequestError("a header is there twice", expected="once", at=name.decode()))


def _problem(scope: Scope, status: int, error: AxonFlowError, refused: Refused | None = None) -> Reply:
    origin = scope.get("axonflow.origin")
    more = {} if refused is None else refused.more
    body = problem(status, error, origin.request_id if origin else "", **more)
    return Reply(body, status, PROBLEM, retry_after_s=None if refused is None else refused.retry_after_s)


def _log_failure(scope: Scope, error: Exception) -> None:
    """Where it failed and as what. Not the message, which may quote what somebody sent."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    origin = scope.get("axonflow.origin")
    facts = {
        "error": type(error).__name__,
        "route": scope.get("axonflow.route"),
        "frames": frames[-8:],
        "request_id": origin.request_id if origin else "",
    }
    _log.error("a handler failed", extra={"facts": facts})


async def _send(send: Send, reply: Reply) -> None:
    headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    has_content = reply.status != 204  # nothing is said of what is not there (RFC 9110, section 8.6)
    if has_content:
        headers.append((b"content-type", reply.content_type))
    if reply.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="axonflow"'))
    if reply.status == 503 or reply.retry_after_s is not None:
        headers.append((b"retry-after", str(reply.retry_after_s or 1).encode()))
    start = {"type": "http.response.start", "status": reply.status, "headers": headers}
    if reply.rest is None:
        if has_content:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send(start)
        await send({"type": "http.response.body", "body": reply.body})
        return
    async with aclosing(reply.rest):
        await send(start)
        await _sent(send, reply.body)
        async for piece in reply.rest:
            await _sent(send, piece)
    await send({"type": "http.response.body", "body": b""})


async def _sent(send: Send, piece: bytes) -> None:
    """Raises TimeoutError, which ends the connection, for a client that takes nothing for so long: an answer under way
    holds memory, and often a place."""
    async with asyncio.timeout(STALLED_S):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
