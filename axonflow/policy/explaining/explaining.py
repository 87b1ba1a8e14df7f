"""`explain`: the decision of an engine, taken apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from axonflow.detect import Finding
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.explaining.explanation import (
    Counts,
    Explanation,
    LayerExplained,
    MissingAttribute,
    RuleExplained,
    Totals,
)
from axonflow.policy.explaining.judging import Judged, RulesExplained, judged
from axonflow.policy.explaining.layers import layer_verdict, why_it_won
from axonflow.policy.explaining.rules_to_change import is_unredacted
from axonflow.policy.request import Request

__all__ = ["MAX_PARTS", "MAX_RULES", "explain"]

MAX_RULES: Final = 200
MAX_PARTS: Final = 2_000
"""Of conditions, in all that is explained: each takes a tenth of a millisecond, or so."""


def explain(
    engine: PolicyEngine,
    request: Request,
    now_s: float,
    *,
    max_rules: int = MAX_RULES,
    max_parts: int = MAX_PARTS,
) -> Explanation:
    """Why `engine` decides on `request` as it does, as of the request's time or `now_s` (seconds since the epoch).

    The decision is that of ``engine.decide``, but for its id: nothing is recorded under it. At most `max_rules` rules
    are shown, those that match first, with at most `max_parts` parts of their conditions. Never raises on any Request.
    """
    found: list[Finding] = []
    decision = engine.decide(request, "", now_s, found)
    index = engine.index_of(request.action)
    time_us = int(now_s * 1_000_000) if request.time is None else request.time
    evaluation = Evaluation(request, time_us, engine.scanner)
    candidates = judged(index.candidates(request), evaluation)
    missing = [MissingAttribute(one.path, one.policy_set) for one in index.requires if one.lacks(request)]
    refusal = decision.reasons[0] if missing or not index.knows else ""
    teller = RulesExplained(evaluation, engine.secrecy, max_parts)
    told = [(one, teller.explained(one)) for one in candidates[:max_rules]]
    layers = engine.layers
    counts = Counter(finding.detector for finding in found)
    return Explanation(
        effect=decision.effect,
        allowed=decision.allowed,
        why=tuple(why_it_won(decision, layers, candidates, refusal)),
        reasons=decision.reasons,
        obligations=decision.obligations,
        policies=decision.policies,
        errors=decision.errors,
        policy_digest=decision.policy_digest,
        action=request.action,
        action_known=index.knows,
        missing=tuple(missing),
        layers=_layers(engine, candidates, told),
        totals=Totals(
            len(engine.rules),
            len(candidates),
            sum(one.matches for one in candidates),
            max(len(candidates) - max_rules, 0),
        ),
        findings=tuple(Counts(detector, number) for detector, number in sorted(counts.items())),
        redaction_failed=is_unredacted(decision, [one.rule for one in candidates if one.matches]),
        shadow=None
        if engine.shadow is None
        else explain(engine.shadow, request, now_s, max_rules=max_rules, max_parts=max_parts),
    )


def _layers(
    engine: PolicyEngine, candidates: Sequence[Judged], told: Sequence[tuple[Judged, RuleExplained]]
) -> tuple[LayerExplained, ...]:
    layers: list[LayerExplained] = []
    for number, layer in enumerate(engine.layers):
        matching = [one for one in candidates if one.matches and one.rule.layer == number]
        outcome, why = layer_verdict(layer, matching)
        rules = tuple(explained for one, explained in told if one.rule.layer == number)
        layers.append(LayerExplained(layer.name, layer.default, outcome, why, rules))
    return tuple(layers)
