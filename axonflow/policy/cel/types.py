"""The types of expressions. What a type says of a value is a promise: the checker infers only what is sure.

Source: cel-spec doc/langdef.md, Gradual Type Checking. A value of type ``dyn`` may be of any; where a function wants
more, the compiled code looks when it runs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

__all__ = [
    "BOOL",
    "BYTES",
    "CIDR",
    "DOUBLE",
    "DURATION",
    "DYN",
    "INT",
    "IP",
    "KEYS",
    "MOMENT",
    "NULL",
    "NUMBER",
    "NUMBERS",
    "SCALARS",
    "SEMVER",
    "SEVERAL",
    "STRING",
    "TIMESTAMP",
    "TYPE",
    "UINT",
    "Type",
    "bound",
    "fits",
    "join",
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
    def is_any(self) -> bool:
        return self.name == "dyn" or len(self.name) == 1

    @property
    def is_variable(self) -> bool:
        """Whether it is what a call gives it to be; see also SEVERAL."""
        return len(self.name) == 1 or self.name in SEVERAL

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
IP: Final = Type("net.IP")
CIDR: Final = Type("net.CIDR")
SEMVER: Final = Type("semver")
MOMENT: Final = Type("moment")
NUMBER: Final = Type("number")

NUMBERS: Final = frozenset({INT, UINT, DOUBLE})
SEVERAL: Final = {
    "moment": frozenset({TIMESTAMP, DURATION}),
    "number": NUMBERS,
    "ordered": NUMBERS | {BOOL, STRING, BYTES, TIMESTAMP, DURATION},
}
"""Type variables of functions that stand for some types only."""
SCALARS: Final = frozenset(
    {"null", "bool", "int", "uint", "double", "timestamp", "duration", "type", "moment", "number"}
    | {"net.IP", "net.CIDR", "semver"}
)
"""Types whose values are all of about one size."""
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


def fits(parameter: Type, given: Type, variables: dict[str, Type]) -> bool:
    """Whether a value of `given` may be one of `parameter`; notes in `variables` what the variables stand for."""
    if parameter.is_variable:
        allowed = SEVERAL.get(parameter.name)
        if allowed is not None and given != DYN and given not in allowed:
            return False
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


def bound(kind: Type, variables: dict[str, Type]) -> Type:
    """`kind` with its variables replaced; by dyn where nothing is known."""
    if kind.is_variable:
        return variables.get(kind.name, DYN)
    if not kind.parameters:
        return kind
    return Type(kind.name, tuple(bound(parameter, variables) for parameter in kind.parameters))
