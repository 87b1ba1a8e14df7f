"""What an engine comes to on a decision that was recorded: the effect if it is the same whatever is not known, or what
would have to be known.

Three-valued, as Kleene's logic is: a rule holds, does not hold, or takes something that was not recorded. An expression
finds that out by itself (in ``false && x`` nobody asks for x); what rules of which nothing is known may come to is
weighed against what the others do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from axonflow.detect import Finding
from axonflow.policy.cel.compiler import Condition
from axonflow.policy.decision import Effect, Redact
from axonflow.policy.engine import PolicyEngine
from axonflow.policy.evaluation import Evaluation
from axonflow.policy.request import Request
from axonflow.policy.rules import FAILS_CLOSED, CompiledRule, Waiver
from axonflow.policy.verdict import Layers
from axonflow.policy.whatif.needs import ActionNeeds, Asks
from axonflow.policy.whatif.partial_request import PartialRequest, UnrecordedError, Unseen, spelled
from axonflow.policy.whatif.recorded import MOST_FINDINGS, Recorded, is_exact

__all__ = ["DEFAULT", "Judged", "Ruling", "candidates_of", "judge", "paths_read"]

DEFAULT: Final = "(default)"
"""In place of a rule, where none decides: a default does, a requirement, or that nobody knows the action."""
_MOST_NAMED: Final = 8
_MOST_KNOWN: Final = 4_096
"""Sets of rules that match together."""


class Ruling(NamedTuple):
    """`effect` is None where it cannot be told, and then `missing` are the first things that were not recorded, and
    `rule` one that asks for them. Else `rule` is the first of those that decide."""

    effect: str | None
    rule: str
    missing: tuple[str, ...] = ()


class Judged(NamedTuple):
    """A ruling, and the detectors that were asked for certain on the way to it. `failed` are the rules that could not
    be evaluated."""

    ruling: Ruling
    asked: frozenset[str]
    failed: frozenset[str]


_REFUSED: Final = Judged(Ruling(Effect.DENY.value, DEFAULT), frozenset(), frozenset())


class _Evaluation(Evaluation):
    """One of a recorded decision. Where `asked` is given, these detectors are known to have looked at the content."""

    __slots__ = ("_asked", "_found", "_is_own", "_nothing", "_whole", "looked")

    def __init__(
        self, request: Any, time_us: int, event: Recorded, scanner: Any, asked: frozenset[str] | None, *, is_own: bool
    ) -> None:
        """`is_own`: it is evaluated by the policies that it was decided by, so what they ask is what they asked."""
        super().__init__(request, time_us, scanner)
        self._found = {one.detector for one in event.findings}
        self._asked = asked or frozenset()
        self._nothing = not event.has_content
        self._whole = len(event.findings) < MOST_FINDINGS
        self._is_own = is_own
        self.looked: set[str] = set()

    @property
    def spent(self) -> int:
        """Steps so far, as negative numbers are."""
        return self._steps

    def detected(self, detector_ids: tuple[str, ...]) -> bool:
        self.looked.update(detector_ids)
        if not self._found.isdisjoint(detector_ids):
            return True
        self._know_of(detector_ids)
        return False

    def findings(self, detector_ids: tuple[str, ...]) -> tuple[Finding, ...]:
        self.looked.update(detector_ids)
        if not self._found.isdisjoint(detector_ids):  # of what was found too little is recorded
            raise self.request.unseen.error("findings")  # type: ignore[attr-defined]  # it is a PartialRequest
        self._know_of(detector_ids)
        return ()

    def _know_of(self, detector_ids: tuple[str, ...]) -> None:
        """That nothing was found has to be known of all of them."""
        if self._nothing or (self._whole and (self._is_own or self._asked.issuperset(detector_ids))):
            return
        unknown = [one for one in detector_ids if one not in self._asked] if self._whole else ["*"]
        request: Any = self.request
        request.unseen.asked += [f"detector {one}" for one in unknown[1:_MOST_NAMED]]
        raise request.unseen.error(f"detector {unknown[0]}")


class _Round:
    """The rules for one action on one recorded request, as of one time."""

    def __init__(self, asks: Asks, request: PartialRequest, evaluation: _Evaluation) -> None:
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
            if self._unseen.asked:  # what it did not get may have ended it before it asked a detector
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
        if holds is False:
            return False
        asked += self._unseen.asked
        waived = self._waived(rule)
        if waived:
            return False
        self._unseen.asked[:0] = asked
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
                if value is None or value == ():
                    return True
            except UnrecordedError:
                self.missing.setdefault(self._unseen.asked[-1], f"(required by {one.policy_set})")
                lacks = None
        return lacks


def candidates_of(needs: ActionNeeds, event: Recorded, read: frozenset[str]) -> tuple[CompiledRule, ...] | None:
    """The rules that may match `event`, whose action is that of `needs`; None where it takes something to tell them
    that was not recorded. Raises RequestError for what no request is like."""
    request: Any = PartialRequest(event, read)
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
        found = _simply(asks, asks.simple, event, (read, asked), is_own=is_own)
        if found is not None:
            return found
    end_us = event.time_us
    start_us = max(end_us - (event.duration_us or 0) - 1, 0)
    first = _judged(asks, event, (read, asked), start_us, is_own=is_own)
    if not asks.time and not any(start_us < moment <= end_us for moment in asks.expiries):
        return first
    last = _judged(asks, event, (read, asked), end_us, is_own=is_own)
    if first.ruling.effect is None or first.ruling.effect == last.ruling.effect:
        return first
    if last.ruling.effect is None:
        return last
    return Judged(Ruling(None, last.ruling.rule, ("time",)), frozenset(), last.failed)


class _Plain:
    """A principal, a resource or a request, as conditions look at them."""

    __slots__ = (
        "action", "attributes", "context", "groups", "id", "principal", "resource", "roles", "tenant", "type",
        "unseen",
    )  # fmt: skip
    action: str
    attributes: dict[str, Any]
    context: dict[str, Any]
    groups: tuple[Any, ...]
    id: str
    principal: _Plain
    resource: _Plain
    roles: tuple[Any, ...]
    tenant: str
    type: str
    unseen: Unseen


def _simply(
    asks: Asks,
    simple: tuple[tuple[str, str, str], ...],
    event: Recorded,
    known: tuple[frozenset[str], frozenset[str] | None],
    *,
    is_own: bool,
) -> Judged | None:
    """The same, where all that is needed was recorded and nothing fails, as with most; else None."""
    read, asked = known
    held = _held(simple, event.attributes, read)
    if held is None:
        return None
    request: Any = _plain_request(event, held)
    evaluation = None
    if asks.inspects:
        request.unseen = Unseen()
        scanner = asks.needs.engine.scanner
        evaluation = _Evaluation(request, event.time_us, event, scanner, asked, is_own=is_own)
    try:
        matched = tuple([rule for rule in asks.rules if rule.quick is None or rule.quick(request, evaluation)])
    except Exception:  # noqa: BLE001  whatever it is, the long way meets it again
        return None
    for one in asks.needs.index.requires:
        if one.read(request) in (None, ()):
            return _REFUSED
    found: Judged | None = asks.known.get(matched)
    if found is None:
        effect = asks.needs.engine.layers.verdict(matched)[0]
        found = Judged(_ruling(effect, matched), _asked_of(matched, set(), effect), frozenset())
        if len(asks.known) < _MOST_KNOWN:
            asks.known[matched] = found
    if evaluation is not None and evaluation.looked:
        return Judged(found.ruling, found.asked.union(evaluation.looked), found.failed)
    return found


def _held(
    simple: Iterable[tuple[str, str, str]], recorded: dict[str, Any], read: frozenset[str]
) -> dict[str, dict[str, Any]] | None:
    """The attributes by whose they are; None unless of each it is known what it is, or that there is none."""
    held: dict[str, dict[str, Any]] = {"context": {}, "principal": {}, "resource": {}}
    for path, root, name in simple:
        value = recorded.get(path, UNSET)
        if value is UNSET:
            if path not in read:
                return None
        elif is_exact(value):
            held[root][name] = value
        else:
            return None
    return held


def _plain_request(event: Recorded, held: dict[str, dict[str, Any]]) -> _Plain:
    principal, resource, request = _Plain(), _Plain(), _Plain()
    principal.type, _, principal.id = event.principal.partition(":")
    principal.tenant = event.tenant_id
    principal.attributes = held["principal"]
    principal.roles = tuple(principal.attributes.pop("roles", ()))
    principal.groups = tuple(principal.attributes.pop("groups", ()))
    resource.type, _, resource.id = event.resource.partition(":")
    resource.attributes = held["resource"]
    request.principal, request.resource, request.context = principal, resource, held["context"]
    request.action = event.action
    return request


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
    request = PartialRequest(event, read)
    evaluation = _Evaluation(request, time_us, event, engine.scanner, asked, is_own=is_own)
    one = _Round(asks, request, evaluation)
    one.run()
    effects = _effects(engine.layers, one)
    if len(effects) > 1:
        missing = tuple(one.missing)[:_MOST_NAMED]
        rule = next(iter(one.missing.values()), DEFAULT)
        return Judged(Ruling(None, rule, missing), frozenset(evaluation.looked), frozenset(one.failed))
    (effect,) = effects
    asked_now = _asked_of(one.matched, evaluation.looked, effect)
    return Judged(_ruling(effect, one.matched), asked_now, frozenset(one.failed))


def _ruling(effect: Effect, matched: Sequence[CompiledRule]) -> Ruling:
    deciding = min(((rule.rank, rule.id) for rule in matched if rule.effect is effect), default=(0, DEFAULT))
    return Ruling(effect.value, deciding[1])


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


def _asked_of(matched: Sequence[CompiledRule], looked: set[str], effect: Effect) -> frozenset[str]:
    """The detectors that were asked for certain: by conditions on the way, and to redact what is let through."""
    if effect is Effect.DENY:
        return frozenset(looked)
    redacting = [one for rule in matched for one in rule.obligations if isinstance(one, Redact)]
    return frozenset(looked).union(*[one.detectors for one in redacting])


def paths_read(engine: PolicyEngine, action: str) -> frozenset[str]:
    """The paths at which `engine` has a look for the audit trail, of every request for `action`. Raises RequestError
    for what is no action."""
    return frozenset(path for path, _ in engine.read(Request("user:nobody", action, "any:thing")))
