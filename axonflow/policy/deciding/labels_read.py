"""Which labels rules read: requests carry them in ``context.labels``, and who fills that in wants to know for what.

A rule that asks for a label by name (``match: {context.labels: pii:email}``, ``"pii:email" in context.labels``) takes
no interest in others. One that asks in any other way, or that loosens where all labels are among some, may depend on
each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.compiler import Condition, Shape
from axonflow.policy.cel.syntax import (
    Binary,
    Call,
    Constant,
    Has,
    Index,
    ListLiteral,
    Name,
    Node,
    OptionalIndex,
    OptionalSelect,
    Select,
)
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect, Limit

__all__ = ["LABELS", "LabelsRead", "label_of_detector"]

LABELS: Final = "context.labels"
_RULES_A_SLICE: Final = 200
_FIELD: Final = "labels"
_ROOT: Final = "context"
_SELECTS: Final = (Select, Has, OptionalSelect)
_INDEXES: Final = (Index, OptionalIndex)


def label_of_detector(detector_id: str) -> str:
    """What data carries in which the detector finds something: ``pii:email`` for ``pii.email``."""
    return detector_id.replace(".", ":", 1)


class _Uses(Struct, frozen=True, eq=False):
    """What conditions of one shape do with labels: whether they read them, which they ask for by name, under which keys
    they look into the context, and whether they may depend on any."""

    reads: bool
    named: tuple[Constant, ...]
    keys: tuple[Constant, ...]
    any: bool
    filter: int | None


class LabelsRead:
    """What rules read of labels, as they are added one by one: `reads` says whether they do at all, `named` which they
    ask for by name, `any` whether they may depend on others."""

    __slots__ = ("_shapes", "any", "named", "reads")

    def __init__(self) -> None:
        self.reads = False
        self.named: set[str] = set()
        self.any = False
        self._shapes: dict[Shape, _Uses] = {}

    @classmethod
    def of(
        cls,
        rules: Iterable[CompiledRule],
        shapes: Iterable[Shape],
        paths: Container[str],
        pause: Callable[[], None] = lambda: None,
    ) -> LabelsRead:
        """What `rules` read, whose conditions have these `shapes`, and which read `paths`. Most rules read no labels,
        which is told by these: of a hundred thousand rules there are few. `pause` is called now and then."""
        found = cls()
        if LABELS in paths or any(found._uses(shape) is not _NONE for shape in shapes):
            for number, rule in enumerate(rules):
                found.add(rule)
                if number % _RULES_A_SLICE == 0:
                    pause()
        return found

    def add(self, rule: CompiledRule) -> None:
        """All that `rule` reads."""
        loosens = rule.effect is Effect.ALLOW
        if rule.filed is not None and rule.filed[0] == LABELS and not loosens:  # then no filter is left of it
            self.reads = True
            self.named.update(rule.filed[1])
        self._add(rule.condition, loosens=loosens)
        for waiver in rule.waivers:
            self._add(waiver.condition, loosens=True)
        for obligation in rule.obligations:
            if isinstance(obligation, Limit) and LABELS in obligation.key:
                self.reads = self.any = True

    def require(self, paths: Iterable[str]) -> None:
        """Requests have to carry what is at `paths`."""
        self.reads = self.reads or LABELS in paths

    def unite(self, others: Iterable[LabelsRead]) -> LabelsRead:
        """This, with what `others` read."""
        for other in others:
            self.reads = self.reads or other.reads
            self.any = self.any or other.any
            self.named |= other.named
        return self

    def detectors(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the detectors `ids` whose labels matter."""
        return tuple(one for one in ids if self.any or label_of_detector(one) in self.named)

    def _add(self, condition: Condition, *, loosens: bool) -> None:
        uses = self._uses(condition.shape)
        if uses is _NONE:
            return
        if uses.filter is not None:
            self.reads = True
            self.any = self.any or loosens
            self.named.update([one for one in condition.values[uses.filter] if isinstance(one, str)])
        self.reads = self.reads or uses.reads
        self.any = self.any or uses.any
        self.named.update([text for text in _texts(uses.named, condition.literals) if isinstance(text, str)])
        if _FIELD in _texts(uses.keys, condition.literals):
            self.reads = self.any = True

    def _uses(self, shape: Shape) -> _Uses:
        uses = self._shapes.get(shape)
        if uses is None:
            uses = self._shapes[shape] = _uses_of(shape)
        return uses


def _texts(constants: Sequence[Constant], literals: Sequence[Any]) -> list[Any]:
    return [one.value if one.slot is None else literals[one.slot] for one in constants]


def _uses_of(shape: Shape) -> _Uses:
    at = shape.filtered.index(LABELS) if LABELS in shape.filtered else None
    node = shape.node
    found = _Reading()
    if node is not None:
        found.walk(node)
    if at is None and not (found.reads or found.keys):
        return _NONE
    return _Uses(found.reads, tuple(found.named), tuple(found.keys), found.any, at)


_NONE: Final = _Uses(reads=False, named=(), keys=(), any=False, filter=None)


class _Reading:
    """A tree, looked through."""

    def __init__(self) -> None:
        self.reads = False
        self.any = False
        self.named: list[Constant] = []
        self.keys: list[Constant] = []

    def walk(self, node: Node) -> None:
        left: list[Any] = [node]
        while left:
            one = left.pop()
            if isinstance(one, tuple):
                left += one
            elif isinstance(one, Struct) and not self._taken(one):
                left += [getattr(one, name) for name in one.__struct_fields__]

    def _taken(self, node: Any) -> bool:
        """Whether `node` is understood, so that nothing within it is to be looked at."""
        return any(take(self, node) for take in self._TAKES)

    def _member(self, node: Any) -> bool:
        """``"pii:email" in context.labels``, also with ``context.?labels.orValue([])``."""
        if not isinstance(node, Binary) or node.operator != "in" or not isinstance(node.left, Constant):
            return False
        if not (_is_labels(node.right) or _or_none(node.right)):
            return False
        self.reads = True
        self.named.append(node.left)
        return True

    def _presence(self, node: Any) -> bool:
        """``has(context.labels)``; that of another attribute; or ``"env" in context``."""
        if isinstance(node, Binary) and node.operator == "in" and _is_context(node.right):
            return self._key(node.left)
        if not isinstance(node, _SELECTS) or not _is_context(node.operand):
            return False
        if node.field == _FIELD:
            self.reads = True
            self.any = self.any or not isinstance(node, Has)
        return True

    def _keyed(self, node: Any) -> bool:
        """``context["env"]``"""
        return isinstance(node, _INDEXES) and _is_context(node.operand) and self._key(node.key)

    def _key(self, key: Node) -> bool:
        if isinstance(key, Constant):
            self.keys.append(key)
            return True
        return False

    def _whole(self, node: Any) -> bool:
        """The context by itself: whatever is in it may be read."""
        if _is_context(node):
            self.reads = self.any = True
        return isinstance(node, Name)

    _TAKES: Final[tuple[Callable[[_Reading, Any], bool], ...]] = (_member, _presence, _keyed, _whole)


def _is_context(node: Any) -> bool:
    return isinstance(node, Name) and node.name.lstrip(".") == _ROOT


def _is_labels(node: Any) -> bool:
    return isinstance(node, Select) and node.field == _FIELD and _is_context(node.operand)


def _or_none(node: Any) -> bool:
    if not isinstance(node, Call) or node.function != "orValue" or len(node.arguments) != 1:
        return False
    optional, default = node.target, node.arguments[0]
    is_labels = isinstance(optional, OptionalSelect) and optional.field == _FIELD and _is_context(optional.operand)
    return is_labels and isinstance(default, ListLiteral) and not default.items
