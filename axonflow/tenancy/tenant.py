"""A tenant, and the states it goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from axonflow.errors import TenancyConflict, TenancyError, TenancyForbidden

__all__ = [
    "ANY_TENANT", "LATEST_US", "LIMITS", "Tenant", "TenantStatus", "TenantUse", "check_active", "check_end",
    "check_tenant_id", "moved",
]  # fmt: skip

TenantStatus = Literal["active", "suspended", "deleting"]

ANY_TENANT: Final = "*"
"""What a key for every tenant names in place of one. It is also the system's scope of policies, which is no tenant."""

LIMITS: Final = ("max_api_keys", "max_policies", "max_principals", "max_requests_per_minute")
"""The fields of a tenant that are limits of its own."""

_ID: Final = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MAX_NAME_CHARS: Final = 256
_MAX_TIER_CHARS: Final = 64
_MAX_RETENTION_DAYS: Final = 36_500
"""A hundred years. A time that PostgreSQL cannot reckon with would keep it from removing what is past its time."""
LATEST_US: Final = 253_370_764_800_000_000
"""The year 9999 (Unix epoch, UTC): what ends then or later cannot be written as RFC 3339, and so not be listed."""

# What is being deleted never comes back: by then some of it may be gone.
_MOVES: Final[dict[TenantStatus, frozenset[TenantStatus]]] = {
    "active": frozenset({"suspended", "deleting"}),
    "suspended": frozenset({"active", "deleting"}),
    "deleting": frozenset(),
}


class Tenant(Struct, frozen=True, kw_only=True):
    """`tenant_id` that begins with ``@`` is an organization, which tenants belong to. Times are microseconds since the
    Unix epoch. A retention or a limit that is None is the tier's. `audit_hold` keeps everything: nothing of the tenant
    is past its time, and it cannot be erased. `audit_mode` says whether its events are on the disk before the answer;
    None: as the installation has it. `version` grows by one with each change."""

    tenant_id: str
    name: str
    tier: str = "community"
    organization_id: str | None = None
    status: TenantStatus = "active"
    max_api_keys: int | None = None
    max_policies: int | None = None
    max_principals: int | None = None
    max_requests_per_minute: int | None = None
    audit_retention_days: int | None = None
    audit_hold: bool = False
    audit_mode: Literal["durable", "async"] | None = None
    version: int = 1
    created_us: int
    created_by: str
    updated_us: int

    def __post_init__(self) -> None:
        check_tenant_id(self.tenant_id, "tenant_id")
        if not 0 < len(self.name) <= _MAX_NAME_CHARS or not self.name.isprintable():
            raise TenancyError("not a name", expected=f"1 to {_MAX_NAME_CHARS} printable characters", at="name")
        if not 0 < len(self.tier) <= _MAX_TIER_CHARS or not self.tier.isprintable():
            raise TenancyError("not a tier", expected=f"1 to {_MAX_TIER_CHARS} printable characters", at="tier")
        if self.organization_id is not None:
            if not self.organization_id.startswith("@"):
                raise TenancyError("not an organization", expected="@ and a name", at="organization_id")
            check_tenant_id(self.organization_id, "organization_id")
        bounds = (*((name, 0, 2**31 - 1) for name in LIMITS), ("audit_retention_days", 1, _MAX_RETENTION_DAYS))
        for name, least, most in bounds:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise TenancyError("out of range", expected=f"{least} to {most}", found=str(value), at=name)


class TenantUse(Struct, frozen=True, kw_only=True):
    """What a tenant has beside the most that it may have, its own limit or its tier's; None is no limit. Keys are those
    that are active, policies those of the REST routes and the rules of published sets in force, principals those that
    have a role."""

    api_keys: int
    max_api_keys: int | None
    policies: int
    max_policies: int | None
    principals: int
    max_principals: int | None
    max_requests_per_minute: int | None


def check_tenant_id(tenant_id: str, at: str) -> None:
    """Raise TenancyError unless `tenant_id` can be one: it becomes part of paths, headers and file names."""
    if not _ID.fullmatch(tenant_id):
        raise TenancyError(
            "not a tenant id", expected="1 to 128 letters, digits, '.', '_' and '-', after an '@' for an organization",
            found=ascii(tenant_id)[:80], at=at,
        )  # fmt: skip


def check_active(tenant_id: str, inactive: Mapping[str, str]) -> None:
    """Raise TenancyForbidden when this tenant is among those that may do nothing at present, with its status."""
    status = inactive.get(tenant_id)
    if status is not None:
        raise TenancyForbidden(
            f"the tenant is {status}", expected="an active tenant", found=status,
            hint="Nothing was allowed. Whoever runs this installation can say why.",
        )  # fmt: skip


def check_end(expires_us: int | None, now_us: int) -> None:
    """Raise TenancyError unless what is made at `now_us` ends later, if at all, and before LATEST_US."""
    if expires_us is not None and expires_us <= now_us:
        raise TenancyError("it would have ended already", expected="a time to come", at="expires")
    if expires_us is not None and expires_us >= LATEST_US:
        raise TenancyError("it would end too late", expected="a time before the year 9999", at="expires",
                           hint="Without one, it does not end by itself.")  # fmt: skip


def moved(tenant: Tenant, status: TenantStatus, now_us: int) -> Tenant:
    """`tenant` as it is in its next state. Raises TenancyConflict where there is no way to it."""
    if status not in _MOVES[tenant.status]:
        ways = " or ".join(sorted(_MOVES[tenant.status])) or "none: it is gone for good"
        raise TenancyConflict(
            f"the tenant is {tenant.status} and cannot become {status}", expected=ways, found=status,
            at=tenant.tenant_id,
        )  # fmt: skip
    return replace(tenant, status=status, version=tenant.version + 1, updated_us=now_us)
