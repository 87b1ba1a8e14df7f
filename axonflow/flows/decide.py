"""Verb: decide. Synchronous, without I/O; the only thing added to the pure core is the time and an id."""

from __future__ import annotations

from time import time

import msgspec

from axonflow.detect import Finding
from axonflow.errors import RequestError
from axonflow.ids import id_at
from axonflow.policy import Decision, PolicyEngine, Request

__all__ = ["decide", "decide_now", "decide_stream"]


def decide(engine: PolicyEngine, request: Request, found: list[Finding] | None = None) -> Decision:
    """The verdict of `engine` on `request`, as of `request.time` or now. What detectors found goes into `found`.

    Raises RequestError when `request` is not a Request: a verdict on something else would mean nothing.
    """
    _check(request)
    now_s = time()
    return engine.decide(request, id_at(now_s), now_s, found)


def decide_stream(engine: PolicyEngine, request: Request) -> Decision | None:
    """The verdict on `request` as of now, before its content comes; None if that has to be known whole. Raises as
    `decide`."""
    _check(request)
    now_s = time()
    return engine.decide_stream(request, id_at(now_s), now_s)


def decide_now(engine: PolicyEngine, request: Request, found: list[Finding] | None = None) -> Decision:
    """The verdict as of now, whatever `request.time` says: what is acted upon happens now, and a caller who named
    another time could move into the life of an exception that has expired. Raises as `decide`."""
    if request.__class__ is Request and request.time is not None:
        request = msgspec.structs.replace(request, time=None)
    return decide(engine, request, found)


def _check(request: Request) -> None:
    if request.__class__ is not Request:
        raise RequestError("not a request", expected="a Request", found=type(request).__name__)
