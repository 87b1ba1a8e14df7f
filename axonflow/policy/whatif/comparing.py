"""Recorded decisions under other policies: which come to something else, by which rule, and which cannot be told.

Many recorded decisions are the same to the rules for their action: of each such group one is judged. A group is told
apart by what these rules read and nothing else, written out as JSON, in which 1, 1.0 and true are three things.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw

from axonflow.errors import RequestError
from axonflow.policy.engine import PolicyEngine
from axonflow.policy.request import Request
from axonflow.policy.whatif.judging import DEFAULT, Ruling, judge, paths_read
from axonflow.policy.whatif.needs import ActionNeeds
from axonflow.policy.whatif.recorded import Recorded
from axonflow.policy.whatif.tally import Outcome, Tally

__all__ = ["Comparison"]

_MOST_GROUPS: Final = 1 << 15
"""Held at a time; what they counted is added up before others take their place."""
_SEALED: Final = Ruling(None, DEFAULT, ("sealed",))
_NO_ACTION: Final = "no.action"
"""Stands for all that no policy names."""
_ROOTS: Final = ("principal.", "resource.")
_ABSENT: Final = Raw(b"~")
"""In a key, of what was not recorded: no JSON value is written so."""

_Key = Callable[[Recorded], bytes]


class _Group:
    """Recorded decisions that are the same to all rules for their action, and what they come to."""

    __slots__ = ("count", "is_shown", "outcome")

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.count = 0
        self.is_shown = True


class _Action:
    """What is needed of recorded decisions on one action, and how they are told apart."""

    __slots__ = ("after", "before", "key", "paths")

    def __init__(self, action: str, after: PolicyEngine, before: PolicyEngine | None) -> None:
        self.after = ActionNeeds(after, action)
        self.before = None if before is None else ActionNeeds(before, action)
        self.paths = frozenset[str]() if before is None else paths_read(before, action)
        needs = [self.after] if self.before is None else [self.after, self.before]
        self.key: _Key | None = None if any(one.time for one in needs) else _key_of(needs)


class Comparison:
    """Recorded decisions against what `after` makes of them.

    What they came to is what was recorded, or what `before` makes of them where that is given. Where they were decided
    by `before`, as their digest says, that also tells what else is known of them: which attributes they did not have,
    and which detectors found nothing.
    """

    def __init__(self, after: PolicyEngine, before: PolicyEngine | None = None, *, limit_shown: int = 20) -> None:
        self.tally = Tally(limit_shown)
        self._after = after
        self._before = before
        self._actions: dict[str, _Action] = {}
        self._elsewhere = _Action(_NO_ACTION, after, before)
        self._groups: dict[bytes, _Group] = {}

    def take(self, events: Iterable[Recorded]) -> None:
        """Compare these. What is no decision is passed over."""
        groups, actions = self._groups, self._actions
        for event in events:
            if event.kind != "decision":
                self.tally.others += 1
                continue
            action = actions.get(event.action) or self._action(event.action)
            key = None if action.key is None or event.sealed else action.key(event)
            group = None if key is None else groups.get(key)
            if group is None:
                group = self._group(event, action, key)
            group.count += 1
            if group.is_shown:
                group.is_shown = self.tally.show(group.outcome, event.decision_id)

    def take_request(self, place: str, request: Request, expected: str | None, now_s: float) -> None:
        """Compare the decision on a whole `request` with the effect that is `expected`, or with what the engine before
        makes of it. `place` is what it is shown under."""
        decision = self._after.decide(request, "", now_s)
        ruling = _ruling(decision)
        if self._before is not None:
            effect, rule = _ruling(self._before.decide(request, "", now_s))[:2]
        else:
            effect, rule = expected, ""
        outcome = Outcome(request.action, effect, rule, ruling)
        self.tally.add(outcome, 1)
        self.tally.show(outcome, place)

    def finish(self) -> Tally:
        """The sums so far."""
        for group in self._groups.values():
            self.tally.add(group.outcome, group.count)
        self._groups.clear()
        return self.tally

    def _group(self, event: Recorded, action: _Action, key: bytes | None) -> _Group:
        """A new one, for `event` and all like it."""
        if len(self._groups) >= _MOST_GROUPS:
            self.finish()
        group = _Group(self._outcome(event, action))
        # One that nothing else is like is counted under a name that no key has.
        self._groups[b"~%d" % len(self._groups) if key is None else key] = group
        return group

    def _action(self, name: str) -> _Action:
        """What is needed for this action; one for all that no policy names."""
        engines = [self._after] if self._before is None else [self._after, self._before]
        if all(engine.index_of(name) is engine.index_of(_NO_ACTION) for engine in engines):
            return self._elsewhere
        action = self._actions[name] = _Action(name, self._after, self._before)
        return action

    def _outcome(self, event: Recorded, action: _Action) -> Outcome:
        before_rule = event.policies[0] if event.policies else DEFAULT
        if event.sealed:
            return Outcome(event.action, event.effect, before_rule, _SEALED)
        try:
            return self._judged(event, action, before_rule)
        except RequestError:  # no request has such names
            return Outcome(event.action, event.effect, before_rule, Ruling(None, DEFAULT, ("names",)))

    def _judged(self, event: Recorded, action: _Action, before_rule: str) -> Outcome:
        before = action.before
        if before is None:
            return Outcome(
                event.action, event.effect, before_rule, judge(action.after, event, frozenset(), None).ruling
            )
        is_own = event.policy_digest == before.engine.digest
        paths = action.paths if is_own else frozenset[str]()
        then = judge(before, event, paths, None, is_own=is_own)
        asked = then.asked if is_own and _failed(event) == then.failed else None
        after = judge(action.after, event, paths, asked).ruling
        if then.ruling.effect is None and is_own:  # what they came to then is known, if not why
            return Outcome(event.action, event.effect, before_rule, after)
        return Outcome(event.action, then.ruling.effect, then.ruling.rule, after)


def _failed(event: Recorded) -> frozenset[str]:
    """The rules that could not be evaluated then."""
    return frozenset(error.partition(": ")[0] for error in event.errors)


def _ruling(decision: Any) -> Ruling:
    """What `decision`, made on a whole request, comes to."""
    first = decision.policies[0] if decision.policies else DEFAULT
    return Ruling(decision.effect.value, first)


def _key_of(needs: Iterable[ActionNeeds]) -> _Key:
    """What tells recorded decisions on an action apart, as far as `needs` go; one function of one expression."""
    needs = list(needs)
    used = frozenset[str]().union(*[one.used for one in needs])
    expiries = sorted({moment for one in needs for moment in one.expiries})
    parts = ["event.action", "event.effect", "event.policies[:1]"]
    if len(needs) > 1:
        parts.append("event.policy_digest")
    if any(path.startswith("principal.") and path.count(".") == 1 for path in used):
        parts.append("event.principal")
    if "principal.tenant" in used:
        parts.append("event.tenant_id")
    if any(path.startswith("resource.") for path in used):
        parts.append("event.resource")
    if any(path.startswith("principal.on_behalf_of") for path in used):
        parts.append("event.on_behalf_of")
    if any(one.findings for one in needs):
        parts.append("sorted({one.detector for one in event.findings}) if event.findings else event.has_content")
        parts.append("len(event.findings) < most")
        if len(needs) > 1:
            parts.append("event.errors")
    if expiries:
        parts.append("bisect(expiries, event.time_us), bisect(expiries, event.time_us - (event.duration_us or 0) - 1)")
    names = sorted({name for path in used for name in _names(path)})
    read = "".join(f", a.get({name!r}, absent)" for name in names)  # repr() of a string is one literal
    source = (
        f"lambda event: encode(({', '.join(parts)}{read}))"
        if not names
        else (f"lambda event: (a := event.attributes, encode(({', '.join(parts)}{read})))[1]")
    )
    visible: dict[str, Any] = {
        "__builtins__": {}, "encode": _encode, "absent": _ABSENT, "bisect": bisect_left, "expiries": expiries,
        "sorted": sorted, "len": len, "most": 64,
    }  # fmt: skip
    made: _Key = eval(source, visible)  # noqa: S307  ours: paths stand in it as literals only
    return made


def _names(path: str) -> Iterable[str]:
    """Under which names a record may have what stands at `path`, or what encloses it."""
    steps = path.split(".")
    for length in range(2, len(steps) + 1):
        name = ".".join(steps[:length])
        yield name
        root, _, rest = name.partition(".")
        if f"{root}." in _ROOTS:
            yield f"{root}.attributes.{rest}"


_encode: Final = msgspec.json.Encoder().encode
