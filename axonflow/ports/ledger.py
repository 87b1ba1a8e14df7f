"""The only counter of rates, tokens and money, for policies and plans alike."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

__all__ = ["Ledger", "Quota", "Reservation"]


class Quota(Struct, frozen=True):
    """At most `maximum` of `unit` within any `window_s` seconds, counted under `key` for one tenant."""

    tenant_id: str
    key: str
    unit: str
    maximum: int
    window_s: int


class Reservation(Struct, frozen=True):
    """`amount` taken from `quota` at `time_us`, to be settled or released by its `reservation_id`."""

    reservation_id: str
    quota: Quota
    amount: int
    time_us: int


class Ledger(Protocol):
    """All methods raise LedgerError when the ledger cannot answer; callers deny."""

    async def reserve(self, quota: Quota, amount: int, time_us: int) -> Reservation | None:
        """Take `amount`, or nothing and None when that would pass the maximum. Atomic among all callers."""

    async def settle(self, reservation: Reservation, actual: int) -> None:
        """Correct what was taken to what was used, which may be more. Settling or releasing again changes nothing."""

    async def release(self, reservation: Reservation) -> None:
        """Give back all that was taken."""

    async def usage(self, quota: Quota, time_us: int) -> int:
        """What counts against `quota` at `time_us`."""
