"""The attributes that rules read of requests: collected when they are compiled, read by one function per action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from msgspec import UNSET

from axonflow.detect.secrecy import WITHHELD
from axonflow.policy.cel.compiler import Condition, Shape
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Limit
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["MAX_PATHS", "PathsRead", "ReadAttributes", "is_secret", "reading_of"]

MAX_PATHS: Final = 64
"""Of one action; those that are first by name."""

ReadAttributes = Callable[[Request], tuple[tuple[str, Any], ...]]
"""Path and value of each attribute that is read; UNSET where the request has none: null is a value."""

_SAID_ANYWAY: Final = re.compile(
    r"action|content|principal(\.on_behalf_of)*\.(id|type|tenant|on_behalf_of)|resource\.(id|type)"
)
"""Paths of what a record of a decision says in fields of their own, or never says."""
_DELEGATION: Final = "principal.on_behalf_of."
_SECRET: Final = re.compile(
    r"passw|passphrase|secret|token\b|api[_-]?key|private|credential|authorization|cookie", re.IGNORECASE
)


def is_secret(path: str) -> bool:
    """Whether an attribute is named as secrets are: its value is shown to nobody."""
    return _SECRET.search(path) is not None


class PathsRead:
    """The paths that rules read, as they are added one by one, and the shapes of their conditions: a hundred thousand
    rules have few."""

    __slots__ = ("paths", "shapes")

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.shapes: set[Shape] = set()

    def add(self, rule: CompiledRule) -> None:
        """All that `rule` reads, but for what it is looked up by."""
        self._add(rule.condition)
        for waiver in rule.waivers:
            self._add(waiver.condition)
        for obligation in rule.obligations:
            if isinstance(obligation, Limit):
                self.paths.update(obligation.key)

    def _add(self, condition: Condition) -> None:
        shape = condition.shape
        if shape not in self.shapes:
            self.shapes.add(shape)
            self.paths.update(shape.filtered, shape.reads.paths)
        if shape.reads.places:
            self.paths.update(shape.reads.of(condition.literals))


def reading_of(paths: Iterable[str]) -> ReadAttributes:
    """One function that reads `paths`, or the first `MAX_PATHS` of them: made of one expression, for it is called with
    each decision. Of what is named as secrets are, it tells only that it is there."""
    return _reading_of(tuple(sorted({path for path in paths if not _SAID_ANYWAY.fullmatch(path)})[:MAX_PATHS]))


@lru_cache(maxsize=1024)
def _reading_of(paths: tuple[str, ...]) -> ReadAttributes:
    visible: dict[str, Any] = {"__builtins__": {}, "sought": _sought, "withheld": _withheld, "UNSET": UNSET}
    parts = [f"({path!r}, {_source_of(path)})," for path in paths]
    made: ReadAttributes = eval(f"lambda request: ({' '.join(parts)})", visible)  # noqa: S307  paths: literals only
    return made


def _source_of(path: str) -> str:
    source = f"withheld({_reading(path)})" if _SECRET.search(path) else _reading(path)
    # most act for nobody, which is quicker to see than that there is nothing at the end of a path
    return f"({source} if request.principal.on_behalf_of else UNSET)" if path.startswith(_DELEGATION) else source


def _reading(path: str) -> str:
    declared = STRING_FIELDS.get(path) or LIST_FIELDS.get(path)
    if declared is not None:
        return declared
    root, *names = path.split(".")
    if len(names) == 1 and (root == "context" or names[0] not in FIELDS[root]):
        container = "request.context" if root == "context" else f"request.{root}.attributes"
        return f"{container}.get({names[0]!r}, UNSET)"
    return f"sought(request.{root}, {tuple(names)!r})"


def _sought(value: Any, names: tuple[str, ...]) -> Any:
    """As ``matching.reach``, which cannot tell what is absent from what is null."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name, UNSET)
        elif isinstance(value, (Principal, Resource)):
            declared = FIELDS["principal" if isinstance(value, Principal) else "resource"].get(name)
            value = getattr(value, declared.attribute) if declared else value.attributes.get(name, UNSET)
        else:
            return UNSET
    return value


def _withheld(value: Any) -> Any:
    return value if value is None or value is UNSET else WITHHELD
