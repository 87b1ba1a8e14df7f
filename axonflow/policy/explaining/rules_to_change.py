"""Which rules would have to be different for a request to be allowed as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from axonflow.policy.deciding.engine import UNREDACTED, PolicyEngine
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.explaining.explanation import MissingAttribute
from axonflow.policy.request import Request

__all__ = ["RuleToChange", "RulesToChange", "is_unredacted", "rules_to_change", "ungranted"]

HOLDING = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL})
"""Each rule of these that matches is enough by itself for a request not to be allowed."""


class RuleToChange(Struct, frozen=True):
    """A rule that stands in the way, and the layer of it: there, or below, nothing else can make up for it."""

    id: str
    effect: Effect
    layer: str


class RulesToChange(Struct, frozen=True):
    """All of this together is needed, and is enough: to remove or to waive `rules`; to grant by a rule, or by their
    default, in each of the layers `grant_in`, or where `grant_in_any` in one layer, whichever; to no longer require the
    `missing` attributes; to name the action in an allow rule or a set, where `unknown_action`; and to redact what could
    not be (`redaction_failed`), of which it is not known whether it can be."""

    rules: tuple[RuleToChange, ...] = ()
    grant_in: tuple[str, ...] = ()
    grant_in_any: bool = False
    missing: tuple[MissingAttribute, ...] = ()
    unknown_action: bool = False
    redaction_failed: bool = False


def rules_to_change(engine: PolicyEngine, request: Request, decision: Decision) -> RulesToChange:
    """What of the policies of `engine` made `decision` on `request` not allow it."""
    index = engine.index_of(request.action)
    layers = engine.layers
    matching = list(matched(engine, decision))
    refusing, none_grants = ungranted(engine, matching)
    return RulesToChange(
        tuple(RuleToChange(one.id, one.effect, layers[one.layer].name) for one in matching if one.effect in HOLDING),
        tuple(layers[number].name for number in refusing),
        none_grants and not refusing,
        tuple(MissingAttribute(one.path, one.policy_set) for one in index.requires if one.lacks(request)),
        not index.knows,
        is_unredacted(decision, matching),
    )


def is_unredacted(decision: Decision, matching: Iterable[CompiledRule]) -> bool:
    """Whether nothing but a redaction that failed made `decision` deny. No rule's error is one, whatever its name."""
    denies = any(rule.effect is Effect.DENY for rule in matching)
    return decision.effect is Effect.DENY and not denies and decision.reasons[0] == UNREDACTED


def matched(engine: PolicyEngine, decision: Decision) -> Iterator[CompiledRule]:
    """The rules that `decision` names."""
    named = set(decision.policies)
    return (rule for rule in engine.rules if rule.id in named)


def ungranted(engine: PolicyEngine, matching: list[CompiledRule]) -> tuple[list[int], bool]:
    """The layers that deny by default what none of their rules allows; and whether no layer at all allows it."""
    layers = engine.layers
    granting = {rule.layer for rule in matching if rule.effect is Effect.ALLOW}
    granting |= {number for number, layer in enumerate(layers) if layer.default == "allow"}
    refusing = [number for number, layer in enumerate(layers) if layer.default == "deny" and number not in granting]
    return refusing, not granting
