"""What every feed must do: say who is not active, and be heard when something changes."""

import asyncio

import pytest

from axonflow.adapters.memory.tenant_feed import MemoryTenantFeed
from axonflow.adapters.postgres.tenant_feed import PostgresTenantFeed
from axonflow.errors import TenancyUnavailable
from axonflow.ports import Announced
from axonflow.tenancy import Grant, Role
from tests.postgres import execute
from tests.tenancy import an_hmac, record, stores_of, tenant

MADE = {"created_us": 1, "created_by": "cli:root", "updated_us": 1}
LONG_S = 60


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stores(request):
    with stores_of(request.param, request) as found:
        yield found


@pytest.fixture
def feed(stores):
    database = getattr(stores.tenants, "_database", None)
    made = MemoryTenantFeed(stores.tenants) if database is None else PostgresTenantFeed(database)
    stores.run(made.standing())
    yield made
    made.close()


def heard_by(stores, feed, wanted):
    async def listen():
        heard = set()
        while wanted not in heard:
            heard |= await feed.heard(LONG_S)

    stores.run(asyncio.wait_for(listen(), LONG_S))


def test_feed_hears_each_change_of_what_a_key_opens(stores, feed):
    made = tenant()
    name = made.tenant_id
    stores.run(stores.tenants.add(made))
    heard_by(stores, feed, Announced("tenant", name))
    key = record(name)
    stores.run(stores.keys.add(key, an_hmac()))
    heard_by(stores, feed, Announced("api_key", name))
    stores.run(stores.keys.revoke(name, key.key_id, 5, "x"))
    heard_by(stores, feed, Announced("api_key", name))
    stores.run(stores.roles.put(Role(tenant_id=name, role="clerk", permissions=("audit.read",), **MADE)))
    heard_by(stores, feed, Announced("role", name))
    grant = Grant(tenant_id=name, principal_type="user", principal_id="ann", role="clerk", granted_us=1, granted_by="x")
    stores.run(stores.grants.put(grant))
    heard_by(stores, feed, Announced("role_grant", name))
    stores.run(stores.grants.remove(name, "user", "ann", "clerk"))
    heard_by(stores, feed, Announced("role_grant", name))
    stores.run(stores.roles.remove(name, "clerk"))
    heard_by(stores, feed, Announced("role", name))
    stores.run(stores.tenants.replace(tenant(name, status="suspended", version=2)))
    heard_by(stores, feed, Announced("tenant", name))
    assert stores.run(feed.standing()).inactive[name] == "suspended"


def test_feed_knows_the_audit_modes_that_tenants_have_of_their_own(stores, feed):
    with_mode, without = tenant(audit_mode="async"), tenant()
    for one in (with_mode, without):
        stores.run(stores.tenants.add(one))
    standing = stores.run(feed.standing())
    assert standing.audit_modes[with_mode.tenant_id] == "async"
    assert without.tenant_id not in standing.audit_modes
    assert with_mode.tenant_id not in standing.inactive
    stores.run(stores.tenants.replace(tenant(with_mode.tenant_id, version=2)))
    assert with_mode.tenant_id not in stores.run(feed.standing()).audit_modes


def test_feed_without_news_hears_nothing_after_the_timeout(stores, feed):
    async def quiet():
        while await feed.heard(0.001):
            pass

    stores.run(asyncio.wait_for(quiet(), LONG_S))


def test_feed_that_is_closed_may_be_closed_again(stores, feed):
    feed.close()
    feed.close()


def test_feed_whose_connection_is_cut_says_so_and_hears_again(request):
    with stores_of("postgres", request) as stores:
        feed = PostgresTenantFeed(stores.tenants._database)
        stores.run(feed.standing())
        pid = stores.tenants._database.listener._connection.get_server_pid()
        execute(request.getfixturevalue("migrated_dsn"), f"SELECT pg_terminate_backend({pid})")

        async def until_lost():
            while True:
                await feed.heard(LONG_S)

        with pytest.raises(TenancyUnavailable, match="announce"):
            stores.run(asyncio.wait_for(until_lost(), LONG_S))
        name = stores.new_tenant(status="suspended")
        assert stores.run(feed.standing()).inactive[name] == "suspended"
        stores.run(stores.keys.add(record(name), an_hmac()))
        heard_by(stores, feed, Announced("api_key", name))
        feed.close()
