"""Where tenants are kept, and what is theirs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from msgspec import Struct

from axonflow.ports.audit_anchor import CutWitness
from axonflow.tenancy import Tenant, TenantStatus, TenantUse

__all__ = ["Erased", "TenantData", "TenantRow", "TenantStore"]


class TenantStore(Protocol):
    """All methods raise TenancyUnavailable when the store cannot answer. The system (``*``) is no tenant of its."""

    async def add(self, tenant: Tenant) -> None:
        """Keep a new one. Raises TenancyConflict when its id is taken, TenancyMissing when its tier or its organization
        is not there."""

    async def get(self, tenant_id: str) -> Tenant | None:
        """The one of this id."""

    async def page(self, after: str, limit: int) -> list[Tenant]:
        """Up to `limit` whose ids come after `after`, in the order of code points."""

    async def replace(self, tenant: Tenant) -> None:
        """Put it in the place of the version before it. Raises TenancyConflict when that is not what is there."""

    async def inactive(self) -> dict[str, TenantStatus]:
        """All that are not active. Cheap: every agent asks once a second."""


class TenantRow(Struct, frozen=True):
    """A row of a table: column to JSON value, or to bytes."""

    table: str
    values: Mapping[str, Any]


class Erased(Struct, frozen=True):
    """What was erased: how many rows of each table. `kept_events` are audit records that stay, and with them the
    tenant's own row, which says for how long."""

    rows: Mapping[str, int]
    kept_events: int


class TenantData(Protocol):
    """All that a tenant has, whatever part of the system put it there. Raises TenancyUnavailable."""

    def rows(self, tenant_id: str) -> AsyncGenerator[TenantRow, None]:
        """Its rows, table by table, all as of one moment; never the hash of a key. Close the iterator (``aclose``)."""

    async def use(self, tenant_id: str) -> TenantUse:
        """How much it has of what is limited. Raises TenancyMissing."""

    async def erase(self, tenant_id: str, *, audit: bool, witness: CutWitness | None = None) -> Erased:
        """Erase it all, or all but the records of the audit trail, for good. May be interrupted, and run again. Of what
        goes of the trail, `witness` is told before.

        Raises TenancyConflict unless the tenant is being deleted and nothing holds it.
        """
