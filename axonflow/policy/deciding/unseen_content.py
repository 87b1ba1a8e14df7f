"""What is decided on a request whatever its content will be: what is refused for certain, before there is any.

The attributes are those that the request will have; its content, and when it will be made, are not known. A rule that
asks for neither is judged now. Of one that does it is not known whether it will match: if it allows, it may; if it
refuses, it may not. So what is called denied here will be denied, and what is not is left to be decided then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from axonflow.policy.cel.compiler import Shape
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.foreseeing import mentions
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.deciding.verdict import Layers
from axonflow.policy.decision import Effect, Redact
from axonflow.policy.request import Request

__all__ = ["Foreseen", "Unseen"]

_UNKNOWN: Final = frozenset({"content", "findings", "time"})


class Foreseen(NamedTuple):
    """Whether the request will be `denied`, by which `policies` and why; and what a redaction of its content may leave
    nothing of, as ids of detectors."""

    denied: bool
    reasons: tuple[str, ...]
    policies: tuple[str, ...]
    redacts: frozenset[str]


class Unseen:
    """Foresees. What is learnt of the shape of a condition holds for all of that shape."""

    __slots__ = ("_layers", "_waiting")

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._waiting: dict[Shape, bool] = {}

    def foresee(
        self,
        candidates: Iterable[CompiledRule],
        evaluation: Evaluation,
        refusal: str | None,
        matching: Callable[[Sequence[CompiledRule], Request, Evaluation], Sequence[CompiledRule]],
    ) -> Foreseen:
        """What the `candidates` come to on the request of `evaluation`; `refusal` is a reason beside theirs. `matching`
        gives those of some rules that match."""
        certain: list[CompiledRule] = []
        possible: list[CompiledRule] = []
        for rule in candidates:
            (possible if self._waits(rule, evaluation) else certain).append(rule)
        matched = matching(certain, evaluation.request, evaluation)
        granting = [rule for rule in possible if rule.effect is Effect.ALLOW]
        effect, _, reasons, _, _ = self._layers.verdict([*matched, *granting])
        redacts = frozenset(
            detector
            for rule in (*matched, *possible)
            for obligation in rule.obligations
            if isinstance(obligation, Redact)
            for detector in obligation.detectors
        )
        denying = [rule for rule in matched if rule.effect is Effect.DENY]
        if denying:  # an allow rule that may match is no reason
            reasons = tuple(reason for rule in denying for reason in rule.reasons)
        elif effect is Effect.DENY:
            reasons = reasons[:1]
        if refusal is not None:
            effect, reasons = Effect.DENY, (refusal, *reasons)
        return Foreseen(effect is Effect.DENY, reasons, tuple(rule.id for rule in denying), redacts)

    def _waits(self, rule: CompiledRule, evaluation: Evaluation) -> bool:
        """Whether it takes the content, or the time, to know if `rule` matches."""
        if self._asks(rule.condition.shape):
            return True
        request = evaluation.request
        # A waiver that holds now may have expired by then.
        return any(self._asks(one.condition.shape) or one.holds(request, evaluation) for one in rule.waivers)

    def _asks(self, shape: Shape) -> bool:
        asks = self._waiting.get(shape)
        if asks is None:
            asks = self._waiting[shape] = shape.node is not None and mentions(shape.node, _UNKNOWN)
        return asks
