"""Which requests get another verdict: for each thing that was changed, requests for which it makes a difference, each
confirmed by both engines; or a proof that there is none; or neither, and then that is said.

A request that the two sides answer differently matches a rule that they do not have in common, or is one for which the
sets themselves say something else. So what is looked through is what was changed; for whether it makes a difference
there, the rules that may be met beside it count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from axonflow.policy.analysis.formulas import FALSE, HOLDS, Formula, every, negated, some
from axonflow.policy.analysis.shrinking import least
from axonflow.policy.analysis.solving import Unknown
from axonflow.policy.comparing.searching import Beside, Crowds, Search
from axonflow.policy.comparing.sides import EFFECTS, Side, Written
from axonflow.policy.deciding.foreseeing import mentions
from axonflow.policy.decision import Decision, Effect, Redact
from axonflow.policy.request import Request

__all__ = ["KINDS", "Comparison", "Difference", "Outcome", "Undecided", "Unfelt", "compared"]

Kind = Literal["newly-allowed", "newly-denied", "another-effect", "obligations", "reasons"]
KINDS: Final[tuple[Kind, ...]] = ("newly-allowed", "newly-denied", "another-effect", "obligations", "reasons")
"""In the order in which they matter."""
_OF_MATCHING: Final = frozenset({"condition", "exceptions"})
"""What of a rule tells when it matches, and nothing else."""
_DETECTORS: Final = "detectors and allowlists"
"""What they find cannot be told beforehand: whether it makes a difference is never proven."""
_CONTENT: Final = frozenset({"content", "findings"})


class Outcome(Struct, frozen=True):
    """What one side decides, and by which rules."""

    effect: Effect
    allowed: bool
    policies: tuple[str, ...]


class Difference(Struct, frozen=True):
    """A request that the two sides answer differently, for what `cause` names: a rule, or a part of the sets. `change`
    is what was done to it."""

    kind: Kind
    cause: str
    change: str
    request: Request
    before: Outcome
    after: Outcome


class Unfelt(Struct, frozen=True):
    """Something changed, and it is proven that no request gets another verdict for it."""

    cause: str
    change: str


class Undecided(Struct, frozen=True):
    """Something changed, and whether a request gets another verdict for it (of one of `kinds`) is not known."""

    cause: str
    change: str
    kinds: tuple[Kind, ...]
    why: str


class Comparison(Struct, frozen=True):
    """What was found. `verdict` is ``same`` where that is proven, ``different``, or else ``undecided``; reasons and the
    ids of rules are no part of it."""

    verdict: Literal["same", "different", "undecided"]
    differences: tuple[Difference, ...]
    unfelt: tuple[Unfelt, ...]
    undecided: tuple[Undecided, ...]
    changes: int


class _Cause(NamedTuple):
    """One thing that was changed: where it may make a difference, which rules may be met there (None: any), and where
    something else has to be done for it. `kinds` are those of the differences that it may make."""

    name: str
    change: str
    where: Formula
    rules: tuple[Written, ...] | None = None
    owes: Formula = FALSE
    kinds: tuple[Kind, ...] = KINDS


def compared(
    before: Side, after: Side, progress: Callable[[int, int], None] = lambda _done, _whole: None
) -> Comparison:
    """What the change from `before` to `after` does. ``progress(done, whole)`` counts changes.

    Shadow sets are left out: they enforce nothing.
    """
    found = _Comparing(before, after)
    causes = list(found.causes())
    for number, cause in enumerate(causes):
        found.look_at(cause)
        progress(number + 1, len(causes))
    return found.result(len(causes))


class _Comparing:
    def __init__(self, before: Side, after: Side) -> None:
        self._before = before
        self._after = after
        self._crowds = Crowds(before, after)
        self._differences: list[Difference] = []
        self._unfelt: list[Unfelt] = []
        self._undecided: list[Undecided] = []

    def result(self, changes: int) -> Comparison:
        order = {kind: number for number, kind in enumerate(KINDS)}
        differences = sorted(self._differences, key=lambda one: (order[one.kind], one.cause))
        if any(one.kind != "reasons" for one in differences):
            verdict: Literal["same", "different", "undecided"] = "different"
        else:
            verdict = "undecided" if self._undecided else "same"
        return Comparison(verdict, tuple(differences), tuple(self._unfelt), tuple(self._undecided), changes)

    # -- what was changed

    def causes(self) -> Iterator[_Cause]:
        """Everything that may make a difference. Of what is not told here, both sides say the same."""
        yield from self._rules()
        before, after = self._before, self._after
        theory = after.theory
        known = before.engine.known_actions ^ after.engine.known_actions
        if known:
            yield _Cause("known actions", "added or removed: " + ", ".join(sorted(known)[:10]), theory.acts(known))
        required = before.requires ^ after.requires
        if required:
            where = some([every([theory.acts([action]), theory.lacks(path)]) for action, path in sorted(required)])
            named = ", ".join(f"{path} for {action}" for action, path in sorted(required)[:10])
            yield _Cause("requires", f"added or removed: {named}", self._crowds.standing_for("requires", where))
        if before.engine.layers != after.engine.layers:
            yield _Cause("layers", f"{_layers(before)} -> {_layers(after)}", HOLDS)

        looked_for = (before.looks_for, after.looks_for)
        if looked_for[0] != looked_for[1] and any(map(_inspects, [*before.rules.values(), *after.rules.values()])):
            yield _Cause(_DETECTORS, "changed", HOLDS)

    def _rules(self) -> Iterator[_Cause]:
        for name in sorted(self._before.rules.keys() | self._after.rules.keys()):
            old, new = self._before.rules.get(name), self._after.rules.get(name)
            if old is None or new is None:
                written = old or new
                assert written is not None
                where = self._crowds.rule(name, is_old=new is None)
                change = "rule added" if old is None else "rule removed"
                yield _Cause(name, change, where, (written,), where if written.row.obligations else FALSE)
                continue
            fields = _fields(old, new)
            if fields:
                yield self._changed(name, old, new, fields)

    def _changed(self, name: str, old: Written, new: Written, fields: Sequence[str]) -> _Cause:
        first, then = (self._crowds.rule(name, is_old=is_old) for is_old in (True, False))
        gone, came = every([first, negated(then)]), every([negated(first), then])
        owes = [
            gone if old.row.obligations else FALSE,
            came if new.row.obligations else FALSE,
            every([first, then]) if old.row.obligations != new.row.obligations else FALSE,
        ]
        says_else = not _OF_MATCHING.issuperset(fields)
        where = some([first, then]) if says_else else some([gone, came])
        # With the same effect, where it matches, a rule changes no verdict; for others that do, these are looked at.
        kinds = KINDS if old.says != new.says else KINDS[3:]
        return _Cause(name, "rule changed: " + ", ".join(fields), where, (old, new), some(owes), kinds)

    # -- what it does

    def look_at(self, cause: _Cause) -> None:
        """Find a request of each kind for which `cause` makes a difference."""
        beside = self._crowds.beside(cause.name if cause.rules is not None else None)
        search = Search(self._crowds, beside, self._before, self._after, cause.rules)
        felt: set[Kind] = set()
        unknown: list[Kind] = []
        why = ""
        for kind, goal in _goals(cause, beside):
            if kind not in cause.kinds or kind in felt or (kind == "reasons" and (felt or unknown)):
                continue  # it was said, or what matters more was
            reason = self._sought(cause, kind, search, goal, felt)
            if reason is not None and kind != "reasons":
                unknown.append(kind)
                why = reason
        reads_content = cause.name == _DETECTORS
        if unknown or reads_content:
            why = "the sets look for other things in contents" if reads_content else _WHY[why]
            self._undecided.append(Undecided(cause.name, cause.change, tuple(unknown) or KINDS[:4], why))
        elif not felt - {"reasons"}:
            self._unfelt.append(Unfelt(cause.name, cause.change))

    def _sought(self, cause: _Cause, kind: Kind, search: Search, goal: Formula, felt: set[Kind]) -> str | None:
        """Look for a difference of `kind`, and note what is found. None where one was, or it is proven that there is
        none, else why that is not known."""
        why = None
        for outcome in search.outcomes(goal):
            if isinstance(outcome, Unknown):
                why = outcome.why
                continue
            difference = self._confirmed(cause, search, outcome.request)
            if difference is not None and difference.kind not in felt:
                felt.add(difference.kind)
                self._differences.append(difference)
            if difference is not None and difference.kind == kind:
                return None
            why = "theory"
        return why

    def _confirmed(self, cause: _Cause, search: Search, request: Request) -> Difference | None:
        """What the engines make of it; None where they agree after all."""

        def shown(request: Request) -> tuple[Kind | None, Effect, Effect, frozenset[str]]:
            before, after = self._before.theory.decide(request), self._after.theory.decide(request)
            failed = frozenset(error.policy for error in (*before.errors, *after.errors))
            return _kind(before, after), before.effect, after.effect, failed

        def still(request: Request) -> bool:
            # A condition that fails for what was left out would show the same, and tell somebody who reads it nothing.
            found = shown(request)
            return found[:3] == told[:3] and found[3] <= told[3] and world.holds(where, request)

        told, world = shown(request), self._after.theory.world
        where = search.meaning(cause.where)
        kind = told[0]
        if kind is None:
            return None
        request = least(request, still)
        before, after = self._before.theory.decide(request), self._after.theory.decide(request)
        return Difference(kind, cause.name, cause.change, request, _outcome(before), _outcome(after))


def _goals(cause: _Cause, beside: Beside) -> Iterator[tuple[Kind, Formula]]:
    """What to look for, in the order in which it matters, and where."""
    before, after = beside.before, beside.after
    first, then = before.effects, after.effects
    yield "newly-allowed", every([cause.where, negated(before.allowed), after.allowed])
    yield "newly-denied", every([cause.where, before.undenied, then[Effect.DENY]])
    others = [
        every([first[one], then[other]])
        for one in EFFECTS
        for other in EFFECTS[1:]
        if one is not other and not (one in EFFECTS[:2] and other in EFFECTS[2:])
    ]
    yield "another-effect", every([cause.where, some(others)])
    same = some([every([first[effect], then[effect]]) for effect in EFFECTS])
    yield "obligations", every([cause.owes, same])
    yield "reasons", every([cause.where, same])


_WHY: Final = {"theory": "a condition is beyond what can be proven", "steps": "too many combinations to try"}


def _layers(side: Side) -> str:
    return ", ".join(f"{layer.name} {layer.default}" for layer in side.engine.layers) or "none"


def _fields(old: Written, new: Written) -> list[str]:
    """What of a rule was changed."""
    found = [
        name
        for name, one, other in zip(("effect", "layer", "condition", "exceptions"), old.says, new.says, strict=True)
        if one != other
    ]
    found += [name for name in ("obligations", "reason") if getattr(old.row, name) != getattr(new.row, name)]
    return found


def _inspects(one: Written) -> bool:
    node = one.rule.condition.shape.node
    is_redaction = any(isinstance(obligation, Redact) for obligation in one.row.obligations)
    return is_redaction or (node is not None and mentions(node, _CONTENT))


def _outcome(decision: Decision) -> Outcome:
    return Outcome(decision.effect, decision.allowed, decision.policies)


def _kind(before: Decision, after: Decision) -> Kind | None:
    """How two decisions differ."""
    if after.allowed and not before.allowed:
        return "newly-allowed"
    if before.effect is not after.effect:
        return "newly-denied" if after.effect is Effect.DENY else "another-effect"
    if set(before.obligations) != set(after.obligations):
        return "obligations"
    differ = before.policies != after.policies or before.reasons != after.reasons
    return "reasons" if differ else None
