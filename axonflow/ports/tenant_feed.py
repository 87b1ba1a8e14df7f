"""What of tenants, keys and roles has changed, for processes that keep some of it in memory."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from axonflow.audit import AuditMode
from axonflow.tenancy import TenantStatus

__all__ = ["Announced", "Standing", "TenantFeed"]


class Announced(NamedTuple):
    """Something of this kind (``tenant``, ``api_key``, ``role``, ``role_grant``, ...) has changed, of this tenant. The
    key of a person that was destroyed is named in it: ``audit_person_key/<id>``."""

    kind: str
    tenant_id: str


class Standing(NamedTuple):
    """All tenants that are not active, and all that have a mode of their own in which their events are recorded."""

    inactive: dict[str, TenantStatus]
    audit_modes: dict[str, AuditMode]


class TenantFeed(Protocol):
    """Both methods raise TenancyUnavailable while nothing is heard; the next call tries again."""

    async def standing(self) -> Standing:
        """How tenants stand, as of now. From then on everything is heard."""

    async def heard(self, timeout_s: float) -> frozenset[Announced]:
        """What was announced since the last call: as soon as there is something, or nothing after `timeout_s`."""

    def close(self) -> None:
        """Hear no more."""
