"""The types of expressions. What a type says of a value is a promise: the checker infers only what is sure.

Source: cel-spec doc/langdef.md, Gradual Type Checking. A value of type ``dyn`` may be of any; where a function wants
more, the compiled code looks when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import Final

from msgspec import Struct

__all__ = [
    "BOOL",
    "BYTES",
    "DOUBLE",
    "DURATION",
    "DYN",
    "INT",
    "KEYS",
    "NULL",
    "NUMBERS",
    "SEMVER",
    "STRING",
    "TIMESTAMP",
    "TYPE",
    "UINT",
    "Type",
    "bound",
    "fits",
    "is_sure",
    "join",
    "joined",
    "list_of",
    "map_of",
    "optional_of",
    "parse_type",
]


class Type(Struct, frozen=True):
    """``name(parameters)``. A single capital letter is a type variable of a function.

    `fields` are of a map, by key: values that are looked at when they are read, for such a map comes from outside.
    """

    name: str
    parameters: tuple[Type, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name

    @property
    def is_variable(self) -> bool:
        return len(self.name) == 1

    @property
    def item(self) -> Type:
        """What the elements of a list are, the keys of a map, the value of an optional."""
        return self.parameters[0] if self.parameters else DYN

    def field(self, name: str) -> Type | None:
        """The declared type of a key, if there is one."""
        return next((kind for known, kind in self.fields if known == name), None)


DYN: Final = Type("dyn")
NULL: Final = Type("null")
BOOL: Final = Type("bool")
INT: Final = Type("int")
UINT: Final = Type("uint")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
BYTES: Final = Type("bytes")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
TYPE: Final = Type("type")
SEMVER: Final = Type("semver")

NUMBERS: Final = frozenset({INT, UINT, DOUBLE})
KEYS: Final = frozenset({BOOL, INT, UINT, STRING, DYN})
"""What a map's keys may be."""


@lru_cache(maxsize=1024)
def list_of(item: Type) -> Type:
    return Type("list", (item,))


@lru_cache(maxsize=1024)
def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


@lru_cache(maxsize=1024)
def optional_of(value: Type) -> Type:
    return Type("optional", (value,))


_PARAMETERS: Final = {"list": 1, "map": 2, "optional": 1}
_TOKEN: Final = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9.]*|[(),])")


@lru_cache(maxsize=1024)
def parse_type(text: str) -> Type:
    """The type that `text` names, in CEL's notation: ``map(string, list(int))``. Raises ValueError."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text) or len(tokens) > 64:
        raise ValueError(f"not a type: {text[:64]!a}")
    position, parsed = _parsed(tokens, 0, text)
    if position != len(tokens):
        raise ValueError(f"not a type: {text[:64]!a}")
    return parsed


def _parsed(tokens: list[str], position: int, text: str) -> tuple[int, Type]:
    name = tokens[position] if position < len(tokens) else ""
    if not name or name in "(),":
        raise ValueError(f"not a type: {text[:64]!a}")
    position += 1
    wanted = _PARAMETERS.get(name, 0)
    parameters: list[Type] = []
    if tokens[position : position + 1] == ["("]:
        while tokens[position : position + 1] == ["(" if not parameters else ","]:
            position, parameter = _parsed(tokens, position + 1, text)
            parameters.append(parameter)
        if tokens[position : position + 1] != [")"]:
            raise ValueError(f"not a type: {text[:64]!a}")
        position += 1
    elif wanted:
        parameters = [DYN] * wanted
    if len(parameters) != wanted:
        raise ValueError(f"{name} has {wanted} parameters, not {len(parameters)}")
    return position, Type(name, tuple(parameters))


def join(one: Type, other: Type) -> Type:
    """What is sure of a value that is either."""
    if one == other:
        return one
    if one.name != other.name or len(one.parameters) != len(other.parameters):
        return DYN
    return Type(one.name, tuple(map(join, one.parameters, other.parameters)))


def joined(kinds: Iterable[Type]) -> Type | None:
    """What is sure of a value that is of any of `kinds`; None of no kinds at all."""
    all_of_them = list(kinds)
    return reduce(join, all_of_them) if all_of_them else None


def fits(parameter: Type, given: Type, variables: dict[str, Type]) -> bool:
    """Whether a value of `given` may be one of `parameter`; notes in `variables` what the variables stand for."""
    if parameter.is_variable:
        known = variables.get(parameter.name)
        variables[parameter.name] = given if known is None else join(known, given)
        return True
    if DYN in {parameter, given}:
        return True
    return (
        parameter.name == given.name
        and len(parameter.parameters) == len(given.parameters)
        and all(fits(*pair, variables) for pair in zip(parameter.parameters, given.parameters, strict=True))
    )


def is_sure(parameter: Type, given: Type) -> bool:
    """Whether any value of `given` is one of `parameter`."""
    if parameter == DYN or parameter.is_variable:
        return True
    return parameter.name == given.name and all(map(is_sure, parameter.parameters, given.parameters))


def bound(kind: Type, variables: dict[str, Type]) -> Type:
    """`kind` with its variables replaced; by dyn where nothing is known."""
    if kind.is_variable:
        return variables.get(kind.name, DYN)
    if not kind.parameters:
        return kind
    return Type(kind.name, tuple(bound(parameter, variables) for parameter in kind.parameters))
