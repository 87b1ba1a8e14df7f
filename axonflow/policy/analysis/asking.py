"""What a part of an expression asks of which variable: hints by which values are found that make it true or false."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from axonflow.policy.analysis.formulas import Atom, Hint
from axonflow.policy.analysis.places import Place, Step, constant_value, place_of, places_in, steps_of
from axonflow.policy.analysis.writing import Template, template_of, written
from axonflow.policy.cel.compiler import Function, Shape
from axonflow.policy.cel.syntax import Binary, Call, Constant, Has, ListLiteral, Macro, Name, Node

__all__ = ["Question", "question_of"]

_METHODS: Final = {
    "startsWith": "prefix",
    "endsWith": "suffix",
    "contains": "inner",
    "glob": "glob",
    "matches": "pattern",
    "inCIDR": "network",
    "matchesSemver": "version",
    "within": "window",
}
_MEASURES: Final = frozenset({"size", "chars"})
_EQUALS: Final = frozenset({"==", "!="})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})


class Ask(NamedTuple):
    """A hint, but for the literals of one expression. `steps` lead to what is asked about."""

    kind: str
    steps: tuple[Step, ...]
    constants: tuple[Constant, ...] = ()
    place: Place | None = None
    """That of the steps, if it is the same whatever the literals are."""


class Question(NamedTuple):
    """An atom, but for the literals: what all expressions of a shape have in common."""

    form: tuple[Any, ...]
    """The same for all questions that differ in their literals only, wherever in an expression these stand."""
    slots: tuple[int, ...]
    template: Template
    make: Callable[[tuple[Any, ...]], Function]
    asks: tuple[Ask, ...]
    node: Node
    is_open: bool

    def atom(self, literals: tuple[Any, ...]) -> Atom:
        """The atom of the expression that has these literals."""
        own = tuple([(literals[slot].__class__, literals[slot]) for slot in self.slots])
        return Atom(
            (self.form, own),
            self.make(literals),
            self._hints(literals),
            partial(written, self.template, literals),
            self.asks == (),
            self.node,
            literals,
            self.is_open,
        )

    def _hints(self, literals: tuple[Any, ...]) -> tuple[Hint, ...]:
        hints: list[Hint] = []
        for ask in self.asks:
            place = ask.place or place_of(ask.steps, literals)
            if place is None:
                return ()
            values = tuple([constant_value(constant, literals) for constant in ask.constants])
            hints.append(_hint(ask, place, values))
        return tuple(hints)


def _hint(ask: Ask, place: Place, values: tuple[Any, ...]) -> Hint:
    variable, inside = place
    return Hint(ask.kind, variable, inside, values)


def question_of(node: Node, shape: Shape) -> Question:
    """The question that the part `node` of the expression of `shape` asks."""
    asks = _direct(node)
    found = (asks,) if asks else _others(node)
    placed = tuple([_placed(ask) for ask in found])
    template = template_of(node)
    slots = tuple([piece for piece in template if isinstance(piece, int)])
    form = (shape.dialect, *[piece if isinstance(piece, str) else None for piece in template])
    return Question(form, slots, template, shape.part(node), placed, node, not shape.declares_attributes)


def _placed(ask: Ask) -> Ask:
    if any(isinstance(step, Constant) for step in ask.steps):
        return ask
    return ask._replace(place=place_of(ask.steps, ()))


def _direct(node: Node) -> Ask | None:
    """What `node` asks of one path, if it is of a form that is understood. Findings are made of a content, not read."""
    ask = _form(node)
    return None if ask is None or ask.steps[0] == "findings" else ask


def _form(node: Node) -> Ask | None:
    if isinstance(node, Binary):
        return _relation(node)
    if isinstance(node, Has):
        steps = steps_of(node)
        return None if steps is None else Ask("present", steps)
    if isinstance(node, Call):
        return _call(node)
    if isinstance(node, Macro):
        return _member_of_loop(node)
    steps = steps_of(node)
    return None if steps is None else Ask("truth", steps)


def _relation(node: Binary) -> Ask | None:
    if node.operator == "in":
        return _membership(node)
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(other, Constant):
            kind = "equal" if node.operator in _EQUALS else "order" if node.operator in _ORDER else None
            if isinstance(side, Call) and side.function in _MEASURES:
                steps, kind = _measured(side), side.function
            else:
                steps = steps_of(side)
            return Ask(kind, steps, (other,)) if kind and steps is not None else None
        moment = _moment(other)
        if moment is not None:
            steps = steps_of(side)
            return Ask("moment", steps, (moment,)) if steps == ("time",) else None
    return None


def _moment(node: Node) -> Constant | None:
    """The text of a timestamp that is written down."""
    if isinstance(node, Call) and node.function == "timestamp" and node.target is None and len(node.arguments) == 1:
        (argument,) = node.arguments
        return argument if isinstance(argument, Constant) and isinstance(argument.value, str) else None
    return None


def _measured(node: Call) -> tuple[Step, ...] | None:
    parts = (*((node.target,) if node.target is not None else ()), *node.arguments)
    return steps_of(parts[0]) if len(parts) == 1 else None


def _membership(node: Binary) -> Ask | None:
    constants = _constants(node.right)
    if constants is not None:
        steps = steps_of(node.left)
        return None if steps is None else Ask("equal", steps, constants)
    if isinstance(node.left, Constant):
        steps = steps_of(node.right)
        if steps == ("context",):
            return Ask("present", ("context", node.left))
        return None if steps is None else Ask("member", steps, (node.left,))
    return None


def _constants(node: Node) -> tuple[Constant, ...] | None:
    if not isinstance(node, ListLiteral):
        return None
    found = tuple([item for item in node.items if isinstance(item, Constant)])
    return found if len(found) == len(node.items) else None


def _call(node: Call) -> Ask | None:
    if node.target is None:
        return _function(node)
    kind = _METHODS.get(node.function)
    steps = steps_of(node.target)
    if kind is None or steps is None or not node.arguments:
        return None
    constants = _constants(node.arguments[0]) if len(node.arguments) == 1 else None
    if constants is None:
        constants = tuple([one for one in node.arguments if isinstance(one, Constant)])
        if len(constants) != len(node.arguments):
            return None
    return Ask(kind, steps, constants)


def _function(node: Call) -> Ask | None:
    if node.function == "detected":
        return Ask("detected", ("content",), tuple([one for one in node.arguments if isinstance(one, Constant)]))
    if node.function == "matches" and len(node.arguments) == 2 and isinstance(node.arguments[1], Constant):
        steps = steps_of(node.arguments[0])
        return None if steps is None else Ask("pattern", steps, (node.arguments[1],))
    return None


def _member_of_loop(node: Macro) -> Ask | None:
    """``roles.exists(r, r in ["a", "b"])``: the same as asking for a member."""
    steps = steps_of(node.target)
    if steps is None or node.macro != "exists" or node.condition is not None or len(node.variables) != 1:
        return None
    body = node.body
    if not isinstance(body, Binary) or body.left != Name(body.left.offset, node.variables[0]):
        return None
    if body.operator == "==" and isinstance(body.right, Constant):
        return Ask("member", steps, (body.right,))
    constants = _constants(body.right) if body.operator == "in" else None
    return None if constants is None else Ask("member", steps, constants)


def _others(node: Node) -> tuple[Ask, ...]:
    """All that `node` reads, with its literals as values worth trying."""
    constants = tuple(_scalars(node))
    asks = [Ask("found" if steps[0] == "findings" else "other", steps, constants) for steps in places_in(node)]
    return tuple(dict.fromkeys(asks))


def _scalars(node: Any) -> Iterator[Constant]:
    if isinstance(node, Constant):
        if isinstance(node.value, (str, int, float)):
            yield node
        return
    for name in getattr(node, "__struct_fields__", ()):
        held = getattr(node, name)
        for item in held if isinstance(held, tuple) else (held,):
            if isinstance(item, tuple):
                for part in item:
                    yield from _scalars(part)
            else:
                yield from _scalars(item)
