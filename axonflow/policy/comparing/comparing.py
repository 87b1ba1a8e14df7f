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
from axonflow.policy.comparing.goals import KINDS, Kind, Turn, anywhere, of_rule
from axonflow.policy.comparing.searching import Beside, Crowds, Effort, Search
from axonflow.policy.comparing.sides import EFFECTS, Side, Written
from axonflow.policy.deciding.foreseeing import mentions
from axonflow.policy.decision import Decision, Effect, Redact
from axonflow.policy.request import Request

__all__ = ["KINDS", "Comparison", "Difference", "Outcome", "Undecided", "Unfelt", "compared"]

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
    """One thing that was changed: where it may make a difference, and where something else has to be done for it."""

    name: str
    change: str
    where: Formula
    owes: Formula = FALSE
    turn: Turn | None = None
    """What became of a rule; None for what the sets say besides."""

    @property
    def rules(self) -> tuple[Written, ...] | None:
        """Those one of which matches where it makes a difference; None if that may be anywhere."""
        return None if self.turn is None else tuple([one for one in (self.turn.old, self.turn.new) if one is not None])


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
        self._effort = Effort()
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
            fields = _fields(old, new)
            if fields:
                yield self._changed(name, Turn(old, new), fields)

    def _changed(self, name: str, turn: Turn, fields: Sequence[str]) -> _Cause:
        old, new = turn.old, turn.new
        first = FALSE if old is None else self._crowds.rule(name, is_old=True)
        then = FALSE if new is None else self._crowds.rule(name, is_old=False)
        gone, came = every([first, negated(then)]), every([negated(first), then])
        owes = [
            gone if old is not None and old.row.obligations else FALSE,
            came if new is not None and new.row.obligations else FALSE,
            every([first, then]) if old is None or new is None or old.row.obligations != new.row.obligations else FALSE,
        ]
        where = some([gone, came]) if _OF_MATCHING.issuperset(fields) else some([first, then])
        if old is None or new is None:
            return _Cause(name, fields[0], where, some(owes), turn._replace(lost=first, gained=then))
        if old.says == new.says:
            turn = turn._replace(lost=FALSE, gained=FALSE)
        elif old.says[:2] == new.says[:2]:
            turn = turn._replace(lost=gone, gained=came)
        else:
            turn = turn._replace(lost=first, gained=then)
        return _Cause(name, "rule changed: " + ", ".join(fields), where, some(owes), turn)

    # -- what it does

    def look_at(self, cause: _Cause) -> None:
        """Find a request of each kind for which `cause` makes a difference."""
        beside = self._crowds.beside(None if cause.turn is None else cause.name)
        search = Search(self._crowds, beside, (self._before, self._after), cause.rules, self._effort)
        felt: set[Kind] = set()
        unknown: list[Kind] = []
        why = ""
        for kind, goal in _goals(cause, beside):
            if kind in felt or (kind == "reasons" and (felt or unknown)):
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
    if cause.turn is None:
        yield from anywhere(cause.where, before, after)
    else:
        yield from of_rule(cause.turn, before, after)
    same = some([every([before.effects[effect], after.effects[effect]]) for effect in EFFECTS])
    yield "obligations", every([cause.owes, same])
    yield "reasons", every([cause.where, same])


_WHY: Final = {"theory": "a condition is beyond what can be proven", "steps": "too many combinations to try"}


def _layers(side: Side) -> str:
    return ", ".join(f"{layer.name} {layer.default}" for layer in side.engine.layers) or "none"


def _fields(old: Written | None, new: Written | None) -> list[str]:
    """What of a rule was changed, or what was done to it."""
    if old is None or new is None:
        return ["rule added" if old is None else "rule removed"]
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
