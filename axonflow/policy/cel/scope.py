"""What an expression may name: the parts of a request, and what the host provides."""

from __future__ import annotations

from typing import Any, Final, Protocol

from msgspec import Struct

__all__ = ["FIELDS", "ROOTS", "Emitted", "Field", "Host"]


class Emitted(Struct, frozen=True):
    """Python source of an expression and the kind of its value; `path` names it in messages."""

    source: str
    kind: str
    path: str = "the value"


class Field(Struct, frozen=True):
    """A declared field of a record: its Python attribute and kind. Optional ones may be None."""

    attribute: str
    kind: str
    optional: bool = False


class Host(Protocol):
    """What the language asks of the engine around it. Both raise ValueError with a reason when they cannot."""

    def detectors(self, selector: str) -> tuple[str, ...]:
        """The ids that a category or an id stands for."""

    def pattern(self, pattern: str) -> Any:
        """`pattern` compiled to something with ``search(text) -> bool``, in linear time."""


ROOTS: Final = {
    "principal": Emitted("request.principal", "principal", "principal"),
    "resource": Emitted("request.resource", "resource", "resource"),
    "context": Emitted("request.context", "map", "context"),
    "action": Emitted("request.action", "string", "action"),
    "content": Emitted("request.content", "dyn", "content"),
    "time": Emitted("evaluation.timestamp()", "timestamp", "time"),
}

FIELDS: Final[dict[str, dict[str, Field]]] = {
    "principal": {
        "id": Field("id", "string"),
        "type": Field("type", "string"),
        "tenant": Field("tenant", "string"),
        "roles": Field("roles", "strings"),
        "groups": Field("groups", "strings"),
        "attributes": Field("attributes", "map"),
        "on_behalf_of": Field("on_behalf_of", "principal", optional=True),
    },
    "resource": {
        "type": Field("type", "string"),
        "id": Field("id", "string"),
        "attributes": Field("attributes", "map"),
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

RECORDS_WITH_ATTRIBUTES: Final = frozenset({"principal", "resource"})
