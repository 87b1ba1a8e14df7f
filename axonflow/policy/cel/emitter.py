"""Python source for a syntax tree, with the kinds of values checked as far as they are known. See compiler.py."""

from __future__ import annotations

from typing import Any, Final

from axonflow.errors import ExpressionError
from axonflow.policy.cel.calls import Given, called, dotted_name, flat_kind, string_literals
from axonflow.policy.cel.functions import IMPLEMENTATIONS
from axonflow.policy.cel.hints import did_you_mean, unknown_function, wrong_kinds
from axonflow.policy.cel.library import NAMESPACES, fitting, overloads
from axonflow.policy.cel.scope import FIELDS, RECORDS_WITH_ATTRIBUTES, ROOTS, Emitted, Host
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
    Node,
    Select,
    Unary,
)
from axonflow.policy.cel.values import TYPES, CelError, Uint

__all__ = ["Bindings", "Emitter"]

_MAX_TREE_DEPTH: Final = 40
"""Levels of source that CPython's own parser takes without complaint, with room to spare."""
_MAX_LOOP_NESTING: Final = 3

_CONSTANT_KINDS: Final = {bool: "bool", int: "int", Uint: "uint", float: "double", str: "string", bytes: "bytes"}
_NUMERIC: Final = frozenset({"int", "uint", "double"})
_LISTS: Final = frozenset({"list", "strings", "findings"})
_RECORDS: Final = frozenset(FIELDS)
_GUARDS: Final = {
    "bool": "as_bool",
    "string": "as_string",
    "timestamp": "as_timestamp",
    "list": "as_list",
}
_ARITHMETIC: Final = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_ORDER: Final = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_LOOPS: Final = {
    "exists": ("exists", "bool"),
    "all": ("for_all", "bool"),
    "exists_one": ("exists_one", "bool"),
    "filter": ("keep", "list"),
    "map": ("transform", "list"),
}
_ADDABLE: Final = _NUMERIC | {"string", "bytes", "list", "strings", "timestamp", "duration", "dyn"}


class Bindings:
    """The constants of one expression, in the order of their names c0, c1..."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.inspects = False
        self._temporaries = 0

    def add(self, value: Any) -> str:
        self.values.append(value)
        return f"c{len(self.values) - 1}"

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"


class Emitter:
    def __init__(self, bindings: Bindings, host: Host, *, careful: bool) -> None:
        self._bindings = bindings
        self._host = host
        self._careful = careful
        self._variables: dict[str, Emitted] = {}
        self._depth = 0
        self._loops = 0

    def emit(self, node: Node) -> Emitted:
        self._depth += 1
        if self._depth > _MAX_TREE_DEPTH:
            raise ExpressionError("nested too deep", node.offset, expected=f"at most {_MAX_TREE_DEPTH} levels")
        emitted: Emitted = getattr(self, f"_{type(node).__name__.lower()}")(node)
        self._depth -= 1
        return emitted

    # -- kinds

    def value(self, node: Node) -> Emitted:
        """A node whose value is passed around: not a record, which only its fields make sense of."""
        emitted = self.emit(node)
        if emitted.kind in _RECORDS - {"finding"}:
            raise ExpressionError(
                f"{emitted.path} is not a value",
                node.offset,
                expected="one of its fields",
                hint=f"Such as {emitted.path}.id.",
            )
        return emitted

    def _guarded(self, node: Node, kind: str, user: str) -> str:
        """Source of `node`, checked to be of `kind`: now if its kind is known, when evaluated otherwise."""
        emitted = self.value(node)
        if kind in {"dyn", emitted.kind} or (kind == "list" and emitted.kind in _LISTS):
            return emitted.source
        if emitted.kind == "dyn":
            return f"{_GUARDS[kind]}({emitted.source})"
        raise ExpressionError(f"wrong kind for {user}", node.offset, expected=kind, found=emitted.kind)

    # -- leaves and fields

    def _constant(self, node: Constant) -> Emitted:
        if node.value is None or isinstance(node.value, bool):
            return Emitted(repr(node.value), "null" if node.value is None else "bool")
        return Emitted(self._bindings.add(node.value), _CONSTANT_KINDS[type(node.value)])

    def _name(self, node: Name) -> Emitted:
        known = self._variables.get(node.name) or ROOTS.get(node.name)
        if known is not None:
            self._bindings.inspects |= node.name == "time"
            return known
        if node.name == "findings":
            self._bindings.inspects = True
            every = self._bindings.add(self._detectors("*", node))
            return Emitted(f"evaluation.findings({every})", "findings", "findings")
        if node.name in TYPES:
            return Emitted(self._bindings.add(TYPES[node.name]), "type")
        raise ExpressionError(
            "unknown name",
            node.offset,
            expected=", ".join([*ROOTS, "findings", *self._variables]),
            found=f"'{node.name[:64]}'",
            hint=did_you_mean(node.name, [*ROOTS, "findings"]),
        )

    def _select(self, node: Select) -> Emitted:
        root, _, _ = (dotted := dotted_name(node)).partition(".")
        named = TYPES.get(dotted)
        if named is not None and root not in self._variables:
            return Emitted(self._bindings.add(named), "type")
        operand = self.emit(node.operand)
        path = f"{operand.path}.{node.field}"
        if operand.kind in _RECORDS:
            field = FIELDS[operand.kind].get(node.field)
            if field is not None:
                source = f"{operand.source}.{field.attribute}"
                if field.optional:
                    source = f"present({source}, {self._bindings.add(path)})"
                return Emitted(source, field.kind, path)
            operand = self._attributes(operand, node)
        if operand.kind not in {"map", "dyn"}:
            raise ExpressionError(f"{operand.kind} has no fields", node.offset, found=f"'.{node.field[:64]}'")
        name = self._bindings.add(node.field)
        if self._careful:
            return Emitted(f"select({operand.source}, {name}, {self._bindings.add(path)})", "dyn", path)
        return Emitted(f"{operand.source}[{name}]", "dyn", path)

    def _attributes(self, record: Emitted, node: Select | Has) -> Emitted:
        if record.kind not in RECORDS_WITH_ATTRIBUTES:
            fields = ", ".join(FIELDS[record.kind])
            raise ExpressionError(
                f"unknown field of a {record.kind}", node.offset, expected=fields, found=f"'{node.field[:64]}'"
            )
        return Emitted(f"{record.source}.attributes", "map", record.path)

    def _has(self, node: Has) -> Emitted:
        operand = self.emit(node.operand)
        if operand.kind in _RECORDS:
            field = FIELDS[operand.kind].get(node.field)
            if field is not None:
                source = f"({operand.source}.{field.attribute} is not None)" if field.optional else "True"
                return Emitted(source, "bool")
            operand = self._attributes(operand, node)
        name = self._bindings.add(node.field)
        if operand.kind == "map":
            return Emitted(f"({name} in {operand.source})", "bool")
        if operand.kind == "dyn":
            return Emitted(f"has({operand.source}, {name})", "bool")
        raise ExpressionError(f"{operand.kind} has no fields", node.offset, found=f"has(.{node.field[:64]})")

    def _index(self, node: Index) -> Emitted:
        operand = self.value(node.operand)
        if operand.kind not in {"list", "strings", "findings", "map", "dyn"}:
            raise ExpressionError(f"{operand.kind} has no elements", node.offset, expected="a list or a map before [")
        kind = {"strings": "string", "findings": "finding"}.get(operand.kind, "dyn")
        return Emitted(f"index({operand.source}, {self.value(node.key).source})", kind, f"{operand.path}[]")

    # -- operators

    def _unary(self, node: Unary) -> Emitted:
        if node.operator == "!":
            return Emitted(f"(not {self._guarded(node.operand, 'bool', '!')})", "bool")
        operand = self.value(node.operand)
        if operand.kind not in {"int", "double", "dyn"}:
            raise ExpressionError("wrong kind for -", node.offset, expected="a number", found=operand.kind)
        return Emitted(f"negate({operand.source})", operand.kind)

    def _logical(self, node: Logical) -> Emitted:
        operands = [self._guarded(operand, "bool", node.operator) for operand in node.operands]
        if self._careful:
            function = "all_of" if node.operator == "&&" else "any_of"
            return Emitted(f"{function}({', '.join(f'lambda: {operand}' for operand in operands)})", "bool")
        word = " and " if node.operator == "&&" else " or "
        return Emitted(f"({word.join(operands)})", "bool")

    def _conditional(self, node: Conditional) -> Emitted:
        test = self._guarded(node.test, "bool", "?:")
        then, otherwise = self.value(node.then), self.value(node.otherwise)
        kind = then.kind if then.kind == otherwise.kind else "dyn"
        return Emitted(f"({then.source} if {test} else {otherwise.source})", kind)

    def _binary(self, node: Binary) -> Emitted:
        if node.operator == "in":
            return self._membership(node)
        left, right = self.value(node.left), self.value(node.right)
        if node.operator in _ARITHMETIC:
            return self._arithmetic(node, left, right)
        if node.operator in _ORDER:
            return self._order(node, left, right)
        # A Python string equals nothing but the same string, so CEL's equality is Python's there.
        plain = "string" in {left.kind, right.kind}
        equality = f"({left.source} == {right.source})" if plain else f"equal({left.source}, {right.source})"
        return Emitted(equality if node.operator == "==" else f"(not {equality})", "bool")

    def _arithmetic(self, node: Binary, left: Emitted, right: Emitted) -> Emitted:
        for side, operand in ((left, node.left), (right, node.right)):
            if side.kind not in _ADDABLE:
                raise ExpressionError(f"wrong kind for {node.operator}", operand.offset, found=side.kind)
        known = left.kind == right.kind and left.kind in _NUMERIC | {"string", "bytes", "list"}
        if not known and {left.kind, right.kind} <= _NUMERIC:
            raise ExpressionError(
                f"{node.operator} does not mix kinds of numbers", node.offset, hint="Convert one, such as with int()."
            )
        function = _ARITHMETIC[node.operator]
        return Emitted(f"{function}({left.source}, {right.source})", left.kind if known else "dyn")

    def _order(self, node: Binary, left: Emitted, right: Emitted) -> Emitted:
        kinds = {left.kind, right.kind}
        if "dyn" not in kinds and len(kinds) > 1 and not kinds <= _NUMERIC:
            raise ExpressionError(
                f"{node.operator} compares like with like", node.offset, found=f"{left.kind} and {right.kind}"
            )
        if kinds <= _NUMERIC or kinds == {"string"}:
            return Emitted(f"({left.source} {node.operator} {right.source})", "bool")
        if not self._careful and "dyn" in kinds and kinds & _NUMERIC:
            return Emitted(f"({self._as_number(left)} {node.operator} {self._as_number(right)})", "bool")
        return Emitted(f"{_ORDER[node.operator]}({left.source}, {right.source})", "bool")

    def _as_number(self, emitted: Emitted) -> str:
        """An inline check for the commonest kind; a call of as_number only for the rest (bool is not int in CEL)."""
        if emitted.kind in _NUMERIC:
            return emitted.source
        name = self._bindings.temporary()
        return f"({name} if ({name} := {emitted.source}).__class__ is int_class else as_number({name}))"

    def _membership(self, node: Binary) -> Emitted:
        item = self.value(node.left)
        literals = string_literals(node.right)
        if literals is not None and not self._careful:
            return Emitted(f"({item.source} in {self._bindings.add(literals)})", "bool")
        container = self.value(node.right)
        if container.kind == "strings" and item.kind == "string":
            return Emitted(f"({item.source} in {container.source})", "bool")
        if container.kind not in {"list", "strings", "findings", "map", "dyn"}:
            raise ExpressionError(
                "wrong kind for in", node.right.offset, expected="a list or a map", found=container.kind
            )
        return Emitted(f"contains({container.source}, {item.source})", "bool")

    # -- calls

    def _call(self, node: Call) -> Emitted:
        if node.function == "detected" and node.target is None:
            return self._detected(node)
        if node.function == "matches":
            return self._matches(node)
        name = self._namespaced(node) or node.function
        is_method = node.target is not None and name == node.function
        arguments = (node.target, *node.arguments) if is_method and node.target is not None else node.arguments
        rows = overloads(name, len(arguments), is_method=is_method)
        if not rows:
            raise unknown_function(node, name, len(arguments))
        makers = dict(rows[0].prepares)
        given = [self._given(argument, makers.get(position)) for position, argument in enumerate(arguments)]
        kinds = [one.kind for one in given]
        rows_left = fitting(rows, kinds)
        if not rows_left:
            raise wrong_kinds(node, rows, arguments, kinds)
        return called(rows_left, given, in_loop=self._loops > 0)

    def _namespaced(self, node: Call) -> str | None:
        """``math.abs`` of ``math.abs(x)``, unless ``math`` is the variable of a macro."""
        if isinstance(node.target, Name) and node.target.name in NAMESPACES and node.target.name not in self._variables:
            return f"{node.target.name}.{node.function}"
        return None

    def _given(self, node: Node, maker: str | None) -> Given:
        """An argument; of a literal what `maker` makes of it, now."""
        literal = node.value if isinstance(node, Constant) else string_literals(node)
        if maker is None or not isinstance(literal, (str, frozenset)):
            emitted = self.value(node)
            return Given(emitted.source, flat_kind(emitted.kind), isinstance(node, Constant))
        try:
            made = IMPLEMENTATIONS[maker](literal if isinstance(literal, str) else sorted(literal))
        except CelError as error:
            raise ExpressionError(str(error), node.offset) from None
        kind = "string" if isinstance(literal, str) else "list"
        return Given(self._bindings.add(made), kind, is_literal=True, is_prepared=True)

    def _argument(self, node: Node, kind: str, function: str) -> str:
        source = self._guarded(node, kind, f"{function}()")
        return source if not self._loops or isinstance(node, Constant) else f"charged(evaluation, {source})"

    def _detected(self, node: Call) -> Emitted:
        """``detected("pii")`` or ``detected("pii.email", "pii.phone")``"""
        selectors = [argument.value for argument in node.arguments if isinstance(argument, Constant)]
        if (
            not node.arguments
            or not all(isinstance(s, str) for s in selectors)
            or len(selectors) != len(node.arguments)
        ):
            raise ExpressionError(
                "detected() takes names of detectors", node.offset, expected='such as detected("pii.email")'
            )
        ids = sorted({name for selector in selectors for name in self._detectors(str(selector), node)})
        self._bindings.inspects = True
        return Emitted(f"evaluation.detected({self._bindings.add(tuple(ids))})", "bool")

    def _detectors(self, selector: str, node: Node) -> tuple[str, ...]:
        try:
            return self._host.detectors(selector)
        except ValueError as error:
            raise ExpressionError(str(error), node.offset) from None

    def _matches(self, node: Call) -> Emitted:
        arguments = (() if node.target is None else (node.target,)) + node.arguments
        pattern = arguments[-1] if len(arguments) == 2 else None
        if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            raise ExpressionError(
                "matches() takes a literal pattern", node.offset, expected="such as id.matches('^[a-z]+$')"
            )
        try:
            compiled = self._host.pattern(pattern.value)
        except ValueError as error:
            raise ExpressionError(str(error), pattern.offset) from None
        subject = self._argument(arguments[0], "string", "matches")
        return Emitted(f"{self._bindings.add(compiled)}.search({subject})", "bool")

    # -- containers and loops

    def _listliteral(self, node: ListLiteral) -> Emitted:
        return Emitted(f"[{', '.join(self.value(item).source for item in node.items)}]", "list")

    def _mapliteral(self, node: MapLiteral) -> Emitted:
        entries = (f"({self.value(key).source}, {self.value(value).source})" for key, value in node.entries)
        return Emitted(f"make_map({', '.join(entries)})", "map")

    def _macro(self, node: Macro) -> Emitted:
        over = self.value(node.target)
        if over.kind not in _LISTS | {"map", "dyn"}:
            raise ExpressionError(f"{node.macro}() ranges over lists and maps", node.offset, found=over.kind)
        self._loops += 1
        if self._loops > _MAX_LOOP_NESTING:
            raise ExpressionError("loops nested too deep", node.offset, expected=f"at most {_MAX_LOOP_NESTING} levels")
        item_kind = {"strings": "string", "findings": "finding"}.get(over.kind, "dyn")
        shadowed = self._variables.get(node.variable)
        variable = self._variables[node.variable] = Emitted(f"v{self._loops}", item_kind, node.variable)
        source, kind = self._loop(node, over, variable.source)
        if shadowed is None:
            del self._variables[node.variable]
        else:
            self._variables[node.variable] = shadowed
        self._loops -= 1
        self._bindings.inspects = True  # the loop's steps are counted there
        return Emitted(source, kind)

    def _loop(self, node: Macro, over: Emitted, variable: str) -> tuple[str, str]:
        function, kind = _LOOPS[node.macro]
        ranged = over.source
        if node.condition is not None:
            test = self._guarded(node.condition, "bool", "map()")
            ranged = f"keep(evaluation, lambda {variable}: {test}, {ranged})"
        body = (
            self.value(node.body).source if node.macro == "map" else self._guarded(node.body, "bool", f"{node.macro}()")
        )
        if node.macro == "filter" and over.kind in {"strings", "findings"}:
            kind = over.kind
        return f"{function}(evaluation, lambda {variable}: {body}, {ranged})", kind
