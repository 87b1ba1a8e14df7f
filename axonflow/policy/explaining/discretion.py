"""What may be shown of a value: nothing of the content, no secret, and not too much of anything."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from axonflow.detect.secrecy import WITHHELD, Secrecy
from axonflow.policy.cel.values import CelType, Optional, kind_of
from axonflow.policy.deciding.attributes import is_secret

__all__ = ["NOTHING_PRIVATE", "Discretion", "Origin", "hides_secrets"]

MAX_TEXT_CHARS: Final = 120
MAX_ITEMS: Final = 16
"""Of a list or a map, at each of so many levels:"""
MAX_LEVELS: Final = 4
_MORE: Final = "..."


class Origin(NamedTuple):
    """What a value was made of: of the `content`; of an attribute that is named as secrets are (`secret`), or of an
    object that `hides` members named so. `name` is that of the attribute, where it was one."""

    content: bool = False
    secret: bool = False
    hides: bool = False
    name: str = "value"

    def beside(self, other: Origin) -> Origin:
        """The origin of what is made of both."""
        name = self.name if other == NOTHING_PRIVATE else other.name
        return Origin(self.content or other.content, self.secret or other.secret, self.hides or other.hides, name)


NOTHING_PRIVATE: Final = Origin()


def hides_secrets(value: Any) -> bool:
    """Whether a member of `value`, at any depth, is named as secrets are."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if any(is_secret(name) for name in one):
                return True
            left.extend(one.values())
        elif isinstance(one, (list, tuple)):
            left.extend(one)
    return False


class Discretion:
    """Shows values as JSON values, or says why not. Whether something is true or false is never withheld: it is what
    the decision tells anyway."""

    def __init__(self, secrecy: Secrecy) -> None:
        self._secrecy = secrecy

    def why_withheld(self, value: Any, origin: Origin) -> str:
        """What to say instead of `value`; empty for one that may be shown."""
        if value is None or isinstance(value, bool):
            return ""
        if origin.content:
            return f"{_kind(value)} of the content"
        secret = origin.secret or (origin.hides and not isinstance(value, dict))
        return f"{_kind(value)}, secret by its name" if secret else ""

    def shown(self, value: Any, origin: Origin) -> Any:
        """`value`, without the secrets that detectors know, cut."""
        return _cut(self._secrecy.masked(origin.name, _plain(value, MAX_LEVELS)))


def _kind(value: Any) -> str:
    kind = kind_of(value)
    return f"{kind} of {len(value)}" if isinstance(value, (list, tuple, dict)) else kind


def _plain(value: Any, levels: int) -> Any:
    """`value` as a JSON value with as many items as may be shown; texts stay whole, for half a secret is one too."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)):
        return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124  NaN is not
    if isinstance(value, Optional):
        return {"optional": _plain(value.value, levels)} if value.present else "optional.none()"
    if isinstance(value, (list, tuple, dict)):
        return _members(value, levels)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.name if isinstance(value, CelType) else str(value)


def _members(value: list[Any] | tuple[Any, ...] | dict[Any, Any], levels: int) -> Any:
    if levels == 0:
        return _kind(value)
    if isinstance(value, dict):
        members = {str(key): _plain(item, levels - 1) for key, item in list(value.items())[:MAX_ITEMS]}
        members |= dict.fromkeys(filter(is_secret, members), WITHHELD)
        return members if len(value) <= MAX_ITEMS else members | {_MORE: f"{len(value) - MAX_ITEMS} more"}
    items = [_plain(item, levels - 1) for item in value[:MAX_ITEMS]]
    return items if len(value) <= MAX_ITEMS else [*items, f"{_MORE}{len(value) - MAX_ITEMS} more"]


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        whole = len(value) <= MAX_TEXT_CHARS or value == WITHHELD
        return value if whole else f"{value[: MAX_TEXT_CHARS - len(_MORE)]}{_MORE}"
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return {_cut(name): _cut(item) for name, item in value.items()} if isinstance(value, dict) else value
