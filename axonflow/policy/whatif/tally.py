"""What a comparison counts. Bounded, however many decisions there are: one count a pair of effects, and one a rule."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.policy.decision import Effect
from axonflow.policy.whatif.ruling import Ruling

__all__ = ["ALLOWED", "Outcome", "Tally"]

ALLOWED: Final = frozenset({Effect.ALLOW.value, Effect.REDACT.value, Effect.LIMIT.value})
_MOST_COUNTED: Final = 100_000
"""Of rules and of what is missing: more are counted together."""
_REST: Final = "(others)"


class Outcome(Struct, frozen=True, gc=False):
    """Of a decision on `action`: what it came to `before`, by which rule, and what it comes to `after`. `before` is
    None where there is nothing to compare with, or it cannot be told."""

    action: str
    before: str | None
    before_rule: str
    after: Ruling

    @property
    def is_undecidable(self) -> bool:
        """Whether either of them cannot be told."""
        return self.before is None or self.after.effect is None

    @property
    def is_flip(self) -> bool:
        """Whether it comes to something else."""
        return not self.is_undecidable and self.before != self.after.effect


class Tally:
    """All that is counted."""

    def __init__(self, limit_shown: int) -> None:
        self.others = 0
        self.decided = 0
        self.effects: dict[tuple[str, str], int] = {}
        self.by_rule: dict[str, int] = {}
        self.no_longer: dict[str, int] = {}
        self.undecidable = 0
        self.incomparable = 0
        self.missing: dict[str, int] = {}
        self.asked_by: dict[str, int] = {}
        self.shown: list[tuple[str, Outcome]] = []
        self.shown_undecidable: list[tuple[str, Outcome]] = []
        self._limit_shown = limit_shown

    @property
    def flips(self) -> int:
        """How many come to something else."""
        return sum(count for (before, after), count in self.effects.items() if before != after)

    @property
    def tightened(self) -> int:
        """How many that were allowed are not any more."""
        return sum(
            count for (before, after), count in self.effects.items() if before in ALLOWED and after not in ALLOWED
        )

    @property
    def loosened(self) -> int:
        """How many are allowed that were not."""
        return sum(
            count for (before, after), count in self.effects.items() if before not in ALLOWED and after in ALLOWED
        )

    def add(self, outcome: Outcome, count: int) -> None:
        """Count so many of this outcome."""
        after = outcome.after
        if after.effect is None:
            self.undecidable += count
            for name in after.missing:
                _count(self.missing, name, count)
            _count(self.asked_by, after.rule, count)
        elif outcome.before is None:
            self.incomparable += count
        else:
            self.decided += count
            pair = (outcome.before, after.effect)
            self.effects[pair] = self.effects.get(pair, 0) + count
            if outcome.is_flip:
                _count(self.by_rule, after.rule, count)
                _count(self.no_longer, outcome.before_rule, count)

    def show(self, outcome: Outcome, name: str) -> bool:
        """Keep `name` as an example, if it is one and there is room; whether there is room for more like it."""
        if outcome.after.effect is None:
            shown = self.shown_undecidable
        elif outcome.is_flip:
            shown = self.shown
        else:
            return False
        if len(shown) < self._limit_shown:
            shown.append((name, outcome))
        return len(shown) < self._limit_shown


def _count(counts: dict[str, int], name: str, count: int) -> None:
    if name not in counts and len(counts) >= _MOST_COUNTED:
        name = _REST
    counts[name] = counts.get(name, 0) + count
