"""What tells recorded decisions apart: what rules read of them and nothing else, written out as JSON, in which 1, 1.0
and true are three things. Each key is one function of one expression, for it is called with each decision.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from axonflow.policy.whatif.needs import Asks
from axonflow.policy.whatif.recorded import MOST_FINDINGS, NOTHING_TOLD, Recorded

__all__ = ["Key", "group_key", "lookup_key"]

Key = Callable[[Recorded], bytes]

_ABSENT: Final = Raw(b"~")
"""Of what was not recorded: no JSON value is written so."""
_RECORDS: Final = frozenset({"principal", "resource"})
_CHAIN: Final = "principal.on_behalf_of"


def lookup_key(looked_up: Iterable[str], digest: str | None) -> Key:
    """Of what rules are looked up by, and whether it was decided by the policies with this digest."""
    return _made(tuple(_parts(set(looked_up)) + _is_own(digest)), (), digest)


def group_key(asks: Sequence[Asks], digest: str | None) -> Key:
    """Of all that these ask for, what it came to then, and whether by the policies with this digest."""
    parts = [
        "event.action",
        "event.effect if event.details is told else event.decided",
        "event.policies[0] if event.policies else ''",
        *_is_own(digest),
    ]
    parts += _parts(set().union(*[one.used for one in asks]))
    if any(one.findings for one in asks):
        parts.append("sorted({one.detector for one in event.findings}) if event.findings else event.has_content")
        parts.append(f"len(event.findings) < {MOST_FINDINGS}")
        if len(asks) > 1:
            parts.append("event.errors")
    expiries = tuple(sorted({moment for one in asks for moment in one.expiries}))
    if expiries:
        parts.append("bisect(expiries, event.time_us), bisect(expiries, event.time_us - (event.duration_us or 0) - 1)")
    return _made(tuple(parts), expiries, digest)


def _is_own(digest: str | None) -> list[str]:
    return [] if digest is None else ["event.policy_digest == digest"]


def _parts(used: set[str]) -> list[str]:
    parts = []
    if not used.isdisjoint({"principal.id", "principal.type"}):
        parts.append("event.principal")
    if "principal.tenant" in used:
        parts.append("event.tenant_id")
    if not used.isdisjoint({"resource.id", "resource.type"}):
        parts.append("event.resource")
    if any(path.startswith(_CHAIN) for path in used):
        parts.append("event.on_behalf_of")
    names = {name for path in used for name in _names(path)}
    return [*parts, *[f"a.get({name!r}, absent)" for name in sorted(names)]]  # repr() of a string is one literal


def _names(path: str) -> Iterable[str]:
    """Under which names a record may have what stands at `path`, or what encloses it."""
    steps = path.split(".")
    for length in range(2, len(steps) + 1):
        name = ".".join(steps[:length])
        yield name
        if steps[0] in _RECORDS:
            record, _, last = name.rpartition(".")
            yield f"{record}.attributes.{last}"


@lru_cache(maxsize=1024)
def _made(parts: tuple[str, ...], expiries: tuple[int, ...], digest: str | None) -> Key:
    visible: dict[str, Any] = {
        "__builtins__": {}, "encode": _encode, "absent": _ABSENT, "bisect": bisect_right, "expiries": expiries,
        "sorted": sorted, "len": len, "digest": digest, "told": NOTHING_TOLD,
    }  # fmt: skip
    written = f"encode([{', '.join(parts)}])"
    if any(part.startswith("a.get(") for part in parts):
        written = f"(a := event.attributes, {written})[1]"
    made: Key = eval(f"lambda event: {written}", visible)  # noqa: S307  ours: paths stand in it as literals only
    return made


_encode: Final = msgspec.json.Encoder().encode
