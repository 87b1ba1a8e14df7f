-- Each query of the catalogue gives what is wrong, one name a row, and nothing when all is well.

-- name: missing_extensions
SELECT wanted AS what FROM unnest(ARRAY['plpgsql']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = wanted);

-- name: missing_roles
SELECT wanted AS what FROM unnest($1::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
ORDER BY 1;

-- name: powerful_roles
SELECT rolname || ' is ' || concat_ws(
    ' ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolcanlogin THEN 'LOGIN' END
) AS what
FROM pg_roles
WHERE
    (rolname = ANY ($1::text[]) AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication))
    OR (rolname = 'axonflow_service' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication))
ORDER BY 1;

-- name: inherited_powers
-- A role of ours that is a member of another works with that one's rights.
SELECT member::regrole::text || ' is a member of ' || roleid::regrole::text AS what
FROM pg_auth_members
WHERE member IN (SELECT oid FROM pg_roles WHERE rolname = ANY ($1::text[]))
ORDER BY 1;

-- name: owning_roles
SELECT DISTINCT pg_get_userbyid(owner) || ' owns ' || name AS what
FROM (
    SELECT relowner AS owner, oid::regclass::text AS name FROM pg_class
    WHERE relnamespace = 'axonflow'::regnamespace AND relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT proowner, oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'axonflow'::regnamespace
    UNION ALL
    SELECT nspowner, 'schema axonflow' FROM pg_namespace WHERE nspname = 'axonflow'
) AS objects
WHERE owner IN (SELECT oid FROM pg_roles WHERE rolname = ANY ($1::text[]) OR rolname = 'axonflow_service')
ORDER BY 1;

-- name: unforced_tables
SELECT oid::regclass::text AS what
FROM pg_class
WHERE
    relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'tenant_id' AND NOT attisdropped)
ORDER BY 1;

-- name: open_policies
-- What lets the application see or write a row without asking for its tenant.
SELECT tablename || ': ' || policyname AS what
FROM pg_policies
WHERE
    schemaname = 'axonflow' AND permissive = 'PERMISSIVE' AND ('axonflow_app' = ANY (roles) OR 'public' = ANY (roles))
    AND (
        coalesce(qual, 'axonflow.tenant_id') !~ 'axonflow\.tenant_id'
        OR coalesce(with_check, 'axonflow.tenant_id') !~ 'axonflow\.tenant_id'
    )
ORDER BY 1;

-- name: hiding_policies
-- What hides rows from who is to see them. Verification reads as another role, and finds those events whole: only searches
-- would miss them.
SELECT tablename || ': ' || policyname AS what
FROM pg_policies
WHERE
    schemaname = 'axonflow'
    AND (
        (permissive = 'RESTRICTIVE' AND cmd IN ('SELECT', 'ALL'))
        OR (
            tablename = 'audit_event' AND cmd IN ('SELECT', 'ALL') AND 'axonflow_app' = ANY (roles)
            AND qual <> $$(tenant_id = NULLIF(current_setting('axonflow.tenant_id'::text, true), ''::text))$$
        )
    )
ORDER BY 1;

-- name: views
-- A view reads as its owner, unless it is told not to; a materialized one always does.
SELECT pg_class.oid::regclass::text AS what
FROM pg_class
WHERE
    relkind IN ('v', 'm') AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)
    AND EXISTS (
        SELECT FROM pg_rewrite
        JOIN pg_depend ON pg_depend.objid = pg_rewrite.oid AND pg_depend.classid = 'pg_rewrite'::regclass
        JOIN pg_class AS read ON read.oid = pg_depend.refobjid AND pg_depend.refclassid = 'pg_class'::regclass
        WHERE ev_class = pg_class.oid AND read.relnamespace = 'axonflow'::regnamespace
    )
ORDER BY 1;

-- name: definer_functions
-- In our schema; and elsewhere those that speak of it.
SELECT oid::regprocedure::text AS what
FROM pg_proc
WHERE
    prosecdef
    AND CASE
        WHEN prokind NOT IN ('f', 'p') THEN false
        WHEN pronamespace = 'axonflow'::regnamespace THEN true
        ELSE pg_get_functiondef(oid) ~* '\maxonflow\.'
    END
ORDER BY 1;

-- name: public_rights
SELECT 'schema axonflow' AS what FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
WHERE nspname = 'axonflow' AND acl.grantee = 0
UNION ALL
SELECT pg_class.oid::regclass::text FROM pg_class, aclexplode(relacl) AS acl
WHERE relnamespace = 'axonflow'::regnamespace AND acl.grantee = 0
UNION ALL
SELECT pg_proc.oid::regprocedure::text FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
WHERE pronamespace = 'axonflow'::regnamespace AND acl.grantee = 0
ORDER BY 1;

-- name: excessive_rights
-- Beyond what any migration gives: the trail is only added to, who reads all tenants changes nothing, who changes rows
-- sees them under the policies of the whole table. Rights to columns count as those to the table.
WITH granted AS (
    SELECT pg_class.oid, relname, relispartition, acl.grantee, acl.privilege_type AS may
    FROM pg_class, aclexplode(relacl) AS acl
    WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p')
    UNION
    SELECT pg_class.oid, relname, relispartition, acl.grantee, acl.privilege_type
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) AS acl
    WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p')
)
SELECT rolname || ' may ' || may || ' ' || granted.oid::regclass::text AS what
FROM granted JOIN pg_roles ON pg_roles.oid = grantee
WHERE
    (rolname = ANY ($1::text[]) OR rolname = 'axonflow_service')
    AND (
        relispartition OR rolname = 'axonflow_service' OR may NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        OR (may <> 'SELECT' AND rolname IN ('axonflow_auditor', 'axonflow_backup', 'axonflow_keys', 'axonflow_sync'))
        OR (may IN ('UPDATE', 'DELETE') AND rolname = 'axonflow_writer')
        OR (
            may <> 'SELECT' AND rolname = 'axonflow_app'
            AND relname IN ('audit_event', 'audit_cut', 'tenant', 'tier', 'schema_migration')
        )
    )
ORDER BY 1;

-- name: sleeping_triggers
SELECT tgrelid::regclass::text || ': ' || tgname AS what
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'axonflow'::regnamespace AND tgenabled IN ('D', 'R')
ORDER BY 1;

-- name: invalid_indexes
SELECT indexrelid::regclass::text AS what
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'axonflow'::regnamespace AND NOT (indisvalid AND indisready)
ORDER BY 1;

-- name: careless_settings
-- With these off, what was acknowledged may be gone after a crash.
SELECT name || ' is ' || setting AS what
FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
ORDER BY 1;

-- name: powerful_logins
-- What a service may do at worst is what its login may, once somebody has made it say SET ROLE.
SELECT DISTINCT usename || CASE
    WHEN rolsuper THEN ' is a superuser'
    WHEN pg_has_role(usesysid, nspowner, 'MEMBER') THEN ' owns the schema'
    ELSE ' may work as one of ' || array_to_string($1::text[], ', ')
END AS what
FROM pg_stat_activity
JOIN pg_roles ON pg_roles.oid = usesysid
JOIN pg_namespace ON nspname = 'axonflow'
WHERE application_name = 'axonflow' AND datname = current_database()
    AND (
        rolsuper OR pg_has_role(usesysid, nspowner, 'MEMBER')
        OR EXISTS (SELECT FROM pg_roles AS other WHERE other.rolname = ANY ($1) AND pg_has_role(usesysid, other.oid, 'MEMBER'))
    )
ORDER BY 1;

-- name: lasting_transactions
SELECT pid || ' (' || coalesce(nullif(application_name, ''), 'unnamed') || ') since '
    || date_trunc('second', clock_timestamp() - xact_start) AS what
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start < clock_timestamp() - interval '10 minutes' AND pid <> pg_backend_pid()
    AND application_name NOT IN ('axonflow backup', 'axonflow restore')
ORDER BY xact_start;

-- name: missing_partitions
SELECT to_char(day, 'YYYY-MM-DD') AS what
FROM unnest($1::date[]) AS day
WHERE NOT EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE
        inhparent = 'axonflow.audit_event'::regclass
        AND coalesce(substring(pg_get_expr(relpartbound, inhrelid) FROM $re$FROM \('([^']*)'\) TO$re$), '')
            <= axonflow.audit_bound(day::timestamp AT TIME ZONE 'UTC') COLLATE "C"
        AND substring(pg_get_expr(relpartbound, inhrelid) FROM $re$TO \('([^']*)'\)$re$)
            > axonflow.audit_bound(day::timestamp AT TIME ZONE 'UTC') COLLATE "C"
)
ORDER BY 1;

-- name: misplaced_events
SELECT 'events dated beyond all partitions' AS what
WHERE EXISTS (SELECT FROM axonflow.audit_event WHERE tableoid = 'axonflow.audit_event_other'::regclass);

-- name: retention_due
-- A day's grace: upkeep runs once a day.
SELECT own.tenant_id AS what
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE
    own.status <> 'deleting' AND NOT own.audit_hold
    AND EXISTS (
        SELECT FROM axonflow.audit_event AS event
        WHERE
            event.tenant_id = own.tenant_id
            AND event.time_us < (extract(epoch FROM now()) * 1000000)::bigint
                - (least(coalesce(own.audit_retention_days, tier.audit_retention_days), 36500) + 1) * 86400000000
    )
ORDER BY 1;

-- name: server
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::int / 10000 AS major,
    current_setting('server_encoding') AS encoding,
    current_database() AS database,
    session_user::text AS login,
    pg_database_size(current_database()) AS size_bytes,
    pg_is_in_recovery() AS is_replica;

-- name: clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- name: connections
SELECT
    current_setting('max_connections')::int AS most,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS usable,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS taken,
    (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'axonflow%')::int AS ours;

-- name: lag
-- Of a replica: 0 when it has replayed all that it was sent, however long ago the last transaction was, and is still being
-- sent some; else the age of the last transaction, or for ever.
SELECT
    CASE
        WHEN NOT pg_is_in_recovery() THEN 0
        WHEN
            pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn()
            AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL)
            THEN 0
        ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 'Infinity')
    END::double precision AS lag_s;

-- name: partitions
SELECT relname AS name, pg_total_relation_size(pg_class.oid) AS size_bytes, greatest(reltuples, 0)::bigint AS about_rows
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'axonflow.audit_event'::regclass
ORDER BY 1;
