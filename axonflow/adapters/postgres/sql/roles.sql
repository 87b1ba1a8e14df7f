-- The roles that AxonFlow works as. Nobody logs in as one: a login is a member and its connections start as the role.
-- Roles belong to the whole cluster, and advisory locks to one database: two databases may get here at once, and then
-- one of them finds the role made between its look and its CREATE.

-- name: create_roles
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'axonflow_app', 'axonflow_writer', 'axonflow_executor', 'axonflow_auditor', 'axonflow_keys', 'axonflow_sync',
        'axonflow_registrar', 'axonflow_keeper', 'axonflow_backup'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$$;

-- name: missing_roles
SELECT wanted
FROM unnest($1::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted)
ORDER BY wanted;

-- name: unsafe_roles
SELECT rolname
FROM pg_catalog.pg_roles
WHERE rolname = ANY ($1::text[]) AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)
ORDER BY rolname;

-- name: roles_not_granted
-- PostgreSQL 16 tells membership from the right to become the role. MEMBER is the word that 15 knows; from 16 on, the
-- role that made another is its member and may grant it to itself, with SET.
SELECT wanted
FROM unnest($1::text[]) AS wanted
WHERE NOT pg_catalog.pg_has_role(
    session_user, wanted::name,
    CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
)
ORDER BY wanted;

-- name: grant_roles
DO $$
BEGIN
    EXECUTE pg_catalog.format(
        'GRANT axonflow_app, axonflow_writer, axonflow_executor, axonflow_auditor, axonflow_keys, axonflow_sync, '
        'axonflow_registrar, axonflow_keeper, axonflow_backup TO %I', session_user
    );
END
$$;

-- name: create_service
-- NOINHERIT: by itself it may do nothing, it has to become one of the roles below.
DO $$
BEGIN
    CREATE ROLE axonflow_service LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$$;

-- name: grant_service
GRANT axonflow_app, axonflow_writer, axonflow_executor, axonflow_keys, axonflow_sync, axonflow_registrar
    TO axonflow_service;

-- name: service_password
-- A statement of its kind takes no parameters, so the database quotes it.
SELECT format('ALTER ROLE axonflow_service PASSWORD %L', $1::text);
