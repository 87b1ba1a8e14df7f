"""What the rules that match come to: the effect, why, and what has to be done. The layers decide together."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from msgspec import Struct

from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect, Obligation

__all__ = ["Layer", "Layers", "Verdict"]

_ALLOWED: Final = frozenset({Effect.ALLOW, Effect.REDACT, Effect.LIMIT})
_ALLOW: Final = Effect.ALLOW
_DENY: Final = Effect.DENY
_BY_DEFAULT: Final = ("No rule matches; the default is allow.",)
_rank: Final = attrgetter("rank")


class Layer(Struct, frozen=True):
    """One layer's name and default: deny, allow or abstain."""

    name: str
    default: str


Verdict = tuple[Effect, bool, tuple[str, ...], tuple[Obligation, ...], tuple[str, ...]]
"""The part of a decision that depends on nothing but the rules that match: effect, allowed, reasons, obligations and
policies. No class, for one is made for every rule when policies are loaded."""


class Layers:
    """All layers, outermost first. Each is evaluated alone, and the strictest result wins."""

    __slots__ = ("_denying", "_granting", "_layers", "_refusals", "says_default")

    def __init__(self, layers: Sequence[Layer], *, says_default: bool = True) -> None:
        """`says_default`: whether a default of `layers` is said by any set, or each only stands where none is."""
        self._layers = tuple(layers)
        self.says_default = says_default
        # One bit a layer, so that any number of layers costs a decision two integer operations.
        self._granting = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "allow")
        self._denying = sum(1 << bit for bit, layer in enumerate(layers) if layer.default == "deny")
        self._refusals = tuple([self._not_granted(granted) for granted in range(1 << len(layers))])

    @property
    def every(self) -> tuple[Layer, ...]:
        """All of them, outermost first."""
        return self._layers

    def verdict(self, rules: Sequence[CompiledRule]) -> Verdict:
        """What `rules`, all that match, in any order, come to."""
        ordered = sorted(rules, key=_rank)
        if len(ordered) == 2:  # spelled out for the commonest number: half the time of the loops below
            first, second = ordered
            granted = self._granting | first.grants | second.grants
            policies = first.names + second.names
            reasons = first.reasons + second.reasons
            obligations = first.obligations + second.obligations
        else:
            granted = self._granting
            for rule in ordered:
                granted |= rule.grants
            policies = tuple([rule.id for rule in ordered])
            reasons = tuple([reason for rule in ordered for reason in rule.reasons])
            obligations = tuple([obligation for rule in ordered for obligation in rule.obligations])
        effect = ordered[0].decides if ordered else _ALLOW
        if effect is not _DENY and (not granted or self._denying & ~granted):
            effect, reasons = _DENY, (self._refusals[granted], *reasons)
        elif not ordered:
            reasons = _BY_DEFAULT
        return effect, effect in _ALLOWED, reasons, obligations, policies

    def _not_granted(self, granted: int) -> str:
        if not self._layers:
            return (
                "No policy is loaded, so nothing is allowed. To start from the baseline: axonflow policy init policies/"
            )
        refusing = [layer.name for bit, layer in enumerate(self._layers) if self._denying & ~granted & 1 << bit]
        if refusing:
            return f"No rule of the {refusing[0]} layer allows this, and its default is deny."
        return "No layer allows this: all of them abstain."
