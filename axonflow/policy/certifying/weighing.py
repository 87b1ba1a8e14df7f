"""What one rule may cost at worst, in units: a step of `axonflow.policy.cel.cost`, or something as small beside it.

Nothing here depends on how the rule is looked up, for that depends on the rules beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Final, NamedTuple

from axonflow.policy.cel.compiler import Condition, Shape
from axonflow.policy.cel.cost import Parts
from axonflow.policy.cel.syntax import Call, Constant, Name, Node
from axonflow.policy.certifying.inputs import Inputs
from axonflow.policy.compiling.program import RuleRow
from axonflow.policy.deciding.evaluation import MAX_LOOP_STEPS
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS
from axonflow.policy.deciding.rules import CompiledRule, Waiver
from axonflow.policy.decision import Redact

__all__ = ["EVERYTHING", "NOTHING", "Weigher", "Weight", "total"]

EVERYTHING: Final = "*"
"""In place of a selector: all detectors there are."""
_TRIED: Final = 2
"""A rule is fetched, and what it comes to is put with the others."""
_MADE: Final = 120
"""A condition that fails: its careful form is made anew each time, and the error told."""
_REDACTED: Final = 64
"""A redaction is put together with others, detector by detector."""
_FORMS: Final = 3
"""Quick, on the short way; quick again, then carefully, on the long one. What has loops takes the long one at once."""
_FORMS_WITH_LOOPS: Final = 2


class Weight(NamedTuple):
    """Units outside of loops; units in loops as they are written; and what a step that an evaluation pays for stands
    for. Of these there are `MAX_LOOP_STEPS` in a whole decision."""

    flat: int = 0
    looping: int = 0
    a_step: int = 0

    @property
    def units(self) -> int:
        """What it comes to by itself."""
        return self.flat + min(self.looping, (MAX_LOOP_STEPS + 1) * self.a_step)

    def at_most(self, other: Weight) -> Weight:
        """The less of both."""
        return Weight(min(self.flat, other.flat), min(self.looping, other.looping), min(self.a_step, other.a_step))


NOTHING: Final = Weight()
_NOBODY: Final = frozenset[str]()


def total(weights: Iterable[Weight]) -> Weight:
    """All of them in one decision."""
    flat = looping = a_step = 0
    for weight in weights:
        flat += weight.flat
        looping += weight.looping
        a_step = max(a_step, weight.a_step)
    return Weight(flat, looping, a_step)


class _Learnt(NamedTuple):
    """What conditions of one shape have in common."""

    parts: Parts | None
    asks: tuple[Constant, ...]
    """Selectors of detectors."""
    reads_findings: bool


class Weigher:
    """Weighs rules for requests no larger than `inputs`. What it learns of a shape holds for all of that shape."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._sizes = inputs.sizes
        self._shapes: dict[Shape, _Learnt] = {}
        self._weights: dict[tuple[Shape, tuple[str, ...], int], Weight] = {}

    def weight(self, row: RuleRow, rule: CompiledRule, waivers: Sequence[tuple[Mapping[str, Any], Waiver]]) -> Weight:
        """Of `rule`, whose row is `row`, with these exceptions, each with its filters."""
        owes = sum([_REDACTED if isinstance(one, Redact) else 1 for one in row.obligations]) if row.obligations else 0
        key = rule.condition.shape, tuple(row.match), owes
        own = self._weights.get(key)
        if own is None:
            own = self._condition(rule.condition, row.match)
            own = self._weights[key] = own._replace(flat=own.flat + owes)
        return total([own, *[self._waiver(match, waiver) for match, waiver in waivers]]) if waivers else own

    def parts(
        self, row: RuleRow, rule: CompiledRule, waivers: Sequence[tuple[Mapping[str, Any], Waiver]]
    ) -> list[tuple[int, str]]:
        """What the rule's units are for, dearest first."""
        learnt = self._learnt(rule.condition.shape)
        forms = _forms(rule.condition.shape)
        found = [(forms * self._filter(path), f"its filter on {path}") for path in row.match if path != "action"]
        if learnt.parts is not None:
            found.append((self._condition(rule.condition, {}).units, "its condition"))
        found += [(self._waiver(match, waiver).units, f"exception {waiver.id}") for match, waiver in waivers]
        found.append((sum(_REDACTED for one in row.obligations if isinstance(one, Redact)), "its redactions"))
        return sorted(found, key=lambda one: (-one[0], one[1]))

    def asked(self, rule: CompiledRule, waivers: Sequence[Waiver]) -> frozenset[str]:
        """Selectors of the detectors that the conditions of `rule` and `waivers` ask."""
        learnt = self._learnt(rule.condition.shape)
        if not waivers and not learnt.asks and not learnt.reads_findings:
            return _NOBODY
        found: set[str] = set()
        for condition in (rule.condition, *[waiver.condition for waiver in waivers]):
            learnt = self._learnt(condition.shape)
            if learnt.reads_findings:
                found.add(EVERYTHING)
            found.update(str(_value(one, condition.literals)) for one in learnt.asks)
        return frozenset(found)

    def _waiver(self, match: Mapping[str, Any], waiver: Waiver) -> Weight:
        return self._condition(waiver.condition, match)

    def _condition(self, condition: Condition, match: Mapping[str, Any]) -> Weight:
        shape = condition.shape
        learnt = self._learnt(shape)
        filters = sum(self._filter(path) for path in match if path != "action")
        forms = _forms(shape)
        if learnt.parts is None:
            return Weight(_TRIED + forms * filters)
        flat, looping, a_step = learnt.parts
        return Weight(
            _TRIED + _MADE + forms * (filters + ceil(flat)), forms * ceil(looping), ceil(a_step) if looping else 0
        )

    def _filter(self, path: str) -> int:
        """A filter on a list looks at its members; a text that is looked up is read once."""
        if path in STRING_FIELDS:
            return 2
        if path in LIST_FIELDS:
            return 2 + self._inputs.memberships
        return 1 + path.count(".") + ceil(self._sizes.json.all)

    def _learnt(self, shape: Shape) -> _Learnt:
        learnt = self._shapes.get(shape)
        if learnt is None:
            asks: list[Constant] = []
            reads = shape.node is not None and _asks(shape.node, asks)
            learnt = self._shapes[shape] = _Learnt(shape.steps(self._sizes), tuple(asks), reads)
        return learnt


def _forms(shape: Shape) -> int:
    return _FORMS_WITH_LOOPS if shape.inspects else _FORMS


def _value(constant: Constant, literals: Sequence[Any]) -> Any:
    return constant.value if constant.slot is None else literals[constant.slot]


def _asks(node: Node, asks: list[Constant]) -> bool:
    """Whether `node` reads findings; the literals by which it names detectors are added to `asks`."""
    reads = False
    pending: list[Any] = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            pending.extend(one)
        elif isinstance(one, Call) and one.function == "detected" and one.target is None:
            asks.extend(argument for argument in one.arguments if isinstance(argument, Constant))
        elif isinstance(one, Name):
            reads = reads or one.name.lstrip(".") == "findings"
        elif isinstance(one, Node):
            pending.extend(getattr(one, field) for field in one.__struct_fields__)
    return reads
