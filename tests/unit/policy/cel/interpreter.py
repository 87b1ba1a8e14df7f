"""CEL as plainly as it can be written: the referee of the compiled forms. Slow, and shares nothing with them but the
syntax tree. Source: cel-spec doc/langdef.md; where AxonFlow's own functions come in, docs/reference/expressions.md.
"""

from axonflow.policy.cel.syntax import (
    Binary,
    Bind,
    Call,
    Conditional,
    Constant,
    Has,
    Index,
    ListLiteral,
    Logical,
    Macro,
    MapLiteral,
    Maybe,
    Name,
    OptionalIndex,
    OptionalSelect,
    Select,
    Unary,
)
from tests.unit.policy.cel.plain_values import (
    ANY,
    INT_RANGE,
    TEXT,
    Failed,
    Perhaps,
    arithmetic,
    element,
    equal,
    has_field,
    kind,
    optional,
    optional_element,
    optional_field,
    ordered,
)

RECORDS = {
    "principal": {"id", "type", "tenant", "roles", "groups", "attributes", "on_behalf_of"},
    "resource": {"id", "type", "attributes"},
}


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
    if isinstance(value, Perhaps):
        return optional_field(value, wanted)
    if not isinstance(value, dict) or wanted not in value:
        raise Failed("missing")
    return value[wanted]


def optional_select(node, request, scope):
    owner = record(node.operand, request, scope)
    if owner:
        what, value = owner
        return (
            Perhaps(getattr(value, node.field))
            if node.field in RECORDS[what]
            else optional_field(value.attributes, node.field)
        )
    return optional_field(evaluate(node.operand, request, scope), node.field)


def has(node, request, scope):
    owner = record(node.operand, request, scope)
    if owner:
        what, value = owner
        return getattr(value, node.field) is not None if node.field in RECORDS[what] else node.field in value.attributes
    value = evaluate(node.operand, request, scope)
    if isinstance(value, Perhaps):
        return any(has_field(held, node.field) for held in value.held)
    return has_field(value, node.field)


def index(node, request, scope):
    value, key = evaluate(node.operand, request, scope), evaluate(node.key, request, scope)
    if isinstance(value, Perhaps):
        return optional_element(value, key)
    return element(value, key)


def optional_index(node, request, scope):
    return optional_element(evaluate(node.operand, request, scope), evaluate(node.key, request, scope))


# -- operators


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


def list_literal(node, request, scope):
    return [item for one in node.items for item in entries(one, request, scope)]


def entries(node, request, scope):
    """The one value of `node`; that of an optional behind a question mark only if there is one."""
    if not isinstance(node, Maybe):
        return [evaluate(node, request, scope)]
    value = evaluate(node.operand, request, scope)
    if not isinstance(value, Perhaps):
        raise Failed("no optional")
    return value.held


def map_literal(node, request, scope):
    out = {}
    for key_node, value_node in node.entries:
        key = evaluate(key_node, request, scope)
        for value in entries(value_node, request, scope):
            if kind(key) not in {"string", "int", "uint", "bool"} or key in out:
                raise Failed("no key")
            out[key] = value
    return out


def macro(node, request, scope):
    over = evaluate(node.target, request, scope)
    if node.macro in {"optMap", "optFlatMap"}:
        return look_into(node, over, request, scope)
    if kind(over) not in {"list", "map"}:
        raise Failed("no range")
    scopes = [{**scope, **names} for names in ranged(node, over)]
    if node.condition is not None:
        scopes = [one for one in scopes if boolean(node.condition, request, one)]
    first = node.variables[0]
    if node.macro in {"map", "transformList"}:
        return [evaluate(node.body, request, one) for one in scopes]
    if node.macro == "sortBy":
        return by_keys([one[first] for one in scopes], [evaluate(node.body, request, one) for one in scopes])
    if node.macro == "transformMap":
        return {one[first]: evaluate(node.body, request, one) for one in scopes}
    if node.macro == "transformMapEntry":
        return united([evaluate(node.body, request, one) for one in scopes])
    if node.macro == "filter":
        return [one[first] for one in scopes if boolean(node.body, request, one)]
    if node.macro == "exists_one":
        return sum(boolean(node.body, request, one) for one in scopes) == 1
    return absorbing([lambda one=one: boolean(node.body, request, one) for one in scopes], node.macro == "exists")


def ranged(node, over):
    """What the variables of a loop are, one time after the other."""
    if len(node.variables) == 1:
        return [{node.variables[0]: item} for item in over]
    pairs = over.items() if isinstance(over, dict) else enumerate(over)
    return [dict(zip(node.variables, pair, strict=True)) for pair in pairs]


def by_keys(items, keys):
    for key in keys:
        no_order = kind(key) in {"null", "list", "map", "type", "optional"} or not equal(key, key)
        if no_order or kind(key) != kind(keys[0]):
            raise Failed("no order")
    places = sorted(range(len(items)), key=lambda place: (keys[place], place))
    return [items[place] for place in places]


def united(maps):
    out = {}
    for one in maps:
        if not isinstance(one, dict) or any(key in out for key in one):
            raise Failed("no entries of their own")
        out.update(one)
    return out


def look_into(node, over, request, scope):
    if not isinstance(over, Perhaps):
        raise Failed("no optional")
    for held in over.held:
        value = evaluate(node.body, request, {**scope, node.variables[0]: held})
        if node.macro == "optMap":
            return Perhaps(value)
        if not isinstance(value, Perhaps):
            raise Failed("no optional")
        return value
    return over


def bind(node, request, scope):
    for known, value in node.values:
        scope = {**scope, known: evaluate(value, request, scope)}
    return evaluate(node.body, request, scope)


def call(node, request, scope):
    if isinstance(node.target, Name) and node.target.name == "optional":
        return optional_call(node, [evaluate(one, request, scope) for one in node.arguments])
    if node.function in {"or", "orValue"}:
        value = optional(evaluate(node.target, request, scope))
        if value.held:
            return value if node.function == "or" else value.held[0]
        other = evaluate(node.arguments[0], request, scope)
        return optional(other) if node.function == "or" else other
    given = [node.target] * (node.target is not None) + list(node.arguments)
    arguments = [evaluate(one, request, scope) for one in given]
    return (TEXT if node.function in TEXT else ANY)[node.function](*arguments)


def optional_call(node, arguments):
    if node.function == "none":
        return Perhaps()
    (value,) = arguments
    zero = not (value.held if isinstance(value, Perhaps) else value)
    return Perhaps() if node.function == "ofNonZeroValue" and zero else Perhaps(value)


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
    ListLiteral: list_literal,
    Bind: bind,
    OptionalSelect: optional_select,
    OptionalIndex: optional_index,
    MapLiteral: map_literal,
    Macro: macro,
    Call: call,
}
