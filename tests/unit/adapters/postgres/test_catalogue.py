"""What the catalogue says about the schema: migrations and schema.sql agree, and nothing goes around policies."""

import asyncio
from importlib.resources import files

from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.database import ROLES
from tests.postgres import execute, fresh_database

OURS = "JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'axonflow'"
RIGHTS = "(SELECT array_agg(one::text ORDER BY one::text) FROM unnest({}) AS one)"
"""Who may do what, in no order: that of the grants means nothing."""
CATALOGUE = {
    "relations": f"""SELECT relname, relkind::text, relrowsecurity, relforcerowsecurity, {RIGHTS.format("relacl")},
        relowner::regrole::text, reloptions::text,
        pg_get_expr(relpartbound, c.oid) FROM pg_class c {OURS} ORDER BY 1""",
    "columns": f"""SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull,
        attcollation::regcollation::text, {RIGHTS.format("attacl")}, pg_get_expr(adbin, adrelid), attidentity::text,
        attgenerated::text
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid {OURS}
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped ORDER BY 1, 2""",
    "constraints": f"""SELECT relname, conname, pg_get_constraintdef(k.oid), convalidated
        FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid {OURS} WHERE contype <> 'n' ORDER BY 1, 2""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'axonflow' ORDER BY 1",
    "policies": """SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check
        FROM pg_policies WHERE schemaname = 'axonflow' ORDER BY 1, 2""",
    "schema": "SELECT nspacl::text, nspowner::regrole::text FROM pg_namespace WHERE nspname = 'axonflow'",
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'axonflow'::regnamespace ORDER BY 1",
    "triggers": f"""SELECT relname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid {OURS}
        WHERE NOT tgisinternal ORDER BY 1, 2""",
    "tiers": "SELECT * FROM axonflow.tier ORDER BY 1",
    "tenants": "SELECT * FROM axonflow.tenant ORDER BY 1",
    "defaults": "SELECT defaclrole::regrole::text, defaclobjtype::text, defaclacl::text FROM pg_default_acl ORDER BY 1",
}


def catalogue(dsn):
    return {name: [tuple(row) for row in execute(dsn, sql)] for name, sql in CATALOGUE.items()}


def test_migrations_one_after_another_give_what_schema_sql_says(postgres_dsn, migrated_dsn):
    with fresh_database(postgres_dsn) as migrated, fresh_database(postgres_dsn) as loaded:
        asyncio.run(migrate(migrated))
        execute(loaded, (files("axonflow.adapters.postgres") / "sql" / "schema.sql").read_text("utf-8"), "SELECT 1")
        assert catalogue(migrated) == catalogue(loaded)
        assert len(catalogue(loaded)["policies"]) > 8


def test_table_with_a_tenant_is_under_forced_row_level_security(migrated_dsn):
    tables = execute(
        migrated_dsn,
        f"""SELECT relname, relrowsecurity AND relforcerowsecurity AS safe FROM pg_class c {OURS}
        WHERE relkind IN ('r', 'p')
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id') ORDER BY 1""",
    )
    assert [row["relname"] for row in tables if not row["safe"]] == []
    assert {"audit_event", "audit_event_first", "audit_event_other", "api_key", "tenant"} < {row[0] for row in tables}


def test_table_without_a_tenant_is_of_no_tenant(migrated_dsn):
    tables = execute(
        migrated_dsn,
        f"""SELECT relname FROM pg_class c {OURS} WHERE relkind IN ('r', 'p', 'm', 'f') AND NOT EXISTS
        (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')
        ORDER BY 1""",
    )
    # A writer's batches and keys are over the records of all tenants, and say nothing of any; nor does who runs plans.
    assert [row["relname"] for row in tables] == [
        "audit_batch", "audit_writer_key", "plan_executor", "schema_migration", "tier"
    ]  # fmt: skip


def test_views_and_functions_that_would_go_around_policies_do_not_exist(migrated_dsn):
    views = f"""SELECT relname FROM pg_class c {OURS} WHERE relkind IN ('v', 'm')
        AND NOT coalesce(reloptions::text LIKE '%security_invoker=%', false)"""
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'axonflow'::regnamespace AND prosecdef"
    assert (execute(migrated_dsn, views), execute(migrated_dsn, functions)) == ([], [])


def test_index_of_a_tenant_table_begins_with_the_tenant(migrated_dsn):
    wrong = execute(
        migrated_dsn,
        f"""SELECT c.relname, indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indrelid {OURS}
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' WHERE indkey[0] <> a.attnum""",
    )
    # A key is looked up before its tenant is known; an organization's tenants are counted by the registrar; a batch has
    # segments of many tenants, and its root is over them all.
    assert {row[1] for row in wrong} == {
        "axonflow.api_key_by_hmac",
        "axonflow.tenant_by_organization",
        "axonflow.audit_segment_pkey",
    }


def test_roles_of_ours_own_nothing_and_cannot_go_around_policies(migrated_dsn):
    roles = "SELECT rolname FROM pg_roles WHERE rolname = ANY (ARRAY['{}'])".format("', '".join(ROLES))
    assert {row["rolname"] for row in execute(migrated_dsn, roles)} == set(ROLES)
    powerful = (
        f"{roles} AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication)"
    )
    owned = f"SELECT relname FROM pg_class WHERE relowner IN (SELECT oid FROM pg_roles WHERE rolname IN ({roles}))"
    members = f"SELECT roleid::regrole::text FROM pg_auth_members WHERE member::regrole::text IN ({roles})"
    assert [execute(migrated_dsn, sql) for sql in (powerful, owned, members)] == [[], [], []]


def test_public_has_no_rights_in_the_schema(migrated_dsn):
    granted = execute(
        migrated_dsn,
        f"""SELECT 'schema' AS what FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'axonflow' AND grantee = 0
        UNION ALL SELECT relname FROM pg_class c {OURS}, aclexplode(relacl) WHERE grantee = 0
        UNION ALL SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid {OURS}, aclexplode(attacl)
        WHERE grantee = 0""",
    )
    assert granted == []
    assert execute(migrated_dsn, "SELECT nspacl FROM pg_namespace WHERE nspname = 'axonflow' AND nspacl IS NULL") == []


def test_audit_table_rights_are_append_read_and_expire_only(migrated_dsn):
    rights = execute(
        migrated_dsn,
        f"""SELECT grantee::regrole::text AS role, privilege_type FROM pg_class c {OURS}, aclexplode(relacl)
        WHERE relname = 'audit_event' AND grantee <> relowner ORDER BY 1, 2""",
    )
    expected = [
        ("axonflow_app", "SELECT"), ("axonflow_auditor", "SELECT"), ("axonflow_backup", "SELECT"),
        ("axonflow_keeper", "DELETE"), ("axonflow_writer", "INSERT"),
    ]  # fmt: skip
    assert [tuple(row) for row in rights] == expected
