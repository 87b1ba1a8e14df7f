"""What the parts of a condition come to, each evaluated by itself by what the engine's own compiler makes of it.

So nothing here knows what ``+`` or ``in`` mean. What it knows is the order in which parts are asked for, to tell which
of them were not: `&&` and `||`, conditionals, loops, and what looks into optionals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.policy.cel import syntax
from axonflow.policy.cel.checker import LOOPS
from axonflow.policy.cel.compiler import Condition, Function
from axonflow.policy.cel.loops import pairs
from axonflow.policy.cel.syntax import Constant, Name, Node
from axonflow.policy.cel.values import CelError, CelType, Optional
from axonflow.policy.cel.written import written
from axonflow.policy.deciding.evaluation import MAX_LOOP_STEPS, Evaluation
from axonflow.policy.deciding.rules import MAX_MESSAGE_CHARS
from axonflow.policy.explaining.discretion import Discretion, Origin
from axonflow.policy.explaining.explanation import Part
from axonflow.policy.explaining.origins import Origins

__all__ = ["PartsEvaluation", "PartsOf", "said"]

MAX_STEPS_OF_ALL: Final = 5 * MAX_LOOP_STEPS
MAX_WRITTEN_CHARS: Final = 1_000
MAX_TRIED: Final = 1_000
"""Elements of one loop, to find the one that decided it; and so many of them are shown where none did:"""
MAX_SHOWN: Final = 3
_LAZY: Final = frozenset({"or", "orValue"})
_TESTS: Final = {"exists": True, "all": False}
"""Loops that one element can decide, and by which value."""
_CUT_OFF: Final = "the explanation has no room for more"


class PartsEvaluation(Evaluation):
    """Every part may do as much as a whole decision, and all of them together not much more than that."""

    __slots__ = ("_left", "parts_left")

    def __init__(self, evaluation: Evaluation, parts: int) -> None:
        super().__init__(evaluation.request, evaluation.time_us, evaluation._scanner)  # noqa: SLF001  of its own class
        self.parts_left = parts
        self._left = MAX_STEPS_OF_ALL

    def begin(self) -> bool:
        """Whether there is room for one more part, which begins now."""
        self._left -= MAX_LOOP_STEPS - self._steps
        self._steps = MAX_LOOP_STEPS
        self.parts_left -= 1
        return self.parts_left >= 0 and self._left > 0


class _Scope(NamedTuple):
    """The variables around a part."""

    names: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    origins: Mapping[str, Origin] = {}

    def having(self, names: Sequence[str], values: Sequence[Any], origin: Origin) -> _Scope:
        origins = {**self.origins, **dict.fromkeys(names, origin)}
        return _Scope((*self.names, *names), (*self.values, *values), origins)


class _Failure(Struct, frozen=True):
    """In place of a value."""

    message: str


_OUTSIDE: Final = _Scope()
_SKIPPED: Final = object()
"""In place of the value of what was not evaluated."""


def said(error: Exception) -> str:
    """What the engine says of a condition that fails so."""
    message = str(error) if isinstance(error, CelError) else f"could not be evaluated ({type(error).__name__})"
    return message[:MAX_MESSAGE_CHARS]


class PartsOf:
    """The parts of one condition."""

    def __init__(
        self, condition: Condition, evaluation: PartsEvaluation, discretion: Discretion, origins: Origins
    ) -> None:
        self._shape = condition.shape
        self._literals = condition.literals
        self._evaluation = evaluation
        self._discretion = discretion
        self._origins = origins
        self._made: dict[tuple[int, tuple[str, ...]], Function] = {}

    def tree(self) -> Part | None:
        """The whole expression; None where there is none."""
        return None if self._shape.node is None else self._part(self._shape.node, _OUTSIDE)[0]

    def skipped(self) -> Part | None:
        """The same of an expression that was not evaluated."""
        return None if self._shape.node is None else self._skipped(self._shape.node)

    def _part(self, node: Node, scope: _Scope) -> tuple[Part, Any]:
        """A part, and its value."""
        if isinstance(node, syntax.Maybe):  # no value by itself
            return self._part(node.operand, scope)
        if not self._evaluation.begin():
            return self._skipped(node, _CUT_OFF), _SKIPPED
        value = self._value(node, scope)
        parts = tuple(getattr(self, f"_{type(node).__name__.lower()}", self._leaf)(node, scope))
        origin = self._origins.of(node, self._literals, scope.origins)
        return self._shown(self._written(node), value, origin, parts), value

    def _value(self, node: Node, scope: _Scope) -> Any:
        key = (id(node), scope.names)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._shape.value_of(node, self._literals, scope.names)
        try:
            return made(self._evaluation.request, self._evaluation)(*scope.values)
        except Exception as error:  # noqa: BLE001  whatever it is, the engine met it too, and the part says so
            return _Failure(said(error))

    def _shown(self, text: str, value: Any, origin: Origin, parts: tuple[Part, ...]) -> Part:
        if isinstance(value, _Failure):
            return Part(text, "error", note=value.message, parts=parts)
        withheld = self._discretion.why_withheld(value, origin)
        if withheld:
            return Part(text, "withheld", note=withheld, parts=parts)
        return Part(text, "value", self._discretion.shown(value, origin), parts=parts)

    def _written(self, node: Node) -> str:
        text = written(node, self._literals)
        return text if len(text) <= MAX_WRITTEN_CHARS else f"{text[: MAX_WRITTEN_CHARS - 3]}..."

    def _skipped(self, node: Node, why: str = "") -> Part:
        return Part(self._written(node), "not_evaluated", note=why)

    def _all_skipped(self, nodes: Sequence[Node]) -> Iterator[Part]:
        return (self._skipped(node) for node in nodes if not isinstance(node, Constant))

    # -- what a part is made of, by the kind of its node

    def _leaf(self, _node: Node, _scope: _Scope) -> Iterator[Part]:
        return iter(())

    def _of(self, nodes: Sequence[Node], scope: _Scope) -> Iterator[Part]:
        for node in nodes:
            if not isinstance(node, Constant) and not (isinstance(node, Name) and node.name in scope.names):
                part, value = self._part(node, scope)
                if not (isinstance(value, CelType) and _is_path(node)):  # the name of a type
                    yield part

    def _select(self, node: syntax.Select | syntax.OptionalSelect | syntax.Has, scope: _Scope) -> Iterator[Part]:
        if not _is_path(node.operand):
            yield from self._of([node.operand], scope)

    _has = _optionalselect = _select

    def _index(self, node: syntax.Index | syntax.OptionalIndex, scope: _Scope) -> Iterator[Part]:
        if not _is_path(node.operand):
            yield from self._of([node.operand], scope)
        yield from self._of([node.key], scope)

    _optionalindex = _index

    def _unary(self, node: syntax.Unary, scope: _Scope) -> Iterator[Part]:
        yield from self._of([node.operand], scope)

    def _binary(self, node: syntax.Binary, scope: _Scope) -> Iterator[Part]:
        operands = [node.left, node.right]
        if node.operator == "in" and _is_path(node.right) and isinstance(node.right, Name):
            operands.pop()  # ``"env" in context``: all of the context is too much to show
        yield from self._of(operands, scope)

    def _logical(self, node: syntax.Logical, scope: _Scope) -> Iterator[Part]:
        decided = False
        for operand in node.operands:
            if decided:
                yield self._skipped(operand)
                continue
            part, value = self._part(operand, scope)
            yield part
            decided = value is (node.operator == "||")

    def _conditional(self, node: syntax.Conditional, scope: _Scope) -> Iterator[Part]:
        test, value = self._part(node.test, scope)
        yield test
        for branch, taken in ((node.then, True), (node.otherwise, False)):
            yield from self._of([branch], scope) if value is taken else self._all_skipped([branch])

    def _call(self, node: syntax.Call, scope: _Scope) -> Iterator[Part]:
        if node.target is None or node.function not in _LAZY:
            yield from self._of(self._shape.arguments(node), scope)
            return
        part, value = self._part(node.target, scope)
        yield part
        if isinstance(value, Optional) and value.present:
            yield from self._all_skipped(node.arguments)
        else:
            yield from self._of(node.arguments, scope)

    def _listliteral(self, node: syntax.ListLiteral, scope: _Scope) -> Iterator[Part]:
        yield from self._of(node.items, scope)

    def _mapliteral(self, node: syntax.MapLiteral, scope: _Scope) -> Iterator[Part]:
        yield from self._of([part for entry in node.entries for part in entry], scope)

    def _bind(self, node: syntax.Bind, scope: _Scope) -> Iterator[Part]:
        for name, value_node in node.values:
            origin = self._origins.of(value_node, self._literals, scope.origins)
            part, value = self._part(value_node, scope)
            yield part
            if isinstance(value, _Failure) or value is _SKIPPED:
                yield self._skipped(node.body)
                return
            scope = scope.having([name], [value], origin)
        yield from self._of([node.body], scope)

    def _macro(self, node: syntax.Macro, scope: _Scope) -> Iterator[Part]:
        part, value = self._part(node.target, scope)
        yield part
        origin = self._origins.of(node.target, self._literals, scope.origins)
        if node.macro not in LOOPS:
            if isinstance(value, Optional) and value.present:
                yield self._element(node, scope.having(node.variables, [value.value], origin), origin)
        elif isinstance(value, (list, tuple, dict)):
            yield from self._elements(node, value, scope, origin)

    def _elements(
        self, node: syntax.Macro, over: list[Any] | tuple[Any, ...] | dict[Any, Any], scope: _Scope, origin: Origin
    ) -> Iterator[Part]:
        """The element that decided a loop, or the first of them."""
        items: Sequence[Any] = pairs(over) if len(node.variables) == 2 else [(item,) for item in over]
        shown = items[:MAX_SHOWN]
        if node.macro in _TESTS:
            within = (scope.having(node.variables, item, origin) for item in items[:MAX_TRIED])
            values = [self._value(node.body, inner) for inner in within]
            at = next((at for at, value in enumerate(values) if value is _TESTS[node.macro]), None)
            shown = shown if at is None else items[at : at + 1]
        for item in shown:
            yield self._element(node, scope.having(node.variables, item, origin), origin)

    def _element(self, node: syntax.Macro, scope: _Scope, origin: Origin) -> Part:
        count = len(node.variables)
        text, values = ", ".join(node.variables), scope.values[-count:]
        parts: list[Part] = []
        value: Any = True
        if node.condition is not None:
            part, value = self._part(node.condition, scope)
            parts.append(part)
        if value is True:
            parts.append(self._part(node.body, scope)[0])
        return self._shown(text, values[0] if count == 1 else list(values), origin, tuple(parts))


def _is_path(node: Node) -> bool:
    """Names from a root or a variable on: what they lead to is shown, not each step."""
    while isinstance(node, syntax.Select) or (isinstance(node, syntax.Index) and isinstance(node.key, Constant)):
        node = node.operand
    return isinstance(node, Name)
