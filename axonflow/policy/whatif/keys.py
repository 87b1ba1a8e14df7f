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
from axonflow.policy.whatif.partial_request import names_of
from axonflow.policy.whatif.recorded import MOST_FINDINGS, NOTHING_TOLD, Recorded

__all__ = ["Key", "LookupKey", "group_key", "lookup_key"]

Key = Callable[[Recorded], bytes]
LookupKey = Callable[[Recorded], object]

_ABSENT: Final = Raw(b"~")
"""Of what was not recorded: no JSON value is written so."""
_NOTHING: Final = object()
"""The same, where nothing is written."""
_CHAIN: Final = "principal.on_behalf_of"


def lookup_key(looked_up: Iterable[str], digest: str | None) -> LookupKey:
    """Of what rules are looked up by, and whether it was decided by the policies with this digest. A look-up only knows
    texts, and lists of them, from what is none: so 1 and true may be one. Raises TypeError for what cannot be hashed.
    """
    parts = [
        f"tuple(v) if (v := {part}).__class__ is list else v" if part.startswith("a.get(") else part
        for part in _parts(set(looked_up))
    ]
    key: LookupKey = _made((*parts, *_is_own(digest)), (), digest, hashed=True)
    return key


def group_key(asks: Sequence[Asks], digest: str | None) -> Key:
    """Of all that these ask for, what it came to then, and whether by the policies with this digest."""
    parts = [
        "event.action",
        "event.effect if event.details is told else event.decided",
        "event.policies[0] if event.policies else ''" if digest is None else "event.policies",
        *_is_own(digest),
    ]
    parts += _parts(set().union(*[one.used for one in asks]))
    if any(one.findings for one in asks):
        parts.append("sorted({one.detector for one in event.findings}) if event.findings else event.has_content")
        parts.append(f"len(event.findings) < {MOST_FINDINGS}, event.details is not told and event.details.streamed")
    if any(one.redacts for one in asks) or (len(asks) > 1 and any(one.findings for one in asks)):
        parts.append("event.errors")
    if any(one.redacts for one in asks):
        parts.append("event.findings and '.*' in [one.path[-2:] for one in event.findings]")
    expiries = tuple(sorted({moment for one in asks for moment in one.expiries}))
    if expiries:
        parts.append("[bisect(expiries, moment) for moment in event.moments]")
    key: Key = _made(tuple(parts), expiries, digest)
    return key


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
    return [*parts, *[f"a.get({name!r}, absent)" for name in sorted(names_of(used))]]  # repr() of it is one literal


@lru_cache(maxsize=1024)
def _made(parts: tuple[str, ...], expiries: tuple[int, ...], digest: str | None, *, hashed: bool = False) -> Any:
    visible: dict[str, Any] = {
        "__builtins__": {}, "encode": _encode, "absent": _NOTHING if hashed else _ABSENT, "bisect": bisect_right,
        "expiries": expiries, "sorted": sorted, "len": len, "tuple": tuple, "list": list, "digest": digest,
        "told": NOTHING_TOLD,
    }  # fmt: skip
    listed = "".join(f"({part}), " for part in parts)
    written = f"({listed})" if hashed else f"encode([{listed}])"
    if "a.get(" in listed:
        written = f"(a := event.attributes, {written})[1]"
    return eval(f"lambda event: {written}", visible)  # noqa: S307  ours: paths stand in it as literals only


_encode: Final = msgspec.json.Encoder().encode
