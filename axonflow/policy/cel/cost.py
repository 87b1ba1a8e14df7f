"""What evaluating an expression may cost at worst, in steps, for requests as large as their limits allow.

A step is a node evaluated, an element visited, or 4,096 characters read. The size of a value is additive: the nodes of
a list's elements add up to at most those of the list, and so do their characters. The cost f of one turn of a loop is
a polynomial of the size of its element, whose coefficients are not negative (so there are sums and products here, but
no minimum and no maximum). So the loop is dearest when one element holds all that is in the list:
f(size of the list) + count * f(0).

The estimate depends on the kinds of literals and on how many there are, never on their values: expressions that differ
in these alone share it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from axonflow.errors import ExpressionError
from axonflow.policy.cel import syntax
from axonflow.policy.cel.checker import LOOPS, Checked
from axonflow.policy.cel.functions.limits import MAX_BUILT, PREPARED_STEPS
from axonflow.policy.cel.lexer import MAX_EXPRESSION_CHARS
from axonflow.policy.cel.library import Grows
from axonflow.policy.cel.loops import BUILT_A_STEP, CHARS_A_STEP, SLOW_CHARS_A_STEP, VALUES_A_STEP
from axonflow.policy.cel.patterns import PATTERN_STEPS
from axonflow.policy.cel.scope import RECORDS
from axonflow.policy.cel.syntax import Constant, Node
from axonflow.policy.cel.types import STRING
from axonflow.policy.json_value import MAX_NODES, MAX_TEXT_CHARS
from axonflow.policy.request import MAX_ID_CHARS, MAX_MEMBERSHIPS

__all__ = ["MAX_COST_STEPS", "WORST", "Parts", "Size", "Sizes", "check_cost", "cost_of", "parts_of"]

MAX_COST_STEPS: Final = 10**13
"""Two loops inside each other over all that a request may hold are within it, three are not."""
_BUILT: Final = CHARS_A_STEP / BUILT_A_STEP
_READ: Final = {"constant": 0, "linear": 1, "sorting": 20, "slow": CHARS_A_STEP // SLOW_CHARS_A_STEP}
"""Times that what a function reads is read: sorting a million values takes 20 comparisons for each."""
_SEARCHED: Final = 64
"""Times that a text is read where something is looked for in it. As `_CAUGHT`, not for which conditions are refused."""
_CAUGHT: Final = 20
"""A part that fails where another may still decide. It counts for what conditions take, not for which are refused."""
_FEW: Final = 4
_TEXTS: Final = frozenset({"string", "bytes"})
_SCALARS: Final = frozenset(
    {"null", "bool", "int", "uint", "double", "timestamp", "duration", "type", "moment", "finding"}
)


class Size(NamedTuple):
    """Elements or entries of a value; those at any depth of it; and its characters, in units of 4,096."""

    items: float = 0.0
    nodes: float = 0.0
    text: float = 0.0

    @property
    def all(self) -> float:
        """Steps to read the value as a whole."""
        return self.nodes + self.text


class Sizes(Struct, frozen=True):
    """How large may be: a JSON value of a request, one of its ids, a list of roles, the findings, a literal text."""

    json: Size
    text: Size
    memberships: Size
    findings: Size
    literal: Size = Size(text=MAX_EXPRESSION_CHARS / CHARS_A_STEP)


_LARGEST_TEXT: Final = Size(text=MAX_TEXT_CHARS / CHARS_A_STEP)
_CHARS_A_FINDING: Final = 6
"""No detector finds anything shorter."""
_MOST_FINDINGS: Final = MAX_TEXT_CHARS / _CHARS_A_FINDING
WORST: Final = Sizes(
    json=Size(float(MAX_NODES), float(MAX_NODES), MAX_TEXT_CHARS / CHARS_A_STEP),
    text=Size(text=MAX_ID_CHARS / CHARS_A_STEP),
    memberships=Size(float(MAX_MEMBERSHIPS), float(MAX_MEMBERSHIPS), MAX_MEMBERSHIPS * MAX_ID_CHARS / CHARS_A_STEP),
    findings=Size(_MOST_FINDINGS, _MOST_FINDINGS),
)


def check_cost(checked: Checked) -> None:
    """Raises ExpressionError, with the estimate, for an expression that may cost more than MAX_COST_STEPS."""
    steps = cost_of(checked, WORST)
    if steps > MAX_COST_STEPS:
        raise ExpressionError(
            "the worst case costs too much",
            checked.node.offset,
            expected=f"at most {MAX_COST_STEPS:.0e} steps",
            found=f"{steps:.0e}" if steps < 1e300 else "more than can be counted",
            hint="Loops inside each other multiply; say what a request must look like with fewer of them.",
        )


def cost_of(checked: Checked, sizes: Sizes) -> float:
    """Steps that evaluating `checked` takes at most on values of `sizes`."""
    return _Estimate(checked, sizes).of(checked.node, {})[0]


class Parts(NamedTuple):
    """What evaluating an expression takes at most, told apart by what bounds it, in steps.

    `flat` is spent outside of loops; `looping` inside of them, where an evaluation pays as it goes: one paid step
    stands for at most `a_step` of ours.
    """

    flat: float
    looping: float
    a_step: float


def parts_of(checked: Checked, sizes: Sizes) -> Parts:
    """The steps of :func:`cost_of`, in parts."""
    estimate = _Estimate(checked, sizes, caught=_CAUGHT)
    whole = estimate.of(checked.node, {})[0]
    flat = _Flat(checked, sizes, caught=_CAUGHT).of(checked.node, {})[0]
    # Elements are paid for by the four, and each may be compared, and what is left of a failing one caught.
    return Parts(flat, whole - flat, estimate.visited * (VALUES_A_STEP * estimate.times + _CAUGHT))


_Known = dict[str, Size]
_Cost = tuple[float, Size]


def _times(one: float, other: float) -> float:
    return one * other if one and other else 0  # else infinity times nothing would be no number


def _plus(*sizes: Size) -> Size:
    return Size(*map(sum, zip(*sizes, strict=True))) if sizes else Size()


def _grown(grows: Grows, sizes: list[Size], *, splits: bool) -> Size:
    """What a function makes of arguments of `sizes`; whether it may make a list of a text's characters."""
    if grows == "count":
        return Size(float(MAX_BUILT), float(MAX_BUILT))
    whole = _plus(*sizes)
    if grows == "product":
        return Size(text=whole.text + _times(sizes[0].items + 1, _plus(*sizes[1:]).text))
    items = whole.nodes + (CHARS_A_STEP * sizes[0].text + 1 if splits else 0)
    return Size(items, items, _FEW * whole.text)


def _is_text(node: Node) -> bool:
    return isinstance(node, Constant) and isinstance(node.value, (str, bytes))


def _inside(size: Size) -> Size:
    """Of something that is in a value."""
    return Size(size.nodes, size.nodes, size.text)


class _Estimate:
    def __init__(self, checked: Checked, sizes: Sizes, caught: int = 0) -> None:
        """`caught`: for each part that may fail without the whole; 0 for what is refused, which counts less closely."""
        self._checked = checked
        self._sizes = sizes
        self._caught = caught
        self.visited = 0
        """Nodes, some of them more than once."""
        self.times = 1
        """That anything is read at most, for what is paid for it once."""

    def of(self, node: Node, known: _Known) -> _Cost:
        """Steps, and the size of the value; `known` are the sizes of variables."""
        self.visited += 1
        steps, size = getattr(self, f"_{type(node).__name__.lower()}")(node, known)
        kind = self._checked.type_of(node).name
        if kind in _TEXTS:
            return steps + 1, Size(text=size.text)
        return steps + 1, Size() if kind in _SCALARS else size

    def _all(self, nodes: tuple[Node, ...], known: _Known) -> _Cost:
        costs = [self.of(node, known) for node in nodes]
        return sum(steps for steps, _ in costs), _plus(*[size for _, size in costs])

    # -- leaves and fields

    def _constant(self, node: Constant, _known: _Known) -> _Cost:
        return 0, self._sizes.literal if isinstance(node.value, (str, bytes)) else Size()

    def _name(self, node: syntax.Name, known: _Known) -> _Cost:
        if self._checked.reference(node) is None:
            return 0, known[node.name]
        kind = self._checked.type_of(node)
        if kind.name == "list":
            return 0, self._sizes.findings
        return 0, self._sizes.text if kind == STRING else self._sizes.json

    def _select(self, node: syntax.Select | syntax.OptionalSelect, known: _Known) -> _Cost:
        if self._checked.reference(node) is not None:
            return 0, self._sizes.json
        steps, size = self.of(node.operand, known)
        owner, kind = self._checked.type_of(node.operand).name, self._checked.type_of(node)
        if owner in RECORDS and kind.name == "list":
            return steps, self._sizes.memberships
        if owner in RECORDS and kind == STRING and node.field in {"id", "type", "tenant"}:
            return steps, self._sizes.text
        return steps + self._looked_at(kind.name, size), _inside(size)

    _optionalselect = _select

    @staticmethod
    def _looked_at(kind: str, size: Size) -> float:
        """A declared list or map is looked at as a whole."""
        return size.all if kind in {"list", "map", "optional"} else 0

    def _has(self, node: syntax.Has, known: _Known) -> _Cost:
        return self.of(node.operand, known)[0], Size()

    def _index(self, node: syntax.Index | syntax.OptionalIndex, known: _Known) -> _Cost:
        steps, size = self.of(node.operand, known)
        searched = 0 if self._checked.type_of(node.key) == STRING else size.items
        looked_at = self._looked_at(self._checked.type_of(node).name, size)
        return steps + self.of(node.key, known)[0] + searched + looked_at, _inside(size)

    _optionalindex = _index

    # -- operators

    def _unary(self, node: syntax.Unary, known: _Known) -> _Cost:
        return self.of(node.operand, known)

    def _logical(self, node: syntax.Logical, known: _Known) -> _Cost:
        steps, size = self._all(node.operands, known)
        return steps + self._caught * len(node.operands), size

    def _conditional(self, node: syntax.Conditional, known: _Known) -> _Cost:
        (tested, _), (then, one), (otherwise, other) = (
            self.of(part, known) for part in (node.test, node.then, node.otherwise)
        )
        return tested + then + otherwise, _plus(one, other)

    def _binary(self, node: syntax.Binary, known: _Known) -> _Cost:
        steps, size = self._all((node.left, node.right), known)
        if node.operator == "+":
            return steps + size.nodes + _BUILT * size.text, size
        kinds = {self._checked.type_of(side).name for side in (node.left, node.right)}
        if node.operator in {"==", "!="} and (_is_text(node.left) or _is_text(node.right)):
            return steps + self._sizes.literal.text, Size()  # of another kind or length than it, nothing is read
        compares_all = node.operator == "in" or not kinds & _SCALARS
        return steps + (size.all if compares_all else 0), Size()

    # -- calls

    def _call(self, node: syntax.Call, known: _Known) -> _Cost:
        if node.function == "detected" and node.target is None:
            return 0, Size()  # each detector reads the content once in a decision, however often it is asked
        called = self._checked.called(node)
        costs = [self.of(argument, known) for argument in called.arguments]
        sizes = [size for _, size in costs]
        row = called.signatures[-1].row
        if row.cost == "sorting":
            self.times = max(self.times, _READ[row.cost])
        steps = sum(steps for steps, _ in costs) + _plus(*sizes).all * _READ[row.cost]
        for position, maker in row.prepares:
            if not isinstance(called.arguments[position], Constant):
                steps += PREPARED_STEPS.get(maker, 0) * (1 + sizes[position].items)
        if self._caught and row.cost == "linear":
            self.times = max(self.times, _SEARCHED)
            searched = [size for argument, size in zip(called.arguments, sizes, strict=True) if not _is_text(argument)]
            steps += _plus(*searched).text * _SEARCHED
        if node.function == "matches":
            return steps + (0 if isinstance(called.arguments[1], Constant) else PATTERN_STEPS), Size()
        if row.grows in {"scalar", "held"}:
            return steps, Size() if row.grows == "scalar" else _plus(*sizes)
        others = called.arguments[1:]
        reads_text = called.signatures[-1].parameter(0).name in _TEXTS
        if row.grows == "product" and (reads_text or not all(isinstance(other, Constant) for other in others)):
            return steps + _BUILT * _LARGEST_TEXT.text, _LARGEST_TEXT
        result = _grown(row.grows, sizes, splits=reads_text and self._checked.type_of(node).name == "list")
        return steps + result.nodes + _BUILT * result.text, result

    # -- containers, macros and bindings

    def _listliteral(self, node: syntax.ListLiteral, known: _Known) -> _Cost:
        steps, size = self._all(node.items, known)
        return steps, Size(len(node.items), len(node.items) + size.nodes, size.text)

    def _maybe(self, node: syntax.Maybe, known: _Known) -> _Cost:
        return self.of(node.operand, known)

    def _mapliteral(self, node: syntax.MapLiteral, known: _Known) -> _Cost:
        steps, size = self._all(tuple(part for entry in node.entries for part in entry), known)
        return steps, Size(len(node.entries), len(node.entries) + size.nodes, size.text)

    def _bind(self, node: syntax.Bind, known: _Known) -> _Cost:
        total = 0.0
        for name, value in node.values:
            steps, size = self.of(value, known)
            total += steps
            known = {**known, name: size}
        steps, size = self.of(node.body, known)
        return total + steps, size

    def _macro(self, node: syntax.Macro, known: _Known) -> _Cost:
        steps, over = self.of(node.target, known)
        if node.macro not in LOOPS:
            turn, size = self.of(node.body, {**known, node.variables[0]: over})
            return steps + turn, size
        turns, size = self._turns(node, known, over)
        return steps + turns, size

    def _turns(self, node: syntax.Macro, known: _Known, over: Size) -> _Cost:
        """All turns of a loop over a value of that size."""
        lightest, least = self._turn(node, known, Size())
        heaviest, most = self._turn(node, known, _inside(over))
        turns = heaviest + _times(over.items, lightest) + over.items
        if node.condition is not None or len(node.variables) > 1:
            turns += over.items + over.all
        if node.macro == "filter":
            return turns, over
        made = _plus(most, Size(*(_times(over.items, part) for part in least)))
        if node.macro == "sortBy":
            self.times = max(self.times, _READ["sorting"])
            return turns + (over.items + made.all) * _READ["sorting"], over
        if node.macro == "transformMap":  # its keys too
            made = _plus(made, over)
        items = made.items if node.macro == "transformMapEntry" else over.items
        return turns, Size(items, over.items + made.nodes, made.text)

    def _turn(self, node: syntax.Macro, known: _Known, element: Size) -> _Cost:
        """One turn of a loop over an element of that size."""
        inner = {**known, **dict.fromkeys(node.variables, element)}
        tested = 0.0 if node.condition is None else self.of(node.condition, inner)[0]
        steps, size = self.of(node.body, inner)
        extra = size.items if node.macro == "transformMapEntry" else 0
        return tested + steps + extra + self._caught, size


class _Flat(_Estimate):
    """One in which no loop turns; what loops make is as large as ever."""

    def _turns(self, node: syntax.Macro, known: _Known, over: Size) -> _Cost:
        return 0, super()._turns(node, known, over)[1]
