"""What somebody may do, by name; and the roles that every tenant has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal, get_args

from msgspec import Struct

from axonflow.errors import TenancyError, TenancyForbidden

__all__ = [
    "ADMINISTRATOR",
    "BUILT_IN_ROLES",
    "INSTALLATION",
    "PERMISSIONS",
    "Actor",
    "Permission",
    "check_gives",
    "check_patterns",
    "permissions_of",
    "scoped",
]

Permission = Literal[
    "decisions.make", "calls.record", "vault.reveal", "plans.run", "plans.read", "approvals.decide", "audit.read",
    "persons.erase", "policies.read", "policies.write", "policies.activate", "keys.read", "keys.write", "roles.read",
    "roles.write", "tenant.read", "tenant.export", "tenants.read", "tenants.write", "metrics.read",
]  # fmt: skip
PERMISSIONS: Final[frozenset[str]] = frozenset(get_args(Permission))

INSTALLATION: Final = frozenset({"tenants.read", "tenants.write", "metrics.read"})
"""Of the whole installation: a key for one tenant never has them, whatever its roles say."""

_READING: Final = frozenset(name for name in PERMISSIONS - INSTALLATION if name.endswith(".read"))
BUILT_IN_ROLES: Final[Mapping[str, frozenset[str]]] = {
    "operator": PERMISSIONS,
    "owner": PERMISSIONS - INSTALLATION,
    "admin": PERMISSIONS - INSTALLATION - {"vault.reveal", "tenant.export", "persons.erase"},
    "policy_author": frozenset({"policies.read", "policies.write", "tenant.read"}),
    "policy_publisher": frozenset({"policies.read", "policies.activate", "tenant.read"}),
    "auditor": _READING,
    "agent": frozenset({"decisions.make", "calls.record", "plans.run", "plans.read"}),
    "approver": frozenset({"approvals.decide", "plans.read", "tenant.read"}),
    "viewer": frozenset({"policies.read", "plans.read", "tenant.read"}),
}
"""Who writes a policy and who puts it in force may be two people, and whoever counts keys need not see values."""


def _matches(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def check_patterns(patterns: Iterable[str], at: str) -> None:
    """Raise TenancyError unless each is a permission, all of a kind (``audit.*``), or all there are (``*``)."""
    for pattern in patterns:
        if not any(_matches(pattern, name) for name in PERMISSIONS):
            close = get_close_matches(pattern, sorted(PERMISSIONS), n=1)
            raise TenancyError(
                "no such permission", expected="one of " + ", ".join(sorted(PERMISSIONS)), found=ascii(pattern)[:80],
                at=at, hint=f"Did you mean {close[0]}?" if close else None,
            )  # fmt: skip


def scoped(permissions: frozenset[str], scopes: Iterable[str]) -> frozenset[str]:
    """What is left of `permissions` within `scopes`, which are patterns; no scopes at all narrow nothing."""
    patterns = tuple(scopes)
    if not patterns:
        return permissions
    return frozenset(name for name in permissions if any(_matches(pattern, name) for pattern in patterns))


def permissions_of(roles: Iterable[str], own: Mapping[str, Iterable[str]], *, installation: bool) -> frozenset[str]:
    """What `roles` give together: those built in, and a tenant's `own`, which cannot stand in for the former. A role
    that is gone gives nothing. Only a key for the whole `installation` gets what is of the installation."""
    given: set[str] = set()
    for role in roles:
        if role in BUILT_IN_ROLES:
            given |= BUILT_IN_ROLES[role]
        elif role in own:
            given |= scoped(PERMISSIONS, tuple(own[role]) or ("none",))
    return frozenset(given if installation else given - INSTALLATION)


class Actor(Struct, frozen=True):
    """Who makes a change, as it is kept with it (``service:crm``, ``cli:ann``), and what they may do themselves. The
    ids are of the request that asks for it, where there is one."""

    name: str
    permissions: frozenset[str]
    request_id: str = ""
    trace_id: str = ""


ADMINISTRATOR: Final = PERMISSIONS
"""What whoever holds the database's address may do: everything, so they may give it too."""


def check_gives(actor: Actor, given: frozenset[str]) -> None:
    """Raise TenancyForbidden when `actor` would give what they do not have."""
    missing = sorted(given - actor.permissions)
    if missing:
        raise TenancyForbidden(
            "nobody gives what they do not have", expected="permissions of your own", found=", ".join(missing),
            hint="Ask somebody who has them, or give less.",
        )  # fmt: skip
