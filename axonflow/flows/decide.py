"""Verb: decide. Synchronous, without I/O; the only thing added to the pure core is the time and an id."""

from __future__ import annotations

from axonflow.errors import RequestError
from axonflow.ids import new_id, now_us
from axonflow.policy import Decision, PolicyEngine, Request

__all__ = ["decide", "decide_now"]


def decide(engine: PolicyEngine, request: Request) -> Decision:
    """The verdict of `engine` on `request`, as of `request.time` or now.

    Raises RequestError when `request` is not a Request: a verdict on something else would mean nothing.
    """
    if request.__class__ is not Request:
        raise _no_request(request)
    time_us = now_us()
    return engine.decide(request, new_id(time_us), time_us if request.time is None else request.time)


def decide_now(engine: PolicyEngine, request: Request) -> Decision:
    """The verdict as of now, whatever `request.time` says: what is acted upon happens now, and a caller who named
    another time could move into the life of an exception that has expired. Raises as `decide`."""
    if request.__class__ is not Request:
        raise _no_request(request)
    time_us = now_us()
    return engine.decide(request, new_id(time_us), time_us)


def _no_request(value: object) -> RequestError:
    return RequestError("not a request", expected="a Request", found=type(value).__name__)
