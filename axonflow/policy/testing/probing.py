"""Conditions that tell what their parts came to: compiled as the engine compiles them, with probes in between.

Nothing is interpreted a second time. A probe stands around the source that the engine's own emitter gives for a part,
in the form that answers as the language's standard says; parts that an evaluation never gets to tell nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from axonflow.detect import Scanner
from axonflow.policy.cel import syntax
from axonflow.policy.cel.bindings import Bindings
from axonflow.policy.cel.checker import Checked, Checker
from axonflow.policy.cel.compiler import Compiler, Function
from axonflow.policy.cel.emitter import Emitter
from axonflow.policy.cel.parser import parse
from axonflow.policy.cel.scope import Host
from axonflow.policy.cel.syntax import Node
from axonflow.policy.deciding.matching import MATCH_FUNCTIONS

__all__ = ["DetectorHost", "ProbingCompiler", "children", "conditions_in"]

_TESTS = frozenset({"exists", "all", "exists_one", "filter"})

Tell = Callable[[str], None]
"""What a probe tells: ``true``, ``false`` or ``error``."""


class DetectorHost:
    """What expressions may refer to: the detectors of a scanner, and patterns."""

    def __init__(self, scanner: Scanner, compile_pattern: Callable[[str], Any]) -> None:
        self._scanner = scanner
        self._compile_pattern = compile_pattern

    def detectors(self, selector: str) -> tuple[str, ...]:
        """The ids that `selector` means, which are known: the condition has been loaded before."""
        if selector == "*":
            return tuple(sorted(detector.id for detector in self._scanner.detectors))
        return self._scanner.resolve(selector)

    def pattern(self, pattern: str) -> Any:
        """The compiled pattern."""
        return self._compile_pattern(pattern)


class ProbingCompiler(Compiler):
    """A compiler of conditions with probes. Conditions that loaded need not be checked again."""

    def __init__(self, host: Host, attributes: Mapping[str, str]) -> None:
        super().__init__(host, {**MATCH_FUNCTIONS, "seen": _seen}, attributes)

    def probed(self, source: str, probe: Callable[[Node], Tell]) -> Function:
        """`source` as a function ``(request, evaluation) -> bool`` that raises what the condition raises.

        `probe` is called once for each condition within it, in the order of their text.
        """
        parsed = parse(source)
        checked = Checker(self._scope).check(parsed.node)
        bindings = Bindings()
        probes = {id(node): bindings.fixed(probe(node)) for node in conditions_in(parsed.node)}
        emitter = _ProbingEmitter(checked, bindings, self._host, probes)
        emitted = emitter.guarded(parsed.node, "bool")
        binding = bindings.binding(len(parsed.literals))
        return self.maker(binding.names, emitted)(*binding.values(parsed.literals))


class _ProbingEmitter(Emitter):
    def __init__(self, checked: Checked, bindings: Bindings, host: Host, probes: Mapping[int, str]) -> None:
        super().__init__(checked, bindings, host, careful=True)
        self._probes = probes

    def emit(self, node: Node) -> str:
        source = super().emit(node)
        name = self._probes.get(id(node))
        return source if name is None else f"seen({name}, lambda: {source})"


def _seen(tell: Tell, value: Callable[[], Any]) -> Any:
    try:
        found = value()
    except Exception:
        tell("error")
        raise
    if found is True or found is False:
        tell("true" if found else "false")
    return found


def conditions_in(node: Node, *, is_condition: bool = True) -> Iterator[Node]:
    """What in `node` is true or false by itself: operands of ``&&`` and ``||``, tests of ``?:``, bodies of loops, and
    what stands behind a ``!``. An operand that is made of others is not told: they tell more."""
    if isinstance(node, syntax.Logical):
        inner: Sequence[tuple[Node, bool]] = [(operand, True) for operand in node.operands]
    elif isinstance(node, syntax.Unary) and node.operator == "!":
        inner = [(node.operand, True)]
    elif isinstance(node, syntax.Conditional):
        inner = [(node.test, True), (node.then, is_condition), (node.otherwise, is_condition)]
    elif isinstance(node, syntax.Bind):
        inner = [*[(value, False) for _, value in node.values], (node.body, is_condition)]
    else:
        if is_condition and not isinstance(node, syntax.Constant):
            yield node
        inner = [(child, False) for child in children(node)]
        if isinstance(node, syntax.Macro):
            conditions = [] if node.condition is None else [(node.condition, True)]
            inner = [(node.target, False), *conditions, (node.body, node.macro in _TESTS)]
    for child, child_is_condition in inner:
        yield from conditions_in(child, is_condition=child_is_condition)


def children(node: Node) -> Iterator[Node]:
    """The nodes right below `node`, in the order of their text."""
    for name in node.__struct_fields__:
        yield from _nodes(getattr(node, name))


def _nodes(value: object) -> Iterator[Any]:
    if isinstance(value, Struct):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
