"""Recorded decisions under other policies: which come to something else, by which rule, and which cannot be told.

Many recorded decisions are the same to the rules that may match them: of each such group one is judged. First it is
told which rules those are, by what they are looked up by; then groups by what these rules read, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import Struct

from axonflow.errors import RequestError
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Effect
from axonflow.policy.request import Request
from axonflow.policy.whatif.judging import candidates_of, judge, paths_read
from axonflow.policy.whatif.keys import Key, group_key, lookup_key
from axonflow.policy.whatif.needs import ActionNeeds, Asks
from axonflow.policy.whatif.recorded import LEFT_OUT, Recorded
from axonflow.policy.whatif.ruling import DEFAULT, UNNAMED, Ruling
from axonflow.policy.whatif.tally import Outcome, Tally

__all__ = ["Comparison"]

_MOST_GROUPS: Final = 1 << 15
"""Held at a time; what they counted is added up before others take their place."""
_LONGEST_KEY: Final = 512
"""Bytes of the key of a group: a longer one is held as its hash, so that all groups together take no more than some
tens of MB, however large the values in them are."""
_LONGEST_LOOK_UP: Final = 2_048
"""Characters, likewise, of what rules are looked up by."""
_MOST_SETS: Final = 4_096
"""Of rules that may match together, for one action."""
_NO_PATHS: Final[frozenset[str]] = frozenset()
_SEALED: Final = Ruling(None, DEFAULT, ("sealed",))
_NO_REQUEST: Final = Ruling(None, DEFAULT, ("names",))
_EFFECTS: Final = frozenset(effect.value for effect in Effect)
_REDACTION: Final = "redaction"
"""Stands among the errors of a decision for the rules whose redaction failed."""
_NO_ACTION: Final = "no.action"
"""Stands for all that no policy names."""


class _Group(Struct, gc=False):
    """Recorded decisions that are the same to all rules that may match them, and what they come to. There are many, so
    the garbage collector is spared."""

    outcome: Outcome
    is_shown: bool
    count: int = 0


class _Candidates:
    """The rules that may match some recorded decisions, of both engines; and how decisions are told apart by them:
    `key` is None where each is by itself."""

    __slots__ = ("after", "before", "groups", "key")

    def __init__(self, after: Asks, before: Asks | None) -> None:
        self.after = after
        self.before = before
        self.groups: dict[bytes, _Group] = {}
        asks = [after] if before is None else [after, before]
        self.key: Key | None = (
            None
            if any(one.time for one in asks)
            else group_key(asks, None if before is None else before.needs.engine.digest)
        )


class _Action:
    """What is needed of recorded decisions on one action. `paths` are those that the engine before looks at for the
    trail; `key` tells decisions apart by which rules may match them."""

    __slots__ = ("after", "before", "found", "key", "paths", "sets")

    def __init__(self, action: str, after: PolicyEngine, before: PolicyEngine | None) -> None:
        self.after = ActionNeeds(after, action)
        self.before = None if before is None else ActionNeeds(before, action)
        self.paths = frozenset[str]() if before is None else paths_read(before, action)
        looked_up = self.after.looked_up if self.before is None else self.after.looked_up | self.before.looked_up
        self.key = lookup_key(looked_up, None if before is None else before.digest)
        self.found: dict[object, _Candidates] = {}
        self.sets: dict[object, _Candidates] = {}


class Comparison:
    """Recorded decisions against what `after` makes of them.

    What they came to is what was recorded, or what `before` makes of them where that is given. Where they were decided
    by `before`, as their digest says, that also tells what else is known of them: which attributes they did not have,
    and which detectors found nothing.
    """

    def __init__(self, after: PolicyEngine, before: PolicyEngine | None = None, *, limit_shown: int = 20) -> None:
        self.tally = Tally(limit_shown)
        self.judged = 0
        """How many recorded decisions were judged; all others were like one of them."""
        self._after = after
        self._before = before
        self._actions: dict[str, _Action] = {}
        self._elsewhere = _Action(_NO_ACTION, after, before)
        self._effects: dict[str, dict[str, Effect]] = {}
        self._held = 0

    def take(self, events: Iterable[Recorded]) -> None:
        """Compare these. What is no decision is passed over."""
        actions = self._actions
        for event in events:
            if event.kind != "decision":
                self.tally.others += 1
                continue
            if event.sealed:
                self._alone(event, Outcome(event.action, _came_to(event), _rule_of(event), _SEALED))
                continue
            action = actions.get(event.action) or self._action(event.action)
            try:
                candidates = action.found.get(action.key(event))
            except TypeError:  # an object, where rules are looked up by a text
                candidates = None
            candidates = candidates or self._candidates(action, event)
            if candidates is None or candidates.key is None:
                self._alone(event, self._outcome(event, action, candidates))
                continue
            key = candidates.key(event)
            if len(key) > _LONGEST_KEY:
                key = sha256(key).digest()
            group = candidates.groups.get(key)
            if group is None:
                group = self._group(event, action, candidates, key)
            group.count += 1
            if group.is_shown:
                group.is_shown = self.tally.show(group.outcome, event.decision_id)

    def take_request(self, place: str, request: Request, expected: str | None, now_s: float) -> None:
        """Compare the decision on a whole `request` with the effect that is `expected`, or with what the engine before
        makes of it. `place` is what it is shown under."""
        ruling = self._decided(self._after, request, now_s)
        effect, rule = expected, DEFAULT
        if self._before is not None:
            before = self._decided(self._before, request, now_s)
            effect, rule = before.effect, before.rule
        outcome = Outcome(request.action, effect, rule, ruling)
        self.tally.add(outcome, 1)
        self.tally.show(outcome, place)

    def finish(self) -> Tally:
        """The sums so far."""
        for action in (*self._actions.values(), self._elsewhere):
            for candidates in action.sets.values():
                for group in candidates.groups.values():
                    self.tally.add(group.outcome, group.count)
                candidates.groups.clear()
        self._held = 0
        return self.tally

    def _decided(self, engine: PolicyEngine, request: Request, now_s: float) -> Ruling:
        decision = engine.decide(request, "", now_s)
        return Ruling(decision.effect.value, self._deciding(engine, decision.policies, decision.effect))

    def _deciding(self, engine: PolicyEngine, policies: Sequence[str], effect: str) -> str:
        """The first of the rules that matched which comes to this effect."""
        effects = self._effects.get(engine.digest)
        if effects is None:
            effects = self._effects[engine.digest] = {rule.id: rule.effect for rule in engine.rules}
        return next((rule for rule in policies if effects.get(rule) == effect), DEFAULT)

    def _rule_then(self, event: Recorded) -> str:
        """The rule that decided `event`, which the engine before decided."""
        assert self._before is not None, "whose digest the event has"
        found = self._deciding(self._before, event.policies, event.decided)
        return UNNAMED if found == DEFAULT and event.left_out else found

    def _alone(self, event: Recorded, outcome: Outcome) -> None:
        self.tally.add(outcome, 1)
        self.tally.show(outcome, event.decision_id)

    def _group(self, event: Recorded, action: _Action, candidates: _Candidates, key: bytes) -> _Group:
        """A new one, for `event` and all like it."""
        if self._held >= _MOST_GROUPS:
            self.finish()
        self._held += 1
        outcome = self._outcome(event, action, candidates)
        group = candidates.groups[key] = _Group(outcome, outcome.before != outcome.after.effect)
        return group

    def _action(self, name: str) -> _Action:
        """What is needed for this action; one for all that no policy names."""
        engines = [self._after] if self._before is None else [self._after, self._before]
        if all(engine.index_of(name) is engine.index_of(_NO_ACTION) for engine in engines):
            return self._elsewhere
        action = self._actions[name] = _Action(name, self._after, self._before)
        return action

    def _candidates(self, action: _Action, event: Recorded) -> _Candidates | None:
        """The rules that may match `event`; None for what no request is like."""
        read = self._read(action, event)
        try:
            after = candidates_of(action.after, event, read)
            before = None if action.before is None else candidates_of(action.before, event, read)
        except RequestError:
            return None
        if len(action.sets) >= _MOST_SETS:
            self.finish()
            action.sets.clear()
            action.found.clear()
        found = action.sets.get((after, before))
        if found is None:
            found = action.sets[after, before] = _Candidates(
                Asks(action.after, after), None if action.before is None else Asks(action.before, before)
            )
        if len(action.found) >= _MOST_GROUPS:
            action.found.clear()
        with suppress(TypeError):  # as above
            key = action.key(event)
            if len(repr(key)) <= _LONGEST_LOOK_UP:  # what is longer is looked up anew each time
                action.found[key] = found
        return found

    def _read(self, action: _Action, event: Recorded) -> frozenset[str]:
        """The paths that are known to have been looked at when it was decided."""
        is_own = self._before is not None and event.policy_digest == self._before.digest
        return action.paths if is_own else _NO_PATHS

    def _outcome(self, event: Recorded, action: _Action, candidates: _Candidates | None) -> Outcome:
        self.judged += 1
        try:
            if candidates is not None:
                return self._judged(event, self._read(action, event), candidates)
        except RequestError:
            pass  # what no request is like: neither is it where the candidates are not known
        return Outcome(event.action, _came_to(event), _rule_of(event), _NO_REQUEST)

    def _judged(self, event: Recorded, read: frozenset[str], candidates: _Candidates) -> Outcome:
        before = candidates.before
        if before is None:
            after = _redactable(event, candidates.after, judge(candidates.after, event, read, None).ruling)
            return Outcome(event.action, _came_to(event), _rule_of(event), after)
        is_own = event.policy_digest == before.needs.engine.digest
        if is_own and not candidates.after.findings:  # nothing to be learnt from deciding it again
            after = _redactable(event, candidates.after, judge(candidates.after, event, read, None).ruling)
            return Outcome(event.action, _came_to(event), self._rule_then(event), after)
        then = judge(before, event, read, None, is_own=is_own)
        asked = None
        is_evident = (
            is_own
            and not event.details.streamed
            and then.ruling.effect in (None, event.decided)
            and _failed(event) == then.failed
            and not event.errors_left_out
        )
        if is_evident and candidates.after.findings:
            asked = then.asked
        after = _redactable(event, candidates.after, judge(candidates.after, event, read, asked).ruling)
        if is_own and then.ruling.effect != event.decided:  # what they came to then is known, if not why
            return Outcome(event.action, _came_to(event), self._rule_then(event), after)
        return Outcome(event.action, then.ruling.effect, then.ruling.rule, after)


def _came_to(event: Recorded) -> str | None:
    """None for what is no effect."""
    return event.decided if event.decided in _EFFECTS else None


def _redactable(event: Recorded, asks: Asks, ruling: Ruling) -> Ruling:
    """`ruling`, unless it lets something through that is to be redacted first, which failed then, or may fail now: what
    was found may be the name of a member, and nothing was redacted then."""
    if not asks.redacts or ruling.effect in (None, Effect.DENY):
        return ruling
    is_untried = event.decided != Effect.REDACT and any(one.may_be_name for one in event.findings)
    may_have_failed = event.errors_left_out or _REDACTION in _failed(event)
    return Ruling(None, ruling.rule, (_REDACTION,)) if is_untried or may_have_failed else ruling


def _rule_of(event: Recorded) -> str:
    if not event.policies:
        return DEFAULT
    first = event.policies[0]
    return UNNAMED if first.startswith(LEFT_OUT) else first


def _failed(event: Recorded) -> frozenset[str]:
    """The rules that could not be evaluated then."""
    return frozenset(error.partition(": ")[0] for error in event.errors)
