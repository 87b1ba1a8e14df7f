"""What each layer comes to by itself, and why all of them together come to what they do, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from axonflow.policy.deciding.verdict import Layer
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.explaining.judging import Judged
from axonflow.policy.explaining.rules_to_change import is_unredacted

__all__ = ["layer_verdict", "why_it_won"]

_MAX_NAMED: Final = 5
_RESTRICTING: Final = (Effect.REQUIRE_APPROVAL, Effect.REDACT, Effect.LIMIT)


def layer_verdict(layer: Layer, matching: Sequence[Judged]) -> tuple[str, str]:
    """What `layer` comes to by the rules of it that match: an effect, or ``abstain``; and why."""
    by_effect = {effect: _named(matching, effect) for effect in Effect}
    if by_effect[Effect.DENY]:
        return "deny", f"{by_effect[Effect.DENY]} denies"
    restricting = next((effect for effect in _RESTRICTING if by_effect[effect]), None)
    granted = f"{by_effect[Effect.ALLOW]} allows" if by_effect[Effect.ALLOW] else ""
    if not granted and layer.default == "allow":
        granted = "its default is allow"
    if not granted:
        asks = f"; {by_effect[restricting]} still asks for {restricting.value}" if restricting else ""
        if layer.default == "deny":
            return "deny", f"no rule of it allows this, and its default is deny{asks}"
        return "abstain", f"no rule of it allows this, and it leaves that to others{asks}"
    if restricting is None:
        return "allow", granted
    return restricting.value, f"{granted}, and {by_effect[restricting]} asks for {restricting.value}"


def why_it_won(
    decision: Decision, layers: Sequence[Layer], candidates: Sequence[Judged], refusal: str
) -> Iterator[str]:
    """Why `decision` came out as it did; `refusal` is what stood in the way before any rule."""
    matching = [one for one in candidates if one.matches]
    failed = [one for one in matching if one.error]
    if refusal:
        yield refusal
    elif is_unredacted(decision, [one.rule for one in matching]):
        yield "What had to be redacted could not be, so nothing may be sent on."
    elif denying := _named(matching, Effect.DENY):
        yield f"{denying} denies, and a matching deny wins over whatever else matches."
    elif decision.effect is Effect.DENY:
        yield decision.reasons[0]
    else:
        yield from _granted(decision, layers, matching)
    if failed:
        yield f"{_list(failed)} could not be evaluated and counts as a match: what restricts fails closed."


def _granted(decision: Decision, layers: Sequence[Layer], matching: Sequence[Judged]) -> Iterator[str]:
    granting = _named(matching, Effect.ALLOW)
    if granting:
        yield f"Nothing denies, and {granting} allows."
    else:
        names = ", ".join(dict.fromkeys(layer.name for layer in layers if layer.default == "allow"))
        yield f"Nothing denies, and the default of the {names} layer is allow."
    asking = _named(matching, decision.effect)
    if decision.effect is not Effect.ALLOW:
        yield f"{asking} asks for {decision.effect.value}, the strongest effect of all that match."


def _named(judged: Sequence[Judged], effect: Effect) -> str:
    return _list([one for one in judged if one.rule.effect is effect])


def _list(judged: Sequence[Judged]) -> str:
    names = [one.rule.id for one in judged]
    if not names:
        return ""
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"rule {', '.join(names[:_MAX_NAMED])}{more}"
