"""What conditions say: formulas over atoms, each of which is a question about a request that the engine itself answers.

An expression is true, false or an error. A formula has two values: it says of each atom which of the three it may be,
so negation is pushed down to the atoms, and ``false && error`` is false here as it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.compiler import Function
from axonflow.policy.cel.syntax import Conditional, Constant, Logical, Node, Unary

__all__ = [
    "ANY",
    "ERROR",
    "FALSE",
    "HOLDS",
    "MATCHES",
    "NO",
    "YES",
    "Atom",
    "Every",
    "Formula",
    "Hint",
    "Literal",
    "Some",
    "atoms_in",
    "every",
    "formula_of",
    "literals_in",
    "negated",
    "some",
]

YES: Final = 1
NO: Final = 2
ERROR: Final = 4
ANY: Final = YES | NO | ERROR
MATCHES: Final = YES | ERROR
"""What a condition has to be for a rule that fails closed to count as a match."""


class Hint(Struct, frozen=True):
    """What an atom asks of one variable, so that values can be found for which it is true, false or an error.

    `kind` is a word of domains.KINDS, `inside` the names that lead from the variable to what is asked about, `values`
    what it is compared with, in JSON's types.
    """

    kind: str
    variable: str
    inside: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()


class Atom(Struct, eq=False, frozen=True):
    """A question about a request. Atoms with one `key` ask the same; `text` says what.

    ``test(request, evaluation)`` is the engine's own code for it: True, False, or it raises. `hints` is empty where
    nothing is known of what it reads: then nothing is tried, and nothing is proved of it.
    """

    key: Hashable
    test: Function
    hints: tuple[Hint, ...]
    written: Callable[[], str]
    is_constant: bool = False
    """Whether it reads nothing of a request."""
    node: Node | None = None
    """The part of an expression that it is, which has these `literals`; None for a key of `match`."""
    literals: tuple[Any, ...] = ()
    is_open: bool = False
    """Whether no attribute in it has a declared type, which would make other values of it errors."""

    @property
    def text(self) -> str:
        """The question as a policy would write it."""
        return self.written()

    @property
    def variable(self) -> str | None:
        """The one variable that it reads; None when there are several, or it is not known."""
        variables = {hint.variable for hint in self.hints}
        return variables.pop() if len(variables) == 1 else None


class Literal(Struct, eq=False, frozen=True):
    """The answer to `atom` is one of those in `accepts`, which has a bit for each: YES, NO, ERROR."""

    atom: Atom
    accepts: int


class Every(Struct, eq=False, frozen=True):
    """All of `parts` hold; with none, it always does."""

    parts: tuple[Formula, ...]


class Some(Struct, eq=False, frozen=True):
    """One of `parts` holds; with none, it never does."""

    parts: tuple[Formula, ...]


Formula = Literal | Every | Some

HOLDS: Final = Every(())
FALSE: Final = Some(())


def every(parts: Sequence[Formula]) -> Formula:
    """All of `parts`, flat."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Every):
            flat += part.parts
        elif isinstance(part, Some) and not part.parts:
            return FALSE
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else Every(tuple(flat))


def some(parts: Sequence[Formula]) -> Formula:
    """One of `parts`, flat."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Some):
            flat += part.parts
        elif isinstance(part, Every) and not part.parts:
            return HOLDS
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else Some(tuple(flat))


def negated(formula: Formula) -> Formula:
    """What holds where `formula` does not."""
    if isinstance(formula, Literal):
        return Literal(formula.atom, ANY & ~formula.accepts)
    parts = tuple([negated(part) for part in formula.parts])
    return some(parts) if isinstance(formula, Every) else every(parts)


def atoms_in(formula: Formula) -> Iterator[Atom]:
    """All atoms of `formula`; one that stands there twice comes twice."""
    return (literal.atom for literal in literals_in(formula))


def literals_in(formula: Formula) -> Iterator[Literal]:
    """All literals of `formula`."""
    if isinstance(formula, Literal):
        yield formula
    else:
        for part in formula.parts:
            yield from literals_in(part)


def formula_of(node: Node, accepts: int, atom: Callable[[Node], Atom]) -> Formula:
    """That the value of `node` is one of those in `accepts`; `atom` makes its parts that stay whole."""
    if isinstance(node, Logical):
        parts = node.operands
        if node.operator == "&&":
            return _joined(parts, accepts, atom, deciding=NO)
        return _joined(parts, accepts, atom, deciding=YES)
    if isinstance(node, Unary) and node.operator == "!":
        return formula_of(node.operand, _swapped(accepts), atom)
    if isinstance(node, Conditional):
        return _chosen(node, accepts, atom)
    if isinstance(node, Constant) and isinstance(node.value, bool):
        return HOLDS if accepts & (YES if node.value else NO) else FALSE
    return Literal(atom(node), accepts)


def _swapped(accepts: int) -> int:
    return (accepts & ERROR) | (NO if accepts & YES else 0) | (YES if accepts & NO else 0)


def _joined(parts: Sequence[Node], accepts: int, atom: Callable[[Node], Atom], *, deciding: int) -> Formula:
    """``&&``, which one `deciding` NO decides, and ``||``: else an error is the result, and else the opposite."""
    other = YES | NO
    other &= ~deciding
    options: list[Formula] = []
    if accepts & deciding:
        wanted = accepts & (deciding | ERROR)
        options.append(some([formula_of(part, wanted, atom) for part in parts]))
        if accepts & ERROR:
            accepts &= ~ERROR
    if accepts & other:
        wanted = accepts & (other | ERROR)
        options.append(every([formula_of(part, wanted, atom) for part in parts]))
    elif accepts == ERROR:
        none_decides = every([formula_of(part, other | ERROR, atom) for part in parts])
        options.append(every([none_decides, some([formula_of(part, ERROR, atom) for part in parts])]))
    return some(options)


def _chosen(node: Conditional, accepts: int, atom: Callable[[Node], Atom]) -> Formula:
    options = [
        every([formula_of(node.test, YES, atom), formula_of(node.then, accepts, atom)]),
        every([formula_of(node.test, NO, atom), formula_of(node.otherwise, accepts, atom)]),
    ]
    if accepts & ERROR:
        options.append(formula_of(node.test, ERROR, atom))
    return some(options)
