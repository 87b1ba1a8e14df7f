"""The least request that still shows what another one shows: what somebody reads should hold nothing beside the point.

Delta debugging in its simplest form (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002):
members are left out one by one, the outer ones first, and stay out where it still shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from axonflow.errors import RequestError
from axonflow.policy.request import Request

__all__ = ["MAX_TRIES", "least"]

MAX_TRIES: Final = 200
_Path = tuple[str | int, ...]


def least(request: Request, shows: Callable[[Request], bool]) -> Request:
    """`request` without what can be left out of it so that ``shows(it)``, which holds for `request` itself, holds on.

    ``shows`` is asked `MAX_TRIES` times at most: a request with more members may keep some that could go.
    """
    parts = msgspec.json.decode(request.to_json())
    left = MAX_TRIES
    before = None
    while parts != before:
        before = parts
        for path in list(_members(parts)):
            fewer = _without(parts, path)
            if fewer is None or not left:
                continue
            left -= 1
            smaller = _request(fewer)
            if smaller is not None and shows(smaller):
                parts, request = fewer, smaller
    return request


def _members(parts: Any, path: _Path = ()) -> Iterator[_Path]:
    """Every member of objects and lists, the outer ones first; of lists from behind, so that places stay."""
    names = parts if isinstance(parts, dict) else reversed(range(len(parts)))
    for name in names:
        yield (*path, name)
    for name in names if isinstance(parts, dict) else range(len(parts)):
        if isinstance(parts[name], (dict, list)):
            yield from _members(parts[name], (*path, name))


def _without(parts: Any, path: _Path) -> Any:
    """A copy without the member at `path`, and without what is empty for it; None where there is no such member."""
    name, *rest = path
    if not (name in parts if isinstance(parts, dict) else isinstance(name, int) and name < len(parts)):
        return None
    copy = parts.copy()
    if rest:
        copy[name] = _without(parts[name], tuple(rest)) if isinstance(parts[name], (dict, list)) else None
        if copy[name] is None:
            return None
    if not rest or not copy[name]:
        del copy[name]
    return copy


def _request(parts: Any) -> Request | None:
    """None for what is no request: it lacks what every request has."""
    try:
        return Request.from_json(msgspec.json.encode(parts))
    except RequestError:
        return None
