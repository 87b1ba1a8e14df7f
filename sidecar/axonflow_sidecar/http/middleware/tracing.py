"""A request id and a W3C trace context (https://www.w3.org/TR/trace-context/) for every call and on every answer."""

from __future__ import annotations

import random
import re
from collections.abc import MutableMapping
from typing import Any, Final

from axonflow.audit import Origin
from axonflow.ids import new_id, now_us
from axonflow_sidecar.http.asgi import Application, Receive, Scope, Send

__all__ = ["traced"]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# Names, not secrets; asking the system for randomness costs 20 us here, twice a call.
_random_bits: Final = random.Random().getrandbits  # noqa: S311
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16


def traced(app: Application) -> Application:
    """`app`, with ``scope["axonflow.origin"]`` set and ``x-request-id`` and ``traceparent`` on what it answers.

    What a caller sends is kept when it is well-formed and made anew when it is not, as the standard asks.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        request_id, parent = b"", b""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                request_id = value
            elif name == b"traceparent":
                parent = value
        request_id = request_id or new_id(now_us()).encode()
        trace_id, parent_id, flags = _continued(parent)
        span_id = b"%016x" % (_random_bits(64) or 1)
        scope["axonflow.origin"] = Origin(
            "", request_id.decode(), trace_id.decode(), span_id.decode(), parent_id.decode()
        )

        async def send_traced(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                context = b"00-%b-%b-%b" % (trace_id, span_id, flags)
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), (b"traceparent", context)]
            await send(message)

        await app(scope, receive, send_traced)

    return application


def _continued(parent: bytes) -> tuple[bytes, bytes, bytes]:
    """Trace id, span id and flags of `parent`; or new ones, and no span."""
    match = _TRACEPARENT.fullmatch(parent) if len(parent) <= 512 else None
    if match and match[1] != _NO_TRACE and match[2] != _NO_SPAN:
        return match[1], match[2], match[3]
    return b"%032x" % (_random_bits(128) or 1), b"", b"00"
