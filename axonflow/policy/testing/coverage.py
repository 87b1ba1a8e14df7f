"""What tests of policies try: every rule matched and not matched, every part of a condition true and false, every value
of a filter, every exception, default and requirement. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.policy.cel.compiler import Function
from axonflow.policy.cel.syntax import Node
from axonflow.policy.decision import Effect
from axonflow.policy.document import LAYERS, ExceptionDocument, RuleDocument
from axonflow.policy.engine import PolicyEngine
from axonflow.policy.evaluation import Evaluation
from axonflow.policy.matching import FilterMaker, reader
from axonflow.policy.reading import LoadedSet, Path
from axonflow.policy.request import Request
from axonflow.policy.rules import CompiledRule, Waiver
from axonflow.policy.testing.cases import Case
from axonflow.policy.testing.probing import DetectorHost, ProbingCompiler
from axonflow.policy.testing.written import written

__all__ = ["ACTION", "Coverage", "CoverageReport", "RuleCoverage", "RuleName", "Untested"]

_MAX_TEXT_CHARS: Final = 120
ACTION: Final = "action"

RuleName = tuple[bool, str]
"""Whether a rule is of a shadow set, and its id: a shadow set may use the ids of those that are enforced."""


class Untested(Struct, frozen=True):
    """Something that no test tries. `missing` says what it never was: ``matched``, ``false``..."""

    rule: str
    at: str
    what: str
    missing: str


class RuleCoverage(Struct, frozen=True):
    """How many tests a rule matched, and how many it was tried on and did not match."""

    rule: str
    at: str
    matched: int
    unmatched: int


class CoverageReport(Struct, frozen=True):
    """`percent` counts what was tried of all that can be; `tried` and `possible` are the two numbers."""

    percent: float
    tried: int
    possible: int
    rules: tuple[RuleCoverage, ...]
    untested: tuple[Untested, ...]


class _Point:
    """One thing to try, the outcomes that there are, and those that were seen."""

    __slots__ = ("at", "rule", "seen", "wanted", "what")

    def __init__(self, rule: str, at: str, what: str, wanted: tuple[str, ...]) -> None:
        self.rule = rule
        self.at = at
        self.what = what
        self.wanted = wanted
        self.seen: set[str] = set()

    def untested(self) -> Iterator[Untested]:
        for outcome in self.wanted:
            if outcome not in self.seen:
                yield Untested(self.rule, self.at, self.what, outcome)


class _Guard:
    """The `match` and `when` of a rule or an exception, each part by itself."""

    def __init__(
        self, part: RuleDocument | ExceptionDocument, loaded: LoadedSet, path: Path, compiler: ProbingCompiler
    ) -> None:
        self.actions = _values(part.match.get(ACTION))
        self.points: list[_Point] = []
        loosens = isinstance(part, ExceptionDocument) or part.effect is Effect.ALLOW
        maker = FilterMaker()

        def filtered(match: dict[str, Any], *, loosens: bool) -> Function | None:
            return compiler.condition(None, maker.filters(match, loosens=loosens)).quick

        self._filters: list[tuple[str, Function, _Point]] = []
        self._values: list[tuple[Function, _Point]] = []
        self._actions: dict[str, _Point] = {}
        for key, wanted in part.match.items():
            at = loaded.source.at((*path, "match", key), 0)
            if key == ACTION:
                for value in self.actions or ():
                    self._actions[value] = self._point(part.id, at, f"{key} {value}", "matched")
                continue
            test = filtered({key: wanted}, loosens=loosens)
            assert test is not None  # a filter is never always true
            self._filters.append((key, test, self._point(part.id, at, f"filter {key}", "failed alone")))
            for value in _values(wanted) or ():
                one = filtered({key: [value]}, loosens=False)
                assert one is not None  # as above
                self._values.append((one, self._point(part.id, at, f"{key} {value!s:.80}", "matched")))
        self._condition: Function | None = None
        if part.when is not None:
            text = part.when

            def probe(node: Node) -> Callable[[str], None]:
                at = loaded.source.at((*path, "when"), node.offset)
                return self._point(part.id, at, written(node)[:_MAX_TEXT_CHARS], "true", "false").seen.add

            self._condition = compiler.probed(text, probe)

    def _point(self, rule: str, at: str, what: str, *wanted: str) -> _Point:
        point = _Point(rule, at, what, wanted)
        self.points.append(point)
        return point

    def failing(self, request: Request) -> tuple[str, ...]:
        """The keys of `match` that fail `request`. What each came to is noted."""
        failed = [(key, point) for key, test, point in self._filters if not test(request, None)]
        fits = self.actions is None or request.action in self.actions
        if len(failed) == 1 and fits:
            failed[0][1].seen.add("failed alone")
        keys = tuple([key for key, _ in failed])
        return keys if fits else (ACTION, *keys)

    def judge(self, request: Request, evaluation: Evaluation) -> None:
        """Note what the parts of the condition come to on a request that passes the filters."""
        if self._condition is not None:
            try:
                self._condition(request, evaluation)
            except Exception:  # noqa: BLE001  whatever it is, the probes were told, and the rule itself is asked apart
                return

    def matched(self, request: Request) -> None:
        """Note the values by which `request`, which the whole matches, passed the filters."""
        if request.action in self._actions:
            self._actions[request.action].seen.add("matched")
        for test, point in self._values:
            if test(request, None):
                point.seen.add("matched")


class _WatchedRule:
    """A rule, its own parts and its exceptions."""

    def __init__(self, document: RuleDocument, compiled: CompiledRule, guard: _Guard, at: str) -> None:
        self.id = document.id
        self.compiled = compiled
        self.guard = guard
        self.at = at
        self.matched = self.unmatched = 0
        narrowed = any(key != ACTION for key in document.match) or document.when is not None
        self.point = _Point(self.id, at, "rule", ("matched", "not matched") if narrowed else ("matched",))

    def look(self, request: Request, evaluation: Evaluation, waivers: dict[str, _WatchedWaiver]) -> bool:
        """Whether the rule counts as a match for `request`, which passes its filters."""
        self.guard.judge(request, evaluation)
        holds, _ = self.compiled.judge_carefully(request, evaluation)
        if holds:
            self.guard.matched(request)
        waived = False
        if holds:
            for waiver in self.compiled.waivers:
                waived |= waivers[waiver.id].look(waiver, request, evaluation)
        return holds and not waived

    def count(self, *, matched: bool, acted: bool) -> None:
        """Note what came of one test. `acted`: whether it was of an action of the rule."""
        if matched:
            self.matched += 1
            self.point.seen.add("matched")
        elif acted:
            self.unmatched += 1
            self.point.seen.add("not matched")


class _WatchedWaiver:
    def __init__(self, exception_id: str, guard: _Guard, at: str) -> None:
        self.guard = guard
        self.point = _Point(exception_id, at, "exception", ("held", "not held"))

    def look(self, waiver: Waiver, request: Request, evaluation: Evaluation) -> bool:
        if not self.guard.failing(request):
            self.guard.judge(request, evaluation)
        held = waiver.holds(request, evaluation)
        self.point.seen.add("held" if held else "not held")
        if held:
            self.guard.matched(request)
        return held


class _Side(NamedTuple):
    """The enforced sets, or the shadow sets: each side decides by itself."""

    shadow: bool
    engine: PolicyEngine
    rules: list[_WatchedRule]
    waivers: dict[str, _WatchedWaiver]
    defaults: list[tuple[int, _Point]]
    requires: list[tuple[str, Callable[[Request], Any], _Point]]


class Coverage:
    """What a list of tests tries of the policies `loaded`, which `engine` decides by.

    `matched[i]` are the rules that the request of the i-th test matched, `failing[rule][i]` the keys of the rule's
    `match` that fail it. A rule is named by whether it is a shadow set's, and its id.
    """

    def __init__(
        self, loaded: Sequence[LoadedSet], engine: PolicyEngine, compile_pattern: Callable[[str], Any]
    ) -> None:
        self.matched: list[frozenset[RuleName]] = []
        self.failing: dict[RuleName, list[tuple[str, ...]]] = {}
        self._sides: list[_Side] = []
        for shadow, one in ((False, engine), (True, engine.shadow)):
            if one is not None:
                own = [each for each in loaded if each.document.shadow is shadow]
                self._sides.append(_side(own, one, compile_pattern, shadow=shadow))
        for side in self._sides:
            self.failing.update({(side.shadow, rule.id): [] for rule in side.rules})

    def add(self, case: Case, now_s: float) -> None:
        """Note what `case` tries."""
        request = case.request
        matched: set[RuleName] = set()
        for side in self._sides:
            if request is None:
                for rule in side.rules:
                    self.failing[side.shadow, rule.id].append((ACTION,))
            else:
                now = now_s if case.now_s is None else case.now_s
                time_us = int(now * 1_000_000) if request.time is None else request.time
                matched |= self._look(side, request, Evaluation(request, time_us, side.engine.scanner))
        self.matched.append(frozenset(matched))

    def _look(self, side: _Side, request: Request, evaluation: Evaluation) -> set[RuleName]:
        matched: set[RuleName] = set()
        deciding: set[int] = set()
        for rule in side.rules:
            failing = rule.guard.failing(request)
            self.failing[side.shadow, rule.id].append(failing)
            holds = not failing and rule.look(request, evaluation, side.waivers)
            rule.count(matched=holds, acted=ACTION not in failing)
            if holds:
                matched.add((side.shadow, rule.id))
                if rule.compiled.effect in {Effect.ALLOW, Effect.DENY}:
                    deciding.add(rule.compiled.layer)
        missing = False
        for action, read, point in side.requires:
            if action == request.action:
                absent = read(request) in (None, ())
                missing |= absent
                point.seen.add("missing" if absent else "carried")
        if not missing:
            for layer, point in side.defaults:
                if layer not in deciding:
                    point.seen.add("decides")
        return matched

    def report(self) -> CoverageReport:
        """What was tried until now."""
        points = [point for side in self._sides for point in _points(side)]
        possible = sum(len(point.wanted) for point in points)
        tried = sum(outcome in point.seen for point in points for outcome in point.wanted)
        rules = [rule for side in self._sides for rule in side.rules]
        return CoverageReport(
            percent=100.0 if not possible else int(tried * 1_000 / possible) / 10,  # never rounded up to what is asked
            tried=tried,
            possible=possible,
            rules=tuple([RuleCoverage(rule.id, rule.at, rule.matched, rule.unmatched) for rule in rules]),
            untested=tuple([gap for point in points for gap in point.untested()]),
        )


def _points(side: _Side) -> Iterator[_Point]:
    for rule in side.rules:
        yield rule.point
        yield from rule.guard.points
    for waiver in side.waivers.values():
        yield waiver.point
        yield from waiver.guard.points
    yield from [point for _, point in side.defaults]
    yield from [point for _, _, point in side.requires]


def _side(
    loaded: Sequence[LoadedSet], engine: PolicyEngine, compile_pattern: Callable[[str], Any], *, shadow: bool
) -> _Side:
    compiled = {rule.id: rule for rule in engine.rules}
    rules: list[_WatchedRule] = []
    waivers: dict[str, _WatchedWaiver] = {}
    requires: list[tuple[str, Callable[[Request], Any], _Point]] = []
    host = DetectorHost(engine.scanner, compile_pattern)
    for one in loaded:
        compiler = ProbingCompiler(host, one.document.attributes)
        for position, rule in enumerate(one.document.rules):
            path: Path = ("rules", position)
            guard = _Guard(rule, one, path, compiler)
            rules.append(_WatchedRule(rule, compiled[rule.id], guard, one.source.at(path, 0)))
        for position, exception in enumerate(one.document.exceptions):
            path = ("exceptions", position)
            guard = _Guard(exception, one, path, compiler)
            waivers[exception.id] = _WatchedWaiver(exception.id, guard, one.source.at(path, 0))
        for action, paths in one.document.requires.items():
            for number, needed in enumerate(paths):
                at = one.source.at(("requires", action, number), 0)
                point = _Point(f"requires of {one.document.metadata.name}", at, f"{action} carries {needed}",
                               ("missing", "carried"))  # fmt: skip
                requires.append((action, reader(needed), point))
    return _Side(shadow, engine, rules, waivers, list(_defaults(loaded)), requires)


def _defaults(loaded: Iterable[LoadedSet]) -> Iterator[tuple[int, _Point]]:
    """The default of each layer, once, by the number that compiled rules know the layer by."""
    layers = sorted({LAYERS.index(one.document.layer) for one in loaded})
    told: set[int] = set()
    for one in loaded:
        layer = LAYERS.index(one.document.layer)
        if one.document.default != "inherit" and layer not in told:
            told.add(layer)
            what = f"default: {one.document.default} of the {one.document.layer} layer"
            yield (
                layers.index(layer),
                _Point(f"default of {one.document.metadata.name}", one.source.at(("default",), 0), what, ("decides",)),
            )


def _values(wanted: Any) -> tuple[Any, ...] | None:
    if wanted is None:
        return None
    return tuple(wanted) if isinstance(wanted, list) else (wanted,)
