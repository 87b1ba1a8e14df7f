"""Errors as problem documents (RFC 9457), with ``message`` for clients that know no such documents."""

from __future__ import annotations

from typing import Final

import msgspec

from axonflow.errors import AxonFlowError

__all__ = ["problem"]

_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}


def problem(status: int, error: AxonFlowError) -> bytes:
    """The document for `error`, as JSON."""
    parts = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "code": error.code,
        "detail": str(error),
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "at": error.at,
    }
    return msgspec.json.encode({name: value for name, value in parts.items() if value is not None})
