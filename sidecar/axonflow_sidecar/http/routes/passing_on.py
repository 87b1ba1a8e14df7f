"""What the agent passes on to the orchestrator: checked here, done there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Any, Final

from axonflow import AxonFlowError, RequestError
from axonflow.tenancy import Permission
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.identity import Identity, signed_identity
from axonflow_sidecar.http.places import RETRY_S
from axonflow_sidecar.http.problems import PROBLEM
from axonflow_sidecar.http.routing import HANDLER_TIMEOUT_S
from axonflow_sidecar.http.services import AgentServices, Orchestrator
from axonflow_sidecar.http.translate import principal_of, tenant_of

__all__ = ["PLAN_TIMEOUT_S", "pass_on", "passed_on", "passed_on_stream", "review_timeout_s"]

PLAN_TIMEOUT_S: Final = 600
CHECK_S: Final = 15.0
"""How often is looked again whether a stream may go on. The orchestrator sends something as often."""
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


def passed_on(services: AgentServices, *, has_body: bool) -> Handler:
    """A handler for any route of the orchestrator's."""

    async def handler(call: Call) -> Reply:
        data = await call.json_body() if has_body else b""
        return await pass_on(services, call, data, call.header(b"x-user-token"))

    return handler


def passed_on_stream(services: AgentServices, permission: Permission) -> Handler:
    """A handler for a route whose answer has no end. It goes on for as long as the caller has `permission`."""

    async def handler(call: Call) -> Reply:
        orchestrator, tenant_id, signed = _signed(services, call, call.header(b"x-user-token"))
        try:
            followed = await orchestrator.follow(_path(call), signed, call.origin)
        except AxonFlowError as error:
            raise Refused(503, error) from None
        if followed.rest is None:
            return _reply(followed.status, followed.body)
        pieces = _followed(call, followed.rest, permission, tenant_id)
        first = await anext(pieces, None)
        if first is None:
            raise Refused(503, AxonFlowError("the stream has ended before it began", hint="Try again in a moment."))
        return Reply(first, content_type=b"text/event-stream", rest=pieces)

    return handler


def review_timeout_s(path: str) -> float:
    """Of a route for workflows: a plan whose step is approved there runs to its end, or until it is held again."""
    return PLAN_TIMEOUT_S if path.endswith(("/approve", "/reject")) else HANDLER_TIMEOUT_S


async def pass_on(
    services: AgentServices, call: Call, data: bytes, user_token: str | None, path: str | None = None,
    *, may_run: bool = True,
) -> Reply:  # fmt: skip
    """The orchestrator's answer to `call`, whose body is `data`, at `path`; None: where it came to. `may_run`: it may
    be a plan that runs, if the route is for those: then it waits for a place among them."""
    orchestrator, _, signed = _signed(services, call, user_token)
    try:
        where = _path(call) if path is None else path
        takes_long = may_run and call.timeout_s >= PLAN_TIMEOUT_S
        method = call.scope["method"]
        status, answer = await orchestrator.call(method, where, data, signed, call.origin, takes_long=takes_long)
    except AxonFlowError as error:
        raise Refused(503, error) from None
    return _reply(status, answer)


def _signed(services: AgentServices, call: Call, user_token: str | None) -> tuple[Orchestrator, str, str]:
    """The orchestrator, the tenant that the call is for, and who calls, as the orchestrator is told."""
    if services.orchestrator is None:
        raise Refused(503, AxonFlowError("no orchestrator", hint="Start the agent with --orchestrator-url."))
    tenant_id = tenant_of(call.caller, call.header(b"x-tenant-id"))
    call.check_active(tenant_id)
    principal = principal_of(call.caller, tenant_id, user_token, services.signer)
    user = principal.on_behalf_of
    identity = Identity(call.caller.client_id, tenant_id, user.id if user else "", roles=call.caller.roles)
    return services.orchestrator, tenant_id, signed_identity(identity, services.signer, services.clock_us())


def _path(call: Call) -> str:
    """Where the call goes on to. Raises Refused (404) for what cannot be an id: it becomes part of a path."""
    if not all(_ID.fullmatch(value) for value in call.values):
        raise Refused(404, RequestError("no such plan", expected="the id of a plan of this tenant"))
    path: str = call.scope["path"]
    query = call.scope.get("query_string", b"").decode("latin-1")
    if not query.isascii() or not query.isprintable():
        raise RequestError("not a query", expected="percent-encoded ASCII")
    return f"{path}?{query}" if query else path


def _reply(status: int, answer: bytes) -> Reply:
    if status != 204 and not answer.startswith((b"{", b"[")):  # not from our code: a server that had to give up
        raise Refused(503, AxonFlowError("the orchestrator failed", found=f"status {status}", hint="Try again."))
    # The orchestrator says 429 for want of a place alone.
    retry_after_s = RETRY_S if status == 429 else None
    return Reply(answer, status, b"application/json" if status < 400 else PROBLEM, retry_after_s=retry_after_s)


async def _followed(
    call: Call, rest: AsyncGenerator[bytes, None], permission: Permission, tenant_id: str
) -> AsyncGenerator[bytes, None]:
    ends: set[asyncio.Task[Any]] = {asyncio.create_task(call.left()), asyncio.create_task(call.stopping.wait())}
    checked_s = monotonic()
    try:
        async with aclosing(rest):
            while (piece := await _next(rest, ends)) is not None:
                if monotonic() - checked_s > CHECK_S:
                    checked_s = monotonic()
                    if not await call.may_still(permission, tenant_id):
                        return
                yield piece
    except AxonFlowError:  # the orchestrator has gone, or nobody can tell whose the key is: the stream ends early
        return
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _next(rest: AsyncGenerator[bytes, None], ends: set[asyncio.Task[Any]]) -> bytes | None:
    """The next piece; None when there is none, or one of `ends` has come."""
    coming = asyncio.ensure_future(anext(rest, None))
    try:
        await asyncio.wait({coming, *ends}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
