"""Verb: grant a role to a client of the tenant: all its keys may do more.

Callers prove who they are by API keys alone, and a key proves a client. That a call names a user or an agent in whose
name it is made is its own word: policies may go by that, permissions never.
"""

from __future__ import annotations

from axonflow.errors import TenancyError
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
    """The grant, until `expires_us` if that is given, to `principal`, ``service:ID``: it adds to what the keys of that
    client may do. Raises TenancyError, also for any other kind of principal, and TenancyForbidden for more than `actor`
    has."""
    check_tenant_id(tenant_id, "tenant_id")
    kind, _, name = principal.partition(":")
    if kind != "service":
        raise TenancyError(
            "a role has no effect on this kind of principal", expected="service:ID, a client of API keys",
            found=ascii(principal)[:80], at="principal",
            hint="Callers prove who they are by API keys alone. Make a key for whom this is for, and grant it to its "
            "client; what users and agents may do is what policies say.",
        )  # fmt: skip
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
