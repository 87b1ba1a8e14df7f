"""Values in Cedar's conditions, as expressions of ours.

An expression either has the value that Cedar's has, or none: what Cedar refuses, such as ``"a" + "b"``, has none here
either. What is of no known kind is an attribute; its kind is asked for where that makes a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from axonflow.policy.cel.lexer import MAX_EXPRESSION_CHARS
from axonflow.policy.importing.cedar.constants import constant
from axonflow.policy.importing.cedar.naming import CedarNames
from axonflow.policy.importing.cedar.printer import printed_expression
from axonflow.policy.importing.cedar.syntax import (
    Arithmetic,
    Attribute,
    Conditional,
    EntityRef,
    Expression,
    Extension,
    Method,
    Negation,
    RecordLiteral,
    SetLiteral,
    Value,
    Variable,
)
from axonflow.policy.importing.expressions import (
    ADDITIVE,
    CHOICE,
    MULTIPLICATIVE,
    SIGN,
    Cel,
    member_text,
    text_literal,
    within,
)
from axonflow.policy.importing.report import UnsupportedError

__all__ = ["LISTS", "TEXTS", "UNKNOWN", "Operands", "Present", "bounded", "check_told_apart", "too_long", "unsupported"]

UNKNOWN: Final = "unknown"
_SCALARS: Final = frozenset({"bool", "long", "string", "entity"})
_KINDS: Final = {
    "bool": "bool", "int": "long", "string": "string", "entity": "entity", "double": "decimal", "decimal": "decimal",
    "ip": "ip",
}  # fmt: skip
"""The kind of an attribute by its declared type; of times, which are text in requests, see `_READ`."""
_FLAT_LISTS: Final = frozenset({"list(bool)", "list(int)", "list(string)"})
LISTS: Final = frozenset({"principal.roles", "principal.groups"})
TEXTS: Final = frozenset({"principal.id", "principal.type", "principal.tenant", "resource.id", "resource.type"})
"""What every request has."""
_READ: Final = {"datetime": "timestamp", "duration": "duration"}
_PARTS: Final = {
    "toDays": ("{}.getHours() / 24", MULTIPLICATIVE),
    "toHours": ("{}.getHours()", SIGN + 1),
    "toMinutes": ("{}.getMinutes()", SIGN + 1),
    "toSeconds": ("{}.getSeconds()", SIGN + 1),
    "toMilliseconds": ("{0}.getSeconds() * 1000 + {0}.getMilliseconds()", ADDITIVE),
}
_MAX_SHOWN: Final = 120

Present = frozenset[str]
"""The texts of attributes that are known to be there, for somebody asked ``has``."""


def unsupported(node: Expression, why: str, hint: str | None = None) -> UnsupportedError:
    """The error that names `node` by its own text."""
    shown = printed_expression(node)
    return UnsupportedError(
        node.offset, shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN - 3]}...", why, hint
    )


def bounded(node: Expression, value: Cel) -> Cel:
    """`value`, which `node` is. Raises UnsupportedError where it is longer than any expression: some operators name an
    operand twice, so without a bound what is nested doubles at each level."""
    if len(value.text) > MAX_EXPRESSION_CHARS:
        raise too_long(node)
    return value


def too_long(node: Expression) -> UnsupportedError:
    """The error that `node` is longer than any expression of ours."""
    return unsupported(node, f"it would be longer than the {MAX_EXPRESSION_CHARS} characters of an expression here")


def check_told_apart(node: Expression, one: Cel, other: Cel) -> None:
    """Raises UnsupportedError where what is compared holds entities and strings: both are text here, and never equal
    in Cedar."""
    kinds = {one.kind, other.kind} | one.inside | other.inside
    if {"entity", "string"} <= kinds:
        raise unsupported(node, "an entity is text here, and would be equal to a string")


def _kinds_of(values: Sequence[Cel]) -> frozenset[str]:
    return frozenset([one.kind for one in values]).union(*[one.inside for one in values])


def _common_kind(node: Expression, one: str, other: str) -> str:
    """What is known of a value that is either; an entity that might be a string would be equal to one."""
    if one == other:
        return one
    if "entity" not in {one, other}:
        return UNKNOWN
    if UNKNOWN not in {one, other}:
        raise unsupported(node, f"one of a {one} and a {other} has no counterpart here")
    return "entity"


class Operands:
    """`truth` is how a condition inside of a value is said, exactly."""

    def __init__(self, names: CedarNames, truth: Callable[[Expression, Present], Cel]) -> None:
        self._names = names
        self._truth = truth
        self._makers: dict[type, Callable[..., Cel]] = {
            Value: self._constant,
            Variable: self._variable,
            EntityRef: self._entity,
            SetLiteral: self._set,
            RecordLiteral: self._record,
            Extension: lambda node, _present: constant(node),
            Method: self._method,
            Attribute: self._attribute,
            Negation: self._negation,
            Arithmetic: self._arithmetic,
            Conditional: self._conditional,
        }

    def value(self, node: Expression, present: Present) -> Cel:
        """The expression for the value of `node`. Raises UnsupportedError."""
        make = self._makers.get(type(node))
        return self._truth(node, present) if make is None else bounded(node, make(node, present))

    def coerced(self, value: Cel, kind: str, node: Expression) -> Cel:
        """`value`, which `node` is, as one of `kind`: an attribute is read so. Raises UnsupportedError."""
        if value.kind == kind:
            return value
        if value.kind != UNKNOWN or value.inside - {UNKNOWN, kind}:
            found = ", ".join(sorted({value.kind, *value.inside} - {UNKNOWN, kind}))
            raise unsupported(node, f"it is of kind {found}, and compared with one of kind {kind}")
        if kind in _READ:
            return Cel(f'{_READ[kind]}("" + {within(value, ADDITIVE + 1)})', kind=kind, fails=True)
        return value._replace(kind=kind, fails=True)

    # --

    def _constant(self, node: Value, _present: Present) -> Cel:
        if isinstance(node.value, bool):
            return Cel("true" if node.value else "false")
        if isinstance(node.value, str):
            return Cel(text_literal(node.value), kind="string")
        return Cel(str(node.value), SIGN if node.value < 0 else SIGN + 1, "long")

    def _variable(self, node: Variable, _present: Present) -> Cel:
        if node.name == "context":
            return Cel("context", kind="record")
        if node.name == "action":
            raise unsupported(node, "an action can be compared with actions, and nothing else")
        return Cel(f'{node.name}.type + ":" + {node.name}.id', ADDITIVE, "entity")

    def _entity(self, node: EntityRef, _present: Present) -> Cel:
        return Cel(text_literal(self._names.entity_text(node)), kind="entity")

    def _items(self, nodes: Sequence[Expression], present: Present) -> list[Cel]:
        items = [self.value(node, present) for node in nodes]
        for item, node in zip(items, nodes, strict=True):
            if item.kind not in _SCALARS | {UNKNOWN}:
                raise unsupported(node, f"a {item.kind} inside of a set or a record has no counterpart here")
        return items

    def _set(self, node: SetLiteral, present: Present) -> Cel:
        items = self._items(node.items, present)
        text = "[" + ", ".join([within(one, CHOICE + 1) for one in items]) + "]"
        flat = all(one.kind in _SCALARS for one in items)
        inside = _kinds_of(items)
        return Cel(text, kind="set", fails=any(one.fails for one in items), is_flat=flat, inside=inside)

    def _record(self, node: RecordLiteral, present: Present) -> Cel:
        items = self._items([item for _, item in node.entries], present)
        entries = [
            f"{text_literal(name)}: {within(one, CHOICE + 1)}"
            for (name, _), one in zip(node.entries, items, strict=True)
        ]
        flat = all(one.kind in _SCALARS for one in items)
        text = "{" + ", ".join(entries) + "}"
        inside = _kinds_of(items)
        return Cel(text, kind="record", fails=any(one.fails for one in items), is_flat=flat, inside=inside)

    # -- attributes

    def _attribute(self, node: Attribute, present: Present) -> Cel:
        if isinstance(node.target, Variable):
            return self._of_variable(node, node.target, present)
        target = self.value(node.target, present)
        if target.kind != UNKNOWN:
            raise unsupported(node, f"only attributes have attributes here, and this is of a {target.kind}")
        text = within(target, SIGN + 1) + member_text(node.name)
        return self._read(text, node, fails=target.fails or text not in present)

    def _of_variable(self, node: Attribute, variable: Variable, present: Present) -> Cel:
        if variable.name == "action":
            raise unsupported(node, "an action has no attributes here")
        text = self._names.attribute(variable.name, node.name, node.offset)
        if text in LISTS:
            return Cel(text, kind="set", is_flat=True)
        if text in TEXTS:
            return Cel(text, kind="string")
        return self._read(text, node, fails=text not in present)

    def _read(self, text: str, node: Attribute, *, fails: bool) -> Cel:
        declared = self._names.type_of(text)
        fails = fails or declared != ""  # one of another type has no value
        if declared in _FLAT_LISTS:
            return Cel(text, kind="set", fails=fails, is_flat=True)
        value = Cel(text, kind=_KINDS.get(declared, UNKNOWN), fails=fails)
        return self.coerced(value, declared, node) if declared in _READ else value

    # -- arithmetic

    def _negation(self, node: Negation, present: Present) -> Cel:
        operand = self._long(node.operand, present)
        return Cel(f"-{within(operand, SIGN + 1)}", SIGN, "long", fails=True)

    def _long(self, node: Expression, present: Present) -> Cel:
        value = self.value(node, present)
        if value.kind not in {"long", UNKNOWN}:
            raise unsupported(node, f"Cedar has arithmetic for Longs, and this is of kind {value.kind}")
        return value

    def _arithmetic(self, node: Arithmetic, present: Present) -> Cel:
        operands = [self._long(one, present) for one in (node.first, *[operand for _, operand in node.rest])]
        operators = [operator for operator, _ in node.rest]
        is_product = operators[0] == "*"
        level = MULTIPLICATIVE if is_product else ADDITIVE
        text = within(operands[0], level)
        if operands[0].kind == operands[1].kind == UNKNOWN:  # with a number in front, texts and the like have no sum
            text = f"1 * {within(operands[0], level + 1)}" if is_product else f"0 + {within(operands[0], level + 1)}"
        for operator, operand in zip(operators, operands[1:], strict=True):
            text += f" {operator} {within(operand, level + 1)}"
        return Cel(text, level, "long", fails=True)

    # --

    def _conditional(self, node: Conditional, present: Present) -> Cel:
        test = self._truth(node.test, present)
        then, otherwise = self.value(node.then, present), self.value(node.otherwise, present)
        if then.kind != otherwise.kind and not {then.kind, otherwise.kind} <= {UNKNOWN, *_SCALARS}:
            raise unsupported(node, f"one of a {then.kind} and a {otherwise.kind} has no counterpart here")
        text = f"{within(test, CHOICE + 1)} ? {within(then, CHOICE + 1)} : {within(otherwise, CHOICE)}"
        kind = _common_kind(node, then.kind, otherwise.kind)
        fails = test.fails or then.fails or otherwise.fails
        flat = then.is_flat and otherwise.is_flat
        return Cel(text, CHOICE, kind, fails, flat, _kinds_of((then, otherwise)))

    def _method(self, node: Method, present: Present) -> Cel:
        if node.name in _PARTS and not node.arguments:
            target = self.coerced(self.value(node.target, present), "duration", node.target)
            template, level = _PARTS[node.name]
            return Cel(template.format(within(target, SIGN + 1)), level, "long", fails=True)
        if node.name in {"offset", "durationSince"} and len(node.arguments) == 1:
            kinds = ("+", "duration", "datetime") if node.name == "offset" else ("-", "datetime", "duration")
            target = self.coerced(self.value(node.target, present), "datetime", node.target)
            argument = self.coerced(self.value(node.arguments[0], present), kinds[1], node.arguments[0])
            text = f"{within(target, ADDITIVE)} {kinds[0]} {within(argument, MULTIPLICATIVE)}"
            return Cel(text, ADDITIVE, kinds[2], fails=True)
        return self._truth(node, present)
