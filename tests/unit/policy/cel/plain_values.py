"""What the plain interpreter does with values: equality, arithmetic, elements, functions."""

import math

import re2

from axonflow.policy.cel.values import Uint

UINT_RANGE = range(2**64)
INT_RANGE = range(-(2**63), 2**63)
NUMBERS = {"int", "uint", "double"}


class Failed(Exception):  # noqa: N818  as in: the evaluation has failed
    """The expression has no value."""


class Perhaps:
    """An optional: `held` has one value or none."""

    def __init__(self, *held):
        self.held = held


def kind(value):
    names = {
        bytes: "bytes",
        Perhaps: "optional",
        bool: "bool",
        int: "int",
        Uint: "uint",
        float: "double",
        str: "string",
        list: "list",
        dict: "map",
        type(None): "null",
    }
    return names[type(value)]


def optional_field(value, wanted):
    for held in value.held if isinstance(value, Perhaps) else [value]:
        if not isinstance(held, dict):
            raise Failed("no map")
        return Perhaps(held[wanted]) if wanted in held else Perhaps()
    return Perhaps()


def has_field(value, wanted):
    if isinstance(value, Perhaps):
        return any(has_field(held, wanted) for held in value.held)
    if not isinstance(value, dict):
        raise Failed("no map")
    return wanted in value


def optional_element(value, key):
    for held in value.held if isinstance(value, Perhaps) else [value]:
        try:
            return Perhaps(element(held, key))
        except Absent:
            return Perhaps()
    return Perhaps()


class Absent(Failed):
    """No such element, of a value that has elements."""


def element(value, key):
    if isinstance(value, dict) and kind(key) in {"string", "int", "uint", "bool", "double"}:
        for known, item in value.items():
            if equal(known, key):
                return item
        raise Absent
    if isinstance(value, list) and kind(key) in NUMBERS and math.isfinite(key) and key == int(key):
        if key in range(len(value)):
            return value[int(key)]
        raise Absent
    raise Failed("no element")


def equal(left, right):
    kinds = {kind(left), kind(right)}
    if kinds <= NUMBERS:
        return left == right
    if len(kinds) == 2:
        return False
    if kinds == {"list"}:
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if kinds == {"optional"}:
        return len(left.held) == len(right.held) and all(map(equal, left.held, right.held))
    if kinds == {"map"}:
        return len(left) == len(right) and all(
            any(equal(key, other) and equal(value, right[other]) for other in right) for key, value in left.items()
        )
    return left == right


def ordered(operator, left, right):
    kinds = {kind(left), kind(right)}
    if not (kinds <= NUMBERS or kinds in ({"string"}, {"bool"}, {"bytes"})):
        raise Failed("not ordered")
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def arithmetic(operator, left, right):
    if kind(left) != kind(right):
        raise Failed("mixed")
    if operator == "+" and kind(left) in {"string", "list", "bytes"}:
        return left + right
    if kind(left) in {"int", "uint"}:
        return integers(operator, left, right)
    if kind(left) == "double" and operator != "%":
        return doubles(operator, left, right)
    raise Failed("no overload")


def doubles(operator, left, right):
    if operator == "/" and right == 0:  # IEEE 754, as no other division in Python
        sign = math.copysign(1, left) * math.copysign(1, right)
        return math.nan if left == 0 or math.isnan(left) else sign * math.inf
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1)}[operator]


def integers(operator, left, right):
    if operator in {"/", "%"} and right == 0:
        raise Failed("division by zero")
    value = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: truncated(left, right),
        "%": lambda: left - truncated(left, right) * right,
    }[operator]()
    unsigned = kind(left) == "uint"
    if value not in (UINT_RANGE if unsigned else INT_RANGE):
        raise Failed("overflow")
    return Uint(value) if unsigned else value


def truncated(left, right):
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def optional(value):
    if not isinstance(value, Perhaps):
        raise Failed("no optional")
    return value


def value_of(value):
    if not optional(value).held:
        raise Failed("no value")
    return value.held[0]


def size(value):
    if kind(value) not in {"string", "list", "map", "bytes"}:
        raise Failed("no size")
    return len(value)


def textual(function):
    def checked(text, part):
        if [kind(text), kind(part)] != ["string", "string"]:
            raise Failed("no text")
        return function(text, part)

    return checked


def matches(text, pattern):
    try:
        return re2.search(pattern.encode(), text.encode()) is not None
    except re2.error:
        raise Failed("no pattern") from None


def chars(value):
    if isinstance(value, dict):
        return sum(chars(key) + chars(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(chars, value))
    return len(str(value)) if isinstance(value, (str, int, float)) else 0


def texts(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [
            *(key for key in value if isinstance(key, str)),
            *(text for item in value.values() for text in texts(item)),
        ]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


ANY = {
    "dyn": lambda value: value,
    "size": size,
    "hasValue": lambda value: bool(optional(value).held),
    "value": value_of,
    "texts": texts,
    "chars": chars,
}
TEXT = {
    "contains": textual(lambda text, part: part in text),
    "startsWith": textual(lambda text, part: text[: len(part)] == part),
    "endsWith": textual(lambda text, part: text[::-1][: len(part)] == part[::-1]),
    "matches": textual(matches),
}
