"""Cedar's methods that are true or false, as expressions of ours."""

from __future__ import annotations

from enum import Enum
from typing import Final

from axonflow.policy.importing.cedar.constants import network_of
from axonflow.policy.importing.cedar.operands import UNKNOWN, Operands, Present, check_told_apart, unsupported
from axonflow.policy.importing.cedar.syntax import Expression, Extension, Method
from axonflow.policy.importing.expressions import ADDITIVE, RELATION, SIGN, Cel, related, within

__all__ = ["Lean", "Methods"]

_ORDER: Final = {"lessThan": "<", "lessThanOrEqual": "<=", "greaterThan": ">", "greaterThanOrEqual": ">="}
_NETWORKS: Final = {
    "isIpv4": '"0.0.0.0/0"',
    "isIpv6": '"::/0"',
    "isLoopback": '["127.0.0.0/8", "::1/128"]',
    "isMulticast": '["224.0.0.0/4", "ff00::/8"]',
}
_SETS: Final = frozenset({"set", UNKNOWN})
_SCALARS: Final = frozenset({"bool", "long", "string", "entity"})
_SAY_TYPES: Final = "Say in the mapping file what it is, under types: string, int, bool, entity or list(string)."


class Lean(Enum):
    """Of a condition of a permit: it may be false where Cedar's is true (LOW). Of a forbid: the other way (HIGH)."""

    LOW = "low"
    HIGH = "high"
    EXACT = "exact"

    @property
    def flipped(self) -> Lean:
        return {Lean.LOW: Lean.HIGH, Lean.HIGH: Lean.LOW, Lean.EXACT: Lean.EXACT}[self]


class Methods:
    """Those of sets, of addresses and of decimals."""

    def __init__(self, operands: Operands) -> None:
        self._operands = operands

    def truth(self, node: Method, lean: Lean, present: Present) -> Cel:
        """What a call comes to. Raises UnsupportedError."""
        if node.name == "isEmpty" and not node.arguments:
            return Cel(f"sets.equivalent({self._as_set(node.target, present).text}, [])", fails=True)
        if node.name in _NETWORKS and not node.arguments:
            return Cel(f"{self._address(node.target, present)}.inCIDR({_NETWORKS[node.name]})", fails=True)
        if len(node.arguments) == 1:
            return self._method_of_one(node, node.arguments[0], lean, present)
        raise unsupported(node, "there is no such method here")

    def _method_of_one(self, node: Method, argument: Expression, lean: Lean, present: Present) -> Cel:
        if node.name == "contains":
            return self._contains(node, argument, lean, present)
        if node.name in {"containsAll", "containsAny"}:
            return self._contains_some(node, argument, lean, present)
        if node.name in _ORDER:
            return self._decimals(node, argument, present)
        if node.name == "isInRange":
            if not isinstance(argument, Extension) or argument.function != "ip":
                raise unsupported(node, "the range is no literal")
            return Cel(f"{self._address(node.target, present)}.inCIDR({network_of(argument).text})", fails=True)
        raise unsupported(node, "there is no such method here")

    def _address(self, node: Expression, present: Present) -> str:
        value = self._operands.coerced(self._operands.value(node, present), "ip", node)
        if "/" in value.text:
            raise unsupported(node, "it is a block of addresses, and only single ones are asked for here")
        return within(value, SIGN + 1)

    def _decimals(self, node: Method, argument: Expression, present: Present) -> Cel:
        left, right = self._operands.value(node.target, present), self._operands.value(argument, present)
        if left.kind == right.kind == UNKNOWN:
            raise unsupported(node, "neither side is known to be a decimal", "Say in the mapping file: types: decimal.")
        left = self._operands.coerced(left, "decimal", node.target)
        right = self._operands.coerced(right, "decimal", argument)
        return related(_ORDER[node.name], left, right, fails=True)

    def _as_set(self, node: Expression, present: Present) -> Cel:
        value = self._operands.value(node, present)
        if value.kind not in _SETS:
            raise unsupported(node, f"only sets contain something, and this is a {value.kind}")
        return value

    def _contains(self, node: Method, argument: Expression, lean: Lean, present: Present) -> Cel:
        whole = self._as_set(node.target, present)
        item = self._operands.value(argument, present)
        if item.kind not in _SCALARS | {UNKNOWN}:
            raise unsupported(argument, f"a {item.kind} in a set has no counterpart here")
        check_told_apart(node, whole, item)
        if whole.kind == "set" and whole.is_flat:
            text = f"{within(item, ADDITIVE)} in {within(whole, ADDITIVE)}"
            return Cel(text, RELATION, "bool", whole.fails or item.fails)
        if item.kind == UNKNOWN and lean is not Lean.LOW:
            raise unsupported(node, "it may be a set, and sets are equal in any order only in Cedar", _SAY_TYPES)
        return Cel(f"sets.contains({whole.text}, [{item.text}])", fails=True)

    def _contains_some(self, node: Method, argument: Expression, lean: Lean, present: Present) -> Cel:
        whole, part = self._as_set(node.target, present), self._as_set(argument, present)
        check_told_apart(node, whole, part)
        if not (whole.is_flat or part.is_flat) and lean is not Lean.LOW:
            raise unsupported(node, "there may be sets in it, which are equal in any order only in Cedar", _SAY_TYPES)
        function = "sets.contains" if node.name == "containsAll" else "sets.intersects"
        return Cel(f"{function}({whole.text}, {part.text})", fails=True)
