"""Roles of a tenant's own making and who has which, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.limits import make_room_for_principal
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyConflict, TenancyMissing, TenancyUnavailable
from axonflow.tenancy import Grant, Role

__all__ = ["PostgresGrants", "PostgresRoles"]

_SQL: Final = named_queries("tenant_roles.sql")


class PostgresRoles:
    """A RoleStore."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def put(self, role: Role) -> None:
        place = (role.tenant_id, role.role, role.description, list(role.permissions), role.version)
        made = (role.created_us, role.created_by, role.updated_us)
        with translated(TenancyUnavailable, "keep a role"), _known_tenant(role.tenant_id):
            try:
                async with self._database.tenant(role.tenant_id) as connection:
                    if role.version == 1:
                        await connection.execute(_SQL["add_role"], *place, *made)
                        return
                    status = await connection.execute(_SQL["replace_role"], *place, role.updated_us)
            except asyncpg.UniqueViolationError:
                raise _changed(role) from None
        if status != "UPDATE 1":
            raise _changed(role)

    async def roles(self, tenant_id: str) -> list[Role]:
        if not is_storable(tenant_id):
            return []
        with translated(TenancyUnavailable, "list roles"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["roles"], tenant_id)
        return [Role(**{**row, "permissions": tuple(row["permissions"])}) for row in rows]

    async def remove(self, tenant_id: str, role: str) -> bool:
        if not is_storable(tenant_id, role):
            return False
        with translated(TenancyUnavailable, "remove a role"):
            async with self._database.tenant(tenant_id) as connection:
                await connection.execute(_SQL["remove_grants_of_role"], tenant_id, role)
                await connection.execute(_SQL["remove_role_of_keys"], tenant_id, role)
                return bool(await connection.execute(_SQL["remove_role"], tenant_id, role) == "DELETE 1")


class PostgresGrants:
    """A GrantStore. A principal that nobody has heard of before is made known by its first grant."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def put(self, grant: Grant) -> None:
        whose = (grant.tenant_id, grant.principal_type, grant.principal_id)
        given = (grant.granted_us, grant.granted_by)
        with translated(TenancyUnavailable, "grant a role"), _known_tenant(grant.tenant_id):
            async with self._database.tenant(grant.tenant_id) as connection:
                await make_room_for_principal(connection, *whose)
                await connection.execute(_SQL["add_principal"], *whose, *given)
                await connection.execute(_SQL["put_grant"], *whose, grant.role, *given, grant.expires_us)

    async def grants(self, tenant_id: str) -> list[Grant]:
        if not is_storable(tenant_id):
            return []
        with translated(TenancyUnavailable, "list grants"):
            async with self._database.tenant(tenant_id) as connection:
                return [Grant(**row) for row in await connection.fetch(_SQL["grants"], tenant_id)]

    async def remove(self, tenant_id: str, principal_type: str, principal_id: str, role: str) -> bool:
        place = (tenant_id, principal_type, principal_id, role)
        if not is_storable(*place):
            return False
        with translated(TenancyUnavailable, "take a role away"):
            async with self._database.tenant(tenant_id) as connection:
                return bool(await connection.execute(_SQL["remove_grant"], *place) == "DELETE 1")


@contextmanager
def _known_tenant(tenant_id: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.ForeignKeyViolationError:
        raise TenancyMissing("no such tenant", at=tenant_id) from None


def _changed(role: Role) -> TenancyConflict:
    return TenancyConflict("the role has changed meanwhile", expected=f"version {role.version - 1}", at=role.role,
                           hint="Look again, then try again.")  # fmt: skip
