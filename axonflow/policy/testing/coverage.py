"""What tests of policies try: every rule matched and not matched, every part of a condition true and false, every value
of a filter, every exception, default and requirement. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.policy.cel.compiler import Function
from axonflow.policy.cel.syntax import Node
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS, FilterMaker, reader
from axonflow.policy.deciding.rules import CompiledRule, Waiver
from axonflow.policy.decision import Effect
from axonflow.policy.documents.document import LAYERS, ExceptionDocument, RuleDocument
from axonflow.policy.documents.reading import LoadedSet, Path
from axonflow.policy.request import Request
from axonflow.policy.testing.cases import Case
from axonflow.policy.testing.probing import DetectorHost, ProbingCompiler
from axonflow.policy.testing.written import written

__all__ = ["ACTION", "SEVERAL", "Coverage", "CoverageReport", "RuleCoverage", "RuleName", "Untested"]

_MAX_TEXT_CHARS: Final = 120
ACTION: Final = "action"
SEVERAL: Final = ""
"""In place of the key that alone fails a request, where more than one does."""

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
    """`percent` is `tried` of the `possible`. `uncounted` rules came in bundles, which do not hold what was written."""

    percent: float
    tried: int
    possible: int
    rules: tuple[RuleCoverage, ...]
    untested: tuple[Untested, ...]
    uncounted: int = 0


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

        self._filters: list[tuple[str, Function]] = []
        self._lenient: list[tuple[str, Function]] = []
        self._alone: dict[str, _Point] = {}
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
            self._filters.append((key, test))
            self._alone[key] = self._point(part.id, at, f"filter {key}", "failed alone")
            lenient = filtered({key: wanted}, loosens=False)
            assert lenient is not None  # as above
            self._lenient.append((key, lenient))
            for value in _values(wanted) or ():
                one = filtered({key: [value]}, loosens=False)
                assert one is not None  # as above
                self._values.append((one, self._point(part.id, at, f"{key} {value!s:.80}", "matched")))
        if not loosens or all(key in STRING_FIELDS or key in LIST_FIELDS for key in self._alone):
            self._lenient = self._filters
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

    def fits(self, action: str) -> bool:
        """Whether it says anything of requests for `action`."""
        return self.actions is None or action in self.actions

    def failing(self, request: Request) -> str | None:
        """The key of `match` that alone fails `request`, SEVERAL, or None. What the filters came to is noted."""
        failing = _failing(self._filters, request, fits=self.fits(request.action))
        if failing in self._alone:
            self._alone[failing].seen.add("failed alone")
        return failing

    def failing_any(self, request: Request, failing: str | None) -> str | None:
        """The same where it is `failing`, for filters that one member of a list passes, as those of a denial."""
        if failing is None or self._lenient is self._filters:
            return failing
        return _failing(self._lenient, request, fits=self.fits(request.action))

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


def _failing(filters: Sequence[tuple[str, Function]], request: Request, *, fits: bool) -> str | None:
    failed = None if fits else ACTION
    for key, test in filters:
        if not test(request, None):
            if failed is not None:
                return SEVERAL
            failed = key
    return failed


class _WatchedRule:
    """A rule, its own parts and its exceptions."""

    def __init__(self, document: RuleDocument, compiled: CompiledRule, guard: _Guard, at: str) -> None:
        self.id = document.id
        self.compiled = compiled
        self.guard = guard
        self.at = at
        self.failing: list[str | None] = []
        self.matched = self.unmatched = 0
        narrowed = any(key != ACTION for key in document.match) or document.when is not None
        self.point = _Point(self.id, at, "rule", ("matched", "not matched") if narrowed else ("matched",))

    def look(self, request: Request, evaluation: Evaluation, waivers: dict[str, _WatchedWaiver]) -> bool:
        """Whether the rule counts as a match for `request`, which passes its filters."""
        self.guard.judge(request, evaluation)
        holds, _ = self.compiled.judge_carefully(request, evaluation)
        if holds:
            self.guard.matched(request)
        return holds and not _waived(self.compiled, request, evaluation, waivers)

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
        if self.guard.failing(request) is None:
            self.guard.judge(request, evaluation)
        held = waiver.holds(request, evaluation)
        self.point.seen.add("held" if held else "not held")
        if held:
            self.guard.matched(request)
        return held


def _waived(
    rule: CompiledRule, request: Request, evaluation: Evaluation, waivers: Mapping[str, _WatchedWaiver]
) -> bool:
    """Whether an exception loosens `rule`, which holds. Each is asked, and what it came to noted."""
    waived = False
    for waiver in rule.waivers:
        watched = waivers.get(waiver.id)  # none is of a bundle
        waived |= (waiver.holds if watched is None else partial(watched.look, waiver))(request, evaluation)
    return waived


class _Side(NamedTuple):
    """The enforced sets, or the shadow sets: each side decides by itself. `bundled` are the rules that came in bundles,
    each with what `Coverage.failing` says of it."""

    shadow: bool
    engine: PolicyEngine
    rules: list[_WatchedRule]
    bundled: dict[str, list[str | None]]
    waivers: dict[str, _WatchedWaiver]
    defaults: list[tuple[int, _Point]]
    requires: list[tuple[str, Callable[[Request], Any], _Point]]


class Coverage:
    """What a list of tests tries of the policies `loaded`, which `engine` decides by.

    `matched[i]` are the rules that the request of the i-th test matched. `failing[rule][i]` is the key of the rule's
    `match` that alone fails it, SEVERAL, or None for one that passes, or would if the rule had another effect. A rule
    is named by whether it is a shadow set's, and its id; those `bundled` came in bundles.
    """

    def __init__(
        self, loaded: Sequence[LoadedSet], engine: PolicyEngine, compile_pattern: Callable[[str], Any]
    ) -> None:
        self.matched: list[frozenset[RuleName]] = []
        self.failing: dict[RuleName, list[str | None]] = {}
        self._sides: list[_Side] = []
        for shadow, one in ((False, engine), (True, engine.shadow)):
            if one is not None:
                own = [each for each in loaded if each.document.shadow is shadow]
                self._sides.append(_side(own, one, compile_pattern, shadow=shadow))
        for side in self._sides:
            self.failing.update({(side.shadow, rule.id): rule.failing for rule in side.rules})
            self.failing.update({(side.shadow, rule): failing for rule, failing in side.bundled.items()})
        self.bundled = frozenset([(side.shadow, rule) for side in self._sides for rule in side.bundled])

    def add(self, case: Case, now_s: float) -> None:
        """Note what `case` tries."""
        request = case.request
        matched: set[RuleName] = set()
        for side in self._sides:
            if request is None:
                for failing in (*[rule.failing for rule in side.rules], *side.bundled.values()):
                    failing.append(SEVERAL)
            else:
                now = now_s if case.now_s is None else case.now_s
                time_us = int(now * 1_000_000) if request.time is None else request.time
                matched |= self._look(side, request, Evaluation(request, time_us, side.engine.scanner))
        self.matched.append(frozenset(matched))

    def _look(self, side: _Side, request: Request, evaluation: Evaluation) -> set[RuleName]:
        matching: list[CompiledRule] = []
        for rule in side.rules:
            guard = rule.guard
            failing = guard.failing(request)
            rule.failing.append(guard.failing_any(request, failing))
            holds = failing is None and rule.look(request, evaluation, side.waivers)
            rule.count(matched=holds, acted=guard.fits(request.action))
            if holds:
                matching.append(rule.compiled)
        if side.bundled:
            matching += _look_at_bundled(side, request, evaluation)
        matched = {(side.shadow, one.id) for one in matching}
        deciding = {one.layer for one in matching if one.effect in {Effect.ALLOW, Effect.DENY}}
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
            uncounted=len(self.bundled),
        )


def _look_at_bundled(side: _Side, request: Request, evaluation: Evaluation) -> Iterator[CompiledRule]:
    """The rules that came in bundles and match `request`."""
    holding: set[str] = set()
    for rule in side.engine.index_of(request.action).candidates(request):
        if rule.id in side.bundled and (rule.quick is None or rule.judge_carefully(request, evaluation)[0]):
            holding.add(rule.id)
            if not _waived(rule, request, evaluation, side.waivers):
                yield rule
    for rule_id, failing in side.bundled.items():
        failing.append(None if rule_id in holding else SEVERAL)


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
    own = {rule.id for rule in rules}
    bundled: dict[str, list[str | None]] = {rule.id: [] for rule in engine.rules if rule.id not in own}
    return _Side(shadow, engine, rules, bundled, waivers, list(_defaults(loaded)), requires)


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
