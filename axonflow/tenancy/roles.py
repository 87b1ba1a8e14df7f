"""Roles of a tenant's own making, and who was given which."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Final

from msgspec import Struct

from axonflow.errors import TenancyError
from axonflow.tenancy.permissions import (
    BUILT_IN_ROLES,
    INSTALLATION,
    PERMISSIONS,
    check_patterns,
    permissions_of,
    scoped,
)

__all__ = ["Grant", "Role", "check_role", "check_roles"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MAX_TEXT_CHARS: Final = 1_000


class Role(Struct, frozen=True, kw_only=True):
    """`permissions` are patterns: a permission, all of a kind (``audit.*``), or all of a tenant (``*``)."""

    tenant_id: str
    role: str
    description: str = ""
    permissions: tuple[str, ...]
    version: int = 1
    created_us: int
    created_by: str
    updated_us: int

    @property
    def gives(self) -> frozenset[str]:
        """The permissions by name."""
        return permissions_of((self.role,), {self.role: self.permissions}, installation=False)


class Grant(Struct, frozen=True, kw_only=True):
    """A role of a principal: ``user``, ``agent``, ``service`` (the client of an API key) or ``group``."""

    tenant_id: str
    principal_type: str
    principal_id: str
    role: str
    granted_us: int
    granted_by: str
    expires_us: int | None = None

    def __post_init__(self) -> None:
        if self.principal_type not in ("user", "agent", "service", "group"):
            raise TenancyError(
                "not a principal", expected="user:ID, agent:ID, service:ID or group:ID",
                found=ascii(self.principal_type)[:80], at="principal",
            )  # fmt: skip
        if not 0 < len(self.principal_id) <= 256 or not self.principal_id.isprintable():
            raise TenancyError("not a principal's id", expected="1 to 256 printable characters", at="principal")
        if self.expires_us is not None and self.expires_us <= self.granted_us:
            raise TenancyError("it would end before it begins", expected="a time to come", at="expires")


def check_role(role: Role) -> None:
    """Raise TenancyError for a role that cannot be made. What is in the database was checked when it was made."""
    if role.role in BUILT_IN_ROLES:
        raise TenancyError("the role is built in", expected="a name of your own", found=role.role, at="role")
    if not _NAME.fullmatch(role.role):
        raise TenancyError(
            "not a role's name", expected="a small letter, then up to 63 of a-z, 0-9, '_' and '-'",
            found=ascii(role.role)[:80], at="role",
        )  # fmt: skip
    if not role.permissions or len(role.permissions) > 64:
        raise TenancyError("no permissions", expected="1 to 64", found=str(len(role.permissions)), at="permissions")
    check_patterns(role.permissions, "permissions")
    idle = [pattern for pattern in role.permissions if not scoped(PERMISSIONS - INSTALLATION, (pattern,))]
    if idle:
        raise TenancyError("a permission of the installation", expected="those of a tenant", found=idle[0],
                           at="permissions")  # fmt: skip
    if len(role.description) > _MAX_TEXT_CHARS or not role.description.isprintable():
        raise TenancyError("not a description", expected=f"up to {_MAX_TEXT_CHARS} printable characters",
                           at="description")  # fmt: skip


def check_roles(roles: Iterable[str], own: Container[str]) -> None:
    """Raise TenancyError for a name that is neither built in nor among the tenant's `own`, and for the operator's."""
    for role in roles:
        if role == "operator" or (role not in BUILT_IN_ROLES and role not in own):
            known = ", ".join(name for name in BUILT_IN_ROLES if name != "operator")
            raise TenancyError("no such role", expected=f"{known}, or one of the tenant's own",
                               found=ascii(role)[:80], at="roles")  # fmt: skip
