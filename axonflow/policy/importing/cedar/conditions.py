"""Cedar's conditions, as expressions of ours.

Two things differ. Cedar evaluates from the left, and a part without a value has the whole without one, while our
``&&`` and ``||`` let the other side decide; so in a permit, where the left may have none, ``a || b`` is written
``a ? true : b``. A forbid without a value is none in Cedar, so there it makes no difference.
And Cedar's sets are equal in any order. Where two attributes might both be sets, what is written is never true where
Cedar's is false in a permit, and never false where Cedar's is true in a forbid: `Lean` says which of the two matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from axonflow.policy.cel.patterns import MAX_PATTERN_CHARS
from axonflow.policy.importing.cedar.constants import network_of
from axonflow.policy.importing.cedar.naming import CedarNames
from axonflow.policy.importing.cedar.operands import LISTS, TEXTS, UNKNOWN, Operands, Present, unsupported
from axonflow.policy.importing.cedar.syntax import (
    Attribute,
    Comparison,
    Conditional,
    EntityRef,
    Expression,
    Extension,
    Has,
    Is,
    Like,
    Logical,
    Method,
    Not,
    SetLiteral,
    Variable,
)
from axonflow.policy.importing.expressions import (
    ADDITIVE,
    ALL,
    ANY,
    CHOICE,
    FALSE,
    MEMBER,
    RELATION,
    SIGN,
    TRUE,
    Cel,
    joined,
    listed,
    member_text,
    path_text,
    text_literal,
    within,
)
from axonflow.policy.importing.report import UnsupportedError

__all__ = ["Conditions"]

_NOTHING: Final[Present] = frozenset()
_ORDER: Final = {"lessThan": "<", "lessThanOrEqual": "<=", "greaterThan": ">", "greaterThanOrEqual": ">="}
_NETWORKS: Final = {
    "isIpv4": '"0.0.0.0/0"',
    "isIpv6": '"::/0"',
    "isLoopback": '["127.0.0.0/8", "::1/128"]',
    "isMulticast": '["224.0.0.0/4", "ff00::/8"]',
}
_SPECIAL: Final = ("ip", "decimal", "datetime", "duration")
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


class Conditions:
    """Those of a permit or of a forbid. `widen` is called with what has no counterpart, where something wider can stand
    in its place: a forbid forbids more then. Without it, that is refused."""

    def __init__(
        self, names: CedarNames, *, permits: bool, widen: Callable[[UnsupportedError], None] | None = None
    ) -> None:
        self._names = names
        self._permits = permits
        self._lean = Lean.LOW if permits else Lean.HIGH
        self._widen = widen
        self._operands = Operands(names, lambda node, present: self._truth(node, Lean.EXACT, False, present))  # noqa: FBT003  as declared below
        self._makers: dict[type, Callable[..., Cel]] = {
            Logical: self._logical,
            Not: lambda node, lean, _holds, present: self._not(node, lean, present),
            Conditional: self._conditional,
            Comparison: lambda node, lean, _holds, present: self._comparison(node, lean, present),
            Has: lambda node, _lean, _holds, _present: self._has(node),
            Like: lambda node, _lean, _holds, present: self._like(node, present),
            Is: lambda node, _lean, _holds, _present: self._is(node),
            Method: lambda node, lean, _holds, present: self._method(node, lean, present),
        }

    def holds(self, node: Expression) -> Cel:
        """The expression that is true where `node` is. Where that has no value it has none, or is false."""
        return self._truth(node, self._lean, True, _NOTHING)  # noqa: FBT003  as declared below

    def fails(self, node: Expression) -> Cel:
        """The expression that is true where `node` is false, likewise."""
        return self._not(Not(node.offset, node), self._lean, _NOTHING)

    def member(self, variable: str, refs: Sequence[EntityRef]) -> Cel:
        """Whether the principal or the resource is one of `refs`, or in one. Raises UnsupportedError."""
        lists: dict[str, list[str]] = {}
        parts: list[Cel] = []
        for ref in refs:
            path = self._names.membership(ref.type, variable)
            if path is not None:
                lists.setdefault(path, []).append(ref.id)
            if path is None and (variable == "resource" or not self._names.is_principal(ref.type)):
                raise self._names.no_membership(ref.type, variable, ref.offset)
            if path is None or variable == "resource":
                parts.append(self.equal_entity(variable, ref))
        for path, ids in lists.items():
            text, fails = path_text(path), path not in LISTS
            if len(ids) == 1:
                parts.append(Cel(f"{text_literal(ids[0])} in {text}", RELATION, "bool", fails))
            else:
                parts.append(Cel(f"sets.intersects({text}, {listed(ids)})", MEMBER, "bool", fails))
        return joined("||", parts)

    def is_type(self, variable: str, path: str, offset: int) -> Cel:
        """Whether the principal or the resource is of a type. Raises UnsupportedError."""
        named = self._names.principal_type if variable == "principal" else self._names.resource_type
        return Cel(f"{variable}.type == {text_literal(named(path, offset))}", RELATION)

    def equal_entity(self, variable: str, ref: EntityRef) -> Cel:
        """Whether the principal or the resource is `ref`. Raises UnsupportedError."""
        kind = self.is_type(variable, ref.type, ref.offset)
        return Cel(f"{kind.text} && {variable}.id == {text_literal(ref.id)}", ALL)

    # -- by kind of node

    def _truth(self, node: Expression, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  `holds`: no value is as good as false
        try:
            make = self._makers.get(type(node))
            if make is not None:
                return make(node, lean, holds, present)
            value = self._operands.value(node, present)
            if value.kind not in {"bool", UNKNOWN}:
                raise unsupported(node, f"a {value.kind} is no truth value")
            return value._replace(fails=value.fails or value.kind == UNKNOWN)
        except UnsupportedError as error:
            if self._widen is None or lean is Lean.EXACT:
                raise
            self._widen(error)
            return TRUE if lean is Lean.HIGH else FALSE

    def _logical(self, node: Logical, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  see `_truth`
        is_all = node.operator == "&&"
        last = len(node.operands) - 1
        made: list[Cel] = []
        for number, operand in enumerate(node.operands):
            made.append(self._truth(operand, lean, holds and (is_all or number == last), present))
            present |= self._shown_by(operand, is_all=is_all)
        if not self._permits or (is_all and holds):
            return joined(node.operator, made)
        return _from_the_left(made, node.operator)

    def _shown_by(self, node: Expression, *, is_all: bool) -> Present:
        """What is there where `node` is true, or of ``||`` where it is false."""
        if not is_all:
            return self._shown_by(node.operand, is_all=True) if isinstance(node, Not) else _NOTHING
        if isinstance(node, Logical) and node.operator == "&&":
            return frozenset().union(*[self._shown_by(one, is_all=True) for one in node.operands])
        if not isinstance(node, Has):
            return _NOTHING
        try:
            text = self._has_target(node)
        except UnsupportedError:
            return _NOTHING
        shown: set[str] = set()
        for name in node.names:
            text = self._member(text, node, name)
            shown.add(text)
        return frozenset(shown)

    def _not(self, node: Not, lean: Lean, present: Present) -> Cel:
        operand = self._truth(node.operand, lean.flipped, False, present)  # noqa: FBT003  as declared
        if operand.text in {"true", "false"}:
            return FALSE if operand.text == "true" else TRUE
        return Cel(f"!{within(operand, SIGN)}", SIGN, "bool", operand.fails)

    def _conditional(self, node: Conditional, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  see `_truth`
        test = self._truth(node.test, Lean.EXACT, False, present)  # noqa: FBT003  as declared
        shown = present | self._shown_by(node.test, is_all=True)
        then = self._truth(node.then, lean, holds, shown)
        otherwise = self._truth(node.otherwise, lean, holds, present)
        text = f"{within(test, CHOICE + 1)} ? {within(then, CHOICE + 1)} : {within(otherwise, CHOICE)}"
        return Cel(text, CHOICE, "bool", test.fails or then.fails or otherwise.fails)

    # -- comparisons

    def _comparison(self, node: Comparison, lean: Lean, present: Present) -> Cel:
        if node.operator == "in":
            return self._in(node)
        if node.operator not in {"==", "!="}:
            return self._order(node, present)
        known = self._entities(node)
        if known is None:
            return self._equality(node, lean, present)
        if node.operator == "==":
            return known
        return Cel(f"!{within(known, SIGN)}", SIGN, "bool", known.fails)

    def _entities(self, node: Comparison) -> Cel | None:
        """``principal == User::"ann"`` and the like, either way round."""
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, Variable) and isinstance(other, EntityRef):
                if one.name == "action":
                    return Cel(f"action == {text_literal(self._names.action(other))}", RELATION)
                return None if one.name == "context" else self.equal_entity(one.name, other)
        return None

    def _equality(self, node: Comparison, lean: Lean, present: Present) -> Cel:
        left, right = self._operands.value(node.left, present), self._operands.value(node.right, present)
        for kind in _SPECIAL:
            if kind in {left.kind, right.kind}:
                left = self._operands.coerced(left, kind, node.left)
                right = self._operands.coerced(right, kind, node.right)
                return self._special(node, left, right)
        if left.kind == right.kind == UNKNOWN:
            return self._unknowns(node.operator, left, right, lean)
        if UNKNOWN not in {left.kind, right.kind} and left.kind != right.kind:
            raise unsupported(node, f"a {left.kind} is never equal to a {right.kind}")
        if "set" in {left.kind, right.kind}:
            self._check_flat(node, left, right)
            sign = "" if node.operator == "==" else "!"
            fails = left.fails or right.fails or UNKNOWN in {left.kind, right.kind}
            text = f"{sign}sets.equivalent({left.text}, {right.text})"
            return Cel(text, SIGN if sign else MEMBER, "bool", fails)
        if "record" in {left.kind, right.kind}:
            self._check_flat(node, left, right)
        return _related(node.operator, left, right, fails=left.fails or right.fails)

    def _check_flat(self, node: Expression, *sides: Cel) -> None:
        if not any(side.is_flat for side in sides):
            raise unsupported(node, "sets inside of sets or records are equal in any order only in Cedar")

    def _special(self, node: Comparison, left: Cel, right: Cel) -> Cel:
        if left.kind != "ip":
            return _related(node.operator, left, right, fails=left.fails or right.fails)
        if any("/" in side.text for side in (left, right)):
            raise unsupported(node, "a block of addresses is compared with == only in Cedar", "Use isInRange.")
        text = f"ip({left.text}) {node.operator} ip({right.text})"
        return Cel(text, RELATION, "bool", fails=left.fails or right.fails)

    def _unknowns(self, operator: str, left: Cel, right: Cel, lean: Lean) -> Cel:
        """Two attributes. Both may be sets; what has an order is none, so what is compared so has no value then."""
        is_safe = lean is (Lean.LOW if operator == "==" else Lean.HIGH)
        if is_safe:
            return _related(operator, left, right, fails=left.fails or right.fails)
        first, second, link, level = ("<=", ">=", "&&", ALL) if operator == "==" else ("<", ">", "||", ANY)
        one, other = within(left, ADDITIVE), within(right, ADDITIVE)
        text = f"{one} {first} {other} {link} {one} {second} {other}"
        return Cel(text, level, "bool", fails=True)

    def _order(self, node: Comparison, present: Present) -> Cel:
        left, right = self._operands.value(node.left, present), self._operands.value(node.right, present)
        for kind in ("datetime", "duration"):
            if kind in {left.kind, right.kind}:
                left = self._operands.coerced(left, kind, node.left)
                right = self._operands.coerced(right, kind, node.right)
                return _related(node.operator, left, right, fails=left.fails or right.fails)
        for side, part in ((left, node.left), (right, node.right)):
            if side.kind not in {"long", UNKNOWN}:
                raise unsupported(part, f"Cedar has no order for a {side.kind}")
        fails = left.fails or right.fails or UNKNOWN in {left.kind, right.kind}
        if left.kind == right.kind == UNKNOWN:  # with a number in front, texts have no order here either
            left = Cel(f"0 + {within(left, ADDITIVE + 1)}", ADDITIVE, "long", fails=True)
        return _related(node.operator, left, right, fails=fails)

    def _in(self, node: Comparison) -> Cel:
        refs = node.right.items if isinstance(node.right, SetLiteral) else (node.right,)
        named = [ref for ref in refs if isinstance(ref, EntityRef)]
        if not isinstance(node.left, Variable) or node.left.name == "context" or len(named) < len(refs):
            raise unsupported(node, "only principal, action and resource are in entities that are named here")
        if node.left.name != "action":
            return self.member(node.left.name, named)
        actions = [self._names.action(one) for ref in named for one in self._names.members(ref)[0]]
        if any(not self._names.members(ref)[1] for ref in named):
            raise unsupported(
                node, "an action may be a group of actions, and nothing says whether it is",
                "Say in the mapping file which are, and {} if none is: action_groups: {}.",
            )  # fmt: skip
        return Cel(f"action in {listed(actions)}", RELATION)

    # -- tests

    def _has_target(self, node: Has) -> str:
        if isinstance(node.target, Variable):
            if node.target.name == "action":
                raise unsupported(node, "an action has no attributes here")
            return node.target.name
        if not isinstance(node.target, Attribute):
            raise unsupported(node, "only the principal, the resource, the context and attributes have attributes")
        return within(self._operands.value(node.target, _NOTHING), SIGN + 1)

    def _member(self, text: str, node: Has, name: str) -> str:
        if text not in {"principal", "resource", "context"}:
            return text + member_text(name)
        return self._names.attribute(text, name, node.offset)

    def _has(self, node: Has) -> Cel:
        text = self._has_target(node)
        fails = not isinstance(node.target, Variable)
        parts: list[Cel] = []
        for name in node.names:
            whole, text = text, self._member(text, node, name)
            if text.endswith("]"):
                parts.append(self._has_key(node, whole, name, fails=fails))
            else:
                parts.append(TRUE if text in LISTS | TEXTS else Cel(f"has({text})", fails=fails))
            fails = True
        return joined("&&", parts)

    def _has_key(self, node: Has, whole: str, name: str, *, fails: bool) -> Cel:
        if fails:
            raise unsupported(node, "whether a record has a field of such a name cannot be asked here")
        attributes = "context" if whole == "context" else f"{whole}.attributes"
        return Cel(f"{text_literal(name)} in {attributes}", RELATION)

    def _like(self, node: Like, present: Present) -> Cel:
        target = self._operands.value(node.target, present)
        if target.kind not in {"string", UNKNOWN}:
            raise unsupported(node.target, f"like is for strings, and this is a {target.kind}")
        pattern = "*".join([_plain(piece) for piece in node.pieces])
        if len(pattern) > MAX_PATTERN_CHARS:
            raise unsupported(node, f"a pattern here has at most {MAX_PATTERN_CHARS} characters")
        fails = target.fails or target.kind == UNKNOWN
        return Cel(f"{within(target, SIGN + 1)}.glob({text_literal(pattern)})", fails=fails)

    def _is(self, node: Is) -> Cel:
        target = node.target
        if not isinstance(target, Variable) or target.name not in {"principal", "resource"}:
            raise unsupported(node, "only the principal and the resource have types here")
        kind = self.is_type(target.name, node.type, node.offset)
        if node.within is None:
            return kind
        return joined("&&", [kind, self._in(Comparison(node.offset, "in", target, node.within))])

    # -- methods

    def _method(self, node: Method, lean: Lean, present: Present) -> Cel:
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
        return _related(_ORDER[node.name], left, right, fails=True)

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
        if whole.kind == "set" and whole.is_flat:
            text = f"{within(item, ADDITIVE)} in {within(whole, ADDITIVE)}"
            return Cel(text, RELATION, "bool", whole.fails or item.fails)
        if item.kind == UNKNOWN and lean is not Lean.LOW:
            raise unsupported(node, "it may be a set, and sets are equal in any order only in Cedar", _SAY_TYPES)
        return Cel(f"sets.contains({whole.text}, [{item.text}])", fails=True)

    def _contains_some(self, node: Method, argument: Expression, lean: Lean, present: Present) -> Cel:
        whole, part = self._as_set(node.target, present), self._as_set(argument, present)
        if not (whole.is_flat or part.is_flat) and lean is not Lean.LOW:
            raise unsupported(node, "there may be sets in it, which are equal in any order only in Cedar", _SAY_TYPES)
        function = "sets.contains" if node.name == "containsAll" else "sets.intersects"
        return Cel(f"{function}({whole.text}, {part.text})", fails=True)


def _plain(piece: str) -> str:
    """`piece` as part of a glob, in which nothing of it is a wildcard."""
    return "".join([f"\\{character}" if character in "*?\\" else character for character in piece])


def _related(operator: str, left: Cel, right: Cel, *, fails: bool) -> Cel:
    return Cel(f"{within(left, ADDITIVE)} {operator} {within(right, ADDITIVE)}", RELATION, "bool", fails)


def _from_the_left(operands: Sequence[Cel], operator: str) -> Cel:
    """The operands such that one without a value has the whole without one, unless what is before it decides."""
    result = operands[-1]
    for operand in reversed(operands[:-1]):
        if operand.fails and operator == "&&":
            text = f"{within(operand, CHOICE + 1)} ? {within(result, CHOICE + 1)} : false"
            result = Cel(text, CHOICE, "bool", fails=True)
        elif operand.fails:
            text = f"{within(operand, CHOICE + 1)} ? true : {within(result, CHOICE)}"
            result = Cel(text, CHOICE, "bool", fails=True)
        else:
            result = joined(operator, [operand, result])
    return result
