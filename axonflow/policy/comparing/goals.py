"""Which requests are looked for, for one thing that was changed: of each kind of difference those that it makes.

Where a verdict becomes another, something became of what made it. What is allowed now and was not, was refused by a
rule that does not refuse it any more, or lacked a layer's permission that a rule gives now; and so on. So for a rule
only those requests are looked for on which it has such a part. For others that differ where it matches, another change
has the part, and they are found there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from axonflow.policy.analysis.formulas import FALSE, Formula, every, negated, some
from axonflow.policy.comparing.sides import EFFECTS, Verdicts, Written
from axonflow.policy.decision import Effect

__all__ = ["KINDS", "Kind", "Turn", "anywhere", "of_rule"]

Kind = Literal["newly-allowed", "newly-denied", "another-effect", "obligations", "reasons"]
KINDS: Final[tuple[Kind, ...]] = ("newly-allowed", "newly-denied", "another-effect", "obligations", "reasons")
"""In the order in which they matter."""
_REFUSING: Final = EFFECTS[:2]


class Turn(NamedTuple):
    """What became of a rule: where its effect is `lost`, and where one is `gained`."""

    old: Written | None
    new: Written | None
    lost: Formula = FALSE
    gained: Formula = FALSE


def anywhere(where: Formula, before: Verdicts, after: Verdicts) -> Iterator[tuple[Kind, Formula]]:
    """What differs `where` the sets say something else besides their rules."""
    yield "newly-allowed", every([where, negated(before.allowed), after.allowed])
    yield "newly-denied", every([where, before.undenied, negated(after.undenied)])
    others = [
        every([before.effects[one], after.effects[other]])
        for one in EFFECTS
        for other in EFFECTS[1:]
        if one is not other and not (one in _REFUSING and other not in _REFUSING)
    ]
    yield "another-effect", every([where, some(others)])


def of_rule(turn: Turn, before: Verdicts, after: Verdicts) -> Iterator[tuple[Kind, Formula]]:
    """What differs because of what became of one rule."""
    refused, denied = negated(before.allowed), negated(after.undenied)
    first, then = before.effects, after.effects
    allowed: list[Formula] = []
    forbidden: list[Formula] = []
    others: list[Formula] = []
    if turn.old is not None:
        effect, lost = turn.old.rule.effect, turn.lost
        if effect in _REFUSING:
            allowed.append(every([lost, refused, after.allowed]))
        if effect is Effect.ALLOW:
            forbidden.append(every([lost, after.ungranted(turn.old.rule.layer, before), before.undenied, denied]))
        others += [every([lost, first[effect], then[other]]) for other in _after_losing(effect)]
    if turn.new is not None:
        effect, gained = turn.new.rule.effect, turn.gained
        if effect is Effect.DENY:
            forbidden.append(every([gained, before.undenied, denied]))
        elif effect is Effect.ALLOW:
            granted = every([gained, before.ungranted(turn.new.rule.layer, after)])
            allowed.append(every([granted, refused, after.allowed]))
            others.append(every([granted, first[Effect.DENY], then[Effect.REQUIRE_APPROVAL]]))
        elif effect in EFFECTS:
            weaker = EFFECTS[EFFECTS.index(effect) + 1 :]
            others += [every([gained, first[other], then[effect]]) for other in weaker]
    yield "newly-allowed", some(allowed)
    yield "newly-denied", some(forbidden)
    yield "another-effect", some(others)


def _after_losing(effect: Effect) -> tuple[Effect, ...]:
    """What a decision may come to when a rule of `effect` decided it and is gone, if that allows nothing anew."""
    if effect is Effect.DENY:
        return (Effect.REQUIRE_APPROVAL,)
    return EFFECTS[EFFECTS.index(effect) + 1 :] if effect in (Effect.REDACT, Effect.LIMIT) else ()
