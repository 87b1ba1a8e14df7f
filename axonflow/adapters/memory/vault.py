"""A vault in memory: what is in it ends with the process."""

from __future__ import annotations

from typing import Final

from axonflow.errors import VaultError

__all__ = ["MemoryVault"]

_MAX_VALUES: Final = 1_000_000


class MemoryVault:
    def __init__(self, max_values: int = _MAX_VALUES) -> None:
        self._values: dict[tuple[str, str], str] = {}
        self._max_values = max_values

    async def put(self, tenant_id: str, label: str, value: str) -> None:
        place = (tenant_id, label)
        if place not in self._values and len(self._values) >= self._max_values:
            raise VaultError(
                "the memory vault is full", expected=f"at most {self._max_values} values", found="one more"
            )
        if self._values.setdefault(place, value) != value:  # one step: no other thread comes in between
            raise VaultError("the label is of another value", expected="the same value", at=label)

    async def get(self, tenant_id: str, label: str) -> str | None:
        return self._values.get((tenant_id, label))
