"""What the rules for an action ask of a request, known before there is one: so it is known which of recorded decisions
are the same to them, and which of the rules can be judged by what was recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.compiler import Condition, Function, Shape
from axonflow.policy.cel.syntax import Call, Macro, Name, Node
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.index import ActionIndex
from axonflow.policy.deciding.matching import reader
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Redact
from axonflow.policy.whatif.classes import Use, uses_of
from axonflow.policy.whatif.partial_request import names_of, spelled, whole_request

__all__ = ["ActionNeeds", "Asks", "Needs"]

_DETECTED: Final = "detected"


class _Shaped(Struct, frozen=True):
    """What conditions of one shape ask for, whatever their literals are."""

    paths: frozenset[str]
    whole: frozenset[str]
    findings: bool
    content: bool
    time: bool
    loops: bool


class Needs(Struct, frozen=True):
    """What one condition asks for. `read` are the paths that its expression reads, `used` those and its filters'.
    `whole` are roots any attribute of which it may read. `loops`: whether it may take many steps. `uses` are what
    becomes of the paths in `used`."""

    read: frozenset[str]
    used: frozenset[str]
    whole: frozenset[str]
    findings: bool
    content: bool
    time: bool
    loops: bool
    uses: tuple[Use, ...]


class ActionNeeds:
    """What the rules of one engine for one action ask for, one by one. `looked_up` are the paths that tell which of
    them may match at all, and `names` those under which records may have what stands there."""

    __slots__ = ("_careful", "_of", "_readers", "_shapes", "action", "engine", "index", "looked_up", "names", "rules")

    def __init__(self, engine: PolicyEngine, action: str) -> None:
        self.engine = engine
        self.action = action
        self.index: ActionIndex = engine.index_of(action)
        self.rules = tuple(rule for rule in engine.rules if rule.actions is None or action in rule.actions)
        filed = [rule.filed[0] for rule in self.rules if rule.filed is not None]
        ranged = [rule.range.path for rule in self.rules if rule.range is not None]
        self.looked_up = frozenset(map(spelled, {*filed, *ranged}))
        self.names = names_of(self.looked_up)
        self._readers: dict[str, Callable[[Any], Any]] = {}
        self._shapes: dict[Shape, _Shaped] = {}
        self._of: dict[int, Needs] = {}
        self._careful: dict[int, Function] = {}

    def reader(self, path: str) -> Callable[[Any], Any]:
        """What reads `path` from a request; null where it is absent."""
        if path not in self._readers:
            self._readers[path] = reader(path)
        return self._readers[path]

    def careful(self, condition: Condition) -> Function:
        """The careful form of one of these conditions, made once."""
        found = self._careful.get(id(condition))
        if found is None:
            found = self._careful[id(condition)] = condition.careful
        return found

    def of(self, condition: Condition) -> Needs:
        """What a condition of one of these rules, or of an exception from one, asks for."""
        found = self._of.get(id(condition))  # the engine keeps them all for as long as this lives
        if found is None:
            found = self._of[id(condition)] = _needs(condition, self._shapes)
        return found


class Asks:
    """What those rules ask for together that may match some request: `rules`, or all rules for the action where it is
    not known which.

    `simple` are the attributes that they read, if that is all they need, and none is within another: of each the
    name under which it is recorded, whose it is (0 the context's, 1 the principal's, 2 the resource's) and how it
    is called there. `names` are those under which records may have what is read, and `uses` what becomes of it.
    `of_principal` and `of_resource`: whether they look at these at all. `known` is for what is learnt of rules that
    match together.
    """

    __slots__ = (
        "content", "expiries", "findings", "inspects", "is_narrowed", "known", "names", "needs", "of_principal",
        "of_resource", "redacts", "rules", "simple", "tests", "time", "used", "uses",
    )  # fmt: skip

    def __init__(self, needs: ActionNeeds, rules: tuple[CompiledRule, ...] | None) -> None:
        self.needs = needs
        self.is_narrowed = rules is not None
        self.rules = needs.rules if rules is None else rules
        self.tests = tuple([(rule, rule.quick) for rule in self.rules])
        waivers = [waiver for rule in self.rules for waiver in rule.waivers]
        conditions = [rule.condition for rule in self.rules] + [waiver.condition for waiver in waivers]
        every = [needs.of(condition) for condition in conditions]
        required = [one.path for one in needs.index.requires]
        self.used = frozenset(map(spelled, required)).union(*[one.used for one in every])
        uses = [use for one in every for use in one.uses] + [(spelled(path), frozenset()) for path in required]
        if not self.is_narrowed:
            self.used |= needs.looked_up
            uses += [(path, None) for path in needs.looked_up]
        self.uses: tuple[Use, ...] = tuple(uses)
        self.names = names_of(self.used)
        self.of_principal = any(path.startswith("principal.") for path in self.used)
        self.of_resource = any(path.startswith("resource.") for path in self.used)
        self.findings = any(one.findings for one in every)
        self.content = "content" in required or any(one.content for one in every)
        self.time = any(one.time for one in every)
        self.inspects = any(rule.condition.shape.inspects for rule in self.rules)
        self.redacts = any(isinstance(one, Redact) for rule in self.rules for one in rule.obligations)
        self.expiries = sorted({waiver.expires_us for waiver in waivers})
        self.known: dict[tuple[CompiledRule, ...], Any] = {}
        is_plain = self.is_narrowed and not (waivers or self.content or self.time)
        whole = any(one.whole for one in every)
        of_context = all(path.startswith("context.") for path in required)
        self.simple = _simple(self.used) if is_plain and of_context and not whole and needs.index.knows else None


_SIMPLE: Final = re.compile(r"(context|principal|resource)\.([^.]+)")
_HOLDERS: Final = ("context", "principal", "resource")
_SAID: Final = frozenset({"principal.id", "principal.type", "principal.tenant", "resource.id", "resource.type"})


def _simple(paths: Iterable[str]) -> tuple[tuple[str, int, str], ...] | None:
    found = []
    for path in sorted(paths):
        match = _SIMPLE.fullmatch(path)
        if match is None or path == "principal.on_behalf_of":
            return None
        if path not in _SAID:
            found.append((path, _HOLDERS.index(match[1]), match[2]))
    return tuple(found)


def _needs(condition: Condition, shapes: dict[Shape, _Shaped]) -> Needs:
    shape = condition.shape
    shaped = shapes.get(shape)
    if shaped is None:
        shaped = shapes[shape] = _shaped(shape)
    read = shaped.paths
    if shape.reads.places:
        read = read.union(map(spelled, shape.reads.of(condition.literals)))
    used = read.union(map(spelled, shape.filtered)) if shape.filtered else read
    return Needs(
        read, used, shaped.whole, shaped.findings, shaped.content, shaped.time, shaped.loops, uses_of(condition)
    )


def _shaped(shape: Shape) -> _Shaped:
    paths = frozenset(map(spelled, shape.reads.paths))
    names, detects, loops = _said(shape.node)
    return _Shaped(
        paths,
        whole=shape.reads.wholes.intersection({"context"}).union([path for path in paths if whole_request(path)]),
        findings=detects or "findings" in names,
        content="content" in names,
        time="time" in names,
        loops=loops,
    )


def _said(node: Node | None) -> tuple[set[str], bool, bool]:
    """The names in an expression, those of variables among them; whether it asks detectors by name; and whether there
    is a loop or a function in it, which may be paid for in steps."""
    names: set[str] = set()
    detects = loops = False
    left: list[Any] = [node]
    while left:
        one = left.pop()
        if isinstance(one, tuple):
            left += one
        elif isinstance(one, Struct):
            if isinstance(one, Name):
                names.add(one.name.lstrip("."))
            is_detected = isinstance(one, Call) and one.function == _DETECTED and one.target is None
            detects = detects or is_detected
            loops = loops or isinstance(one, Macro) or (isinstance(one, Call) and not is_detected)
            left += [getattr(one, name) for name in one.__struct_fields__]
    return names, detects, loops
