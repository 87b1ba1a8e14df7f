-- Tenants, who acts in them, and the keys they act with: what schema.sql says, and why.

-- The oldest version of the schema whose code still works on the one that this migration gives.
ALTER TABLE axonflow.schema_migration
    ADD COLUMN oldest_code integer NOT NULL DEFAULT 1 CHECK (oldest_code > 0 AND oldest_code <= version);

GRANT USAGE ON SCHEMA axonflow
    TO axonflow_keys, axonflow_sync, axonflow_registrar, axonflow_keeper, axonflow_backup;
GRANT SELECT ON axonflow.schema_migration
    TO axonflow_keys, axonflow_sync, axonflow_registrar, axonflow_keeper, axonflow_backup;

CREATE TABLE axonflow.tier (
    tier text COLLATE "C" PRIMARY KEY CHECK (length(tier) BETWEEN 1 AND 64),
    max_policies integer CHECK (max_policies >= 0),
    max_principals integer CHECK (max_principals >= 0),
    max_api_keys integer CHECK (max_api_keys >= 0),
    max_agents integer CHECK (max_agents >= 0),
    max_requests_per_minute integer CHECK (max_requests_per_minute >= 0),
    audit_retention_days integer CHECK (audit_retention_days >= 1)
);
INSERT INTO axonflow.tier VALUES
    ('community', 100, 1000, 10, 25, 600, 90),
    ('professional', 2000, 50000, 200, 500, 60000, 400),
    ('enterprise', NULL, NULL, NULL, NULL, NULL, 2557);
GRANT SELECT ON axonflow.tier TO axonflow_app, axonflow_keys, axonflow_sync, axonflow_keeper, axonflow_backup;
GRANT SELECT, INSERT, UPDATE ON axonflow.tier TO axonflow_registrar;

CREATE TABLE axonflow.tenant (
    tenant_id text COLLATE "C" PRIMARY KEY CHECK (length(tenant_id) BETWEEN 1 AND 256),
    schema_version integer NOT NULL DEFAULT 1,
    kind text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE WHEN tenant_id = '*' THEN 'system' WHEN tenant_id LIKE '@%' THEN 'organization' ELSE 'tenant' END
    ) STORED,
    organization_id text COLLATE "C" REFERENCES axonflow.tenant DEFERRABLE
        CONSTRAINT tenant_organization_check
        CHECK (organization_id IS NULL OR (organization_id LIKE '@%' AND kind = 'tenant')),
    name text COLLATE "C" NOT NULL,
    tier text COLLATE "C" NOT NULL REFERENCES axonflow.tier DEFERRABLE,
    status text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'deleting')),
    max_policies integer CHECK (max_policies >= 0),
    max_principals integer CHECK (max_principals >= 0),
    max_api_keys integer CHECK (max_api_keys >= 0),
    max_agents integer CHECK (max_agents >= 0),
    max_requests_per_minute integer CHECK (max_requests_per_minute >= 0),
    audit_retention_days integer CHECK (audit_retention_days >= 1),
    audit_hold boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    CONSTRAINT tenant_lasting_check CHECK (kind <> 'system' OR status = 'active')
);
INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us) VALUES
    ('*', 'System', 'enterprise', 0, 'axonflow', 0),
    ('default', 'Default', 'enterprise', 0, 'axonflow', 0);
CREATE INDEX tenant_by_organization ON axonflow.tenant (organization_id) WHERE organization_id IS NOT NULL;

CREATE TABLE axonflow.principal (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    principal_type text COLLATE "C" NOT NULL CHECK (principal_type IN ('user', 'agent', 'service', 'group')),
    principal_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    name text COLLATE "C" NOT NULL DEFAULT '',
    email text COLLATE "C" NOT NULL DEFAULT '',
    status text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    attributes bytea NOT NULL DEFAULT '{}',
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, principal_type, principal_id)
);
CREATE INDEX principal_by_email ON axonflow.principal (tenant_id, email) WHERE email <> '';

CREATE TABLE axonflow.role (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    role text COLLATE "C" NOT NULL CHECK (length(role) BETWEEN 1 AND 128),
    schema_version integer NOT NULL DEFAULT 1,
    description text COLLATE "C" NOT NULL DEFAULT '',
    permissions text[] COLLATE "C" NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, role)
);

CREATE TABLE axonflow.role_grant (
    tenant_id text COLLATE "C" NOT NULL,
    principal_type text COLLATE "C" NOT NULL,
    principal_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (length(role) BETWEEN 1 AND 128),
    schema_version integer NOT NULL DEFAULT 1,
    granted_us bigint NOT NULL,
    granted_by text COLLATE "C" NOT NULL,
    expires_us bigint,
    PRIMARY KEY (tenant_id, principal_type, principal_id, role),
    FOREIGN KEY (tenant_id, principal_type, principal_id) REFERENCES axonflow.principal ON DELETE CASCADE DEFERRABLE
);
CREATE INDEX role_grant_by_role ON axonflow.role_grant (tenant_id, role);

CREATE TABLE axonflow.api_key (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    key_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    client_id text COLLATE "C" NOT NULL CHECK (length(client_id) BETWEEN 1 AND 256),
    name text COLLATE "C" NOT NULL,
    prefix text COLLATE "C" NOT NULL CHECK (length(prefix) BETWEEN 1 AND 16),
    pepper_id text COLLATE "C" NOT NULL,
    key_hmac bytea NOT NULL CHECK (length(key_hmac) = 32),
    scopes text[] COLLATE "C" NOT NULL,
    roles text[] COLLATE "C" NOT NULL,
    rotated_from text COLLATE "C",
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    expires_us bigint,
    last_used_us bigint,
    revoked_us bigint,
    revoked_by text COLLATE "C",
    PRIMARY KEY (tenant_id, key_id),
    FOREIGN KEY (tenant_id, rotated_from) REFERENCES axonflow.api_key DEFERRABLE,
    CHECK ((revoked_us IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX api_key_by_hmac ON axonflow.api_key (key_hmac);
CREATE INDEX api_key_by_time ON axonflow.api_key (tenant_id, created_us DESC, key_id DESC);

ALTER TABLE axonflow.tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.principal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.role_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.api_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT ON axonflow.tenant TO axonflow_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.principal, axonflow.role, axonflow.role_grant TO axonflow_app;
GRANT INSERT ON axonflow.api_key TO axonflow_app;
GRANT SELECT (
    tenant_id, key_id, schema_version, client_id, name, prefix, pepper_id, scopes, roles, rotated_from, created_us,
    created_by, expires_us, last_used_us, revoked_us, revoked_by
) ON axonflow.api_key TO axonflow_app;
GRANT UPDATE (name, scopes, roles, expires_us, last_used_us, revoked_us, revoked_by) ON axonflow.api_key
    TO axonflow_app;
CREATE POLICY tenant ON axonflow.tenant FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.principal TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.role TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.role_grant TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.api_key TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

GRANT SELECT, INSERT, UPDATE ON axonflow.tenant TO axonflow_registrar;
CREATE POLICY register ON axonflow.tenant TO axonflow_registrar USING (true) WITH CHECK (true);

GRANT SELECT (
    tenant_id, key_id, client_id, pepper_id, key_hmac, scopes, roles, expires_us, revoked_us
) ON axonflow.api_key TO axonflow_keys;
CREATE POLICY presented ON axonflow.api_key FOR SELECT TO axonflow_keys
    USING (key_hmac = ANY (nullif(current_setting('axonflow.key_hmacs', true), '')::bytea[]));
GRANT SELECT (
    tenant_id, kind, organization_id, tier, status, max_policies, max_principals, max_api_keys, max_agents,
    max_requests_per_minute
) ON axonflow.tenant TO axonflow_keys;
CREATE POLICY presented ON axonflow.tenant FOR SELECT TO axonflow_keys
    USING (tenant_id IN (SELECT api_key.tenant_id FROM axonflow.api_key));

GRANT SELECT (tenant_id, kind, organization_id, tier, status, version) ON axonflow.tenant TO axonflow_sync;
CREATE POLICY every_tenant ON axonflow.tenant FOR SELECT TO axonflow_sync USING (true);

CREATE FUNCTION axonflow.announce() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM pg_notify('axonflow', TG_TABLE_NAME || ' ' || coalesce(NEW.tenant_id, OLD.tenant_id));
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION axonflow.announce() FROM PUBLIC;
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE OF organization_id, tier, status ON axonflow.tenant
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce
    AFTER INSERT OR DELETE OR UPDATE OF scopes, roles, expires_us, revoked_us ON axonflow.api_key
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE ON axonflow.role
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE ON axonflow.role_grant
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
