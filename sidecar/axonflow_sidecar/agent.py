"""The agent's application: pure ASGI, so that any server can carry it and nothing stands on the hot path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from axonflow import AxonFlow, AxonFlowError, Request, RequestError
from axonflow_sidecar.keys import KeyRing
from axonflow_sidecar.problems import problem

__all__ = ["create_agent"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 8 * 1024 * 1024


class _Refused(Exception):  # noqa: N818  an answer on its way out, not a fault
    def __init__(self, status: int, error: AxonFlowError) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


def create_agent(flow: AxonFlow, api_keys: Iterable[str]) -> Application:
    """An ASGI application that answers ``GET /health`` and ``POST /v1/decisions`` for holders of one of `api_keys`.

    Raises ConfigurationError when a key is too short or there is none.
    """
    keys = KeyRing(api_keys)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                status, body = 200, await _answer(flow, keys, scope, receive)
            except _Refused as refused:
                status, body = refused.status, problem(refused.status, refused.error)
            await _respond(send, status, body)

    return application


async def _answer(flow: AxonFlow, keys: KeyRing, scope: Scope, receive: Receive) -> bytes:
    route = (scope["method"], scope["path"])
    if route == ("GET", "/health"):
        return b'{"status":"healthy","service":"axonflow-agent"}'
    if scope["path"] not in {"/health", "/v1/decisions"}:
        raise _Refused(404, RequestError("no such route", expected="/health or /v1/decisions"))
    if route != ("POST", "/v1/decisions"):
        raise _Refused(405, RequestError("wrong method", expected="GET /health or POST /v1/decisions"))
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not keys.accepts(headers.get(b"authorization", "")):
        raise _Refused(401, RequestError("no valid API key", expected="Authorization: Bearer KEY"))
    if headers.get(b"content-type", "").split(";")[0].strip().lower() != "application/json":
        raise _Refused(415, RequestError("wrong content type", expected="application/json"))
    body = await _body(receive)
    try:
        request = Request.from_json(body)
    except RequestError as error:
        raise _Refused(400, error) from None
    try:
        return (await flow.enforce(request)).to_json()
    except AxonFlowError as error:  # not recorded, so not answered: the caller has to take it as a denial
        raise _Refused(503, error) from None


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, RequestError("the body ended early"))
        part = message.get("body", b"")
        length_bytes += len(part)
        if length_bytes > MAX_BODY_BYTES:
            raise _Refused(
                413, RequestError("body too large", expected=f"at most {MAX_BODY_BYTES} bytes", found="more")
            )
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _respond(send: Send, status: int, body: bytes) -> None:
    kind = b"application/json" if status == 200 else b"application/problem+json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="axonflow"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
