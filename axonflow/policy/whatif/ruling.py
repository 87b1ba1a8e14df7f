"""What an engine comes to on a recorded decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect, Redact

__all__ = ["DEFAULT", "UNNAMED", "Judged", "Ruling", "asked_of", "ruling_of"]

DEFAULT: Final = "(default)"
"""In place of a rule, where none decides: a default does, a requirement, or that nobody knows the action."""


UNNAMED: Final = "(not recorded)"
"""The same, where more rules matched than are named, and the one that decided is not among these."""


class Ruling(Struct, frozen=True, gc=False):
    """`effect` is None where it cannot be told, and then `missing` are the first things that were not recorded, and
    `rule` one that asks for them. Else `rule` is the first of those that decide."""

    effect: str | None
    rule: str
    missing: tuple[str, ...] = ()


class Judged(Struct, frozen=True, gc=False):
    """A ruling, and the detectors that were asked for certain on the way to it. `failed` are the rules that could not
    be evaluated."""

    ruling: Ruling
    asked: frozenset[str]
    failed: frozenset[str]


def ruling_of(effect: Effect, matched: Sequence[CompiledRule]) -> Ruling:
    """`effect`, which is what rules come to of which these `matched`."""
    deciding = min(((rule.rank, rule.id) for rule in matched if rule.effect is effect), default=(0, DEFAULT))
    return Ruling(effect.value, deciding[1])


def asked_of(matched: Sequence[CompiledRule], looked: set[str], effect: Effect) -> frozenset[str]:
    """The detectors that were asked for certain: by conditions on the way, and to redact what is let through."""
    if effect is Effect.DENY:
        return frozenset(looked)
    redacting = [one for rule in matched for one in rule.obligations if isinstance(one, Redact)]
    return frozenset(looked).union(*[one.detectors for one in redacting])
