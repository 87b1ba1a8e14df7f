"""What an engine comes to on a decision that was recorded: the effect if it is the same whatever is not known, or what
would have to be known.

Three-valued, as Kleene's logic is: a rule holds, does not hold, or takes something that was not recorded. An expression
finds that out by itself (in ``false && x`` nobody asks for x); what rules of which nothing is known may come to is
weighed against what the others do.
"""

from __future__ import annotations

from typing import Any, Final

from axonflow.policy.cel.compiler import Condition
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.rules import FAILS_CLOSED, CompiledRule, Waiver
from axonflow.policy.deciding.verdict import Layers
from axonflow.policy.decision import Effect
from axonflow.policy.request import Request
from axonflow.policy.whatif.needs import ActionNeeds, Asks
from axonflow.policy.whatif.partial_request import PartialRequest, UnrecordedError, spelled
from axonflow.policy.whatif.recorded import Recorded
from axonflow.policy.whatif.recorded_evaluation import RecordedEvaluation
from axonflow.policy.whatif.ruling import DEFAULT, Judged, Ruling, asked_of, ruling_of
from axonflow.policy.whatif.short_way import judge_simply

__all__ = ["candidates_of", "judge", "paths_read"]

_MOST_NAMED: Final = 8


class _Round:
    """The rules for one action on one recorded request, as of one time."""

    def __init__(self, asks: Asks, request: PartialRequest, evaluation: RecordedEvaluation) -> None:
        self._asks = asks
        self._needs = asks.needs
        self._request: Any = request
        self._unseen = request.unseen
        self._evaluation = evaluation
        self.matched: list[CompiledRule] = []
        self.unknown: list[CompiledRule] = []
        self.missing: dict[str, str] = {}
        self.failed: set[str] = set()
        self._paying: list[CompiledRule] = []

    def run(self) -> None:
        """Judge all rules that may match."""
        filed = not self._asks.is_narrowed
        for rule in self._asks.rules:
            before, looked = self._evaluation.spent, set(self._evaluation.looked)
            holds = self._holds(rule, filed=filed)
            if self._evaluation.spent != before:
                self._paying.append(rule)
            if self._unseen.asked:  # it may have ended before it asked a detector, or have been no candidate
                self._evaluation.looked = looked
            if holds is None:
                self.unknown.append(rule)
                for name in self._unseen.asked:
                    self.missing.setdefault(name, rule.id)
            elif holds:
                self.matched.append(rule)
        self._settle_steps()

    def _settle_steps(self) -> None:
        """A decision has so many steps: where rules that are not known may have taken some, it is not known either what
        others that take some came to."""
        if self._paying and any(self._needs.of(rule.condition).loops for rule in self.unknown):
            self.unknown += [rule for rule in self._paying if rule not in self.unknown]
            self.matched = [rule for rule in self.matched if rule not in self._paying]
            self.missing.setdefault("steps", self._paying[0].id)

    def _holds(self, rule: CompiledRule, *, filed: bool) -> bool | None:
        """Whether `rule` matches; None where that is not known, and then `asked` says what for."""
        self._unseen.asked.clear()
        is_filed = self._is_filed(rule) if filed else True
        if is_filed is False:
            return False
        asked = [*self._unseen.asked]
        self._unseen.asked.clear()
        holds = self._condition_holds(rule)
        waived = holds is not False and self._waived(rule)
        self._unseen.asked[:0] = asked
        if holds is False or waived:
            return False
        return None if None in (is_filed, holds, waived) else True

    def _is_filed(self, rule: CompiledRule) -> bool | None:
        """Whether the request has what `rule` is looked up by."""
        if rule.filed is None:
            return True
        path, literals = rule.filed
        if spelled(path) in self._unseen.uncertain:
            self._unseen.asked.append(path)
            return None
        try:
            value = self._needs.reader(path)(self._request)
            if isinstance(value, (list, tuple)):
                return any(isinstance(one, str) and one in literals for one in value)
            return isinstance(value, str) and value in literals
        except UnrecordedError:
            return None

    def _condition_holds(self, rule: CompiledRule) -> bool | None:
        quick = rule.quick
        if quick is None:
            return True
        if self._is_beyond(rule.condition):
            return None
        try:
            return bool(quick(self._request, self._evaluation))
        except Exception:  # noqa: BLE001  as the engine: the careful form tells what it is
            self._unseen.asked.clear()
        careful = self._needs.careful(rule.condition)
        try:
            return careful(self._request, self._evaluation) is True
        except Exception:  # noqa: BLE001  a rule fails closed, unless what failed is that something is not known
            if self._unseen.asked:
                return None
            self.failed.add(rule.id)
            return rule.effect in FAILS_CLOSED

    def _is_beyond(self, condition: Condition) -> bool:
        """Whether `condition` takes something as a whole of which not all is known, and would not notice."""
        needs = self._needs.of(condition)
        unseen = self._unseen
        beyond = needs.whole or needs.read & unseen.taken_whole or needs.used & unseen.uncertain
        self._unseen.asked += sorted(beyond)
        return bool(beyond)

    def _waived(self, rule: CompiledRule) -> bool | None:
        found: bool | None = False
        for waiver in rule.waivers:
            holds = self._waiver_holds(waiver)
            if holds:
                return True
            found = None if holds is None else found
        return found

    def _waiver_holds(self, waiver: Waiver) -> bool | None:
        """As `Waiver.holds`, which takes what it does not know for no."""
        is_over = self._evaluation.time_us >= waiver.expires_us
        if is_over or (waiver.actions is not None and self._request.action not in waiver.actions):
            return False
        if waiver.condition.quick is None:
            return True
        if self._is_beyond(waiver.condition):
            return None
        before = len(self._unseen.asked)
        try:
            return self._needs.careful(waiver.condition)(self._request, self._evaluation) is True
        except Exception:  # noqa: BLE001  only a condition that holds loosens anything
            return None if len(self._unseen.asked) > before else False

    def lacks(self) -> bool | None:
        """Whether the request lacks something that it must carry, or has an action that nobody knows."""
        if not self._needs.index.knows:
            return True
        lacks: bool | None = False
        for one in self._needs.index.requires:
            try:
                if spelled(one.path) in self._unseen.uncertain:
                    raise self._unseen.error(one.path)
                value = one.read(self._request)
                if value is None or (isinstance(value, tuple) and not value):  # an object known in part is there
                    return True
            except UnrecordedError:
                self.missing.setdefault(self._unseen.asked[-1], f"(required by {one.policy_set})")
                lacks = None
        return lacks


def candidates_of(needs: ActionNeeds, event: Recorded, read: frozenset[str]) -> tuple[CompiledRule, ...] | None:
    """The rules that may match `event`, whose action is that of `needs`; None where it takes something to tell them
    that was not recorded. Raises RequestError for what no request is like."""
    request: Any = PartialRequest(event, read, needs.names)
    if not needs.looked_up.isdisjoint(request.unseen.uncertain):
        return None
    try:
        return needs.index.candidates(request)
    except UnrecordedError:
        return None


def judge(
    asks: Asks, event: Recorded, read: frozenset[str], asked: frozenset[str] | None, *, is_own: bool = False
) -> Judged:
    """What the engine of `asks` comes to on `event`, one of those of which `asks` has all rules that may match. `read`
    are the paths that the policies then in force had a look at, and `asked` the detectors that they asked, where that
    is known. `is_own`: they are these.

    It was decided at some moment up to the one that was recorded. Raises RequestError for what no request is like.
    """
    if asks.simple is not None:
        found = judge_simply(asks, asks.simple, event, (read, asked), is_own=is_own)
        if found is not None:
            return found
    start_us, end_us = event.moments
    moments = [start_us, *[moment for moment in asks.expiries if start_us < moment <= end_us]]
    if asks.time:  # which tells milliseconds apart at most: in one of them it may change its mind, but not twice
        moments.append(end_us)
    each = [_judged(asks, event, (read, asked), moment, is_own=is_own) for moment in moments]
    certain = frozenset.intersection(*[one.asked for one in each])
    failed = frozenset().union(*[one.failed for one in each])
    effects = {one.ruling.effect for one in each}
    if asks.time and start_us // 1000 != end_us // 1000:
        effects.add(None)
    if len(effects) == 1:
        return Judged(each[0].ruling, certain, failed)
    unknown = [one.ruling for one in each if one.ruling.effect is None]
    ruling = unknown[0] if unknown else Ruling(None, each[-1].ruling.rule, ("time",))
    return Judged(ruling, certain, failed)


def _judged(
    asks: Asks,
    event: Recorded,
    known: tuple[frozenset[str], frozenset[str] | None],
    time_us: int,
    *,
    is_own: bool,
) -> Judged:
    read, asked = known
    engine = asks.needs.engine
    request = PartialRequest(event, read, asks.names)
    evaluation = RecordedEvaluation(request, time_us, event, engine.scanner, asked, is_own=is_own)
    one = _Round(asks, request, evaluation)
    one.run()
    effects = _effects(engine.combining, one)
    if len(effects) > 1:
        missing = tuple(one.missing)[:_MOST_NAMED]
        rule = next(iter(one.missing.values()), DEFAULT)
        return Judged(Ruling(None, rule, missing), frozenset(evaluation.looked), frozenset(one.failed))
    (effect,) = effects
    asked_now = asked_of(one.matched, evaluation.looked, effect)
    return Judged(ruling_of(effect, one.matched), asked_now, frozenset(one.failed))


def _effects(layers: Layers, one: _Round) -> set[Effect]:
    """All that the verdict may be, whichever of the rules match of which that is not known. More permission only ever
    turns a denial into what the strongest of the other rules says, so each needs to be looked at once."""
    lacks = one.lacks()
    if lacks:
        return {Effect.DENY}
    granting = [*one.matched, *[rule for rule in one.unknown if rule.effect is Effect.ALLOW]]
    others = [rule for rule in one.unknown if rule.effect is not Effect.ALLOW]
    found = {layers.verdict(one.matched)[0]}
    if one.unknown:
        found |= {layers.verdict([*granting, *each])[0] for each in ([], *[[rule] for rule in others])}
    return found if lacks is False else {*found, Effect.DENY}


def paths_read(engine: PolicyEngine, action: str) -> frozenset[str]:
    """The paths at which `engine` has a look for the audit trail, of every request for `action`. Raises RequestError
    for what is no action."""
    return frozenset(path for path, _ in engine.read(Request("user:nobody", action, "any:thing")))
