"""Syntax tree -> Python source -> function, once per shape.

Constants, field names and patterns never become source: they are bound as ``c0``, ``c1``... so that ten thousand
rules of one shape share one code object, and so that nothing a policy says is ever run as Python. The source refers
only to ``request``, ``evaluation``, ``c*``, ``v*`` (our names for macro variables), ``t*`` (temporaries), attributes
named in this package's tables, ``patterns``, and RUNTIME; ``__builtins__`` is empty.

An expression is tokenised; when another one with the same tokens but for its literals has been compiled, that is all.

Each condition has two forms. The quick form uses Python's own ``and`` and ``or`` and direct look-ups; any error
in it, also an expected one such as a missing attribute, ends it. The careful form then gives the standard's answer,
in which ``false && error`` is false, or the error with the path that caused it. It is made when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.errors import ExpressionError
from axonflow.policy.cel.bindings import Bindings, Recipe
from axonflow.policy.cel.checker import Checked, Checker
from axonflow.policy.cel.cost import check_cost
from axonflow.policy.cel.emitter import Emitter
from axonflow.policy.cel.lexer import Token, skeleton_of, tokenize
from axonflow.policy.cel.parser import Parsed, literal_values, parse, parse_tokens
from axonflow.policy.cel.patterns import Patterns
from axonflow.policy.cel.runtime import RUNTIME
from axonflow.policy.cel.scope import Host, Scope, request_scope
from axonflow.policy.cel.syntax import Node
from axonflow.policy.cel.types import BOOL, DYN

__all__ = ["Compiler", "Condition", "Filters", "Function", "no_filters"]

Function = Callable[[Any, Any], Any]
"""``(request, evaluation) -> value``; may raise anything where the expression fails."""


class Filters(Struct, frozen=True):
    """Conjuncts that never fail, in front of an expression, such as a rule's `match`.

    `values` are what they compare with; ``emit(names)`` gives their source, where `names` are those of the values.
    Filters of one `form` emit the same source.
    """

    form: Hashable
    values: tuple[Any, ...]
    emit: Callable[[Sequence[str]], list[str]]


def _no_conjuncts(_names: Sequence[str]) -> list[str]:
    return []


no_filters: Final = Filters((), (), _no_conjuncts)


class Shape:
    """What conditions share that differ in their constants only: code in two forms, and how to bind it.

    `inspects` says whether the code uses its second argument: for findings, time or loops. `always` is the shape of
    what holds for every request.
    """

    __slots__ = ("_careful", "_checked", "_compiler", "_filters", "_quick", "always", "inspects", "pinned")

    def __init__(
        self, compiler: Compiler, checked: Checked | None, filters: Filters, pinned: frozenset[int] = frozenset()
    ) -> None:
        self._compiler = compiler
        self._checked = checked
        self._filters = filters
        self.always = checked is None and not filters.values
        self.inspects = False
        self.pinned = tuple(sorted(pinned))
        self._careful: tuple[Callable[..., Function], list[Recipe]] | None = None
        self._quick = self._made(careful=False)

    @property
    def node(self) -> Node | None:
        """The tree of the expression that the shape was made from, with the literals of that one."""
        return None if self._checked is None else self._checked.node

    def quick(self, values: Sequence[Any], literals: Sequence[Any]) -> Function:
        make, recipes = self._quick
        return make(*values, *[recipe(literals) for recipe in recipes])

    def careful(self, values: Sequence[Any], literals: Sequence[Any]) -> Function:
        if self._careful is None:
            self._careful = self._made(careful=True)
        make, recipes = self._careful
        return make(*values, *[recipe(literals) for recipe in recipes])

    def _made(self, *, careful: bool) -> tuple[Callable[..., Function], list[Recipe]]:
        bindings = Bindings()
        names = [f"f{position}" for position in range(len(self._filters.values))]
        parts = self._filters.emit(names)
        if self._checked is not None:
            parts.append(self._compiler.emitted(self._checked, bindings, careful=careful))
        self.inspects = bindings.inspects
        self.pinned = tuple(sorted({*self.pinned, *bindings.pinned}))
        names += [f"c{position}" for position in range(len(bindings.recipes))]
        return self._compiler.maker(names, " and ".join(parts) or "True"), bindings.recipes


class Condition:
    """One expression behind its filters. `quick` is None for a condition that always holds."""

    __slots__ = ("_values", "literals", "quick", "shape")

    def __init__(self, shape: Shape, values: Sequence[Any], literals: Sequence[Any]) -> None:
        self.shape = shape
        self._values = values
        self.literals = literals
        self.quick = None if shape.always else shape.quick(values, literals)

    @property
    def careful(self) -> Function:
        """The same as a function that gives the standard's answer or error, made anew."""
        return self.shape.careful(self._values, self.literals)


class Compiler:
    """Compiles expressions; `host` answers what detectors and patterns there are."""

    def __init__(
        self,
        host: Host,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        attributes: Mapping[str, str] | None = None,
        scope: Scope | None = None,
    ) -> None:
        """`functions` are what filters may call, beside RUNTIME. `attributes` are types of attributes by path, such as
        ``{"context.risk": "int"}``; ValueError says which is none. `scope` is for other names than those of a request.
        """
        self._host = host
        self._scope = scope or request_scope(attributes)
        self._globals = {"__builtins__": {}, **RUNTIME, "patterns": Patterns(host.pattern), **(functions or {})}
        self._parsed: dict[str, Parsed] = {}
        self._pinned: dict[str, tuple[int, ...]] = {}
        self._shapes: dict[Hashable, Shape] = {}

    def condition(self, source: str | None, filters: Filters = no_filters) -> Condition:
        """`source` (None: always true), behind `filters`.

        Raises ExpressionError, also when the value of `source` can never be a bool.
        """
        try:
            if source is not None:
                return self._condition(tokenize(source), filters)
            shape = self._shapes.get(filters.form)
            if shape is None:
                shape = self._shapes[filters.form] = Shape(self, None, filters)
            return Condition(shape, filters.values, ())
        except RecursionError:  # within our limits, so the stack was nearly full before: the caller's doing
            raise ExpressionError("nested too deep for what is left of the stack", 0) from None

    def _condition(self, tokens: list[Token], filters: Filters) -> Condition:
        skeleton = skeleton_of(tokens)
        parsed = self._parsed.get(skeleton)
        if parsed is None:
            parsed = self._parsed[skeleton] = parse_tokens(tokens)
        literals = literal_values(tokens, parsed.negative)
        pinned = self._pinned.get(skeleton, ())
        key = (skeleton, filters.form, *[literals[slot] for slot in pinned])
        shape = self._shapes.get(key)
        if shape is not None:
            try:
                return Condition(shape, filters.values, literals)
            except ValueError:  # such as a pattern that is none: emitted by itself it is refused with its place
                shape = None
        parsed = parse_tokens(tokens)
        shape = Shape(self, self._checked(parsed.node), filters, parsed.pinned)
        if shape.pinned:
            self._pinned[skeleton] = shape.pinned
            key = (skeleton, filters.form, *[literals[slot] for slot in shape.pinned])
        self._shapes[key] = shape
        return Condition(shape, filters.values, literals)

    def _checked(self, node: Node) -> Checked:
        """`node` with its types. Raises ExpressionError when it can never be a bool, or costs too much at worst."""
        checked = Checker(self._scope).check(node)
        kind = checked.type_of(node)
        if kind not in {BOOL, DYN}:
            raise ExpressionError("a condition is true or false", node.offset, expected="bool", found=str(kind))
        check_cost(checked)
        return checked

    def value(self, source: str) -> Function:
        """`source` as a function of any result, in its careful form."""
        parsed = parse(source)
        bindings = Bindings()
        checked = Checker(self._scope).check(parsed.node)
        emitted = Emitter(checked, bindings, self._host, careful=True).emit(parsed.node)
        names = [f"c{position}" for position in range(len(bindings.recipes))]
        return self.maker(names, emitted)(*[recipe(parsed.literals) for recipe in bindings.recipes])

    def emitted(self, checked: Checked, bindings: Bindings, *, careful: bool) -> str:
        """Source of a condition."""
        return Emitter(checked, bindings, self._host, careful=careful).guarded(checked.node, BOOL)

    def maker(self, names: Sequence[str], expression: str) -> Callable[..., Function]:
        """A function of the constants `names` that makes the function ``(request, evaluation) -> expression``."""
        source = f"def make({', '.join(names)}):\n return lambda request, evaluation: {expression}"
        made: dict[str, Callable[..., Function]] = {}
        exec(compile(source, "<policy shape>", "exec"), self._globals, made)  # noqa: S102  the source is ours: see above
        return made["make"]
