"""What every part of the HTTP door shares: the shapes of ASGI, a call, a reply and a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from axonflow import AxonFlowError, RequestError
from axonflow.audit import IN_PROCESS, Origin
from axonflow.tenancy import Permission
from axonflow_sidecar.http.keys import Client

__all__ = [
    "MAX_BODY_BYTES",
    "STOPPING",
    "Application",
    "Call",
    "Handler",
    "Receive",
    "Refused",
    "Reply",
    "Scope",
    "Send",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

STOPPING: Final = "axonflow.stopping"
"""Where a scope has what is set when the process is to stop."""
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_DISCARDED_BYTES: Final = 128 * 1024 * 1024
DISCARD_TIMEOUT_S: Final = 10
_NOTHING: Final[Mapping[str, Any]] = {}
BODY_TIMEOUT_S: Final = 30
"""For the whole body: a client that sends a byte now and then would else hold its place for good."""


class Refused(Exception):  # noqa: N818  an answer on its way out, not a fault
    """Ends a call with `status` and the problem document of `error`, which has the members `more` as well. The caller
    may try again in `retry_after_s`, where that is known."""

    def __init__(
        self, status: int, error: AxonFlowError, *, retry_after_s: int | None = None, more: Mapping[str, Any] = _NOTHING
    ) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s
        self.more = more


class Reply(NamedTuple):
    """What a handler answers with: JSON, unless `content_type` says otherwise. `rest` comes after `body`, as it is
    made; when that fails, the connection ends. `retry_after_s` becomes the header."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    rest: AsyncGenerator[bytes, None] | None = None
    retry_after_s: int | None = None


class Known(Protocol):
    """What a call asks about keys and tenants."""

    async def client(self, authorization: str) -> Client | None:
        """Whose key an Authorization header carries, or None."""

    def check_holder(self, client: Client) -> None:
        """Raise Refused (403) when the tenant of this key may do nothing at present."""

    def check_active(self, tenant_id: str) -> None:
        """Raise Refused (403) when this tenant may do nothing at present."""


class Call:
    """One request on its way to its handler. `values` are what stood for ``{...}`` in the route's path, `timeout_s`
    is for the whole call."""

    __slots__ = (
        "_body_ended", "_receive", "client", "headers", "identities", "origin", "scope", "timeout_s", "values",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.origin: Origin = scope.get("axonflow.origin", IN_PROCESS)
        self.client: Client | None = None
        self.values: tuple[str, ...] = ()
        self.identities: Known | None = None
        self.timeout_s = float(BODY_TIMEOUT_S)
        self._receive = receive
        self._body_ended = False

    def header(self, name: bytes) -> str:
        """The header's value, empty when it is absent. Header names are lower-case in ASGI."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def caller(self) -> Client:
        """Who holds the key that this call came with."""
        assert self.client is not None  # the router refuses a call without a key before its handler sees it
        return self.client

    @property
    def value(self) -> str:
        """The first of `values`."""
        return self.values[0]

    def check_active(self, tenant_id: str) -> None:
        """Raise Refused (403) when that tenant is suspended: for callers that may act for any."""
        assert self.identities is not None  # the router knows whom it serves
        self.identities.check_active(tenant_id)

    async def may_still(self, permission: Permission, tenant_id: str) -> bool:
        """Whether a call that takes long may go on: its key still has this permission, and the tenant may act. Raises
        AxonFlowError when nobody can tell."""
        assert self.identities is not None  # the router knows whom it serves
        try:
            client = await self.identities.client(self.header(b"authorization"))
            if client is not None:
                self.identities.check_holder(client)
            self.identities.check_active(tenant_id)
        except Refused:
            return False
        return client is not None and permission in client.permissions and client.may_act_for(tenant_id)

    async def left(self) -> None:
        """Return when the caller has gone. For a call whose body was read, or that has none."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def stopping(self) -> asyncio.Event:
        """Is set when this process is to stop: an answer that has no end has to end then."""
        event: asyncio.Event = self.scope.get(STOPPING) or asyncio.Event()
        return event

    def query(self, *known: str) -> dict[str, str]:
        """The parameters after the path. Raises RequestError for one that is not `known`, or is there twice."""
        pairs = parse_qsl(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        for name, _ in pairs:
            if name not in known:
                raise RequestError("unknown parameter", expected=" or ".join(known), found=ascii(name)[:80])
        if len(dict(pairs)) < len(pairs):
            raise RequestError("a parameter is there twice", expected="once")
        return dict(pairs)

    async def json_body(self) -> bytes:
        """The body of a call that has to be JSON. Raises Refused: 415, 413, 408, or 400 when it ends early."""
        if self.header(b"content-type").split(";")[0].strip().lower() != "application/json":
            raise Refused(415, RequestError("wrong content type", expected="application/json"))
        if self.header(b"content-encoding").lower() not in ("", "identity"):
            raise Refused(415, RequestError("the body is encoded", expected="no Content-Encoding"))
        length = self.header(b"content-length")
        if length.isdecimal() and (len(length) > 12 or int(length) > MAX_BODY_BYTES):
            raise _too_large(f"{length[:20]} bytes")
        if self.timeout_s <= BODY_TIMEOUT_S:  # whoever called us watches the time; doing it twice costs 10 us
            return await self._read()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._read()
        except TimeoutError:
            raise self.timed_out() from None

    def timed_out(self) -> Refused:
        """Why there was no answer in time: the body did not come (408), or we took too long (503)."""
        if not self._body_ended and self.scope["method"] == "POST":
            self._body_ended = True  # it had its time
            return Refused(408, RequestError("the body took too long", expected=f"all within {BODY_TIMEOUT_S} s"))
        return Refused(503, AxonFlowError("the answer took too long", hint="Nothing was allowed."))

    async def _read(self) -> bytes:
        parts: list[bytes] = []
        length_bytes = 0
        announced = self._announced()
        while not self._body_ended:
            part = await self._next_part()
            length_bytes += len(part)
            if length_bytes > MAX_BODY_BYTES:
                raise _too_large("more")
            parts.append(part)
            if announced == b"%d" % length_bytes:
                self._body_ended = True
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _announced(self) -> bytes | None:
        """At how many bytes the body is known to have ended, before the server says so: to ask it once more takes two
        changes of threads, 50 us or more. Not over HTTP/2, where a stream whose end nobody takes is reset, nor beside
        Transfer-Encoding, which overrules the length (RFC 9112, section 6.3)."""
        if self.scope.get("http_version") != "1.1" or b"transfer-encoding" in self.headers:
            return None
        return self.headers.get(b"content-length")

    async def _next_part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._body_ended = True
            raise Refused(400, RequestError("the body ended early"))
        self._body_ended = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    async def discard_body(self) -> None:
        """Read what is left of the body, within bounds: many clients look for an answer only when all is sent, and over
        HTTP/2 they would wait for room that nobody makes."""
        if self._body_ended or self.header(b"expect") or self.scope["method"] in ("GET", "HEAD"):
            return
        left_bytes = MAX_DISCARDED_BYTES
        with suppress(TimeoutError, Refused):
            async with asyncio.timeout(DISCARD_TIMEOUT_S):
                while not self._body_ended and left_bytes > 0:
                    left_bytes -= len(await self._next_part())


def _too_large(found: str) -> Refused:
    return Refused(413, RequestError("body too large", expected=f"at most {MAX_BODY_BYTES} bytes", found=found))


Handler = Callable[[Call], Awaitable[Reply]]
