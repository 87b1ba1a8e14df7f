"""What a tenant may have at most, when two add to it at once too."""

import asyncio

import pytest

from axonflow.adapters.postgres import PostgresApiPolicyStore, PostgresPolicyStore
from axonflow.adapters.postgres.keys import PostgresKeys
from axonflow.adapters.postgres.tenant_data import PostgresTenantData
from axonflow.adapters.postgres.tenant_roles import PostgresGrants
from axonflow.adapters.postgres.tenants import PostgresTenants
from axonflow.errors import PolicyConflict, TenancyConflict, TenancyMissing
from axonflow.policy.api.rules import SET_NAME
from axonflow.tenancy import Grant, TenantUse
from tests.api_policies import api_policy
from tests.ports.test_policy_store import Stored
from tests.postgres_stores import opened
from tests.tenancy import an_hmac, record, tenant


class There:
    """One database, and a tenant with limits of its own in it."""

    def __init__(self, run, database, dsn, **limits):
        self.run, self.database, self.dsn = run, database, dsn
        self.name = tenant(**limits).tenant_id
        run(PostgresTenants(database).add(tenant(self.name, **limits)))
        self.policies = PostgresApiPolicyStore(database)
        self.sets = Stored(run, PostgresPolicyStore(database), None, None)
        self.grants = PostgresGrants(database)

    def write(self):
        return self.policies.write(api_policy(tenant_id=self.name), "created", "")

    def activate(self, rules, name="main", **parts):
        version = self.sets.publish(self.name, f"sha256:{name}{rules}", name, rules=rules).version
        return self.sets.activate(self.name, version, name=name, **parts)

    def grant(self, principal, role="viewer"):
        return self.grants.put(
            Grant(tenant_id=self.name, principal_type="service", principal_id=principal, role=role, granted_us=1,
                  granted_by="cli:root")
        )  # fmt: skip

    def at_once(self, *work):
        async def all_of_it():
            return await asyncio.gather(*work, return_exceptions=True)

        return [type(answer) for answer in self.run(all_of_it()) if isinstance(answer, Exception)]

    def use(self):
        return self.run(PostgresTenantData(self.database, self.dsn).use(self.name))


@pytest.fixture
def there(migrated_dsn):
    with opened(migrated_dsn) as (run, database):
        yield lambda **limits: There(run, database, migrated_dsn, **limits)


def test_policies_are_those_of_the_routes_and_the_rules_of_sets_in_force_together(there):
    home = there(max_policies=5)
    home.activate(3)
    home.run(home.write())
    home.run(home.write())
    with pytest.raises(PolicyConflict, match="at most 5") as refused:
        home.run(home.write())
    assert f"axonflow tenant change {home.name} --max-policies" in str(refused.value)
    for rules, name in ((1, "second"), (4, "main")):
        with pytest.raises(PolicyConflict, match="as many"):
            home.activate(rules, name)
    home.activate(2)
    home.activate(1, "second")
    assert home.use().policies == 5


def test_sets_that_become_smaller_or_go_back_are_never_refused(there):
    home = there(max_policies=2)
    home.activate(3, SET_NAME)  # counted where its policies were written
    home.activate(2)
    home.activate(1)
    home.run(home.write())
    home.activate(2, kind="rollback")
    assert home.use().policies == 3
    home.activate(1)


def test_policies_that_are_added_at_once_keep_to_the_limit(there):
    home = there(max_policies=3)
    assert home.at_once(*[home.write() for _ in range(8)]) == [PolicyConflict] * 5
    assert home.use().policies == 3


def test_policies_without_a_limit_are_not_counted(there):
    home = there(tier="enterprise")
    home.activate(100_000)
    home.run(home.write())
    assert (home.use().policies, home.use().max_policies) == (100_001, None)


def test_principals_that_are_granted_a_role_at_once_keep_to_the_limit(there):
    home = there(max_principals=2)
    assert home.at_once(*[home.grant(f"s{number}") for number in range(6)]) == [TenancyConflict] * 4
    (one, *_) = home.run(home.grants.grants(home.name))
    home.run(home.grant(one.principal_id, "auditor"))
    home.run(home.grants.remove(home.name, "service", one.principal_id, "viewer"))
    home.run(home.grants.remove(home.name, "service", one.principal_id, "auditor"))
    home.run(home.grant("another"))
    with pytest.raises(TenancyConflict, match="--max-principals"):
        home.run(home.grant("one more"))


def test_use_is_what_there_is_beside_what_there_may_be(there):
    home = there(tier="community", max_policies=7)
    for parts in ({}, {"revoked_us": None, "expires_us": 5}):
        home.run(PostgresKeys(home.database).add(record(home.name, **parts), an_hmac()))
    home.run(home.grant("crm"))
    assert home.use() == TenantUse(
        api_keys=1, max_api_keys=10, policies=0, max_policies=7, principals=1, max_principals=1000,
        max_requests_per_minute=600,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["nobody", "\0"])
def test_use_of_nobody_is_missing(there, name):
    home = there()
    with pytest.raises(TenancyMissing):
        home.run(PostgresTenantData(home.database, home.dsn).use(name))
