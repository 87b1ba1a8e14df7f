"""What is wrong with rules beside each other: one makes no difference, two are the same, two contradict each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from axonflow.policy.analysis.findings import Finding, FindingKind, Level, Undecided
from axonflow.policy.analysis.formulas import YES, Atom, Formula, Hint, Literal, every, negated
from axonflow.policy.analysis.solving import Impossible, Unknown, Witness
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.worlds import NOW_US
from axonflow.policy.deciding.matching import reach
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Decision, Effect, Limit, Obligation, Redact
from axonflow.policy.request import Request

__all__ = [
    "can_contradict",
    "can_cover",
    "can_share",
    "contradiction",
    "covering",
    "identity",
    "leaves_nothing_of",
    "makes_no_difference",
]

_DENIED: Final = frozenset({Effect.ALLOW, Effect.DENY, Effect.LIMIT, Effect.REDACT, Effect.REQUIRE_APPROVAL})
"""What a denial leaves nothing of. A warning or a note beside it is still of use."""
_REFUSING: Final = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL})
_ASKED_OF_LISTS: Final = frozenset({"filter", "member"})


# -- rules that are the same


def identity(subject: Subject) -> Hashable:
    """The same for rules that say the same: in what order does not matter."""
    rule = subject.rule
    filters = frozenset(atom.key for one in subject.filters for atom in one.atoms)
    tested = frozenset(_key(one.that(YES)) for one in subject.tested)
    return rule.effect, rule.layer, filters, tested, frozenset(map(_anonymous, rule.obligations)), rule.waivers


def _key(formula: Formula) -> Hashable:
    if isinstance(formula, Literal):
        return formula.atom.key, formula.accepts
    return type(formula).__name__, tuple([_key(part) for part in formula.parts])


def _anonymous(obligation: Obligation) -> Obligation:
    return replace(obligation, policy="")


# -- rules that make no difference


def leaves_nothing_of(other: CompiledRule, rule: CompiledRule) -> bool:
    """Whether `other` leaves nothing of the effect of `rule` on requests that both match."""
    if other.waivers:
        return False
    if other.effect is Effect.DENY:
        return rule.effect in _DENIED
    if other.effect is not rule.effect:
        return False
    if rule.effect is Effect.ALLOW:
        return other.layer == rule.layer
    return rule.effect in _DENIED and _covers(other.obligations, rule.obligations)


def can_cover(other: Subject, subject: Subject) -> bool:
    """Whether `other`, which leaves nothing of `subject` where both match, may match wherever that does: it asks about
    nothing that `subject` leaves open, and where it demands one of some texts, about any that `subject` may have."""
    one, two = subject.rule, other.rule
    if two.actions is not None and (one.actions is None or not one.actions <= two.actions):
        return False
    if not other.reads <= subject.reads:
        return False
    own = subject.demands
    return all(variable not in own or own[variable] <= texts for variable, texts in other.demands.items())


def can_share(other: Subject, subject: Subject) -> bool:
    """Whether `other` may leave nothing of a part of `subject`, and others of the rest. Each limit has a counter of its
    own, so two of them that count a part each allow twice as much as one that counts all."""
    return other.rule.effect is Effect.DENY or not any(isinstance(one, Limit) for one in subject.rule.obligations)


def _covers(obligations: Iterable[Obligation], wanted: Iterable[Obligation]) -> bool:
    held = list(map(_anonymous, obligations))
    return all(any(_does(one, known) for known in held) for one in map(_anonymous, wanted))


def _does(wanted: Obligation, known: Obligation) -> bool:
    """Whether who does `known` has done `wanted` too."""
    if isinstance(wanted, Redact) and isinstance(known, Redact):
        return wanted.style == known.style and set(wanted.detectors) <= set(known.detectors)
    if isinstance(wanted, Limit) and isinstance(known, Limit):
        return known.maximum <= wanted.maximum and replace(known, maximum=wanted.maximum) == wanted
    return wanted == known


def covering(theory: Theory, subject: Subject, other: Subject) -> Finding | Undecided | None:
    """That `subject` makes no difference beside `other`, which matches wherever it does."""
    space = theory.space([subject.formula, other.formula])
    difference = every([subject.formula, negated(other.formula)])
    outcome = None if space.may_hold(difference) else subject.solved(space, difference)
    if outcome is None or isinstance(outcome, Witness):
        return None
    if isinstance(outcome, Unknown):
        return Undecided("shadowed", (subject.place, other.place), outcome.why)
    is_same = _is_same(theory, subject, other)
    kind: FindingKind = "duplicate" if is_same else "shadowed"
    wanted = every([subject.matching, other.formula])
    shown = subject.solved(theory.space([wanted]) if subject.rule.waivers else space, wanted)
    if not isinstance(shown, Witness) or not makes_no_difference(theory, subject, other, shown.request):
        return Undecided(kind, (subject.place, other.place), "engine")
    one, two = subject.rule, other.rule
    if is_same:
        message = f"{one.effect.value} rule {one.id} says the same as {two.id}"
    else:
        message = f"{one.effect.value} rule {one.id} makes no difference: {two.effect.value} rule {two.id} matches"
        message += " wherever it does"
    return Finding(kind, (subject.place, other.place), message, shown.request)


def _is_same(theory: Theory, subject: Subject, other: Subject) -> bool:
    one, two = subject.rule, other.rule
    if one.effect is not two.effect or one.waivers or one.layer != two.layer:
        return False
    if not _covers(one.obligations, two.obligations):
        return False
    back = theory.solve(every([other.formula, negated(subject.formula)]))
    return isinstance(back, Impossible)


def makes_no_difference(theory: Theory, subject: Subject, other: Subject, request: Request) -> bool:
    """Whether the engine says that both match `request`, and that it comes to the same without `subject`."""
    decision = theory.decide(request)
    without = theory.engine.decide_without(request, {subject.rule.id}, NOW_US / 1_000_000)
    both = {subject.rule.id, other.rule.id} <= set(decision.policies)
    return both and _outcome(decision) == _outcome(without)


def _outcome(decision: Decision) -> tuple[Any, ...]:
    """What a caller has to do. A denial asks for nothing besides; obligations count once, whoever asks for them."""
    if decision.effect is Effect.DENY:
        return decision.effect, decision.allowed
    return decision.effect, decision.allowed, decision.redacted, _asked(decision.obligations)


def _asked(obligations: Iterable[Obligation]) -> tuple[Any, ...]:
    """All that is to be done together: what to redact and how, who approves, and the least of each limit."""
    replaced: set[tuple[str, str]] = set()
    limits: dict[Hashable, int] = {}
    approvals: set[Obligation] = set()
    for one in map(_anonymous, obligations):
        if isinstance(one, Redact):
            replaced |= {(name, one.style) for name in one.detectors}
        elif isinstance(one, Limit):
            key = (one.unit, one.window_s, one.key)
            limits[key] = min(one.maximum, limits.get(key, one.maximum))
        else:
            approvals.add(one)
    return replaced, limits, approvals


# -- rules that contradict each other


def can_contradict(other: Subject, subject: Subject) -> bool:
    """Whether `other` refuses some action that `subject` allows, in the same layer, and asks about nothing but what
    `subject` asks about: a denial for another reason narrows what is allowed, and is meant to."""
    one, two = subject.rule, other.rule
    if one.effect is not Effect.ALLOW or two.effect not in _REFUSING or one.layer != two.layer or two.waivers:
        return False
    if one.actions is not None and two.actions is not None and not one.actions & two.actions:
        return False
    return other.paths <= subject.paths


def contradiction(theory: Theory, subject: Subject, other: Subject) -> Finding | Undecided | None:
    """That `other` refuses a part of what `subject` allows, by nothing but what `subject` asks about too, and neither
    is an exception to the other: as far as they ask about the same, neither contains the other.

    A denial contradicts. What is held for approval is allowed still, on a condition: mostly that is meant."""
    kind: FindingKind = "conflict" if other.rule.effect is Effect.DENY else "held"
    places = (subject.place, other.place)
    allowed = [one for one in subject.conjuncts if one.paths <= other.paths]
    same = every([one.that(subject.accepts) for one in allowed])
    actions = _common_actions(theory, subject, other)
    alone = [*actions, *map(_alone, sorted(_listed(subject) & _listed(other)))]
    space = theory.space([subject.formula, other.formula, *alone])
    refused = every([one.that(YES) for one in other.conjuncts])  # that it fails closed elsewhere is no contradiction
    for one_only in ([same, negated(other.formula)], [refused, negated(same)]):
        wanted = every([*one_only, *actions])
        if space.may_hold(wanted):
            continue
        outcome = space.solve(wanted)
        if isinstance(outcome, Impossible):
            return None
        if isinstance(outcome, Unknown):
            return Undecided(kind, places, outcome.why)
    wanted = every([subject.matching, other.formula, *alone])
    both = theory.solve(wanted) if subject.rule.waivers else space.solve(wanted)
    if not isinstance(both, Witness):
        return Undecided(kind, places, both.why) if isinstance(both, Unknown) else None
    decision = theory.decide(both.request)
    if not {subject.rule.id, other.rule.id} <= set(decision.policies) or decision.allowed:
        return Undecided(kind, places, "engine")
    level: Level = "warning" if kind == "conflict" else "note"
    return Finding(kind, places, _overlap(subject.rule, other.rule), both.request, level=level)


def _overlap(rule: CompiledRule, other: CompiledRule) -> str:
    if other.effect is not Effect.DENY:
        message = f"require_approval rule {other.id} holds for approval a part of what allow rule {rule.id} allows"
        return f"{message}, and more than that"
    message = f"allow rule {rule.id} and deny rule {other.id} overlap, and neither is an exception to the other"
    return f"{message}: {other.id} denies a part of what {rule.id} allows"


def _common_actions(theory: Theory, subject: Subject, other: Subject) -> list[Formula]:
    one, two = subject.rule.actions, other.rule.actions
    if one is None or two is None:
        return [theory.acts(named) for named in (one, two) if named is not None]
    return [theory.acts(one & two)]


def _listed(subject: Subject) -> set[str]:
    """The variables of which it asks what a list is asked for too: whether it is, or holds, one of some values."""
    hints = (hint for atom in subject.atoms.values() for hint in atom.hints)
    return {hint.variable for hint in hints if hint.kind in _ASKED_OF_LISTS and "." in hint.variable}


def _alone(variable: str) -> Formula:
    """That there is no list of several at `variable`: who has two roles has what rules on both say, which is no
    contradiction of theirs."""
    root, *names = variable.split(".")

    def test(request: Any, _evaluation: Any) -> bool:
        value = reach(getattr(request, root), tuple(names))
        return not isinstance(value, (list, tuple)) or len(value) < 2

    atom = Atom(("alone", variable), test, (Hint("filter", variable),), lambda: f"one {variable}")
    return Literal(atom, YES)
