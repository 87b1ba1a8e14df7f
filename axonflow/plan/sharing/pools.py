"""What many plans share, one thing at a time: slots of an agent with its replicas, a model's tokens a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from axonflow.errors import PlanError

__all__ = ["Pool", "PoolLimit"]

_MINUTE_US: Final = 60_000_000


class PoolLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `slots` at the same time; None: any number. `replicas` have slots of their own, by name, in place of it.
    At most `tokens_per_minute`, of which what was not used for a minute may be used at once. Raises PlanError."""

    slots: int | None = None
    replicas: Mapping[str, int] = {}
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        for what, number in {"slots": self.slots, "tokens_per_minute": self.tokens_per_minute, **self.replicas}.items():
            if number is not None and number < 1:
                raise PlanError(f"not a limit of {what!r}", expected="1 or more", found=str(number))
        if self.replicas and self.slots is not None:
            raise PlanError("two limits of slots", expected="slots or replicas", found="both")


class _Replica:
    __slots__ = ("free", "name", "outstanding_us")

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.free = slots
        self.outstanding_us = 0


class Pool:
    """One limit, and what is used of it. `parked` is a heap of those that found no room, for whoever parks them;
    `claimed_by` one of them for which there is some, but not enough: until it has it, nobody else gets any."""

    __slots__ = ("_free", "_level", "_level_at_us", "_most", "_replicas", "claimed_by", "parked", "slots")

    def __init__(self, limit: PoolLimit) -> None:
        self._replicas = [_Replica(name, slots) for name, slots in limit.replicas.items()]
        self.slots: Final = sum(limit.replicas.values()) if self._replicas else limit.slots
        self._free = self.slots
        self._most = limit.tokens_per_minute
        self._level = float(limit.tokens_per_minute or 0)
        self._level_at_us = 0
        self.parked: list[tuple[float, int, Any]] = []
        self.claimed_by: Any = None

    def has(self, who: object, slots: int, tokens: int, now_us: int) -> bool:
        """Whether there is room for that now; if there is only some, `who` has claimed it."""
        if self.claimed_by is not None and self.claimed_by is not who:
            return False
        if self._free is not None and self._free < slots:
            if self._free > 0:
                self.claimed_by = who
            return False
        if self.us_until(tokens, now_us) > 0:
            self.claimed_by = who
            return False
        return True

    @property
    def empty(self) -> bool:
        """Whether no slot is free."""
        return self._free is not None and self._free <= 0

    @property
    def rated(self) -> bool:
        """Whether there may be more room only because time has passed."""
        return self._most is not None

    def us_until(self, tokens: int, now_us: int) -> int:
        """How long it takes until there are `tokens`; more than a minute's never are, and count as those."""
        if self._most is None:
            return 0
        passed_us = max(0, now_us - self._level_at_us)
        self._level = min(float(self._most), self._level + self._most * passed_us / _MINUTE_US)
        self._level_at_us = max(now_us, self._level_at_us)
        missing = min(tokens, self._most) - self._level
        return 0 if missing < 1e-6 else 1 + int(missing * _MINUTE_US / self._most)

    def is_rested(self, now_us: int) -> bool:
        """Whether nothing is used of it, so that one made anew would be the same."""
        return self._free == self.slots and self.claimed_by is None and not self.us_until(self._most or 0, now_us)

    def take(self, slots: int, tokens: int, cost_us: int) -> str | None:
        """Take what there is room for. Which replica it is for: the one with the least outstanding work."""
        self.claimed_by = None
        if self._free is not None:
            self._free -= slots
        if self._most is not None:
            self._level -= min(tokens, self._most)
        if not self._replicas:
            return None
        least = min((one for one in self._replicas if one.free > 0), key=_outstanding_us)
        least.free -= 1
        least.outstanding_us += cost_us
        return least.name

    def give_back(self, slots: int, cost_us: int, replica: str | None) -> None:
        """Free the slots; tokens are used up."""
        if self._free is not None:
            self._free += slots
        for one in self._replicas:
            if one.name == replica:
                one.free += 1
                one.outstanding_us -= cost_us


def _outstanding_us(replica: _Replica) -> int:
    return replica.outstanding_us
