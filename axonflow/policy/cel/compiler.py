"""Syntax tree -> Python source -> function, once per shape.

Constants, field names and patterns never become source: they are bound as ``c0``, ``c1``... so that ten thousand
rules of one shape share one code object, and so that nothing a policy says is ever run as Python. The source refers
only to ``request``, ``evaluation``, ``c*``, ``v*`` (our names for macro variables), ``t*`` (temporaries), attributes
named in this package's tables, and RUNTIME; ``__builtins__`` is empty.

Each condition is emitted twice. The quick form uses Python's own ``and`` and ``or`` and direct look-ups; any error
in it, also an expected one such as a missing attribute, ends it. The careful form then gives the standard's answer,
in which ``false && error`` is false, or the error with the path that caused it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, Final

from axonflow.errors import ExpressionError
from axonflow.policy.cel.emitter import Bindings, Emitter
from axonflow.policy.cel.parser import parse
from axonflow.policy.cel.runtime import RUNTIME
from axonflow.policy.cel.scope import Host
from axonflow.policy.cel.syntax import Node

__all__ = ["Compiler", "Condition", "Filters", "Function"]

Function = Callable[[Any, Any], Any]
"""``(request, evaluation) -> value``; may raise anything where the expression fails."""

Filters = Callable[[Bindings], list[str]]
"""Emits conjuncts that never fail, such as a rule's `match`."""


def no_filters(_bindings: Bindings) -> list[str]:
    return []


_NAMESPACE: Final[dict[str, Any]] = {"__builtins__": {}, **RUNTIME}


class Condition:
    """One compiled expression in its quick and its careful form; None is a condition that always holds.

    `inspects` says whether the functions use their second argument: for findings, time or loops.
    """

    __slots__ = ("careful", "inspects", "node", "quick")

    def __init__(self, quick: Function | None, careful: Function | None, node: Node | None, *, inspects: bool) -> None:
        self.quick = quick
        self.careful = careful
        self.node = node
        self.inspects = inspects


class Compiler:
    """Compiles expressions; `host` answers what detectors and patterns there are."""

    def __init__(self, host: Host, functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
        """`functions` are what `filters` may call, beside RUNTIME."""
        self._host = host
        self._namespace = _NAMESPACE | dict(functions or {})
        self._codes: dict[str, CodeType] = {}

    def condition(self, source: str | None, filters: Filters = no_filters) -> Condition:
        """`source` (None: always true), behind the plain filters that `filters` emits.

        Raises ExpressionError, also when the value of `source` can never be a bool.
        """
        try:
            node = parse(source) if source is not None else None
            quick, inspects = self._function(node, filters, careful=False)
            careful, _ = self._function(node, filters, careful=True)
        except RecursionError:  # within our limits, so the stack was nearly full before: the caller's doing
            raise ExpressionError("nested too deep for what is left of the stack", 0) from None
        return Condition(quick, careful, node, inspects=inspects)

    def value(self, source: str) -> Function:
        """`source` as a function of any result, in its careful form."""
        bindings = Bindings()
        emitted = Emitter(bindings, self._host, careful=True).value(parse(source))
        return self.bind(emitted.source, bindings)

    def _function(self, node: Node | None, filters: Filters, *, careful: bool) -> tuple[Function | None, bool]:
        bindings = Bindings()
        parts = filters(bindings)
        if node is not None:
            emitted = Emitter(bindings, self._host, careful=careful).emit(node)
            if emitted.kind not in {"bool", "dyn"}:
                raise ExpressionError("a condition is true or false", node.offset, expected="bool", found=emitted.kind)
            parts.append(emitted.source if emitted.kind == "bool" else f"as_bool({emitted.source})")
        if not parts:
            return None, False
        return self.bind(" and ".join(parts), bindings), bindings.inspects

    def bind(self, expression: str, bindings: Bindings) -> Function:
        """The function ``(request, evaluation) -> expression`` with its constants bound."""
        names = ", ".join(f"c{position}" for position in range(len(bindings.values)))
        source = f"def make({names}):\n return lambda request, evaluation: {expression}"
        code = self._codes.get(source)
        if code is None:
            code = self._codes[source] = compile(source, "<policy shape>", "exec")
        namespace = dict(self._namespace)
        exec(code, namespace)  # noqa: S102  the source is ours: see the module's docstring
        function: Function = namespace["make"](*bindings.values)
        return function
