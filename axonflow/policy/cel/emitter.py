"""Python source for a tree whose types are known. See compiler.py."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from axonflow.errors import ExpressionError
from axonflow.policy.cel import operators, syntax
from axonflow.policy.cel.bindings import Bindings
from axonflow.policy.cel.calls import Given, call, looked_at, prepared, ready
from axonflow.policy.cel.checker import LOOPS, Checked
from axonflow.policy.cel.fields import declared_element
from axonflow.policy.cel.guards import declared_guard
from axonflow.policy.cel.hints import path_of
from axonflow.policy.cel.operators import Emitted, Emitting
from axonflow.policy.cel.scope import FIELDS, RECORDS, Host
from axonflow.policy.cel.syntax import Constant, Node, Select
from axonflow.policy.cel.types import DYN, Type

__all__ = ["Emitter"]

_LOOPS: Final = {
    "exists": "exists",
    "all": "for_all",
    "exists_one": "exists_one",
    "filter": "keep",
    "map": "transform",
    "sortBy": "sorted_by",
    "transformList": "transform",
    "transformMap": "transform_map",
    "transformMapEntry": "transform_entries",
}


class Emitter:
    """Emits one tree in one form. Names of macros' variables are ours: ``v1``, ``v2``..."""

    def __init__(
        self,
        checked: Checked,
        bindings: Bindings,
        host: Host,
        *,
        careful: bool,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`variables` are those around the tree, by name, with the source that they stand for."""
        self._checked = checked
        self._bindings = bindings
        self._host = host
        self._careful = careful
        self._variables = variables
        self._loops = 0
        self._names = 0

    def emit(self, node: Node) -> str:
        """Source of the value of `node`."""
        source: str = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return source

    def guarded(self, node: Node, kind: str) -> str:
        """Source of `node`, looked at when evaluated unless it is sure to be of `kind`."""
        return looked_at(self._typed(node), kind)

    def _typed(self, node: Node) -> Emitted:
        return Emitted(self.emit(node), self._checked.type_of(node))

    @property
    def _where(self) -> Emitting:
        return Emitting(self._bindings, self._careful, self._loops > 0)

    # -- leaves and fields

    def _constant(self, node: Constant) -> str:
        return repr(node.value) if node.value is None or isinstance(node.value, bool) else self._bindings.literal(node)

    def _name(self, node: syntax.Name) -> str:
        return self._named(node) or self._variables[node.name]

    def _named(self, node: Node) -> str:
        """Source of the root or type that a name stands for; empty when it stands for neither."""
        root = self._checked.reference(node)
        if root is None:
            return ""
        if root.constant is not None:
            return self._bindings.fixed(root.constant)
        self._bindings.inspects |= root.inspects
        if "{every}" not in root.source:
            return root.source
        return root.source.format(every=self._bindings.fixed(self._detectors("*", node)))

    def _select(self, node: Select) -> str:
        named = self._named(node)
        if named:
            return named
        operand = self._typed(node.operand)
        name = self._bindings.fixed(node.field)
        if operand.type.name == "optional":
            return self._declared(f"optional_select({operand.source}, {name})", operand.type, node)
        if operand.type.name in FIELDS:
            field = FIELDS[operand.type.name].get(node.field)
            if field is not None:
                source = f"{operand.source}.{field.attribute}"
                return f"present({source}, {self._bindings.fixed(path_of(node))})" if field.optional else source
        source = _attributes(operand)
        if self._careful:
            read = f"select({source}, {name}, {self._bindings.fixed(path_of(node))})"
        else:
            read = f"{source}[{name}]"
        return self._declared(read, operand.type, node)

    def _declared(self, source: str, operand: Type, node: Select | syntax.OptionalSelect) -> str:
        """`source`, looked at if it reads an attribute that is declared."""
        held = operand.item if operand.name == "optional" else operand
        kind = held.field(node.field)
        path = f"{path_of(node.operand)}.{node.field}"
        return self._looked_at(source, kind, path, self._checked.type_of(node))

    def _looked_at(self, source: str, kind: Type | None, path: str, read: Type) -> str:
        if kind is None or kind == DYN:
            return source
        guard = self._bindings.fixed(declared_guard(kind, path))
        if read.name == "optional":
            return f"opt_map({source}, {guard})"
        return operators.of_class(source, kind.name, guard, self._where)

    def _has(self, node: syntax.Has) -> str:
        operand = self._typed(node.operand)
        if operand.type.name in FIELDS:
            field = FIELDS[operand.type.name].get(node.field)
            if field is not None:
                return f"({operand.source}.{field.attribute} is not None)" if field.optional else "True"
        name = self._bindings.fixed(node.field)
        source = _attributes(operand)
        if operand.type.name in RECORDS or operand.type.name == "map":
            return f"({name} in {source})"
        return f"has({source}, {name})"

    def _optionalselect(self, node: syntax.OptionalSelect) -> str:
        operand = self._typed(node.operand)
        name = self._bindings.fixed(node.field)
        if operand.type.name in FIELDS and node.field in FIELDS[operand.type.name]:
            return f"some({operand.source}.{FIELDS[operand.type.name][node.field].attribute})"
        return self._declared(f"optional_select({_attributes(operand)}, {name})", operand.type, node)

    def _index(self, node: syntax.Index) -> str:
        operand = self._typed(node.operand)
        key = self._typed(node.key)
        if operand.type.name == "optional":
            return self._declared_element(f"optional_index({operand.source}, {key.source})", operand.type.item, node)
        return self._declared_element(operators.element(operand, key, self._where), operand.type, node)

    def _optionalindex(self, node: syntax.OptionalIndex) -> str:
        operand = self._typed(node.operand)
        held = operand.type.item if operand.type.name == "optional" else operand.type
        return self._declared_element(f"optional_index({operand.source}, {self.emit(node.key)})", held, node)

    def _declared_element(self, source: str, operand: Type, node: syntax.Index | syntax.OptionalIndex) -> str:
        if not operand.fields or not isinstance(node.key, Constant):
            return source
        self._bindings.pin(node.key)  # its value tells which attribute this is
        path = f"{path_of(node.operand)}[{node.key.value!a}]"
        return self._looked_at(source, declared_element(operand, node), path, self._checked.type_of(node))

    # -- operators

    def _unary(self, node: syntax.Unary) -> str:
        if node.operator == "!":
            return f"(not {self.guarded(node.operand, 'bool')})"
        return f"negate({self.emit(node.operand)})"

    def _logical(self, node: syntax.Logical) -> str:
        operands = [self.guarded(operand, "bool") for operand in node.operands]
        if self._careful:
            function = "all_of" if node.operator == "&&" else "any_of"
            return f"{function}({', '.join(f'lambda: {operand}' for operand in operands)})"
        word = " and " if node.operator == "&&" else " or "
        return f"({word.join(operands)})"

    def _conditional(self, node: syntax.Conditional) -> str:
        return f"({self.emit(node.then)} if {self.guarded(node.test, 'bool')} else {self.emit(node.otherwise)})"

    def _binary(self, node: syntax.Binary) -> str:
        if node.operator == "in":
            return self._membership(node)
        left, right = self._typed(node.left), self._typed(node.right)
        if node.operator in operators.ARITHMETIC:
            return operators.arithmetic(node.operator, left, right, self._where)
        if node.operator in {"==", "!="}:
            equal = operators.equality(left, right, self._where)
            return equal if node.operator == "==" else f"(not {equal})"
        return operators.order(node.operator, left, right, self._where)

    def _membership(self, node: syntax.Binary) -> str:
        item = self._typed(node.left)
        literals = string_literals(node.right)
        if literals is not None and not self._careful:
            return f"({item.source} in {self._bindings.derived(_set_of, *literals)})"
        return operators.membership(item, self._typed(node.right), self._where)

    # -- calls

    def _call(self, node: syntax.Call) -> str:
        if node.function == "detected" and node.target is None:
            return self._detected(node)
        called = self._checked.called(node)
        if node.function == "matches" and isinstance(called.arguments[1], Constant):
            return self._matches(called.arguments[0], called.arguments[1])
        rows = [signature.row for signature in called.signatures]
        makers = dict(rows[-1].prepares)
        given = [self._given(argument, makers.get(at)) for at, argument in enumerate(called.arguments)]
        source = call(rows, given, in_loop=self._loops > 0)
        self._bindings.inspects |= "evaluation" in source
        return source

    def _given(self, node: Node, maker: str | None) -> Given:
        """An argument; of a literal what `maker` makes of it, now."""
        literals = [node] if isinstance(node, Constant) else string_literals(node)
        if maker is None or literals is None:
            if maker is not None:
                ready(maker)
            emitted = self._typed(node)
            return Given(emitted.source, emitted.type, is_literal=isinstance(node, Constant))
        make = prepared(maker, is_list=not isinstance(node, Constant))
        for literal in literals:  # each by itself: the place is that of the one at fault
            try:
                make(literal.value)
            except ValueError as error:
                raise ExpressionError(str(error), literal.offset) from None
        name = self._bindings.derived(make, *literals)
        return Given(name, self._checked.type_of(node), is_literal=True, is_prepared=True)

    def _detected(self, node: syntax.Call) -> str:
        """``detected("pii")`` or ``detected("pii.email", "pii.phone")``"""
        constants = [argument for argument in node.arguments if isinstance(argument, Constant)]
        for constant in constants:
            self._detectors(str(constant.value), node)
        self._bindings.inspects = True
        return f"evaluation.detected({self._bindings.derived(self._all_detectors, *constants)})"

    def _all_detectors(self, *selectors: str) -> tuple[str, ...]:
        return tuple(sorted({name for selector in selectors for name in self._host.detectors(selector)}))

    def _detectors(self, selector: str, node: Node) -> tuple[str, ...]:
        try:
            return self._host.detectors(selector)
        except ValueError as error:
            raise ExpressionError(str(error), node.offset) from None

    def _matches(self, text: Node, pattern: Constant) -> str:
        """A literal pattern, which is compiled now."""
        try:
            self._host.pattern(str(pattern.value))
        except ValueError as error:
            raise ExpressionError(str(error), pattern.offset) from None
        subject = self.guarded(text, "string")
        if self._loops:
            subject = f"charged(evaluation, {subject})"
        return f"{self._bindings.derived(self._host.pattern, pattern)}.search({subject})"

    # -- containers, macros and bindings

    def _listliteral(self, node: syntax.ListLiteral) -> str:
        return f"[{', '.join(map(self.emit, node.items))}]"

    def _maybe(self, node: syntax.Maybe) -> str:
        return f"*optional_items({self.guarded(node.operand, 'optional')})"

    def _mapliteral(self, node: syntax.MapLiteral) -> str:
        return f"make_map({', '.join(self._entry(key, value) for key, value in node.entries)})"

    def _entry(self, key: Node, value: Node) -> str:
        if not isinstance(value, syntax.Maybe):
            return f"({self.emit(key)}, {self.emit(value)})"
        held = self.guarded(value.operand, "optional")
        return f"*optional_entries({self.emit(key)}, {held})"

    def _macro(self, node: syntax.Macro) -> str:
        over = self._typed(node.target)
        self._names += 1
        variable = f"v{self._names}"
        outside = self._variables
        if node.macro not in LOOPS:
            self._variables = {**outside, node.variables[0]: variable}
            source = self._look_into(node, over, variable)
        else:
            items = [variable] if len(node.variables) == 1 else [f"{variable}[0]", f"{variable}[1]"]
            self._variables = {**outside, **dict(zip(node.variables, items, strict=True))}
            source = self._loop(node, over, variable)
        self._variables = outside
        self._names -= 1
        return source

    def _look_into(self, node: syntax.Macro, over: Emitted, variable: str) -> str:
        optional = looked_at(over, "optional")
        if node.macro == "optMap":
            return f"opt_map({optional}, lambda {variable}: {self.emit(node.body)})"
        return f"opt_flat_map({optional}, lambda {variable}: {self.guarded(node.body, 'optional')})"

    def _loop(self, node: syntax.Macro, over: Emitted, variable: str) -> str:
        self._loops += 1
        ranged = over.source if len(node.variables) == 1 else f"pairs({over.source})"
        if node.condition is not None:
            test = self.guarded(node.condition, "bool")
            ranged = f"keep(evaluation, lambda {variable}: {test}, {ranged})"
        is_test = node.macro in {"exists", "all", "exists_one", "filter"}
        body = self.guarded(node.body, "bool") if is_test else self.emit(node.body)
        self._loops -= 1
        self._bindings.inspects = True  # the loop's steps are counted there
        return f"{_LOOPS[node.macro]}(evaluation, lambda {variable}: {body}, {ranged})"

    def _bind(self, node: syntax.Bind) -> str:
        outside = self._variables
        parts: list[str] = []
        for name, value in node.values:
            source = self.emit(value)
            temporary = self._bindings.temporary()
            parts.append(f"{temporary} := {source}")
            self._variables = {**self._variables, name: temporary}
        parts.append(self.emit(node.body))
        self._variables = outside
        return f"({', '.join(parts)})[-1]"


def _attributes(operand: Emitted) -> str:
    return f"{operand.source}.attributes" if operand.type.name in RECORDS else operand.source


def string_literals(node: Node) -> list[Constant] | None:
    if not isinstance(node, syntax.ListLiteral):
        return None
    strings = [item for item in node.items if isinstance(item, Constant) and isinstance(item.value, str)]
    return strings if len(strings) == len(node.items) else None


def _set_of(*values: str) -> frozenset[str]:
    return frozenset(values)
