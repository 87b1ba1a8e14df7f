-- name: server
SELECT
    pg_catalog.current_setting('server_version_num')::int AS version_number,
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('server_encoding') AS encoding,
    pg_catalog.current_database() AS database,
    session_user::text AS login;

-- name: rights
SELECT
    (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user) AS creates_roles,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS creates_schemas,
    (
        SELECT pg_catalog.pg_has_role(nspowner, 'USAGE')
        FROM pg_catalog.pg_namespace WHERE nspname = 'axonflow'
    ) AS owns_schema;

-- name: lock
-- "axonflow" in ASCII, as a number. Held until the connection ends.
SELECT pg_catalog.pg_advisory_lock(7023486138839756663);

-- name: has_migrations
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'axonflow' AND relname = 'schema_migration'
);

-- name: recorded
-- The column came with version 3; without it, nothing there asks for newer code.
SELECT version, name, sha256, coalesce((to_jsonb(one) ->> 'oldest_code')::integer, 1) AS oldest_code
FROM axonflow.schema_migration AS one
ORDER BY version;

-- name: record
INSERT INTO axonflow.schema_migration (version, name, sha256, applied_us)
VALUES ($1, $2, $3, (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint);

-- name: record_oldest_code
UPDATE axonflow.schema_migration SET oldest_code = $2 WHERE version = $1;

-- name: current_version
SELECT
    max(version) AS version, max(coalesce((to_jsonb(one) ->> 'oldest_code')::integer, 1)) AS oldest_code,
    min(applied_us) AS made_us
FROM axonflow.schema_migration AS one;
