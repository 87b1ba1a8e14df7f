-- name: tables
-- What a tenant has, in tables that the role may read: never a column that it may not, nor keys of persons, which could
-- not be destroyed any more.
SELECT
    relname AS name,
    (
        SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE
            attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
            AND has_column_privilege(pg_class.oid, attnum, 'SELECT')
    ) AS columns,
    (
        SELECT array_agg(attname::text ORDER BY place)
        FROM pg_index, unnest(indkey) WITH ORDINALITY AS key (attnum, place)
        JOIN pg_attribute ON attrelid = pg_class.oid AND pg_attribute.attnum = key.attnum
        WHERE indrelid = pg_class.oid AND indisprimary
    ) AS key
FROM pg_class
WHERE
    relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'audit_person_key'
    AND EXISTS (
        SELECT FROM pg_attribute
        WHERE
            attrelid = pg_class.oid AND attname = 'tenant_id'
            AND has_column_privilege(pg_class.oid, attnum, 'SELECT')
    )
ORDER BY relname;

-- name: erasable
-- The tables whose rows of a tenant may be erased by whoever asks; the trail, what opens it, and the tenant itself come
-- last. Backwards:
-- what belongs to another row (role_grant, connector_secret) goes before it, and is counted.
SELECT relname AS name
FROM pg_class
WHERE
    relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relrowsecurity
    AND has_table_privilege(oid, 'DELETE') AND relname NOT IN ('tenant', 'audit_event', 'audit_segment', 'audit_cut', 'audit_person_key')
ORDER BY relname DESC;

-- name: await_writers
-- Whoever began before it was known that the tenant is being deleted has ended when this has its locks; whoever begins
-- afterwards keeps nothing there. The other tables ask for the tenant's row.
LOCK TABLE axonflow.plan_execution, axonflow.vault_value, axonflow.metric_rollup, axonflow.workflow IN SHARE MODE;

-- name: state
SELECT
    status, audit_hold,
    EXISTS (SELECT FROM axonflow.tenant AS member WHERE member.organization_id = $1) AS has_members
FROM axonflow.tenant
WHERE tenant_id = $1;

-- name: kept
SELECT count(*) FROM axonflow.audit_event WHERE tenant_id = $1;

-- name: remove_person_keys
DELETE FROM axonflow.audit_person_key WHERE tenant_id = $1;

-- name: remove_tenant
DELETE FROM axonflow.tenant WHERE tenant_id = $1;
