"""Verb: grant a role. To a user, an agent, a service or a group of the tenant."""

from __future__ import annotations

from axonflow.ids import now_us
from axonflow.ports import GrantStore, RoleStore
from axonflow.tenancy import Actor, Grant, check_end, check_gives, check_roles, check_tenant_id, permissions_of

__all__ = ["grant_role"]


async def grant_role(
    roles: RoleStore,
    grants: GrantStore,
    *,
    tenant_id: str,
    principal: str,
    role: str,
    expires_us: int | None = None,
    actor: Actor,
) -> Grant:
    """The grant, until `expires_us` if that is given. `principal` is ``type:id``; what is granted to ``service:ID``
    adds to what the keys of client ID may do. Raises TenancyError, TenancyForbidden for more than `actor` has."""
    check_tenant_id(tenant_id, "tenant_id")
    kind, _, name = principal.partition(":")
    grant = Grant(
        tenant_id=tenant_id, principal_type=kind, principal_id=name, role=role, granted_us=now_us(),
        granted_by=actor.name, expires_us=expires_us,
    )  # fmt: skip
    check_end(expires_us, grant.granted_us)
    own = {one.role: one.permissions for one in await roles.roles(tenant_id)}
    check_roles((role,), own)
    check_gives(actor, permissions_of((role,), own, installation=False))
    await grants.put(grant)
    return grant
