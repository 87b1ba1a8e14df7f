"""Errors as problem documents (RFC 9457), with ``message`` for clients that know no such documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from axonflow.errors import AxonFlowError

__all__ = ["PROBLEM", "problem"]

PROBLEM = b"application/problem+json"


def problem(status: int, error: AxonFlowError, request_id: str = "", /, **more: Any) -> bytes:
    """The document for `error`, as JSON, with `more` members, of any name."""
    parts = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": str(error),
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "at": error.at,
        "hint": error.hint,
        "request_id": request_id or None,
        **more,
    }
    return msgspec.json.encode({name: value for name, value in parts.items() if value is not None})
