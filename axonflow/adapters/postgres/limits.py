"""How much a tenant may have: counted in the transaction that adds to it, by one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from axonflow.adapters.postgres.database import Connection
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyConflict, TenancyConflict
from axonflow.policy.api.rules import SET_NAME
from axonflow.tenancy import TenantUse

__all__ = ["lock_kind", "make_room_for_policies", "make_room_for_principal", "use_of"]

_SQL: Final = named_queries("limits.sql")
_LOCKS: Final = {"policies": 6_129_847_720_133_401_257, "principals": 2_894_113_605_781_222_913}
"""Numbers of our own among the advisory locks of the database, one for each kind."""


async def lock_kind(connection: Connection, tenant_id: str, kind: Literal["policies", "principals"]) -> None:
    """Nobody else adds to what this tenant has of the kind until the transaction ends."""
    await connection.execute(_SQL["lock"], tenant_id, _LOCKS[kind])


async def make_room_for_policies(
    connection: Connection, tenant_id: str, more: int, *, instead_of: Sequence[str] = ()
) -> None:
    """Raise PolicyConflict where the tenant may not have `more` policies besides what it has without the sets
    `instead_of`. The lock of policies is held."""
    row = await connection.fetchrow(_SQL["policies"], tenant_id, [SET_NAME, *instead_of])
    if row is not None and row["most"] is not None and row["used"] + more > row["most"]:
        raise PolicyConflict(
            "the tenant has as many policies as it may", expected=_limit(row["most"]),
            found=f"{row['used']}, and {more} more", at=tenant_id,
            hint=f"Policies of the REST routes count, and rules of sets in force. {_way(tenant_id, 'policies')}",
        )  # fmt: skip


async def make_room_for_principal(connection: Connection, tenant_id: str, kind: str, principal_id: str) -> None:
    """Raise TenancyConflict where no more principals may have a role than those who have, and this one has none."""
    await lock_kind(connection, tenant_id, "principals")
    row = await connection.fetchrow(_SQL["principals"], tenant_id, kind, principal_id)
    if row is None or row["most"] is None or row["is_counted"]:
        return
    if row["used"] >= row["most"]:
        raise TenancyConflict(
            "the tenant has as many principals as it may", expected=_limit(row["most"]), found=f"{row['used']}",
            at=tenant_id, hint=f"Each that has a role counts. {_way(tenant_id, 'principals')}",
        )  # fmt: skip


async def use_of(connection: Connection, tenant_id: str, now_us: int) -> TenantUse | None:
    """What the tenant has beside what it may have; None without the tenant."""
    keys = await connection.fetchrow(_SQL["keys"], tenant_id, now_us)
    policies = await connection.fetchrow(_SQL["policies"], tenant_id, [SET_NAME])
    principals = await connection.fetchrow(_SQL["principals"], tenant_id, None, None)
    if keys is None:
        return None
    return TenantUse(
        api_keys=keys["used"], max_api_keys=keys["most"], policies=policies["used"], max_policies=policies["most"],
        principals=principals["used"], max_principals=principals["most"],
        max_requests_per_minute=keys["most_requests_per_minute"],
    )  # fmt: skip


def _limit(most: int) -> str:
    return f"at most {most}"


def _way(tenant_id: str, what: str) -> str:
    return f"Remove some, or raise the limit: axonflow tenant change {tenant_id} --max-{what} N"
