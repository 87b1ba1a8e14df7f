"""Structured logs: one JSON object a line on standard error. Nothing that a caller sent is ever in one but its ids."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import msgspec

from axonflow_sidecar.http.translate import rfc3339

__all__ = ["log_to"]


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": rfc3339(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__  # not its text, which may quote what somebody sent
        return msgspec.json.encode(entry, enc_hook=repr).decode()


def log_to(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send what this process logs to `stream` (standard error), as JSON lines in the name of `service`."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("axonflow").setLevel(level.upper())
