"""What an expression may name: the parts of a request, types, and what the host provides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from axonflow.policy.cel.types import BOOL, DOUBLE, DYN, INT, STRING, TIMESTAMP, TYPE, Type, list_of, parse_type
from axonflow.policy.cel.values import TYPES, CelType

__all__ = ["FIELDS", "RECORDS", "Field", "Host", "Root", "Scope", "request_scope"]


class Field(Struct, frozen=True):
    """A declared field of a record: its Python attribute and kind. Optional ones may be None."""

    attribute: str
    kind: str
    optional: bool = False

    @property
    def type(self) -> Type:
        return parse_type(self.kind)


class Host(Protocol):
    """What the language asks of the engine around it. Both raise ValueError with a reason when they cannot."""

    def detectors(self, selector: str) -> tuple[str, ...]:
        """The ids that a category or an id stands for."""

    def pattern(self, pattern: str) -> Any:
        """`pattern` compiled to something with ``search(text) -> bool``, in linear time."""


class Root(Struct, frozen=True):
    """A name that stands for a value: Python source for it, its type, and whether that asks the evaluation.

    ``{every}`` in the source is where the ids of all detectors go. `constant` is the value of a name of a type.
    """

    source: str
    type: Type
    inspects: bool = False
    constant: CelType | None = None


FIELDS: Final[dict[str, dict[str, Field]]] = {
    "principal": {
        "id": Field("id", "string"),
        "type": Field("type", "string"),
        "tenant": Field("tenant", "string"),
        "roles": Field("roles", "list(string)"),
        "groups": Field("groups", "list(string)"),
        "attributes": Field("attributes", "map(string, dyn)"),
        "on_behalf_of": Field("on_behalf_of", "principal", optional=True),
    },
    "resource": {
        "type": Field("type", "string"),
        "id": Field("id", "string"),
        "attributes": Field("attributes", "map(string, dyn)"),
    },
    "finding": {
        "detector": Field("detector", "string"),
        "category": Field("category", "string"),
        "severity": Field("severity", "string"),
        "path": Field("path", "string"),
        "start": Field("start", "int"),
        "end": Field("end", "int"),
        "confidence": Field("confidence", "double"),
        "validated": Field("validated", "bool"),
    },
}
"""Declared fields by record. Any other field of a principal or a resource is one of its attributes."""

RECORDS: Final = frozenset({"principal", "resource"})
"""Records that have attributes. They are no values: only their fields are."""


class Scope:
    """The names that stand for values: `roots`, which may have dots in them, and those of types.

    In `container` (``a.b``) the name ``x`` is ``a.b.x`` if there is one, else ``a.x``, else ``x``.
    """

    def __init__(self, roots: Mapping[str, Root], container: str = "") -> None:
        self.names: Final = tuple(roots)
        self._roots = {**_TYPE_NAMES, **roots}
        parts = container.split(".") if container else []
        self._prefixes = [".".join([*parts[:length], ""]) for length in range(len(parts), -1, -1)]
        self._heads = frozenset(name.split(".")[0] for name in self._roots if "." in name)

    def find(self, name: str) -> Root | None:
        """What `name` stands for; one with a leading dot is taken from outside any container."""
        if name.startswith("."):
            return self._roots.get(name[1:])
        return next((self._roots[prefix + name] for prefix in self._prefixes if prefix + name in self._roots), None)

    def has_dotted(self, head: str) -> bool:
        """Whether a name of several words may begin with `head`."""
        return head.removeprefix(".") in self._heads or len(self._prefixes) > 1


_TYPE_NAMES: Final = {name: Root("", TYPE, constant=value) for name, value in TYPES.items()}
_JSON_SCALARS: Final = frozenset({BOOL, INT, DOUBLE, STRING, DYN})
_ATTRIBUTE: Final = re.compile(r"(principal|resource|context)((?:\.[A-Za-z_][A-Za-z0-9_-]*){1,8})", re.ASCII)
_MAX_ATTRIBUTES: Final = 1_000

_Tree = dict[str, Any]


def request_scope(attributes: Mapping[str, str] | None = None) -> Scope:
    """The names of a request's parts; `attributes` are types by path, such as ``{"context.risk": "int"}``.

    Raises ValueError for a path or type that no attribute can have.
    """
    declared = attributes or {}
    if len(declared) > _MAX_ATTRIBUTES:
        raise ValueError(f"more than {_MAX_ATTRIBUTES} declared attributes")
    trees: dict[str, _Tree] = {"principal": {}, "resource": {}, "context": {}}
    for path, text in declared.items():
        _declare(trees, path, text)
    fields = {root: _fields(tree) for root, tree in trees.items()}
    return Scope({
        "principal": Root("request.principal", Type("principal", (), fields["principal"])),
        "resource": Root("request.resource", Type("resource", (), fields["resource"])),
        "context": Root("request.context", Type("map", (STRING, DYN), fields["context"])),
        "action": Root("request.action", STRING),
        "content": Root("request.content", DYN),
        "time": Root("evaluation.timestamp()", TIMESTAMP, inspects=True),
        "findings": Root("evaluation.findings({every})", list_of(Type("finding")), inspects=True),
    })  # fmt: skip


def _declare(trees: dict[str, _Tree], path: str, text: str) -> None:
    match = _ATTRIBUTE.fullmatch(path)
    if match is None:
        raise ValueError(f"not an attribute of principal, resource or context: {path[:64]!a}")
    root, names = match[1], match[2][1:].split(".")
    if root in FIELDS:
        if names[0] == "attributes" and len(names) > 1:
            names = names[1:]
        elif names[0] in FIELDS[root]:
            raise ValueError(f"{root}.{names[0]} has its type already: {FIELDS[root][names[0]].kind}")
    kind = parse_type(text)
    if not _is_json(kind):
        raise ValueError(
            f"{path}: no JSON value is a {kind}; bool, int, double, string, list(T) and map(string, T) are"
        )
    tree = trees[root]
    for name in names[:-1]:
        below = tree.setdefault(name, {})
        if isinstance(below, Type):
            raise ValueError(f"{path}: declared inside of an attribute that has a type of its own")  # noqa: TRY004  not of a caller's argument
        tree = below
    if names[-1] in tree:
        raise ValueError(f"{path} is declared twice, or attributes inside of it are")
    tree[names[-1]] = kind


def _is_json(kind: Type) -> bool:
    if kind.name == "map":
        return kind.item == STRING and _is_json(kind.parameters[1])
    return _is_json(kind.item) if kind.name == "list" else kind in _JSON_SCALARS


def _fields(tree: _Tree) -> tuple[tuple[str, Type], ...]:
    return tuple(
        (name, Type("map", (STRING, DYN), _fields(below)) if isinstance(below, dict) else below)
        for name, below in tree.items()
    )
