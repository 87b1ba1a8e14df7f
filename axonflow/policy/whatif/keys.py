"""What tells recorded decisions apart: what rules read of them and nothing else, written out as JSON, in which 1, 1.0
and true are three things; and of what rules only compare with literals its place among these. Each key is one function
of one expression, for it is called with each decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from axonflow.policy.whatif.classes import VISIBLE, Places, places_of
from axonflow.policy.whatif.needs import Asks
from axonflow.policy.whatif.partial_request import names_of, spelled
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
    used = set(looked_up)
    listed = [f"tuple(v) if (v := {_attribute(name)}).__class__ is list else v" for name in _recorded_names(used)]
    parts = [*_fields(used), *listed, *_is_own(digest)]
    written = "".join(f"({part}), " for part in parts)
    key: LookupKey = _maker(f"({written})", ("digest", "absent"))(digest, _NOTHING)
    return key


def group_key(asks: Sequence[Asks], digest: str | None) -> Key:
    """Of all that these ask for, what it came to then, and whether by the policies with this digest."""
    used = set().union(*[one.used for one in asks])
    parts = [
        "event.action",
        "event.effect if event.details is told else event.decided",
        "event.policies[0] if event.policies else ''" if digest is None else "event.policies",
        *_is_own(digest),
        *_fields(used),
    ]
    bound: dict[str, Any] = {"digest": digest, "absent": _ABSENT}
    places = places_of(use for one in asks for use in one.uses)
    for name in _recorded_names(used):
        known = places.get(spelled(name))
        parts.append(_attribute(name) if known is None else _class(name, known, bound))
    if any(one.findings for one in asks):
        parts.append("sorted({one.detector for one in event.findings}) if event.findings else event.has_content")
        parts.append(f"len(event.findings) < {MOST_FINDINGS}, event.details is not told and event.details.streamed")
    if any(one.redacts for one in asks) or (len(asks) > 1 and any(one.findings for one in asks)):
        parts.append("event.errors")
    if any(one.redacts for one in asks):
        parts.append("event.findings and '.*' in [one.path[-2:] for one in event.findings]")
    bound["expiries"] = tuple(sorted({moment for one in asks for moment in one.expiries}))
    if bound["expiries"]:
        parts.append("[right(expiries, moment) for moment in event.moments]")
    written = "".join(f"({part}), " for part in parts)
    key: Key = _maker(f"encode([{written}])", tuple(bound))(*bound.values())
    return key


def _is_own(digest: str | None) -> list[str]:
    return [] if digest is None else ["event.policy_digest == digest"]


def _fields(used: set[str]) -> list[str]:
    parts = []
    if not used.isdisjoint({"principal.id", "principal.type"}):
        parts.append("event.principal")
    if "principal.tenant" in used:
        parts.append("event.tenant_id")
    if not used.isdisjoint({"resource.id", "resource.type"}):
        parts.append("event.resource")
    if any(path.startswith(_CHAIN) for path in used):
        parts.append("event.on_behalf_of")
    return parts


def _recorded_names(used: set[str]) -> list[str]:
    return sorted(names_of(used))


def _attribute(name: str) -> str:
    return f"a.get({name!r}, absent)"  # repr() of it is one literal


def _class(name: str, places: Places, bound: dict[str, Any]) -> str:
    """The source of the class of an attribute; what it refers to is put into `bound`."""
    number = len(bound)
    bound |= {f"n{number}": places.numbers, f"x{number}": places.texts}
    return places.source(_attribute(name), number)


@lru_cache(maxsize=1024)
def _maker(written: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """A function of what `names` stand for that makes the key `written`."""
    visible: dict[str, Any] = {
        "__builtins__": {}, **VISIBLE, "encode": _encode, "sorted": sorted, "len": len,
        "tuple": tuple, "list": list, "told": NOTHING_TOLD,
    }  # fmt: skip
    if "a.get(" in written:
        written = f"(a := event.attributes, {written})[1]"
    source = f"lambda {', '.join(names)}: lambda event: {written}"
    made: Callable[..., Any] = eval(source, visible)  # noqa: S307  ours: paths stand in it as literals only
    return made


_encode: Final = msgspec.json.Encoder().encode
