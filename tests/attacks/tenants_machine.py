"""A machine that does, in any order, what tenants do with what is theirs, and tries what they must not do to others.

Every step is judged against a plain model of each tenant: what one tenant reads is what it wrote, whatever the others
tried; and what they tried, with forged ids, under no tenant, or on a connection that served another tenant before,
gave them nothing and changed nothing.
"""

import asyncio
import random

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from axonflow.adapters.postgres import DatabaseSettings, PostgresDatabase, PostgresPlanStore
from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.vault import PostgresVault
from axonflow.app.command_keys import PassingCommandKey
from axonflow.app.tenancy import Tenancy, WantedKey
from axonflow.detect import RedactionKey
from axonflow.errors import TenancyError, TenancyMissing
from axonflow.ids import new_id
from tests.postgres_stores import plan_execution
from tests.tenancy import OTHER_PEPPER, PEPPER, ROOT, an_hmac, new_tenant_id, record, tenant

TENANTS = st.sampled_from([0, 1, 2])
ROLES = st.sampled_from(["clerk", "editor", "counter"])
PERMISSIONS = st.sampled_from([("audit.read",), ("keys.*",), ("*",)])
TABLES = (
    "tenant", "principal", "role", "role_grant", "api_key", "policy_set", "policy_version", "policy_activation",
    "api_policy", "api_policy_version", "policy_override", "connector", "connector_secret", "catalog_entry",
    "catalog_version", "approval", "metric_rollup", "plan_execution", "plan_version", "vault_value", "audit_event",
    "audit_cut",
)  # fmt: skip
CHANGES = (
    "UPDATE axonflow.role SET permissions = '{*}' WHERE tenant_id = $1",
    "UPDATE axonflow.role SET permissions = '{*}' WHERE tenant_id = $1 OR true",
    "UPDATE axonflow.api_key SET roles = '{owner}', revoked_us = NULL, revoked_by = NULL WHERE tenant_id = $1",
    "DELETE FROM axonflow.role WHERE tenant_id = $1",
    "DELETE FROM axonflow.role_grant WHERE tenant_id = $1 OR tenant_id <> $1",
    "UPDATE axonflow.plan_execution SET status = 'failed' WHERE tenant_id = $1",
    "INSERT INTO axonflow.role VALUES ($1, 'forged', 1, '', '{*}', 1, 1, 'x', 1)",
    "INSERT INTO axonflow.vault_value (tenant_id, label, schema_version, sealed) VALUES ($1, 'forged', 1, '')",
)
steps = {"taken": 0}


class World:
    """A database with few connections, so that each serves one tenant after another, and a loop to use it in."""

    def __init__(self, dsn):
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.database = self.run(PostgresDatabase.connect(dsn, DatabaseSettings(max_connections=2)))
        log = PostgresAuditLog(self.database, PassingCommandKey())
        self.tenancy = Tenancy.in_database(self.database, dsn, [PEPPER, OTHER_PEPPER], log)
        self.plans = PostgresPlanStore(self.database)
        self.vault = PostgresVault(self.database, RedactionKey(b"k" * 32))

    def close(self):
        self.run(self.database.close())
        self.runner.close()

    def attempt(self, tenant_id, sql, *values):
        """The rows that the application's role gets, or None where it is refused. `tenant_id`: None for no setting."""

        async def work():
            try:
                if tenant_id is None:
                    async with self.database._begun("axonflow_app") as connection:
                        return await connection.fetch(sql, *values)
                async with self.database.tenant(tenant_id) as connection:
                    return await connection.fetch(sql, *values)
            except asyncpg.InsufficientPrivilegeError:
                return None

        return self.run(work())


class Model:
    """What one tenant has: keys by id (with the key itself), roles, grants, plans and labels."""

    def __init__(self, tenant_id):
        self.tenant_id = tenant_id
        self.keys, self.roles, self.grants, self.plans, self.labels = {}, {}, {}, {}, {}
        self.revoked = set()
        self.status = "active"


class Tenants(RuleBasedStateMachine):
    """See the top of this module. `world` is set by `machine`."""

    world: World
    key_ids = Bundle("key_ids")
    plan_ids = Bundle("plan_ids")
    labels = Bundle("labels")

    def __init__(self):
        super().__init__()
        self.models = [Model(new_tenant_id()) for _ in range(3)]
        for model in self.models:
            self.world.run(self.world.tenancy.create_tenant(tenant(model.tenant_id), actor=ROOT))

    def model(self, number):
        steps["taken"] += 1
        return self.models[number]

    @rule(target=key_ids, number=TENANTS, client=st.sampled_from(["crm", "siem"]))
    def make_key(self, number, client):
        model = self.model(number)
        wanted = WantedKey(tenant_id=model.tenant_id, client_id=client, roles=("agent",))
        made = self.world.run(self.world.tenancy.create_key(wanted, actor=ROOT))
        model.keys[made.record.key_id] = made.key
        return (number, made.record.key_id)

    @rule(target=key_ids, which=consumes(key_ids))
    def rotate_key(self, which):
        number, key_id = which
        model = self.model(number)
        if key_id in model.revoked:
            return multiple()
        made = self.world.run(self.world.tenancy.rotate_key(model.tenant_id, key_id, overlap_s=3600, actor=ROOT))
        model.keys[made.record.key_id] = made.key
        return (number, made.record.key_id)

    @rule(which=key_ids, number=TENANTS)
    def revoke_or_rotate_a_key_of_whoever(self, which, number):
        owner, key_id = which
        model = self.model(number)
        if owner == number and key_id not in model.revoked:
            self.world.run(self.world.tenancy.revoke_key(model.tenant_id, key_id, actor=ROOT))
            model.revoked.add(key_id)
            return
        for attempt in (
            self.world.tenancy.revoke_key(model.tenant_id, key_id, actor=ROOT),
            self.world.tenancy.rotate_key(model.tenant_id, key_id, overlap_s=0, actor=ROOT),
        ):
            try:
                self.world.run(attempt)
            except TenancyMissing:
                continue
            raise AssertionError("a key of another tenant, or a revoked one, was changed")
        if owner != number:
            assert_missing(self.world, self.world.tenancy.key(model.tenant_id, key_id))

    @rule(which=key_ids)
    def present_a_key(self, which):
        number, key_id = which
        model = self.model(number)
        holder = self.world.run(self.world.tenancy.holder(self.world.tenancy.recognised(model.keys[key_id])))
        if key_id in model.revoked:
            assert holder is None
        else:
            assert (holder.tenant_id, holder.key_id, holder.status) == (model.tenant_id, key_id, model.status)

    @rule(number=TENANTS, role=ROLES, permissions=PERMISSIONS)
    def define_role(self, number, role, permissions):
        model = self.model(number)
        self.world.run(self.world.tenancy.define_role(model.tenant_id, role, permissions=permissions, actor=ROOT))
        model.roles[role] = permissions

    @rule(number=TENANTS, role=ROLES)
    def remove_role(self, number, role):
        model = self.model(number)
        if model.roles.pop(role, None) is None:
            assert_missing(self.world, self.world.tenancy.remove_role(model.tenant_id, role, actor=ROOT))
        else:
            self.world.run(self.world.tenancy.remove_role(model.tenant_id, role, actor=ROOT))
            model.grants = {place: end for place, end in model.grants.items() if place[1] != role}

    @rule(number=TENANTS, role=ROLES, who=st.sampled_from(["service:crm", "service:siem"]))
    def grant_role(self, number, role, who):
        model = self.model(number)
        asked = self.world.tenancy.grant_role(model.tenant_id, who, role, actor=ROOT)
        if role in model.roles:
            self.world.run(asked)
            model.grants[who, role] = None
            return
        try:
            self.world.run(asked)
        except TenancyError:
            return
        raise AssertionError("a role of another tenant was granted")

    @rule(target=plan_ids, number=TENANTS)
    def add_plan(self, number):
        model = self.model(number)
        plan = plan_execution(model.tenant_id)
        self.world.run(self.world.plans.add(plan))
        model.plans[plan.plan_id] = "pending"
        return (number, plan.plan_id)

    @rule(which=plan_ids, number=TENANTS)
    def begin_a_plan_of_whoever(self, which, number):
        owner, plan_id = which
        model = self.model(number)
        begun = self.world.run(self.world.plans.begin(model.tenant_id, plan_id, "executor", 6))
        assert (begun is not None) is (model.plans.get(plan_id) == "pending")
        if begun is not None:
            model.plans[plan_id] = "running"
        if owner != number:
            assert self.world.run(self.world.plans.get(model.tenant_id, plan_id)) is None
            forged = plan_execution(model.tenant_id, plan_id=plan_id, status="failed", executor_id="executor")
            assert self.world.run(self.world.plans.finish(forged)) is None

    @rule(target=labels, number=TENANTS)
    def keep_a_value(self, number):
        model = self.model(number)
        label = f"[REDACTED:pii.email:vault:{new_id(1)}]"
        self.world.run(self.world.vault.put(model.tenant_id, label, f"value of {number}"))
        model.labels[label] = f"value of {number}"
        return (number, label)

    @rule(which=labels, number=TENANTS)
    def read_a_value_of_whoever(self, which, number):
        model = self.model(number)
        assert self.world.run(self.world.vault.get(model.tenant_id, which[1])) == model.labels.get(which[1])

    @rule(number=TENANTS, status=st.sampled_from(["suspended", "active"]))
    def suspend_or_resume(self, number, status):
        model = self.model(number)
        self.world.run(self.world.tenancy.move_tenant(model.tenant_id, status, actor=ROOT))
        model.status = status
        inactive = self.world.run(self.world.tenancy.inactive())
        assert (model.tenant_id in inactive) is (status == "suspended")

    @rule(number=TENANTS, victim=TENANTS, table=st.sampled_from(TABLES), has_setting=st.booleans())
    def read_all_there_is(self, number, victim, table, has_setting):
        attacker = self.model(number).tenant_id if has_setting else None
        for sql in (
            f"SELECT tenant_id FROM axonflow.{table}",
            f"SELECT tenant_id FROM axonflow.{table} WHERE tenant_id = '{self.models[victim].tenant_id}'",
        ):
            rows = self.world.attempt(attacker, sql) or []
            assert {row["tenant_id"] for row in rows} <= {attacker, "*"}

    @rule(number=TENANTS, victim=TENANTS, change=st.sampled_from(CHANGES), setting=st.sampled_from(["", None, "own"]))
    def change_another_tenants_rows(self, number, victim, change, setting):
        attacker, target = self.model(number).tenant_id, self.models[victim].tenant_id
        if setting == "own" and (number == victim or " OR " in change):
            return  # that changes its own, as it may
        if change.startswith("INSERT"):
            assert self.world.attempt(attacker if setting == "own" else setting, change, target) is None
        else:
            done = self.world.attempt(
                attacker if setting == "own" else setting, f"{change} RETURNING tenant_id", target
            )
            assert not done

    @rule(number=TENANTS, victim=TENANTS)
    def plant_a_key_with_a_setting_of_ones_own(self, number, victim):
        """A hash that the attacker knows, on a row that says it is the victim's."""
        attacker, target = self.model(number).tenant_id, self.models[victim].tenant_id
        if number == victim:
            return
        key = record(target, roles=("owner",))
        sql = (
            "INSERT INTO axonflow.api_key (tenant_id, key_id, client_id, name, prefix, pepper_id, key_hmac, scopes, "
            "roles, created_us, created_by) VALUES ($1, $2, 'crm', 'x', 'axf_', 'one', $3, '{}', '{owner}', 1, 'x')"
        )
        assert self.world.attempt(attacker, sql, target, key.key_id, an_hmac()) is None

    @invariant()
    def each_tenant_has_what_it_made_and_nothing_else(self):
        model = random.choice(self.models)
        listed = self.world.run(self.world.tenancy.keys(model.tenant_id, None, 1000))
        assert {key.key_id for key in listed} == model.keys.keys()
        assert {key.key_id for key in listed if key.revoked_us is not None} == model.revoked
        roles = self.world.run(self.world.tenancy.roles(model.tenant_id))
        assert {role.role: role.permissions for role in roles} == model.roles
        grants = self.world.run(self.world.tenancy.grants(model.tenant_id))
        found = {(f"{one.principal_type}:{one.principal_id}", one.role) for one in grants}
        assert found == model.grants.keys()


def machine(world):
    """The class of the machine that works in `world`."""
    return type("TenantsInWorld", (Tenants,), {"world": world})


def assert_missing(world, attempt):
    try:
        world.run(attempt)
    except TenancyMissing:
        return
    raise AssertionError("what another tenant has was found")
