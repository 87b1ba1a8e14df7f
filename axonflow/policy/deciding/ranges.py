"""What a rule can be looked up by when nothing has to be equal: how a text has to begin, where an address has to be.

Unlike equalities, these may be asked of attributes that a request lacks, and then the rule's condition fails, which
counts. So a look-up narrows only where there is something to go by; for anything else it gives all that would fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from axonflow.policy.cel.addresses import Cidr, read_cidr, read_client
from axonflow.policy.cel.compiler import Expression
from axonflow.policy.cel.globs import literal_prefix
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.cel.syntax import Call, Constant, Has, ListLiteral, Logical, Name, Node, Select
from axonflow.policy.deciding.matching import STRING_FIELDS

__all__ = ["ABSENT", "Range", "RangeFinder", "RangeTable", "look", "range_table"]

ABSENT: Final = object()
"""What is read at a path that leads nowhere. Null is a value, of which text cannot be asked."""

_ROOTS: Final = frozenset({"principal", "resource", "context"})
_PREFIXES: Final[dict[str, Callable[[str], str]]] = {"startsWith": str, "glob": literal_prefix}
"""Functions of two texts that hold only if the first begins with something that the second, a literal, tells."""
_NETWORK: Final = "inCIDR"
_BITS: Final = {4: 32, 6: 128}


class Range(NamedTuple):
    """For a condition to hold the text at `path` begins with one of `values`, or is an address in one of them; or the
    condition fails, but for a text that is absent and `guarded` by has()."""

    path: str
    values: tuple[str, ...] | tuple[Cidr, ...]
    guarded: bool

    @property
    def is_network(self) -> bool:
        """Which of the two it is."""
        return isinstance(self.values[0], Cidr)


class _Demand(NamedTuple):
    """What all expressions of a skeleton demand of one text, but for their literals."""

    path: str
    function: str
    constants: tuple[Constant, ...]
    guarded: bool


class RangeFinder:
    """What texts must be for conditions to hold. What it learns of a skeleton holds for all expressions of it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Demand, ...]] = {}

    def find(self, expression: Expression | None) -> Range | None:
        """The network or else the longest beginning that `expression` demands of some text."""
        if expression is None:
            return None
        known = self._known.get(expression.skeleton)
        if known is None:
            known = self._known[expression.skeleton] = tuple(_demands(expression.parsed.node))
        best: Range | None = None
        for demand in known:
            texts = [str(_value(constant, expression.literals)) for constant in demand.constants]
            try:
                if demand.function == _NETWORK:
                    return Range(demand.path, tuple([read_cidr(text) for text in texts]), demand.guarded)
                prefix = _PREFIXES[demand.function](texts[0])
            except ValueError:  # refused with its place when it is compiled
                continue
            if prefix and (best is None or len(prefix) > len(str(best.values[0]))):
                best = Range(demand.path, (prefix,), demand.guarded)
        return best


def _value(constant: Constant, literals: Sequence[Any]) -> Any:
    return constant.value if constant.slot is None else literals[constant.slot]


def _demands(node: Node) -> Iterator[_Demand]:
    conjuncts = node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)
    guards = {_path(Select(0, one.operand, one.field)) for one in conjuncts if isinstance(one, Has)}
    for one in conjuncts:
        if isinstance(one, Call) and one.function in {*_PREFIXES, _NETWORK} and len(one.arguments) == 1:
            path = _path(one.target) if one.target is not None else None
            constants = _texts(one.arguments[0])
            if path is not None and constants and (one.function == _NETWORK or len(constants) == 1):
                yield _Demand(path, one.function, constants, path in guards)


def _texts(node: Node) -> tuple[Constant, ...]:
    """The literals that `node`, a text or a list of texts, consists of; none when there is anything else in it."""
    items = node.items if isinstance(node, ListLiteral) else (node,)
    found = [item for item in items if isinstance(item, Constant) and isinstance(item.value, str)]
    return tuple(found) if len(found) == len(items) else ()


def _path(node: Node) -> str | None:
    names: list[str] = []
    while isinstance(node, Select):
        names.append(node.field)
        node = node.operand
    if not isinstance(node, Name) or node.name not in _ROOTS or not names:
        return None
    names.reverse()
    path = ".".join([node.name, *names])
    is_field = names[0] != "attributes" and names[0] in FIELDS.get(node.name, ())
    if (is_field and path not in STRING_FIELDS) or not all(name.isidentifier() for name in names):
        return None
    return path


def look(value: Any, names: Sequence[str]) -> Any:
    """What `names` lead to from the attributes `value`; ABSENT where only the last of them is missing.

    Where there is not even something that could hold it, has() fails as well, and so does every rule behind it: then
    there is nothing to go by, which None says.
    """
    *above, last = names
    for name in above:
        value = value.get(name)
        if not isinstance(value, dict):
            return None
    return value.get(last, ABSENT)


class RangeTable:
    """The rules with a range of one kind at one path. ``find(value)`` gives those that may hold, or fail, for it."""

    __slots__ = ("_all", "_unguarded")

    def __init__(self, rules: Sequence[tuple[Any, Range]]) -> None:
        self._all = tuple([rule for rule, _ in rules])
        self._unguarded = tuple([rule for rule, wanted in rules if not wanted.guarded])

    def find(self, value: Any) -> tuple[Any, ...]:
        """None but those without a guard for ABSENT; all for what is no text."""
        return self._unguarded if value is ABSENT else self._all


def range_table(rules: Sequence[tuple[Any, Range]]) -> RangeTable:
    """The table of rules whose ranges are all of one kind."""
    return _Networks(rules) if rules[0][1].is_network else _Beginnings(rules)


class _Beginnings(RangeTable):
    __slots__ = ("_by_length",)

    def __init__(self, rules: Sequence[tuple[Any, Range]]) -> None:
        super().__init__(rules)
        tables: dict[int, dict[Any, list[Any]]] = {}
        for rule, wanted in rules:
            for prefix in wanted.values:
                tables.setdefault(len(str(prefix)), {}).setdefault(prefix, []).append(rule)
        self._by_length = [(length, _frozen(table).get) for length, table in sorted(tables.items())]

    def find(self, value: Any) -> tuple[Any, ...]:
        if value.__class__ is not str:
            return super().find(value)
        found: tuple[Any, ...] = ()
        for length, get in self._by_length:
            found += get(value[:length], ())
        return found


class _Networks(RangeTable):
    __slots__ = ("_by_family",)

    def __init__(self, rules: Sequence[tuple[Any, Range]]) -> None:
        super().__init__(rules)
        tables: dict[tuple[int, int], dict[Any, list[Any]]] = {}
        for rule, wanted in rules:
            for block in wanted.values:
                assert isinstance(block, Cidr)
                shift = _BITS[block.ip.family] - block.prefix
                tables.setdefault((block.ip.family, shift), {}).setdefault(block.ip.number >> shift, []).append(rule)
        self._by_family: dict[int, list[tuple[int, Any]]] = {4: [], 6: []}
        for (family, shift), table in sorted(tables.items()):
            self._by_family[family].append((shift, _frozen(table).get))

    def find(self, value: Any) -> tuple[Any, ...]:
        if value.__class__ is not str:
            return super().find(value)
        try:
            address = read_client(value)
        except ValueError:
            return self._all
        found: tuple[Any, ...] = ()
        for shift, get in self._by_family[address.family]:
            found += get(address.number >> shift, ())
        # A rule with several networks, one within another, is found for each.
        return found if len(found) < 2 else tuple({id(rule): rule for rule in found}.values())


def _frozen(table: dict[Any, list[Any]]) -> dict[Any, tuple[Any, ...]]:
    return {key: tuple(rules) for key, rules in table.items()}
