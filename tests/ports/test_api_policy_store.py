"""What every store of the contract's policies must do: keep versions in order, and keep tenants apart."""

import asyncio
import contextlib
import itertools

import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryApiPolicyStore, MemoryOverrideStore
from axonflow.adapters.postgres import PostgresApiPolicyStore, PostgresDatabase, PostgresOverrideStore
from axonflow.errors import PolicyConflict, PolicyError, PolicyStoreError
from axonflow.ids import new_id
from axonflow.policy.api.policy import ApiPolicyQuery
from tests.api_policies import api_policy, conditions, override, pattern
from tests.postgres import execute
from tests.postgres_stores import opened

NUMBERS = itertools.count()


class Stores:
    """The two stores, what runs their coroutines, and tenants that exist in them."""

    def __init__(self, run, policies, overrides, make_tenant):
        self.run, self.policies, self.overrides, self.make_tenant = run, policies, overrides, make_tenant

    def keep(self, policy, change="created", summary=""):
        self.run(self.policies.write(policy, change, summary))
        return policy

    def page(self, tenant, kind="static", **parts):
        return self.run(self.policies.page(ApiPolicyQuery(tenant_id=tenant, kind=kind, **parts)))

    def names(self, tenant, **parts):
        return [policy.name for policy in self.page(tenant, **parts).policies]


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stores(request):
    with contextlib.ExitStack() as stack:
        if request.param == "memory":
            run = stack.enter_context(asyncio.Runner()).run
            organizations = {}

            def make_tenant(tenant_id, organization_id=None):
                if organization_id:
                    organizations[tenant_id] = organization_id

            yield Stores(run, MemoryApiPolicyStore(organizations), MemoryOverrideStore(), make_tenant)
        else:
            dsn = request.getfixturevalue("migrated_dsn")
            run, database = stack.enter_context(opened(dsn))

            def make_tenant(tenant_id, organization_id=None):
                belongs_to = f"'{organization_id}'" if organization_id else "NULL"
                for name, outer in [(organization_id or tenant_id, "NULL"), (tenant_id, belongs_to)]:
                    execute(dsn, MAKE_TENANT.format(name, outer), "SELECT 1")

            yield Stores(run, PostgresApiPolicyStore(database), PostgresOverrideStore(database), make_tenant)


MAKE_TENANT = """INSERT INTO axonflow.tenant
    (tenant_id, organization_id, name, tier, created_us, created_by, updated_us)
    VALUES ('{0}', {1}, '{0}', 'enterprise', 1, 'test', 1)
    ON CONFLICT (tenant_id) DO UPDATE SET organization_id = EXCLUDED.organization_id"""


@pytest.fixture
def tenant(stores):
    name = f"t{next(NUMBERS)}"
    stores.make_tenant(name)
    return name


def test_api_policy_store_any_policy_is_read_as_written(stores, tenant):
    written = [
        api_policy(pattern("a\\d{2}", "redact"), tenant, tags=("x", "y"), priority=-7),
        api_policy(
            conditions("query", "contains_any", ["ü", "\"'\\", 1, None, {"a": [2.5]}], type="content"), tenant,
            severity="critical", enabled=False, description="Why.",
        ),
    ]  # fmt: skip
    for policy in written:
        assert stores.keep(policy) == stores.run(stores.policies.get(tenant, policy.id))
        assert stores.run(stores.policies.get(tenant, policy.policy_id)) == policy
    assert stores.run(stores.policies.enabled(tenant)) == [written[0]]


def test_api_policy_store_policy_of_another_tenant_is_not_there(stores, tenant):
    policy = stores.keep(api_policy(tenant_id=tenant))
    other = f"{tenant}-other"
    stores.make_tenant(other)
    assert stores.run(stores.policies.get(other, policy.id)) is None
    assert stores.names(other) == []
    assert list(stores.run(stores.policies.enabled(other))) == []
    assert list(stores.run(stores.policies.versions(other, policy.id))) == []
    with pytest.raises(PolicyConflict):
        stores.keep(replace(policy, tenant_id=other, version=2, name="stolen"), "updated")
    assert stores.run(stores.policies.get(tenant, policy.id)) == policy


def test_api_policy_store_policies_of_the_layers_above_are_seen_and_not_those_beside(stores, tenant):
    organization = f"@{tenant}"
    member = f"{tenant}-member"
    stores.make_tenant(member, organization)
    shared = stores.keep(api_policy(tenant_id=organization, name="shared"))
    everywhere = stores.keep(api_policy(tenant_id="*", name=f"everywhere {tenant}", policy_id=f"pol {tenant}"))
    own = stores.keep(api_policy(tenant_id=member, name="own", policy_id=f"pol {tenant}"))
    assert {"shared", "own", everywhere.name} <= set(stores.names(member))
    assert "shared" not in stores.names(tenant)
    assert stores.names(member, tier="organization") == ["shared"]
    assert stores.names(member, tier="tenant") == ["own"]
    assert stores.names(member, organization_id=tenant) == ["shared"]
    assert stores.run(stores.policies.get(member, f"pol {tenant}")) == own
    assert stores.run(stores.policies.get(tenant, f"pol {tenant}")) == everywhere
    assert stores.run(stores.policies.versions(member, shared.id))[0].change == "created"
    stores.keep(replace(everywhere, version=2), "deleted")


def test_api_policy_store_page_filters_sorts_and_counts_all(stores, tenant):
    for number, (name, severity, category) in enumerate(
        [("beta", "low", "pii-us"), ("Alpha SQL", "critical", "security-sqli"), ("gamma", "medium", "pii-us")]
    ):
        stores.keep(
            api_policy(
                None, tenant, name=name, severity=severity, category=category, created_us=number, updated_us=9 - number,
                priority=number % 2, description="x" * number, enabled=number != 2, id=f"{number}-{new_id(1)}",
            )
        )  # fmt: skip
    stores.keep(api_policy(conditions(type="cost"), tenant, name="a limit"))
    own = {"tier": "tenant"}
    assert stores.names(tenant, **own) == ["gamma", "Alpha SQL", "beta"]
    assert stores.names(tenant, sort_by="name", descending=False, **own) == ["Alpha SQL", "beta", "gamma"]
    assert stores.names(tenant, sort_by="name", **own) == ["gamma", "beta", "Alpha SQL"]
    assert stores.names(tenant, sort_by="severity", **own) == ["Alpha SQL", "gamma", "beta"]
    assert stores.names(tenant, sort_by="severity", descending=False, **own) == ["beta", "gamma", "Alpha SQL"]
    assert stores.names(tenant, sort_by="priority", **own) == ["Alpha SQL", "beta", "gamma"]
    assert stores.names(tenant, sort_by="category", descending=False, **own) == ["beta", "gamma", "Alpha SQL"]
    assert stores.names(tenant, sort_by="updated_at", **own) == ["beta", "Alpha SQL", "gamma"]
    assert stores.names(tenant, search="sql", **own) == ["Alpha SQL"]
    assert stores.names(tenant, search="XX", **own) == ["gamma"]
    assert stores.names(tenant, category="pii-us", enabled=True, **own) == ["beta"]
    assert stores.names(tenant, kind="dynamic", type="cost", **own) == ["a limit"]
    assert stores.names(tenant, kind="dynamic", type="risk", **own) == []
    part = stores.page(tenant, limit=1, offset=1, **own)
    assert ([one.name for one in part.policies], part.total) == (["Alpha SQL"], 3)
    assert stores.page(tenant, limit=1, offset=7, **own).total == 3
    assert stores.page(tenant, search="\0") == stores.page(tenant, search="nowhere")


def test_api_policy_store_change_of_an_older_version_is_a_conflict(stores, tenant):
    first = stores.keep(api_policy(tenant_id=tenant))
    second = stores.keep(replace(first, version=2, name="Second", updated_us=7), "updated", "name")
    for stale in (replace(first, version=2, name="Late"), replace(first, version=4)):
        with pytest.raises(PolicyConflict, match="meanwhile"):
            stores.keep(stale, "updated")
        with pytest.raises(PolicyConflict, match="meanwhile"):
            stores.keep(stale, "deleted")
    assert stores.run(stores.policies.get(tenant, first.id)) == second
    versions = stores.run(stores.policies.versions(tenant, first.id))
    assert [(one.version, one.change, one.summary, one.snapshot["name"]) for one in versions] == [
        (2, "updated", "name", "Second"), (1, "created", "", "A policy"),
    ]  # fmt: skip


def test_api_policy_store_name_that_is_taken_is_a_conflict(stores, tenant):
    first = stores.keep(api_policy(tenant_id=tenant, policy_id="mine"))
    with pytest.raises(PolicyConflict, match="taken"):
        stores.keep(api_policy(tenant_id=tenant, policy_id="mine"))
    with pytest.raises(PolicyConflict):
        stores.keep(first)
    with pytest.raises(PolicyConflict):
        stores.keep(replace(stores.keep(api_policy(tenant_id=tenant)), version=2, policy_id="mine"), "updated")


def test_api_policy_store_deleted_policy_is_gone_and_its_versions_stay(stores, tenant):
    policy = stores.keep(api_policy(tenant_id=tenant))
    stores.keep(replace(policy, version=2), "deleted", "gone")
    assert stores.run(stores.policies.get(tenant, policy.id)) is None
    assert [one.change for one in stores.run(stores.policies.versions(tenant, policy.id))] == ["deleted", "created"]
    with pytest.raises(PolicyConflict):
        stores.keep(replace(policy, version=3), "updated")


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_api_policy_store_asked_for_what_cannot_be_stored_finds_nothing(stores, tenant, text):
    assert stores.run(stores.policies.get(tenant, text)) is None
    assert list(stores.run(stores.policies.versions(tenant, text))) == []
    assert not stores.run(stores.overrides.revoke(tenant, text, "c", 9))


def test_override_store_at_most_one_stands_for_a_policy(stores, tenant):
    policy = stores.keep(api_policy(tenant_id=tenant))
    first, second = override(policy, "log"), override(policy, "warn", created_us=8)
    other = override(stores.keep(api_policy(tenant_id=tenant)), created_us=7)
    for one in (first, other, second):
        stores.run(stores.overrides.put(one))
    assert list(stores.run(stores.overrides.standing(tenant))) == [second, other]
    assert stores.run(stores.overrides.revoke(tenant, policy.id, "c", 9))
    assert not stores.run(stores.overrides.revoke(tenant, policy.id, "c", 9))
    assert list(stores.run(stores.overrides.standing(tenant))) == [other]


def test_override_store_another_tenants_override_is_neither_seen_nor_ended(stores, tenant):
    organization = f"@{tenant}"
    member = f"{tenant}-member"
    stores.make_tenant(member, organization)
    policy = stores.keep(api_policy(tenant_id=organization))
    stores.run(stores.overrides.put(override(policy, tenant_id=organization)))
    assert list(stores.run(stores.overrides.standing(member))) == []
    assert not stores.run(stores.overrides.revoke(member, policy.id, "c", 9))
    assert len(stores.run(stores.overrides.standing(organization))) == 1


def test_api_policy_store_tenant_with_as_many_as_it_may_have_gets_no_more(request):
    with asyncio.Runner() as runner:
        store = MemoryApiPolicyStore(max_policies=1)
        runner.run(store.write(api_policy(tenant_id="t"), "created", ""))
        with pytest.raises(PolicyConflict, match="as many"):
            runner.run(store.write(api_policy(tenant_id="t"), "created", ""))
    dsn = request.getfixturevalue("migrated_dsn")
    execute(
        dsn, MAKE_TENANT.format("few", "NULL"), "UPDATE axonflow.tenant SET max_policies = 1 WHERE tenant_id = 'few'"
    )
    with opened(dsn) as (run, database):
        store = PostgresApiPolicyStore(database)
        first = api_policy(tenant_id="few")
        run(store.write(first, "created", ""))
        with pytest.raises(PolicyConflict, match="as many"):
            run(store.write(api_policy(tenant_id="few"), "created", ""))
        run(store.write(replace(first, version=2), "updated", ""))


def test_api_policy_store_tenant_that_was_never_created_is_refused(migrated_dsn):
    with opened(migrated_dsn) as (run, database):
        policy = api_policy(tenant_id="nobody")
        with pytest.raises(PolicyError, match="no such tenant"):
            run(PostgresApiPolicyStore(database).write(policy, "created", ""))
        with pytest.raises(PolicyError, match="no such tenant"):
            run(PostgresOverrideStore(database).put(override(policy)))


def test_api_policy_store_without_its_database_says_so():
    async def asked():
        database = PostgresDatabase.lazily("postgresql://u@127.0.0.1:1/x")
        policy = api_policy()
        calls = [
            lambda: PostgresApiPolicyStore(database).page(ApiPolicyQuery(tenant_id="t", kind="static")),
            lambda: PostgresApiPolicyStore(database).get("t", "p"),
            lambda: PostgresApiPolicyStore(database).write(policy, "created", ""),
            lambda: PostgresApiPolicyStore(database).versions("t", "p"),
            lambda: PostgresApiPolicyStore(database).enabled("t"),
            lambda: PostgresOverrideStore(database).standing("t"),
            lambda: PostgresOverrideStore(database).put(override(policy)),
            lambda: PostgresOverrideStore(database).revoke("t", "p", "c", 1),
        ]
        for call in calls:
            with pytest.raises(PolicyStoreError):
                await call()
        await database.close()

    asyncio.run(asked())
