"""Verb: define a role. A tenant's own, made or changed."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow.ids import now_us
from axonflow.ports import RoleStore
from axonflow.tenancy import Actor, Role, check_gives, check_role, check_tenant_id

__all__ = ["define_role"]


async def define_role(
    roles: RoleStore, *, tenant_id: str, role: str, permissions: Sequence[str], description: str = "", actor: Actor
) -> Role:
    """The role as it is from now on, for all who have it. Raises TenancyError for what is none, TenancyForbidden for
    one that gives more than `actor` has, TenancyConflict when somebody else was quicker."""
    check_tenant_id(tenant_id, "tenant_id")
    time_us = now_us()
    before = next((one for one in await roles.roles(tenant_id) if one.role == role), None)
    after = Role(
        tenant_id=tenant_id, role=role, description=description, permissions=tuple(dict.fromkeys(permissions)),
        version=1 if before is None else before.version + 1, updated_us=time_us,
        created_us=time_us if before is None else before.created_us,
        created_by=actor.name if before is None else before.created_by,
    )  # fmt: skip
    check_role(after)
    check_gives(actor, after.gives)
    await roles.put(after)
    return after
