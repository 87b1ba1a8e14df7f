"""Cedar's conditions, as expressions of ours.

Two things differ. Cedar evaluates from the left, and a part without a value has the whole without one, while our
``&&`` and ``||`` let the other side decide; so in a permit, where the left may have none, ``a || b`` is written
``a ? true : b``. A forbid without a value is none in Cedar, so there it makes no difference.
And Cedar's sets are equal in any order. Where two attributes might both be sets, what is written is never true where
Cedar's is false in a permit, and never false where Cedar's is true in a forbid: `Lean` says which of the two matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from axonflow.policy.cel.lexer import MAX_EXPRESSION_CHARS
from axonflow.policy.cel.patterns import MAX_PATTERN_CHARS
from axonflow.policy.importing.cedar.entities import Entities
from axonflow.policy.importing.cedar.methods import Lean, Methods
from axonflow.policy.importing.cedar.naming import CedarNames
from axonflow.policy.importing.cedar.operands import (
    LISTS,
    TEXTS,
    UNKNOWN,
    Operands,
    Present,
    bounded,
    check_told_apart,
    too_long,
    unsupported,
)
from axonflow.policy.importing.cedar.syntax import (
    Attribute,
    Comparison,
    Conditional,
    Expression,
    Has,
    Is,
    Like,
    Logical,
    Method,
    Not,
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
    member_text,
    related,
    text_literal,
    within,
)
from axonflow.policy.importing.report import UnsupportedError

__all__ = ["Conditions"]

_NOTHING: Final[Present] = frozenset()
_SPECIAL: Final = ("ip", "decimal", "datetime", "duration")


class Conditions:
    """Those of a permit or of a forbid. `widen` is called with what has no counterpart, where something wider can stand
    in its place: a forbid forbids more then. Without it `refuse` is called with all that has none: what is returned is
    of no use then."""

    def __init__(
        self,
        names: CedarNames,
        *,
        permits: bool,
        refuse: Callable[[UnsupportedError], None],
        widen: Callable[[UnsupportedError], None] | None = None,
    ) -> None:
        self._names = names
        self._permits = permits
        self._lean = Lean.LOW if permits else Lean.HIGH
        self._refuse = refuse
        self._widen = widen
        self._operands = Operands(names, lambda node, present: self._said(node, Lean.EXACT, False, present))  # noqa: FBT003  as declared below
        self._entities = Entities(names)
        self._methods = Methods(self._operands)
        self._makers: dict[type, Callable[..., Cel]] = {
            Logical: self._logical,
            Not: lambda node, lean, _holds, present: self._not(node, lean, present),
            Conditional: self._conditional,
            Comparison: lambda node, lean, _holds, present: self._comparison(node, lean, present),
            Has: lambda node, _lean, _holds, _present: self._has(node),
            Like: lambda node, _lean, _holds, present: self._like(node, present),
            Is: lambda node, _lean, _holds, _present: self._entities.kind(node),
            Method: lambda node, lean, _holds, present: self._methods.truth(node, lean, present),
        }

    def holds(self, node: Expression) -> Cel:
        """The expression that is true where `node` is. Where that has no value it has none, or is false."""
        return self._truth(node, self._lean, True, _NOTHING)  # noqa: FBT003  as declared below

    def fails(self, node: Expression) -> Cel:
        """The expression that is true where `node` is false, likewise."""
        return self._not(Not(node.offset, node), self._lean, _NOTHING)

    # -- by kind of node

    def _truth(self, node: Expression, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  `holds`: no value is as good as false
        try:
            return self._said(node, lean, holds, present)
        except UnsupportedError as error:
            if self._widen is None:
                self._refuse(error)
            elif lean is Lean.EXACT:
                raise
            else:
                self._widen(error)
            return TRUE if lean is Lean.HIGH else FALSE

    def _said(self, node: Expression, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  see `_truth`
        make = self._makers.get(type(node))
        if make is not None:
            return bounded(node, make(node, lean, holds, present))
        value = self._operands.value(node, present)
        if value.kind not in {"bool", UNKNOWN}:
            raise unsupported(node, f"a {value.kind} is no truth value")
        return value._replace(fails=value.fails or value.kind == UNKNOWN)

    def _logical(self, node: Logical, lean: Lean, holds: bool, present: Present) -> Cel:  # noqa: FBT001  see `_truth`
        is_all = node.operator == "&&"
        last = len(node.operands) - 1
        made: list[Cel] = []
        room = MAX_EXPRESSION_CHARS
        for number, operand in enumerate(node.operands):
            made.append(self._truth(operand, lean, holds and (is_all or number == last), present))
            room -= len(made[-1].text)
            if room < 0:
                raise too_long(node)
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
            return self._entities.inside(node)
        if node.operator not in {"==", "!="}:
            return self._order(node, present)
        return self._entities.equality(node) or self._equality(node, lean, present)

    def _sides(self, node: Comparison, present: Present) -> tuple[Cel, Cel]:
        """Both values. Raises UnsupportedError for the first that has no counterpart; where neither has one and that is
        refused, the other is named too."""
        try:
            left = self._operands.value(node.left, present)
        except UnsupportedError:
            try:
                self._operands.value(node.right, present)
            except UnsupportedError as other:
                if self._widen is None:
                    self._refuse(other)
            raise
        return left, self._operands.value(node.right, present)

    def _equality(self, node: Comparison, lean: Lean, present: Present) -> Cel:
        left, right = self._sides(node, present)
        for kind in _SPECIAL:
            if kind in {left.kind, right.kind}:
                left = self._operands.coerced(left, kind, node.left)
                right = self._operands.coerced(right, kind, node.right)
                return self._special(node, left, right)
        if left.kind == right.kind == UNKNOWN:
            return self._unknowns(node.operator, left, right, lean)
        if UNKNOWN not in {left.kind, right.kind} and left.kind != right.kind:
            raise unsupported(node, f"a {left.kind} is never equal to a {right.kind}")
        check_told_apart(node, left, right)
        if "set" in {left.kind, right.kind}:
            self._check_flat(node, left, right)
            sign = "" if node.operator == "==" else "!"
            fails = left.fails or right.fails or UNKNOWN in {left.kind, right.kind}
            text = f"{sign}sets.equivalent({left.text}, {right.text})"
            return Cel(text, SIGN if sign else MEMBER, "bool", fails)
        if "record" in {left.kind, right.kind}:
            self._check_flat(node, left, right)
        return related(node.operator, left, right, fails=left.fails or right.fails)

    def _check_flat(self, node: Expression, *sides: Cel) -> None:
        if not any(side.is_flat for side in sides):
            raise unsupported(node, "sets inside of sets or records are equal in any order only in Cedar")

    def _special(self, node: Comparison, left: Cel, right: Cel) -> Cel:
        if left.kind != "ip":
            return related(node.operator, left, right, fails=left.fails or right.fails)
        if any("/" in side.text for side in (left, right)):
            raise unsupported(node, "a block of addresses is compared with == only in Cedar", "Use isInRange.")
        text = f"ip({left.text}) {node.operator} ip({right.text})"
        return Cel(text, RELATION, "bool", fails=left.fails or right.fails)

    def _unknowns(self, operator: str, left: Cel, right: Cel, lean: Lean) -> Cel:
        """Two attributes. Both may be sets; what has an order is none, so what is compared so has no value then."""
        is_safe = lean is (Lean.LOW if operator == "==" else Lean.HIGH)
        if is_safe:
            return related(operator, left, right, fails=left.fails or right.fails)
        first, second, link, level = ("<=", ">=", "&&", ALL) if operator == "==" else ("<", ">", "||", ANY)
        one, other = within(left, ADDITIVE), within(right, ADDITIVE)
        text = f"{one} {first} {other} {link} {one} {second} {other}"
        return Cel(text, level, "bool", fails=True)

    def _order(self, node: Comparison, present: Present) -> Cel:
        left, right = self._sides(node, present)
        for kind in ("datetime", "duration"):
            if kind in {left.kind, right.kind}:
                left = self._operands.coerced(left, kind, node.left)
                right = self._operands.coerced(right, kind, node.right)
                return related(node.operator, left, right, fails=left.fails or right.fails)
        for side, part in ((left, node.left), (right, node.right)):
            if side.kind not in {"long", UNKNOWN}:
                raise unsupported(part, f"Cedar has no order for a {side.kind}")
        fails = left.fails or right.fails or UNKNOWN in {left.kind, right.kind}
        if left.kind == right.kind == UNKNOWN:  # with a number in front, texts have no order here either
            left = Cel(f"0 + {within(left, ADDITIVE + 1)}", ADDITIVE, "long", fails=True)
        return related(node.operator, left, right, fails=fails)

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


def _plain(piece: str) -> str:
    """`piece` as part of a glob, in which nothing of it is a wildcard."""
    return "".join([f"\\{character}" if character in "*?\\" else character for character in piece])


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
