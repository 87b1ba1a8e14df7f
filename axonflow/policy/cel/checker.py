"""Syntax tree -> the type of every node, or the place where it can have no value.

Source: cel-spec doc/langdef.md, Gradual Type Checking. Where it has no answer the type is ``dyn``: a list of mixed
elements, for instance, is a list of dyn.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from axonflow.errors import ExpressionError
from axonflow.policy.cel import syntax
from axonflow.policy.cel.fields import element_type, field_type
from axonflow.policy.cel.hints import did_you_mean, not_called_so, path_of
from axonflow.policy.cel.overloads import NAMESPACES, Signature, arithmetic, is_ordered, named, resolve
from axonflow.policy.cel.scope import RECORDS, Root, Scope
from axonflow.policy.cel.syntax import Constant, Name, Node, Select
from axonflow.policy.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    KEYS,
    NULL,
    NUMBERS,
    STRING,
    UINT,
    Type,
    fits,
    join,
    joined,
    list_of,
    map_of,
    optional_of,
)
from axonflow.policy.cel.values import Uint

__all__ = ["LOOPS", "Called", "Checked", "Checker"]

_MAX_TREE_DEPTH: Final = 40
"""Levels of source that CPython's own parser takes without complaint, with room to spare."""
_MAX_LOOP_NESTING: Final = 3

_CONSTANTS: Final = {
    type(None): NULL,
    bool: BOOL,
    int: INT,
    Uint: UINT,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
}
_COMPARISONS: Final = frozenset({"==", "!="})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})
LOOPS: Final = frozenset(
    {"exists", "all", "exists_one", "filter", "map", "sortBy", "transformList", "transformMap", "transformMapEntry"}
)
_TESTS: Final = frozenset({"exists", "all", "exists_one", "filter"})
"""Macros whose body is true or false."""


class Called(NamedTuple):
    """What a call means: its arguments, a method's target first, and the signatures that they may fit."""

    arguments: tuple[Node, ...]
    signatures: tuple[Signature, ...]


class Checked:
    """A tree whose nodes have types. Nodes are told apart by identity: the same text may stand in two places."""

    __slots__ = ("_calls", "_references", "_types", "node")

    def __init__(
        self, node: Node, types: dict[int, Type], references: dict[int, Root], calls: dict[int, Called]
    ) -> None:
        self.node = node
        self._types = types
        self._references = references
        self._calls = calls

    def within(self, node: Node) -> Checked:
        """The part of the tree at `node`, outside of which no variable of it is."""
        return Checked(node, self._types, self._references, self._calls)

    def type_of(self, node: Node) -> Type:
        return self._types[id(node)]

    def reference(self, node: Node) -> Root | None:
        """What a name, or names with dots between them, stands for; None for a macro's variable or a field."""
        return self._references.get(id(node))

    def called(self, node: Node) -> Called:
        return self._calls[id(node)]


class Checker:
    """Checks one tree. All of its methods raise ExpressionError."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._types: dict[int, Type] = {}
        self._references: dict[int, Root] = {}
        self._calls: dict[int, Called] = {}
        self._variables: dict[str, Type] = {}
        self._depth = 0
        self._loops = 0

    def check(self, node: Node) -> Checked:
        """The types of `node` and all that is in it."""
        self._value(node)
        return Checked(node, self._types, self._references, self._calls)

    def _type(self, node: Node) -> Type:
        self._depth += 1
        if self._depth > _MAX_TREE_DEPTH:
            raise ExpressionError("nested too deep", node.offset, expected=f"at most {_MAX_TREE_DEPTH} levels")
        kind: Type = getattr(self, f"_{type(node).__name__.lower()}")(node)
        self._types[id(node)] = kind
        self._depth -= 1
        return kind

    def _value(self, node: Node) -> Type:
        """The type of a node whose value is passed around: not a record, which only its fields make sense of."""
        kind = self._type(node)
        if kind.name in RECORDS:
            raise _no_value(path_of(node), node.offset)
        return kind

    def _wanted(self, node: Node, kind: Type, user: str) -> Type:
        """The type of `node`, which must be able to be `kind`."""
        found = self._value(node)
        if not fits(kind, found, {}):
            raise ExpressionError(f"wrong kind for {user}", node.offset, expected=str(kind), found=str(found))
        return found

    # -- leaves and fields

    def _constant(self, node: Constant) -> Type:
        return _CONSTANTS[type(node.value)]

    def _name(self, node: Name) -> Type:
        known = self._variables.get(node.name)
        if known is not None:
            return known
        root = self._scope.find(node.name)
        if root is not None:
            self._references[id(node)] = root
            return root.type
        names = self._scope.names
        raise ExpressionError(
            "unknown name",
            node.offset,
            expected=", ".join([*names, *(name for name in self._variables if name.isidentifier())]),
            found=f"'{node.name[:64]}'",
            hint=did_you_mean(node.name, list(names)),
        )

    def _dotted(self, node: Node) -> str | None:
        """``a.b.c`` of such a selection when it may be one name; None when it starts with a variable or a value."""
        words: list[str] = []
        while isinstance(node, Select):
            words.append(node.field)
            node = node.operand
        if not isinstance(node, Name) or node.name in self._variables:
            return None
        return ".".join([node.name, *reversed(words)])

    def _select(self, node: Select) -> Type:
        dotted = self._dotted(node)
        if dotted is not None and self._scope.has_dotted(dotted.split(".")[0] or dotted.split(".")[1]):
            root = self._scope.find(dotted)
            if root is not None:
                self._references[id(node)] = root
                return root.type
        return field_type(self._type(node.operand), node.field, node.offset)

    def _has(self, node: syntax.Has) -> Type:
        field_type(self._type(node.operand), node.field, node.offset)
        return BOOL

    def _optionalselect(self, node: syntax.OptionalSelect) -> Type:
        kind = field_type(self._type(node.operand), node.field, node.offset)
        if kind.name in RECORDS:
            raise _no_value(f"{path_of(node.operand)}.{node.field}", node.offset)
        return kind if self._types[id(node.operand)].name == "optional" else optional_of(kind)

    def _index(self, node: syntax.Index) -> Type:
        return element_type(self._value(node.operand), self._value(node.key), node)

    def _optionalindex(self, node: syntax.OptionalIndex) -> Type:
        operand = self._value(node.operand)
        kind = element_type(operand, self._value(node.key), node)
        return kind if operand.name == "optional" else optional_of(kind)

    # -- operators

    def _unary(self, node: syntax.Unary) -> Type:
        if node.operator == "!":
            self._wanted(node.operand, BOOL, "!")
            return BOOL
        operand = self._value(node.operand)
        if operand not in {INT, DOUBLE, DYN}:
            raise ExpressionError("wrong kind for -", node.offset, expected="a number", found=str(operand))
        return operand

    def _logical(self, node: syntax.Logical) -> Type:
        for operand in node.operands:
            self._wanted(operand, BOOL, node.operator)
        return BOOL

    def _conditional(self, node: syntax.Conditional) -> Type:
        self._wanted(node.test, BOOL, "?:")
        return join(self._value(node.then), self._value(node.otherwise))

    def _binary(self, node: syntax.Binary) -> Type:
        left, right = self._value(node.left), self._value(node.right)
        if node.operator in _COMPARISONS:
            return BOOL
        if node.operator == "in":
            if right.name not in {"list", "map"} and right != DYN:
                raise ExpressionError(
                    "wrong kind for in", node.right.offset, expected="a list or a map", found=str(right)
                )
            return BOOL
        if node.operator in _ORDER:
            if not is_ordered(left, right):
                raise ExpressionError(
                    f"{node.operator} compares like with like", node.offset, found=f"{left} and {right}"
                )
            return BOOL
        result = arithmetic(node.operator, left, right)
        if result is None:
            raise _no_arithmetic(node, left, right)
        return result

    # -- calls

    def _call(self, node: syntax.Call) -> Type:
        if node.function == "detected" and node.target is None:
            return self._detected(node)
        owner = None if node.target is None else self._dotted(node.target)
        is_method = node.target is not None and owner not in NAMESPACES
        name = f"{owner}.{node.function}" if owner in NAMESPACES else node.function
        arguments = (node.target, *node.arguments) if is_method and node.target is not None else node.arguments
        kinds = tuple([self._value(argument) for argument in arguments])
        signatures, result = resolve(name, is_method, kinds)
        if not signatures:
            raise not_called_so(node, name, named(name, is_method=is_method), arguments, kinds)
        self._calls[id(node)] = Called(arguments, signatures)
        return result

    def _detected(self, node: syntax.Call) -> Type:
        if not node.arguments or not all(map(_is_text, node.arguments)):
            raise ExpressionError(
                "detected() takes names of detectors", node.offset, expected='such as detected("pii.email")'
            )
        return BOOL

    # -- containers, macros and bindings

    def _listliteral(self, node: syntax.ListLiteral) -> Type:
        return list_of(joined([self._entry(item) for item in node.items]) or DYN)

    def _mapliteral(self, node: syntax.MapLiteral) -> Type:
        keys = [self._value(key) for key, _ in node.entries]
        for kind, (key, _) in zip(keys, node.entries, strict=True):
            if kind not in KEYS:
                raise ExpressionError(
                    f"{kind} is not a map key", key.offset, expected="bool, int, uint or string", found=str(kind)
                )
        values = [self._entry(value) for _, value in node.entries]
        return map_of(joined(keys) or DYN, joined(values) or DYN)

    def _entry(self, node: Node) -> Type:
        return self._type(node) if isinstance(node, syntax.Maybe) else self._value(node)

    def _maybe(self, node: syntax.Maybe) -> Type:
        return self._wanted(node.operand, optional_of(DYN), "?").item

    def _macro(self, node: syntax.Macro) -> Type:
        over = self._value(node.target)
        if node.macro not in LOOPS:
            return self._look_into(node, over)
        if over.name not in {"list", "map"} and over != DYN:
            raise ExpressionError(f"{node.macro}() ranges over lists and maps", node.offset, found=str(over))
        self._loops += 1
        if self._loops > _MAX_LOOP_NESTING:
            raise ExpressionError("loops nested too deep", node.offset, expected=f"at most {_MAX_LOOP_NESTING} levels")
        kinds = (over.item,) if len(node.variables) == 1 else _pair(over)
        with_variables = dict(zip(node.variables, kinds, strict=True))
        if node.condition is not None:
            self._within(with_variables, node.condition, BOOL, node.macro)
        body = self._within(with_variables, node.body, BOOL if node.macro in _TESTS else None, node.macro)
        self._loops -= 1
        return self._looped(node, over, body)

    @staticmethod
    def _looped(node: syntax.Macro, over: Type, body: Type) -> Type:
        if node.macro in {"filter", "sortBy"}:
            return list_of(over.item)
        if node.macro in {"map", "transformList"}:
            return list_of(body)
        if node.macro == "transformMap":
            return map_of(_pair(over)[0], body)
        if node.macro == "transformMapEntry":
            if body.name != "map" and body != DYN:
                raise ExpressionError(
                    "transformMapEntry() makes entries", node.body.offset, expected="a map", found=str(body)
                )
            return body if body.name == "map" else map_of(DYN, DYN)
        return BOOL

    def _look_into(self, node: syntax.Macro, over: Type) -> Type:
        """``optMap`` and ``optFlatMap``"""
        if not fits(optional_of(DYN), over, {}):
            raise ExpressionError(f"{node.macro}() looks into an optional", node.offset, found=str(over))
        wanted = optional_of(DYN) if node.macro == "optFlatMap" else None
        body = self._within({node.variables[0]: over.item}, node.body, wanted, node.macro)
        if wanted is None:
            return optional_of(body)
        return body if body.name == "optional" else optional_of(DYN)

    def _bind(self, node: syntax.Bind) -> Type:
        names: dict[str, Type] = {}
        for name, value in node.values:
            names[name] = self._within(names, value, None, "cel.bind")
        return self._within(names, node.body, None, "cel.bind")

    def _within(self, names: dict[str, Type], node: Node, wanted: Type | None, user: str) -> Type:
        """The type of `node`, in which `names` are variables."""
        outside = self._variables
        self._variables = {**outside, **names}
        kind = self._value(node) if wanted is None else self._wanted(node, wanted, f"{user}()")
        self._variables = outside
        return kind


def _no_value(path: str, offset: int) -> ExpressionError:
    return ExpressionError(f"{path} is not a value", offset, expected="one of its fields", hint=f"Such as {path}.id.")


def _pair(over: Type) -> tuple[Type, Type]:
    """What two variables of a loop stand for: a list's positions and items, a map's keys and values."""
    if over.name == "list":
        return INT, over.item
    return (over.parameters[0], over.parameters[1]) if over.name == "map" else (DYN, DYN)


def _is_text(node: Node) -> bool:
    return isinstance(node, Constant) and isinstance(node.value, str)


def _no_arithmetic(node: syntax.Binary, left: Type, right: Type) -> ExpressionError:
    if {left, right} <= NUMBERS and left != right:
        return ExpressionError(
            f"{node.operator} does not mix kinds of numbers", node.offset, hint="Convert one, such as with int()."
        )
    for kind, operand in ((left, node.left), (right, node.right)):
        if arithmetic(node.operator, kind, DYN) is None and arithmetic(node.operator, DYN, kind) is None:
            return ExpressionError(f"wrong kind for {node.operator}", operand.offset, found=str(kind))
    return ExpressionError(f"{node.operator} does not take {left} and {right}", node.offset)
