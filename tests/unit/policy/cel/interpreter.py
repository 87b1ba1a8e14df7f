"""CEL as plainly as it can be written: the referee of the compiled forms. Slow, and shares nothing with them but the
syntax tree. Source: cel-spec doc/langdef.md; where AxonFlow's own functions come in, docs/reference/expressions.md.
"""

import math

from axonflow.policy.cel.syntax import (
    Binary,
    Call,
    Conditional,
    Constant,
    Has,
    Index,
    ListLiteral,
    Logical,
    Macro,
    MapLiteral,
    Name,
    Select,
    Unary,
)
from axonflow.policy.cel.values import Uint

UINT_RANGE = range(2**64)
INT_RANGE = range(-(2**63), 2**63)
NUMBERS = {"int", "uint", "double"}
RECORDS = {
    "principal": {"id", "type", "tenant", "roles", "groups", "attributes", "on_behalf_of"},
    "resource": {"id", "type", "attributes"},
}


class Failed(Exception):  # noqa: N818  as in: the evaluation has failed
    """The expression has no value."""


def kind(value):
    names = {
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


def plain(value):
    return list(value) if isinstance(value, tuple) else value


def evaluate(node, request, scope=None):
    """The value of `node` on `request`, with the macro variables in `scope`. Raises Failed."""
    return plain(RULES[type(node)](node, request, scope or {}))


def boolean(node, request, scope):
    value = evaluate(node, request, scope)
    if not isinstance(value, bool):
        raise Failed("no bool")
    return value


# -- names and fields


def name(node, request, scope):
    return scope[node.name] if node.name in scope else getattr(request, node.name)


def record(node, request, scope):
    """The kind of record that `node` is and the record; None where it is a value."""
    if isinstance(node, Name) and node.name in RECORDS and node.name not in scope:
        return node.name, getattr(request, node.name)
    if isinstance(node, Select) and node.field == "on_behalf_of":
        above = record(node.operand, request, scope)
        if above and above[0] == "principal":
            if above[1].on_behalf_of is None:
                raise Failed("missing")
            return "principal", above[1].on_behalf_of
    return None


def select(node, request, scope):
    owner = record(node.operand, request, scope)
    if owner:
        what, value = owner
        return getattr(value, node.field) if node.field in RECORDS[what] else field(value.attributes, node.field)
    return field(evaluate(node.operand, request, scope), node.field)


def field(value, wanted):
    if not isinstance(value, dict) or wanted not in value:
        raise Failed("missing")
    return value[wanted]


def has(node, request, scope):
    owner = record(node.operand, request, scope)
    if owner:
        what, value = owner
        return getattr(value, node.field) is not None if node.field in RECORDS[what] else node.field in value.attributes
    value = evaluate(node.operand, request, scope)
    if not isinstance(value, dict):
        raise Failed("no map")
    return node.field in value


def index(node, request, scope):
    value, key = evaluate(node.operand, request, scope), evaluate(node.key, request, scope)
    if isinstance(value, dict) and kind(key) in {"string", "int", "uint", "bool", "double"}:
        for known, item in value.items():
            if equal(known, key):
                return item
    elif isinstance(value, list) and kind(key) in NUMBERS and key in range(len(value)):
        return value[int(key)]
    raise Failed("no element")


# -- operators


def equal(left, right):
    kinds = {kind(left), kind(right)}
    if kinds <= NUMBERS:
        return left == right
    if len(kinds) == 2:
        return False
    if kinds == {"list"}:
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if kinds == {"map"}:
        return len(left) == len(right) and all(
            any(equal(key, other) and equal(value, right[other]) for other in right) for key, value in left.items()
        )
    return left == right


def binary(node, request, scope):
    left, right = evaluate(node.left, request, scope), evaluate(node.right, request, scope)
    if node.operator in {"==", "!="}:
        return equal(left, right) == (node.operator == "==")
    if node.operator == "in":
        if kind(right) not in {"list", "map"}:
            raise Failed("no container")
        return any(equal(left, item) for item in right)
    if node.operator in {"<", "<=", ">", ">="}:
        return ordered(node.operator, left, right)
    return arithmetic(node.operator, left, right)


def ordered(operator, left, right):
    kinds = {kind(left), kind(right)}
    if not (kinds <= NUMBERS or kinds in ({"string"}, {"bool"})):
        raise Failed("not ordered")
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def arithmetic(operator, left, right):
    if kind(left) != kind(right):
        raise Failed("mixed")
    if operator == "+" and kind(left) in {"string", "list"}:
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


def logical(node, request, scope):
    return absorbing([lambda one=one: boolean(one, request, scope) for one in node.operands], node.operator == "||")


def absorbing(operands, deciding):
    """`deciding` if any operand is; else the failure if any failed; else the other. In no particular order."""
    values = []
    for operand in operands:
        try:
            values.append(operand())
        except Failed:
            values.append(None)
    if deciding in values:
        return deciding
    if None in values:
        raise Failed("undecided")
    return not deciding


def unary(node, request, scope):
    if node.operator == "!":
        return not boolean(node.operand, request, scope)
    value = evaluate(node.operand, request, scope)
    if kind(value) not in {"int", "double"} or (kind(value) == "int" and -value not in INT_RANGE):
        raise Failed("no negative")
    return -value


def conditional(node, request, scope):
    return evaluate(node.then if boolean(node.test, request, scope) else node.otherwise, request, scope)


# -- containers, loops and functions


def map_literal(node, request, scope):
    out = {}
    for key_node, value_node in node.entries:
        key, value = evaluate(key_node, request, scope), evaluate(value_node, request, scope)
        if kind(key) not in {"string", "int", "uint", "bool"} or key in out:
            raise Failed("no key")
        out[key] = value
    return out


def macro(node, request, scope):
    over = evaluate(node.target, request, scope)
    if kind(over) not in {"list", "map"}:
        raise Failed("no range")
    scopes = [{**scope, node.variables[0]: item} for item in over]
    if node.condition is not None:
        scopes = [one for one in scopes if boolean(node.condition, request, one)]
    if node.macro == "map":
        return [evaluate(node.body, request, one) for one in scopes]
    if node.macro == "filter":
        return [one[node.variables[0]] for one in scopes if boolean(node.body, request, one)]
    if node.macro == "exists_one":
        return sum(boolean(node.body, request, one) for one in scopes) == 1
    return absorbing([lambda one=one: boolean(node.body, request, one) for one in scopes], node.macro == "exists")


def call(node, request, scope):
    given = [node.target] * (node.target is not None) + list(node.arguments)
    arguments = [evaluate(one, request, scope) for one in given]
    if node.function == "dyn":
        return arguments[0]
    if node.function == "texts":
        return texts(arguments[0])
    if node.function == "chars":
        return chars(arguments[0])
    if node.function == "size":
        if kind(arguments[0]) not in {"string", "list", "map"}:
            raise Failed("no size")
        return len(arguments[0])
    if [kind(argument) for argument in arguments] != ["string", "string"]:
        raise Failed("no text")
    text, part = arguments
    return {
        "contains": part in text,
        "startsWith": text[: len(part)] == part,
        "endsWith": text[::-1][: len(part)] == part[::-1],
    }[node.function]


def texts(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [
            *(key for key in value if isinstance(key, str)),
            *(text for item in value.values() for text in texts(item)),
        ]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


def chars(value):
    if isinstance(value, dict):
        return sum(chars(key) + chars(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(chars, value))
    return len(str(value)) if isinstance(value, (str, int, float)) else 0


RULES = {
    Constant: lambda node, request, scope: node.value,
    Name: name,
    Select: select,
    Has: has,
    Index: index,
    Unary: unary,
    Binary: binary,
    Logical: logical,
    Conditional: conditional,
    ListLiteral: lambda node, request, scope: [evaluate(item, request, scope) for item in node.items],
    MapLiteral: map_literal,
    Macro: macro,
    Call: call,
}
