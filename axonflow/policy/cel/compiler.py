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
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from msgspec import Struct

from axonflow.errors import ExpressionError
from axonflow.policy.cel.bindings import Binding, Bindings
from axonflow.policy.cel.checker import Checked, Checker
from axonflow.policy.cel.cost import WORST, Parts, Sizes, check_cost, cost_of, parts_of
from axonflow.policy.cel.emitter import Emitter
from axonflow.policy.cel.lexer import LITERALS, Token, skeleton_of, tokenize
from axonflow.policy.cel.literals import as_written, rendered
from axonflow.policy.cel.parser import Parsed, literal_values, parse, parse_tokens
from axonflow.policy.cel.patterns import Patterns
from axonflow.policy.cel.reads import Reads
from axonflow.policy.cel.runtime import RUNTIME
from axonflow.policy.cel.scope import Host, Scope, request_scope
from axonflow.policy.cel.syntax import Call, ConstantValue, Node
from axonflow.policy.cel.types import BOOL, DYN

__all__ = ["Compiler", "Condition", "Expression", "Filters", "Function", "no_filters"]

_CODES_KEPT: Final = 4_096
"""An engine has most forms of expressions in common with the next, and with those of other tenants."""

Function = Callable[[Any, Any], Any]
"""``(request, evaluation) -> value``; may raise anything where the expression fails."""


class Filters(Struct, frozen=True):
    """Conjuncts that never fail, in front of an expression, such as a rule's `match`.

    `values` are what they compare with; ``emit(names)`` gives their source, where `names` are those of the values.
    Filters of one `form` emit the same source, and read the same `paths`.
    """

    form: Hashable
    values: tuple[Any, ...]
    emit: Callable[[Sequence[str]], list[str]]
    paths: tuple[str, ...] = ()


def _no_conjuncts(_names: Sequence[str]) -> list[str]:
    return []


no_filters: Final = Filters((), (), _no_conjuncts)


class Shape:
    """What conditions share that differ in their constants only: code in two forms, and how to bind it.

    `inspects` says whether the code uses its second argument: for findings, time or loops. `always` is the shape of
    what holds for every request. `reads` are the attributes that the expression reads, `tokens` the text of the
    first of those that differ in their constants only.
    """

    __slots__ = (
        "_careful", "_checked", "_compiler", "_filters", "_literals", "_quick", "always", "inspects", "pinned", "reads",
        "tokens",
    )  # fmt: skip

    def __init__(
        self, compiler: Compiler, parsed: Parsed | None, filters: Filters, tokens: Sequence[Token] = ()
    ) -> None:
        self.tokens = tokens
        self._compiler = compiler
        self._checked = compiler.checked(parsed.node) if parsed is not None else None
        self._filters = filters
        self._literals = len(parsed.literals) if parsed is not None else 0
        self.always = parsed is None and not filters.values
        self.inspects = False
        self.pinned = tuple(sorted(parsed.pinned)) if parsed is not None else ()
        self.reads = Reads(self.node)
        self._careful: tuple[Callable[..., Function], Binding] | None = None
        self._quick = self._made(careful=False)

    @property
    def node(self) -> Node | None:
        """The tree of the expression that the shape was made from, with the literals of that one."""
        return None if self._checked is None else self._checked.node

    def steps(self, sizes: Sizes) -> Parts | None:
        """What evaluating the expression takes at most on values of `sizes`; None where there is none."""
        return None if self._checked is None else parts_of(self._checked, sizes)

    @property
    def filtered(self) -> tuple[str, ...]:
        """The paths that its filters look at."""
        return self._filters.paths

    @property
    def form(self) -> Hashable:
        """The form of the filters in front of it."""
        return self._filters.form

    @property
    def worst_steps(self) -> float:
        """Steps that the expression takes at most, for a request as large as its limits allow; filters take none."""
        return 0.0 if self._checked is None else cost_of(self._checked, WORST)

    @property
    def declares_attributes(self) -> bool:
        """Whether attributes have types there, other than any."""
        return self._compiler.declares_attributes

    @property
    def dialect(self) -> int:
        """The same number for shapes of one compiler, in which the same text means the same."""
        return id(self._compiler)

    def part(self, node: Node) -> Callable[[tuple[Any, ...]], Function]:
        """A part of the expression that is true or false, in its careful form, by the literals of the expression."""
        assert self._checked is not None
        bindings = Bindings()
        source = self._compiler.emitted(self._checked.within(node), bindings, careful=True)
        binding = bindings.binding(self._literals)
        make = self._compiler.maker(binding.names, source)
        return lambda literals: make(*binding.values(literals))

    def filter_parts(self) -> list[Callable[[Any], Function]]:
        """Each of the filters by itself, in their order, by the value that it compares with."""
        names = [f"f{position}" for position in range(len(self._filters.values))]
        sources = self._filters.emit(names)
        return [self._compiler.maker([name], source) for name, source in zip(names, sources, strict=True)]

    def quick(self, values: Sequence[Any], literals: tuple[Any, ...]) -> Function:
        make, binding = self._quick
        return make(*values, *binding.values(literals))

    def careful(self, values: Sequence[Any], literals: tuple[Any, ...]) -> Function:
        if self._careful is None:
            self._careful = self._made(careful=True)
        make, binding = self._careful
        return make(*values, *binding.values(literals))

    def value_of(self, node: Node, literals: tuple[Any, ...], variables: Sequence[str] = ()) -> Function:
        """One `node` of the tree by itself, in its careful form: ``(request, evaluation)`` gives a function of what the
        `variables` around it stand for, outermost first, which gives its value, whatever that is."""
        assert self._checked is not None  # else there are no nodes
        return self._compiler.value_of(self._checked, node, literals, variables)

    def arguments(self, call: Call) -> tuple[Node, ...]:
        """What a call in the tree is given, a method's target first."""
        assert self._checked is not None  # as above
        return call.arguments if call.function == "detected" else self._checked.called(call).arguments

    def _made(self, *, careful: bool) -> tuple[Callable[..., Function], Binding]:
        bindings = Bindings()
        names = [f"f{position}" for position in range(len(self._filters.values))]
        parts = self._filters.emit(names)
        if self._checked is not None:
            parts.append(self._compiler.emitted(self._checked, bindings, careful=careful))
        self.inspects = bindings.inspects
        self.pinned = tuple(sorted({*self.pinned, *bindings.pinned}))
        binding = bindings.binding(self._literals)
        return self._compiler.maker([*names, *binding.names], " and ".join(parts) or "True"), binding


class Condition(Struct, eq=False, gc=False):
    """One expression behind its filters. `quick` is None for a condition that always holds."""

    shape: Shape
    values: Sequence[Any]
    literals: tuple[Any, ...]
    quick: Function | None

    @classmethod
    def of(cls, shape: Shape, values: Sequence[Any], literals: tuple[Any, ...]) -> Condition:
        """The condition of `shape` with these constants. Raises ValueError for one that it cannot take."""
        return cls(shape, values, literals, None if shape.always else shape.quick(values, literals))

    @property
    def careful(self) -> Function:
        """The same as a function that gives the standard's answer or error, made anew."""
        return self.shape.careful(self.values, self.literals)

    @property
    def text(self) -> str:
        """The expression, without its comments, each run of white space as one space. Empty where there is none."""
        own = iter(self.literals)
        parts: list[str] = []
        end = 0
        for token in self.shape.tokens:
            told = as_written(token, next(own)) if token.kind in LITERALS else token.text
            parts += [" " if parts and token.offset > end else "", told]
            end = token.offset + len(token.text)
        return "".join(parts).rstrip()


class Expression(Struct, frozen=True, gc=False):
    """One expression as read: the tree that its skeleton has in common, and what its own literals are."""

    skeleton: str
    parsed: Parsed
    literals: tuple[ConstantValue, ...]
    tokens: Callable[[], list[Token]]
    """Its own text, for what cannot be told from the tree of another."""


def _stack_is_full() -> ExpressionError:
    return ExpressionError("nested too deep for what is left of the stack", 0)


class Compiler:
    """Compiles expressions; `host` answers what detectors and patterns there are."""

    def __init__(
        self,
        host: Host,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        attributes: Mapping[str, str] | None = None,
        scope: Scope | None = None,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """`functions` are what filters may call, beside RUNTIME. `attributes` are types of attributes by path, such as
        ``{"context.risk": "int"}``; ValueError says which is none. `scope` is for other names than those of a request.
        `pause` is called after each shape.
        """
        self._host = host
        self.declares_attributes: Final = bool(attributes)
        self._pause = pause
        self._scope = scope or request_scope(attributes)
        self._globals = {"__builtins__": {}, **RUNTIME, "patterns": Patterns(host.pattern), **(functions or {})}
        self._parsed: dict[str, Parsed] = {}
        self._tokens: dict[str, Sequence[Token]] = {}
        self._pinned: dict[str, tuple[int, ...]] = {}
        self._shapes: dict[str, dict[Hashable, Shape]] = {}

    def read(self, source: str) -> Expression:
        """`source` parsed, unless one like it has been. Raises ExpressionError with the offset of the first fault."""
        try:
            tokens = tokenize(source)
            skeleton = skeleton_of(tokens)
            parsed = self._parsed.get(skeleton)
            if parsed is None:
                parsed = self._parsed[skeleton] = parse_tokens(tokens)
            return Expression(skeleton, parsed, literal_values(tokens, parsed.negative), lambda: tokens)
        except RecursionError:
            raise _stack_is_full() from None

    def variant(self, like: Expression, literals: Sequence[Any]) -> Expression:
        """`like` with other literals. Raises ValueError unless they are as many, and of the same kinds."""
        if [type(value) for value in literals] != [type(value) for value in like.parsed.literals]:
            raise ValueError("literals do not fit the expression")
        values = tuple(literals)

        def tokens() -> list[Token]:
            own = iter(values)
            return [rendered(token, next(own)) if token.kind in LITERALS else token for token in like.tokens()]

        return Expression(like.skeleton, like.parsed, values, tokens)

    def condition(self, expression: Expression | str | None, filters: Filters = no_filters) -> Condition:
        """`expression`, read or as text (None: always true), behind `filters`.

        Raises ExpressionError, also when its value can never be a bool.
        """
        try:
            if expression is not None:
                return self._condition(self.read(expression) if isinstance(expression, str) else expression, filters)
            shapes = self._shapes.setdefault("", {})
            shape = shapes.get(filters.form)
            if shape is None:
                shape = shapes[filters.form] = Shape(self, None, filters)
            return Condition.of(shape, filters.values, ())
        except RecursionError:  # within our limits, so the stack was nearly full before: the caller's doing
            raise _stack_is_full() from None

    def _condition(self, expression: Expression, filters: Filters) -> Condition:
        skeleton, parsed, literals = expression.skeleton, expression.parsed, expression.literals
        shapes = self._shapes.setdefault(skeleton, {})
        pinned = self._pinned.get(skeleton)
        form = filters.form if pinned is None else (filters.form, *[literals[slot] for slot in pinned])
        shape = shapes.get(form)
        if shape is not None:
            try:
                return Condition.of(shape, filters.values, literals)
            except ValueError:  # such as a pattern that is none: emitted by itself it is refused with its place
                shape = None
        own = parsed if literals == parsed.literals else parse_tokens(expression.tokens())
        if skeleton not in self._tokens:
            self._tokens[skeleton] = expression.tokens()
        shape = Shape(self, own, filters, self._tokens[skeleton])
        self._pause()
        if shape.pinned:
            self._pinned[skeleton] = shape.pinned
            form = (filters.form, *[literals[slot] for slot in shape.pinned])
        shapes[form] = shape
        return Condition.of(shape, filters.values, literals)

    def checked(self, node: Node) -> Checked:
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
        binding = bindings.binding(len(parsed.literals))
        return self.maker(binding.names, emitted)(*binding.values(parsed.literals))

    def emitted(self, checked: Checked, bindings: Bindings, *, careful: bool) -> str:
        """Source of a condition."""
        return Emitter(checked, bindings, self._host, careful=careful).guarded(checked.node, "bool")

    def value_of(self, checked: Checked, node: Node, literals: tuple[Any, ...], variables: Sequence[str]) -> Function:
        """See Shape.value_of."""
        bindings = Bindings()
        parameters = {name: f"p{position}" for position, name in enumerate(variables)}  # of two, the inner one is meant
        emitted = Emitter(checked, bindings, self._host, careful=True, variables=parameters).emit(node)
        binding = bindings.binding(len(literals))
        given = ", ".join(f"p{position}" for position in range(len(variables)))
        return self.maker(binding.names, f"lambda {given}: {emitted}")(*binding.values(literals))

    def maker(self, names: Sequence[str], expression: str) -> Callable[..., Function]:
        """A function of the constants `names` that makes the function ``(request, evaluation) -> expression``."""
        bound = "".join(f", {name}={name}" for name in names)  # as defaults: a cell for each would be an object more
        source = f"def make({', '.join(names)}):\n return lambda request, evaluation{bound}: {expression}"
        made: dict[str, Callable[..., Function]] = {}
        exec(_code_of(source), self._globals, made)  # noqa: S102  the source is ours: see above
        return made["make"]


@lru_cache(maxsize=_CODES_KEPT)
def _code_of(source: str) -> CodeType:
    """The code of `source`, which depends on nothing else."""
    return compile(source, "<policy shape>", "exec")
