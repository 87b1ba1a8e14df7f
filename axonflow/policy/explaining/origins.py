"""Of what of a request the value of a part of a condition is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.reads import Reads
from axonflow.policy.cel.scope import RECORDS
from axonflow.policy.cel.syntax import Constant, Has, Index, Name, Node, OptionalIndex, OptionalSelect, Select
from axonflow.policy.deciding.attributes import is_secret
from axonflow.policy.deciding.foreseeing import mentions
from axonflow.policy.deciding.matching import reader
from axonflow.policy.explaining.discretion import NOTHING_PRIVATE, Origin, hides_secrets
from axonflow.policy.request import Request

__all__ = ["Origins"]

_CONTENT: Final = frozenset({"content", "findings"})
_ROOTS: Final = RECORDS | {"context"}


class Origins:
    """Tells origins for one request; what is known of an attribute is kept."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._hiding: dict[str, bool] = {}

    def of(self, node: Node, literals: Sequence[Any], around: Mapping[str, Origin]) -> Origin:
        """That of the value of `node`; `around` are those of the variables around it."""
        reads = Reads(node)
        paths = {*reads.paths, *reads.of(literals)}
        origin = Origin(
            mentions(node, _CONTENT),
            any(map(is_secret, paths)),
            any(map(self._hides, (*paths, *_whole(node)))),
            next(iter(paths)).rpartition(".")[2] if len(paths) == 1 else NOTHING_PRIVATE.name,
        )
        if around:
            for name in _names(node):
                origin = origin.beside(around.get(name, NOTHING_PRIVATE))
        return origin

    def of_path(self, path: str) -> Origin:
        """That of the attribute at `path`."""
        root = path.partition(".")[0]
        if root not in _ROOTS:
            return Origin(root in _CONTENT, name=path)
        return Origin(content=False, secret=is_secret(path), hides=self._hides(path), name=path.rpartition(".")[2])

    def _hides(self, path: str) -> bool:
        known = self._hiding.get(path)
        if known is None:
            known = self._hiding[path] = hides_secrets(self._read(path))
        return known

    def _read(self, path: str) -> Any:
        if "." in path:
            return reader(path)(self._request)
        root = getattr(self._request, path)
        return root if path == "context" else root.attributes


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, tuple):
        for item in node:
            yield from _names(item)
    elif isinstance(node, Struct):
        yield from _names(tuple(getattr(node, field) for field in node.__struct_fields__))


def _whole(node: Any) -> Iterator[str]:
    """The roots of which `node` may read anything: those that no name follows. A variable of such a name counts."""
    if isinstance(node, Name):
        root = node.name.lstrip(".")
        if root in _ROOTS:
            yield root
    elif isinstance(node, tuple):
        for item in node:
            yield from _whole(item)
    elif isinstance(node, Struct) and not _is_step(node):
        yield from _whole(tuple(getattr(node, field) for field in node.__struct_fields__))


def _is_step(node: Struct) -> bool:
    """Whether `node` is the first step of a path."""
    if isinstance(node, (Select, Has, OptionalSelect)):
        return isinstance(node.operand, Name)
    return (
        isinstance(node, (Index, OptionalIndex)) and isinstance(node.key, Constant) and isinstance(node.operand, Name)
    )
