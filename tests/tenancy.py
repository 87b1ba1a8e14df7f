"""Tenants, keys and roles for tests, in memory and in a real PostgreSQL."""

import asyncio
import contextlib

from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.keys import PostgresKeyLookup, PostgresKeys
from axonflow.adapters.postgres.tenant_data import PostgresTenantData
from axonflow.adapters.postgres.tenant_roles import PostgresGrants, PostgresRoles
from axonflow.adapters.postgres.tenants import PostgresTenants
from axonflow.app.command_keys import PassingCommandKey
from axonflow.app.tenancy import Tenancy
from axonflow.ids import new_id
from axonflow.tenancy import ADMINISTRATOR, Actor, KeyRecord, Pepper, Tenant, permissions_of
from tests.postgres_stores import opened

PEPPER = Pepper("one", b"p" * 32)
OTHER_PEPPER = Pepper("two", b"q" * 32)
ROOT = Actor("cli:root", ADMINISTRATOR)
HASH = bytes(range(32))


def tenant(tenant_id=None, **parts):
    usual = {"name": "Acme", "tier": "enterprise", "created_us": 1, "created_by": "cli:root", "updated_us": 1}
    return Tenant(tenant_id=tenant_id or new_tenant_id(), **usual | parts)


def new_tenant_id():
    return f"t-{new_id(1)}"


def record(tenant_id, **parts):
    usual = {
        "key_id": new_id(1), "client_id": "crm", "name": "CRM", "prefix": "axf_abcdefgh", "pepper_id": "one",
        "roles": ("agent",), "created_us": 10, "created_by": "cli:root",
    }  # fmt: skip
    return KeyRecord(tenant_id=tenant_id, **usual | parts)


def an_hmac():
    return new_id(1).encode().rjust(64, b"\0")[-32:]


def owner(name="service:owner"):
    return Actor(name, permissions_of(("owner",), {}, installation=False))


class Stores:
    """What the suites are about; `tenancy` is all of it put together."""

    def __init__(self, run, tenancy, parts):
        self.run = run
        self.tenancy = tenancy
        self.tenants, self.keys, self.lookup, self.roles, self.grants, self.data = parts

    def new_tenant(self, **parts):
        made = tenant(**parts)
        self.run(self.tenants.add(made))
        return made.tenant_id


def in_memory(run):
    made = Tenancy.in_memory([PEPPER])
    return Stores(run, made, [getattr(made, f"_{name}") for name in NAMES])


NAMES = ("tenants", "keys", "lookup", "roles", "grants", "data")


@contextlib.contextmanager
def stores_of(kind, request):
    """The stores of one kind: ``memory`` or ``postgres``."""
    if kind == "memory":
        with asyncio.Runner() as runner:
            yield in_memory(runner.run)
    else:
        dsn = request.getfixturevalue("migrated_dsn")
        with opened(dsn) as (run, database):
            parts = [
                PostgresTenants(database), PostgresKeys(database), PostgresKeyLookup(database),
                PostgresRoles(database), PostgresGrants(database), PostgresTenantData(database, dsn),
            ]  # fmt: skip
            yield Stores(run, Tenancy(*parts, [PEPPER], PostgresAuditLog(database, PassingCommandKey())), parts)
