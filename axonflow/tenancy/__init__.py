"""Whose things are whose: tenants, API keys, roles and permissions, as values and pure functions."""

from axonflow.tenancy.keys import (
    KEY_PREFIX_CHARS,
    KeyHolder,
    KeyRecord,
    Pepper,
    StoredKey,
    holder_of,
    key_hmac,
    key_text,
    pepper_of,
)
from axonflow.tenancy.permissions import (
    ADMINISTRATOR,
    BUILT_IN_ROLES,
    INSTALLATION,
    PERMISSIONS,
    Actor,
    Permission,
    check_gives,
    check_patterns,
    permissions_of,
    scoped,
)
from axonflow.tenancy.roles import Grant, Role, check_role, check_roles
from axonflow.tenancy.tenant import ANY_TENANT, Tenant, TenantStatus, check_tenant_id, moved

__all__ = [
    "ADMINISTRATOR",
    "ANY_TENANT",
    "BUILT_IN_ROLES",
    "INSTALLATION",
    "KEY_PREFIX_CHARS",
    "PERMISSIONS",
    "Actor",
    "Grant",
    "KeyHolder",
    "KeyRecord",
    "Pepper",
    "Permission",
    "Role",
    "StoredKey",
    "Tenant",
    "TenantStatus",
    "check_gives",
    "check_patterns",
    "check_role",
    "check_roles",
    "check_tenant_id",
    "holder_of",
    "key_hmac",
    "key_text",
    "moved",
    "pepper_of",
    "permissions_of",
    "scoped",
]
