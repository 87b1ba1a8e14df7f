-- What all migrations together give, to be read by people and to be compared with them by a test.
--
-- Text has collation "C": it compares as bytes, which for UTF-8 is the order of code points, and so the order of Python.
-- Times are microseconds since the Unix epoch, UTC. Nothing bounds the length of text here: what an audit log has
-- acknowledged must fit, or it would stand in the way of all behind it.
--
-- Rows of a tenant are seen under row-level security only, which holds for the owner too (FORCE). nullif: a setting
-- that was local to a transaction is the empty string afterwards, not unset.
--
-- A table of tenants, when one is added, has: the policy of its tenant, forced; its rights for axonflow_app and no more;
-- SELECT and a policy for axonflow_backup; DELETE and a policy for axonflow_keeper; foreign keys that can be deferred, for
-- a restore puts tables back in the order of their names; and a row in tests/postgres_rows.py, by which all of that is
-- tested. A policy that asks another table of tenants is asked under one role only: whoever is a member of several, as
-- the owner is, has all their policies, and those may go round in circles.

CREATE SCHEMA axonflow;
REVOKE ALL ON SCHEMA axonflow FROM PUBLIC;
GRANT USAGE ON SCHEMA axonflow
    TO axonflow_app, axonflow_writer, axonflow_executor, axonflow_auditor, axonflow_keys, axonflow_sync,
    axonflow_registrar, axonflow_keeper, axonflow_backup;

-- `oldest_code`: the oldest version of the schema whose code still works on the one that this migration gave.
CREATE TABLE axonflow.schema_migration (
    version integer PRIMARY KEY CHECK (version > 0),
    name text COLLATE "C" NOT NULL,
    sha256 text COLLATE "C" NOT NULL CHECK (length(sha256) = 64),
    applied_us bigint NOT NULL,
    oldest_code integer NOT NULL DEFAULT 1 CHECK (oldest_code > 0 AND oldest_code <= version)
);
GRANT SELECT ON axonflow.schema_migration
    TO axonflow_app, axonflow_writer, axonflow_executor, axonflow_auditor, axonflow_keys, axonflow_sync,
    axonflow_registrar, axonflow_keeper, axonflow_backup;


-- Tenants. `tenant_id` names a scope: a tenant; an organization that tenants belong to ('@' and its name); or '*', the
-- system, to which every tenant belongs. Policies in force for a tenant are those of the three, strictest first.
-- A limit that is NULL is none; a tenant's own stands before its tier's. `audit_mode` NULL is the installation's own. `audit_hold` keeps everything: nothing of the
-- tenant is past its time, and it cannot be erased.

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
GRANT SELECT ON axonflow.tier TO axonflow_registrar;

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
    audit_mode text COLLATE "C" CHECK (audit_mode IN ('durable', 'async')),
    CONSTRAINT tenant_lasting_check CHECK (kind <> 'system' OR status = 'active')
);
INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us) VALUES
    ('*', 'System', 'enterprise', 0, 'axonflow', 0),
    ('default', 'Default', 'enterprise', 0, 'axonflow', 0);
CREATE INDEX tenant_by_organization ON axonflow.tenant (organization_id) WHERE organization_id IS NOT NULL;

-- Who acts. `attributes` is a JSON object, as bytes: see plan_execution.
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

-- Roles of a tenant's own making; those that every tenant has are in the code, so a grant may name what is not here.
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

-- `key_hmac` is HMAC-SHA-256 of the key under a pepper that the database does not have; `prefix` is what is shown.
-- A key is never deleted while its tenant is there: a revoked one explains what it did.
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
-- The application never needs to read a hash, nor to change one: a rotated key is a new one.
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

-- Whoever makes and suspends tenants sees their names and limits, and nothing in them.
GRANT SELECT, INSERT, UPDATE ON axonflow.tenant TO axonflow_registrar;
CREATE POLICY register ON axonflow.tenant TO axonflow_registrar USING (true) WITH CHECK (true);

-- A key is looked up before its tenant is known. So whoever looks sees, of all tenants, the keys whose hashes it says
-- it was shown (a list: there may be several peppers), their tenants, and nothing else: it cannot list any.
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

-- A running agent asks, for all tenants at once, what is in force: which, not what. It reads that tenant by tenant.
GRANT SELECT (tenant_id, kind, organization_id, tier, status, version, audit_mode) ON axonflow.tenant TO axonflow_sync;
CREATE POLICY every_tenant ON axonflow.tenant FOR SELECT TO axonflow_sync USING (true);

-- A wake-up, when the transaction commits, for whoever listens on the channel `axonflow`: "<table> <tenant>".
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


-- Policies. A version never changes: `bundle` is signed, `digest` is its policies', `source` is what was published (JSON:
-- path to text). An activation is appended: its sequence is one more than that of the one its author knew, so of two at
-- once the second finds its place taken. `policy_set` points at the last one, for whoever asks what is in force.

CREATE TABLE axonflow.policy_set (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    set_name text COLLATE "C" NOT NULL CHECK (length(set_name) BETWEEN 1 AND 256),
    schema_version integer NOT NULL DEFAULT 1,
    description text COLLATE "C" NOT NULL DEFAULT '',
    active_sequence integer,
    active_version integer,
    active_digest text COLLATE "C",
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, set_name),
    CHECK ((active_version IS NULL) = (active_digest IS NULL) AND (active_version IS NULL OR active_sequence IS NOT NULL))
);

CREATE TABLE axonflow.policy_version (
    tenant_id text COLLATE "C" NOT NULL,
    set_name text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    schema_version integer NOT NULL DEFAULT 1,
    digest text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    bundle bytea NOT NULL,
    source bytea NOT NULL,
    rules integer NOT NULL CHECK (rules >= 0),
    author text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    created_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, set_name, version),
    FOREIGN KEY (tenant_id, set_name) REFERENCES axonflow.policy_set DEFERRABLE
);
CREATE INDEX policy_version_by_digest ON axonflow.policy_version (tenant_id, digest);
-- It is read whole, by every agent, and compressing it would take longer than it saves.
ALTER TABLE axonflow.policy_version ALTER bundle SET STORAGE EXTERNAL;

CREATE TABLE axonflow.policy_activation (
    tenant_id text COLLATE "C" NOT NULL,
    set_name text COLLATE "C" NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    previous integer GENERATED ALWAYS AS (nullif(sequence - 1, 0)) STORED,
    schema_version integer NOT NULL DEFAULT 1,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('activate', 'rollback', 'deactivate')),
    version integer,
    author text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    created_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, set_name, sequence),
    FOREIGN KEY (tenant_id, set_name, previous) REFERENCES axonflow.policy_activation DEFERRABLE,
    FOREIGN KEY (tenant_id, set_name, version) REFERENCES axonflow.policy_version DEFERRABLE,
    CHECK ((kind = 'deactivate') = (version IS NULL))
);
ALTER TABLE axonflow.policy_set
    ADD FOREIGN KEY (tenant_id, set_name, active_sequence) REFERENCES axonflow.policy_activation DEFERRABLE,
    ADD FOREIGN KEY (tenant_id, set_name, active_version) REFERENCES axonflow.policy_version DEFERRABLE;

-- What was written through the static and dynamic routes: `definition` (JSON) is a pattern and an action, or conditions
-- and actions. It is enforced as rules of a set like any other; these rows are for whoever edits them.
CREATE TABLE axonflow.api_policy (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('static', 'dynamic')),
    policy_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL DEFAULT '',
    category text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    definition bytea NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    tags text[] COLLATE "C" NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX api_policy_by_policy_id ON axonflow.api_policy (tenant_id, policy_id);
CREATE INDEX api_policy_by_time ON axonflow.api_policy (tenant_id, kind, created_us DESC, id DESC);

CREATE TABLE axonflow.api_policy_version (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    id text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    schema_version integer NOT NULL DEFAULT 1,
    change text COLLATE "C" NOT NULL CHECK (change IN ('created', 'updated', 'enabled', 'disabled', 'deleted')),
    summary text COLLATE "C" NOT NULL DEFAULT '',
    snapshot bytea NOT NULL,
    changed_us bigint NOT NULL,
    changed_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id, version)
);

-- An exception: a tenant's own, to a policy of its own or of a layer above. At most one of a policy stands.
CREATE TABLE axonflow.policy_override (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    override_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    policy_id text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL
        CHECK (action IN ('block', 'require_approval', 'redact', 'warn', 'log', 'allow', 'disable')),
    reason text COLLATE "C" NOT NULL CHECK (reason <> ''),
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    expires_us bigint NOT NULL CHECK (expires_us > created_us),
    revoked_us bigint,
    revoked_by text COLLATE "C",
    PRIMARY KEY (tenant_id, override_id),
    CHECK ((revoked_us IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX policy_override_standing ON axonflow.policy_override (tenant_id, policy_id)
    WHERE revoked_us IS NULL;

ALTER TABLE axonflow.policy_set ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.policy_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.policy_activation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.api_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.api_policy_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.policy_override ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON axonflow.policy_set, axonflow.policy_version, axonflow.policy_activation TO axonflow_app;
GRANT UPDATE (description, active_sequence, active_version, active_digest) ON axonflow.policy_set TO axonflow_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.api_policy TO axonflow_app;
GRANT SELECT, INSERT ON axonflow.api_policy_version, axonflow.policy_override TO axonflow_app;
GRANT UPDATE (revoked_us, revoked_by) ON axonflow.policy_override TO axonflow_app;

-- A tenant writes its own and reads those of the layers above as well. Not overrides: they are nobody else's business.
-- One policy for reading, for two that are ORed keep a query from its index.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_set', 'policy_version', 'policy_activation', 'api_policy', 'api_policy_version'] LOOP
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY tenant_and_above ON axonflow.%I FOR SELECT TO axonflow_app
            USING (
                tenant_id = ANY (ARRAY[
                    nullif(current_setting('axonflow.tenant_id', true), ''),
                    CASE WHEN nullif(current_setting('axonflow.tenant_id', true), '') IS NOT NULL THEN '*' END,
                    (
                        SELECT organization_id FROM axonflow.tenant AS own
                        WHERE own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
                    )
                ])
            )$sql$, name
        );
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY tenant_adds ON axonflow.%I FOR INSERT TO axonflow_app
            WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))$sql$, name
        );
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY tenant_changes ON axonflow.%I FOR UPDATE TO axonflow_app
            USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))$sql$, name
        );
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY tenant_removes ON axonflow.%I FOR DELETE TO axonflow_app
            USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))$sql$, name
        );
    END LOOP;
END
$$;
CREATE POLICY tenant ON axonflow.policy_override TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

GRANT SELECT (tenant_id, set_name, active_sequence, active_version, active_digest) ON axonflow.policy_set
    TO axonflow_sync;
CREATE POLICY every_tenant ON axonflow.policy_set FOR SELECT TO axonflow_sync USING (true);

CREATE TRIGGER announce AFTER INSERT ON axonflow.policy_activation
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE ON axonflow.api_policy
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE ON axonflow.policy_override
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();


-- Connectors, with secrets by reference only; agents and tools with their versions; approvals; counts for dashboards.
-- `options`, `definition` and `request` are JSON, as bytes: see plan_execution.

CREATE TABLE axonflow.connector (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    connector_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    type text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    options bytea NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, connector_id)
);
CREATE UNIQUE INDEX connector_by_name ON axonflow.connector (tenant_id, name);

CREATE TABLE axonflow.connector_secret (
    tenant_id text COLLATE "C" NOT NULL,
    connector_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    reference text COLLATE "C" NOT NULL CHECK (reference ~ '^(env|file|vault|arn|aws-secretsmanager|aws-ssm):.'),
    PRIMARY KEY (tenant_id, connector_id, name),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES axonflow.connector ON DELETE CASCADE DEFERRABLE
);

CREATE TABLE axonflow.catalog_entry (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('agent', 'tool')),
    entry_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    name text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL DEFAULT '',
    status text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'retired')),
    tags text[] COLLATE "C" NOT NULL DEFAULT '{}',
    current_version integer,
    created_us bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, kind, entry_id)
);
CREATE INDEX catalog_entry_by_name ON axonflow.catalog_entry (tenant_id, kind, name);

CREATE TABLE axonflow.catalog_version (
    tenant_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    entry_id text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    schema_version integer NOT NULL DEFAULT 1,
    digest text COLLATE "C" NOT NULL,
    definition bytea NOT NULL,
    author text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    created_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, kind, entry_id, version),
    FOREIGN KEY (tenant_id, kind, entry_id) REFERENCES axonflow.catalog_entry ON DELETE CASCADE DEFERRABLE
);
ALTER TABLE axonflow.catalog_entry
    ADD FOREIGN KEY (tenant_id, kind, entry_id, current_version) REFERENCES axonflow.catalog_version DEFERRABLE;

CREATE TABLE axonflow.approval (
    tenant_id text COLLATE "C" NOT NULL REFERENCES axonflow.tenant DEFERRABLE,
    approval_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    plane text COLLATE "C" NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    decision_id text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    policies text[] COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    request bytea NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'used')),
    created_us bigint NOT NULL,
    expires_us bigint NOT NULL CHECK (expires_us > created_us),
    decided_us bigint,
    decided_by text COLLATE "C",
    comment text COLLATE "C",
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    PRIMARY KEY (tenant_id, approval_id),
    CHECK ((status IN ('pending', 'expired')) OR decided_us IS NOT NULL)
);
CREATE INDEX approval_by_time ON axonflow.approval (tenant_id, created_us DESC, approval_id DESC);
CREATE INDEX approval_pending ON axonflow.approval (tenant_id, expires_us) WHERE status = 'pending';
CREATE INDEX approval_by_subject ON axonflow.approval (tenant_id, subject_id);

-- Of a metric (its name ends in its unit) in the period of `period_s` seconds from `start_us` on.
CREATE TABLE axonflow.metric_rollup (
    tenant_id text COLLATE "C" NOT NULL,
    metric text COLLATE "C" NOT NULL,
    period_s integer NOT NULL CHECK (period_s > 0),
    start_us bigint NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    count bigint NOT NULL CHECK (count >= 0),
    total double precision NOT NULL,
    least double precision NOT NULL,
    greatest double precision NOT NULL,
    PRIMARY KEY (tenant_id, metric, period_s, start_us, dimension)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'connector', 'connector_secret', 'catalog_entry', 'catalog_version', 'approval', 'metric_rollup'
    ] LOOP
        EXECUTE pg_catalog.format('ALTER TABLE axonflow.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY tenant ON axonflow.%I TO axonflow_app
            USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))$sql$, name
        );
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.connector, axonflow.connector_secret, axonflow.catalog_entry
    TO axonflow_app;
GRANT SELECT, INSERT ON axonflow.catalog_version TO axonflow_app;
GRANT SELECT, INSERT, UPDATE ON axonflow.approval, axonflow.metric_rollup TO axonflow_app;

CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE ON axonflow.connector
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status ON axonflow.approval
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce();


-- The audit trail. `canonical` is what was hashed; the other columns say the same again, to be searched by.
--
-- Partitions are days, by the id of the event, whose first 48 bits are its time (UUID version 7): so an id is still
-- unique over all of them, and the primary key finds by time. That no two records hold the same place of a chain is a
-- constraint within each partition; across them it follows from the numbers of batches, and for records that come without
-- a batch it is a trigger's work.

CREATE TABLE axonflow.audit_event (
    tenant_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    time_us bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    decision_id text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    on_behalf_of text[] COLLATE "C" NOT NULL,
    client_id text COLLATE "C" NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    effect text COLLATE "C" NOT NULL,
    allowed boolean NOT NULL,
    policies text[] COLLATE "C" NOT NULL,
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    canonical bytea NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX audit_event_by_decision ON axonflow.audit_event (tenant_id, decision_id);

-- The first id of a time, as far as it matters: text that sorts before every id from then on.
CREATE FUNCTION axonflow.audit_bound(start timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
    SELECT regexp_replace(lpad(to_hex((extract(epoch FROM start) * 1000)::bigint), 12, '0'), '(.{8})', '\1-')
$$;
-- False when the month has one, or is part of the first. What is dated so far ahead that it had no partition moves into
-- its own: the owner is under policies too, but for this.
CREATE FUNCTION axonflow.make_audit_partition(month date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    start timestamp := date_trunc('month', month::timestamp);
    name text := 'audit_event_' || to_char(start, 'YYYY_MM');
    first text := axonflow.audit_bound(start AT TIME ZONE 'UTC');
    beyond text := axonflow.audit_bound((start + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    IF EXISTS (
        SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE
            inhparent = 'axonflow.audit_event'::regclass
            AND coalesce(substring(pg_get_expr(relpartbound, inhrelid) FROM $re$FROM \('([^']*)'\) TO$re$), '')
                <= first COLLATE "C"
            AND substring(pg_get_expr(relpartbound, inhrelid) FROM $re$TO \('([^']*)'\)$re$) > first COLLATE "C"
    ) THEN
        RETURN false;
    END IF;
    ALTER TABLE axonflow.audit_event_other NO FORCE ROW LEVEL SECURITY;
    CREATE TEMPORARY TABLE early ON COMMIT DROP AS
        SELECT * FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    DELETE FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    EXECUTE format(
        'CREATE TABLE axonflow.%I PARTITION OF axonflow.audit_event (UNIQUE (tenant_id, writer_id, sequence)) '
        'FOR VALUES FROM (%L) TO (%L)', name, first, beyond
    );
    EXECUTE format('INSERT INTO axonflow.%I SELECT * FROM pg_temp.early', name);
    DROP TABLE pg_temp.early;
    EXECUTE format('ALTER TABLE axonflow.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('REVOKE ALL ON axonflow.%I FROM PUBLIC', name);
    ALTER TABLE axonflow.audit_event_other FORCE ROW LEVEL SECURITY;
    RETURN true;
END
$$;
-- The same for a day. Releases before had months only.
CREATE FUNCTION axonflow.make_audit_day(day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    name text := 'audit_event_' || to_char(day, 'YYYY_MM_DD');
    first text := axonflow.audit_bound(day::timestamp AT TIME ZONE 'UTC');
    beyond text := axonflow.audit_bound((day::timestamp + interval '1 day') AT TIME ZONE 'UTC');
BEGIN
    IF EXISTS (
        SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE
            inhparent = 'axonflow.audit_event'::regclass
            AND coalesce(substring(pg_get_expr(relpartbound, inhrelid) FROM $re$FROM \('([^']*)'\) TO$re$), '')
                <= first COLLATE "C"
            AND substring(pg_get_expr(relpartbound, inhrelid) FROM $re$TO \('([^']*)'\)$re$) > first COLLATE "C"
    ) THEN
        RETURN false;
    END IF;
    ALTER TABLE axonflow.audit_event_other NO FORCE ROW LEVEL SECURITY;
    CREATE TEMPORARY TABLE early ON COMMIT DROP AS
        SELECT * FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    DELETE FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    EXECUTE format(
        'CREATE TABLE axonflow.%I PARTITION OF axonflow.audit_event (UNIQUE (tenant_id, writer_id, sequence)) '
        'FOR VALUES FROM (%L) TO (%L)', name, first, beyond
    );
    EXECUTE format('INSERT INTO axonflow.%I SELECT * FROM pg_temp.early', name);
    DROP TABLE pg_temp.early;
    EXECUTE format('ALTER TABLE axonflow.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('REVOKE ALL ON axonflow.%I FROM PUBLIC', name);
    ALTER TABLE axonflow.audit_event_other FORCE ROW LEVEL SECURITY;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION axonflow.audit_bound(timestamptz), axonflow.make_audit_partition(date), axonflow.make_audit_day(date)
    FROM PUBLIC;

-- What was there before days had partitions of their own; and what is dated beyond all partitions, so that nothing is
-- ever refused.
CREATE TABLE axonflow.audit_event_other
    PARTITION OF axonflow.audit_event (UNIQUE (tenant_id, writer_id, sequence)) DEFAULT;
REVOKE ALL ON axonflow.audit_event_other FROM PUBLIC;
ALTER TABLE axonflow.audit_event_other ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    EXECUTE pg_catalog.format(
        'CREATE TABLE axonflow.audit_event_first PARTITION OF axonflow.audit_event '
        '(UNIQUE (tenant_id, writer_id, sequence)) FOR VALUES FROM (MINVALUE) TO (%L)',
        axonflow.audit_bound(today::timestamp AT TIME ZONE 'UTC')
    );
    FOR ahead IN 0..14 LOOP
        PERFORM axonflow.make_audit_day(today + ahead);
    END LOOP;
END
$$;
REVOKE ALL ON axonflow.audit_event_first FROM PUBLIC;
ALTER TABLE axonflow.audit_event_first ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT ON axonflow.audit_event TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_event FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
-- A batch holds records of many tenants and may hold those of several writers (a spool that was taken over), so the
-- setting is a list: the writer recognises its own records again, by their ids and hashes, and sees nothing else.
GRANT INSERT ON axonflow.audit_event TO axonflow_writer;
GRANT SELECT (tenant_id, writer_id, sequence, event_id, hash) ON axonflow.audit_event TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_event FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_records ON axonflow.audit_event FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
GRANT SELECT ON axonflow.audit_event TO axonflow_auditor;
CREATE POLICY every_tenant ON axonflow.audit_event FOR SELECT TO axonflow_auditor USING (true);

-- The lock makes two transactions of one writer see each other's records; there is one unless a spool was copied. Added
-- records are looked at in runs of sequence numbers, as long as a batch: a run that holds more than was added is one
-- descent a partition, however many records there are.
CREATE FUNCTION axonflow.refuse_second_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    full_run record;
    taken record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(writer_id, 7023486138839756663))
    FROM (SELECT DISTINCT writer_id FROM added ORDER BY writer_id) AS writers;
    SELECT runs.* INTO full_run
    FROM (
        SELECT tenant_id, writer_id, min(sequence) AS first, max(sequence) AS last
        FROM (
            SELECT
                tenant_id, writer_id, sequence,
                sequence - row_number() OVER (PARTITION BY tenant_id, writer_id ORDER BY sequence) AS run
            FROM added
        ) AS numbered
        GROUP BY tenant_id, writer_id, run
    ) AS runs
    WHERE runs.last - runs.first + 1 < (
        SELECT count(*) FROM axonflow.audit_event AS kept
        WHERE
            kept.tenant_id = runs.tenant_id AND kept.writer_id = runs.writer_id
            AND kept.sequence BETWEEN runs.first AND runs.last
    )
    LIMIT 1;
    IF FOUND THEN
        SELECT added.sequence, added.event_id INTO taken
        FROM axonflow.audit_event AS kept
        JOIN added USING (tenant_id, writer_id, sequence)
        WHERE
            kept.tenant_id = full_run.tenant_id AND kept.writer_id = full_run.writer_id
            AND kept.sequence BETWEEN full_run.first AND full_run.last AND kept.event_id <> added.event_id
        ORDER BY added.sequence
        LIMIT 1;
        RAISE unique_violation USING
            MESSAGE = 'another record holds this place', CONSTRAINT = 'audit_event_place',
            DETAIL = json_build_array(full_run.writer_id, taken.sequence, taken.event_id)::text;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION axonflow.refuse_second_history() FROM PUBLIC;
CREATE TRIGGER second_history AFTER INSERT ON axonflow.audit_event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (coalesce(current_setting('axonflow.in_batch', true), '') <> 'on')
    EXECUTE FUNCTION axonflow.refuse_second_history();

-- Where a chain begins since its oldest records were past their time: how many were cut off, and the hash of the last of
-- them, which the first that is left names as its predecessor.
CREATE TABLE axonflow.audit_cut (
    tenant_id text COLLATE "C" NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    records bigint NOT NULL CHECK (records > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    cut_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, writer_id)
);
ALTER TABLE axonflow.audit_cut ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON axonflow.audit_cut TO axonflow_app, axonflow_auditor;
CREATE POLICY tenant ON axonflow.audit_cut FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY every_tenant ON axonflow.audit_cut FOR SELECT TO axonflow_auditor USING (true);


-- Public keys of writers, each from the batch `number` on; all but the first are endorsed by the one before.
CREATE TABLE axonflow.audit_writer_key (
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    key_id text COLLATE "C" NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    endorsement bytea,
    created_us bigint NOT NULL,
    PRIMARY KEY (writer_id, number)
);

-- `statement` is what was signed; `hash` is that of its bytes, which the next batch of the writer names.
CREATE TABLE axonflow.audit_batch (
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    statement bytea NOT NULL,
    signature bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sealed_us bigint NOT NULL,
    PRIMARY KEY (writer_id, number)
);

-- The records of one chain in a batch. `removed` are the hashes of its first records, those that are past their time.
CREATE TABLE axonflow.audit_segment (
    tenant_id text COLLATE "C" NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    first bigint NOT NULL CHECK (first >= 0),
    records integer NOT NULL CHECK (records > 0),
    head bytea NOT NULL CHECK (length(head) = 32),
    root bytea NOT NULL CHECK (length(root) = 32),
    removed bytea NOT NULL DEFAULT '',
    PRIMARY KEY (writer_id, number, position)
);
CREATE INDEX audit_segment_by_chain ON axonflow.audit_segment (tenant_id, writer_id, first);

ALTER TABLE axonflow.audit_writer_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_batch ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_segment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT INSERT ON axonflow.audit_writer_key, axonflow.audit_batch, axonflow.audit_segment TO axonflow_writer;
GRANT SELECT (writer_id, number, key_id) ON axonflow.audit_writer_key TO axonflow_writer;
GRANT SELECT (writer_id, number, hash) ON axonflow.audit_batch TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_writer_key FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_keys ON axonflow.audit_writer_key FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
CREATE POLICY append ON axonflow.audit_batch FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_batches ON axonflow.audit_batch FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
CREATE POLICY append ON axonflow.audit_segment FOR INSERT TO axonflow_writer WITH CHECK (true);

GRANT SELECT ON axonflow.audit_writer_key, axonflow.audit_batch, axonflow.audit_segment TO axonflow_auditor;
CREATE POLICY every_writer ON axonflow.audit_writer_key FOR SELECT TO axonflow_auditor USING (true);
CREATE POLICY every_writer ON axonflow.audit_batch FOR SELECT TO axonflow_auditor USING (true);
CREATE POLICY every_tenant ON axonflow.audit_segment FOR SELECT TO axonflow_auditor USING (true);

GRANT SELECT ON axonflow.audit_segment TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_segment FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

-- Whoever cuts chains notes what is gone. Segments stay, also those of a tenant that is erased: roots of batches are over
-- all of them.
GRANT SELECT, UPDATE (removed) ON axonflow.audit_segment TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_segment FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY note ON axonflow.audit_segment FOR UPDATE TO axonflow_keeper
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));


-- Keys of persons, each wrapped under a key of the installation, which the database never has. What the trail tells of a
-- person is sealed under keys of theirs: to destroy these erases it, wherever the trail was copied to. A key that was
-- destroyed stays known by its id, so that no writer brings it back. `tag` is what a person's keys are found by.
CREATE TABLE axonflow.audit_person_key (
    tenant_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    tag bytea,
    wrapped bytea,
    created_us bigint NOT NULL,
    destroyed_us bigint,
    PRIMARY KEY (tenant_id, key_id),
    CHECK ((destroyed_us IS NULL) = (tag IS NOT NULL) AND (destroyed_us IS NULL) = (wrapped IS NOT NULL))
);
CREATE INDEX audit_person_key_by_tag ON axonflow.audit_person_key (tenant_id, tag) WHERE tag IS NOT NULL;

ALTER TABLE axonflow.audit_person_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT INSERT ON axonflow.audit_person_key TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_person_key FOR INSERT TO axonflow_writer WITH CHECK (true);
-- The application destroys keys, and changes nothing else of them; none while everything of the tenant is kept.
GRANT SELECT, UPDATE (tag, wrapped, destroyed_us) ON axonflow.audit_person_key TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_person_key FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY destroy ON axonflow.audit_person_key FOR UPDATE TO axonflow_app
    USING (
        tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        AND NOT EXISTS (
            SELECT FROM axonflow.tenant AS own
            WHERE own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '') AND own.audit_hold
        )
    )
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), '') AND destroyed_us IS NOT NULL);

-- Writers stop using it: "audit_person_key/<key> <tenant>".
CREATE FUNCTION axonflow.announce_person_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM pg_notify('axonflow', TG_TABLE_NAME || '/' || NEW.key_id || ' ' || NEW.tenant_id);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION axonflow.announce_person_key() FROM PUBLIC;
CREATE TRIGGER announce AFTER UPDATE OF destroyed_us ON axonflow.audit_person_key
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce_person_key();


-- Plans and what came of them. What a person or a step said (`query`, `error`) and JSON of any content are bytes: text
-- refuses NUL and lone surrogates, jsonb does too and orders keys anew, and what was written must be what is read. They
-- are UTF-8 (JSON without \u escapes), so convert_from(result, 'UTF8') shows them wherever it can be shown.

CREATE TABLE axonflow.plan_execution (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    query bytea NOT NULL,
    context bytea NOT NULL,
    principal text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL
        CHECK (status IN ('pending', 'running', 'awaiting_approval', 'completed', 'failed', 'denied', 'cancelled')),
    steps bytea NOT NULL,
    created_us bigint NOT NULL,
    executor_id text COLLATE "C" NOT NULL,
    started_us bigint,
    finished_us bigint,
    result bytea NOT NULL,
    step_results bytea NOT NULL,
    error bytea,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    execution_mode text COLLATE "C" NOT NULL DEFAULT 'auto',
    metadata bytea NOT NULL DEFAULT '{}',
    definition bytea NOT NULL DEFAULT 'null',
    held bytea,
    cancel_us bigint,
    cancel_reason bytea NOT NULL DEFAULT '',
    replans integer NOT NULL DEFAULT 0 CHECK (replans >= 0),
    holds integer NOT NULL DEFAULT 0 CHECK (holds >= 0),
    PRIMARY KEY (tenant_id, plan_id)
);
-- As small as the number of plans that run, so it is read as a whole by whoever looks for those of one executor.
CREATE INDEX plan_execution_running ON axonflow.plan_execution (tenant_id, executor_id) WHERE status = 'running';
CREATE INDEX plan_execution_by_time ON axonflow.plan_execution (tenant_id, created_us DESC, plan_id DESC);

ALTER TABLE axonflow.plan_execution ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.plan_execution TO axonflow_app;
CREATE POLICY tenant ON axonflow.plan_execution TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY remove ON axonflow.plan_execution AS RESTRICTIVE FOR DELETE TO axonflow_app
    USING (status IN ('completed', 'failed', 'denied', 'cancelled'));

-- A process runs plans of any tenant. It asks which of its own are to stop, and gives up those of one that went away: it
-- sees whose they are, not what is in them, and all it can do is to turn running into failed.
GRANT SELECT (tenant_id, plan_id, executor_id, status, cancel_us) ON axonflow.plan_execution TO axonflow_executor;
GRANT UPDATE (status, error, finished_us) ON axonflow.plan_execution TO axonflow_executor;
CREATE POLICY own_plans ON axonflow.plan_execution FOR SELECT TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), ''));
CREATE POLICY give_up ON axonflow.plan_execution FOR UPDATE TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), '') AND status = 'running')
    WITH CHECK (executor_id = nullif(current_setting('axonflow.executor_id', true), '') AND status = 'failed');

-- A process that runs plans says now and then that it is there: `beat` is another text each time, and whoever sees the same
-- one for long enough gives up what it left running. Of those that an earlier release left it is empty until they do.
CREATE TABLE axonflow.plan_executor (
    executor_id text COLLATE "C" PRIMARY KEY,
    schema_version integer NOT NULL DEFAULT 1,
    beat text COLLATE "C" NOT NULL
);

ALTER TABLE axonflow.plan_executor ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE (beat), DELETE ON axonflow.plan_executor TO axonflow_executor;
CREATE POLICY all_of_them ON axonflow.plan_executor FOR SELECT TO axonflow_executor USING (true);
CREATE POLICY arrive ON axonflow.plan_executor FOR INSERT TO axonflow_executor
    WITH CHECK (executor_id = nullif(current_setting('axonflow.executor_id', true), ''));
CREATE POLICY beat ON axonflow.plan_executor FOR UPDATE TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), ''))
    WITH CHECK (executor_id = nullif(current_setting('axonflow.executor_id', true), ''));
CREATE POLICY leave ON axonflow.plan_executor FOR DELETE TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), ''));

-- What a plan was in each version. `summary` says what was different from the one before.
CREATE TABLE axonflow.plan_version (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    schema_version integer NOT NULL DEFAULT 1,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('created', 'updated', 'rolled_back', 'replanned')),
    changed_us bigint NOT NULL,
    changed_by text COLLATE "C" NOT NULL,
    summary bytea NOT NULL,
    domain text COLLATE "C" NOT NULL,
    execution_mode text COLLATE "C" NOT NULL,
    metadata bytea NOT NULL,
    definition bytea NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, version),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES axonflow.plan_execution ON DELETE CASCADE DEFERRABLE
);

-- Where the steps of a plan have got to; one that was not begun has no row. `facts` is a JSON object.
CREATE TABLE axonflow.plan_step (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    step text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    state text COLLATE "C" NOT NULL,
    started_us bigint,
    finished_us bigint,
    attempts integer NOT NULL CHECK (attempts >= 0),
    facts bytea NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, step),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES axonflow.plan_execution ON DELETE CASCADE DEFERRABLE
);

ALTER TABLE axonflow.plan_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.plan_step ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON axonflow.plan_version TO axonflow_app;
GRANT SELECT, INSERT, UPDATE ON axonflow.plan_step TO axonflow_app;
CREATE POLICY tenant ON axonflow.plan_version TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.plan_step TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));


-- Workflows that somebody else orchestrates, and the gates of their steps. `record` is all of one, as JSON in bytes (see
-- plan_execution); the other columns say the same again, to be searched by, but for `steps` (how many there are) and
-- `step_index`, which the database counts. A change names the version that it was made from.

CREATE TABLE axonflow.workflow (
    tenant_id text COLLATE "C" NOT NULL,
    workflow_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('in_progress', 'completed', 'failed', 'aborted')),
    source text COLLATE "C" NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    created_us bigint NOT NULL,
    steps integer NOT NULL DEFAULT 0 CHECK (steps >= 0),
    version integer NOT NULL CHECK (version > 0),
    record bytea NOT NULL,
    PRIMARY KEY (tenant_id, workflow_id)
);
-- Those of a tenant that are in progress are counted before there is another.
CREATE INDEX workflow_in_progress ON axonflow.workflow (tenant_id) WHERE state = 'in_progress';
CREATE INDEX workflow_by_time ON axonflow.workflow (tenant_id, created_us DESC, workflow_id DESC);

CREATE TABLE axonflow.workflow_step (
    tenant_id text COLLATE "C" NOT NULL,
    workflow_id text COLLATE "C" NOT NULL,
    step_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    step_index integer NOT NULL CHECK (step_index >= 0),
    state text COLLATE "C" NOT NULL
        CHECK (state IN ('allowed', 'blocked', 'held', 'approved', 'rejected', 'completed')),
    expires_us bigint,
    version integer NOT NULL CHECK (version > 0),
    record bytea NOT NULL,
    PRIMARY KEY (tenant_id, workflow_id, step_id),
    FOREIGN KEY (tenant_id, workflow_id) REFERENCES axonflow.workflow ON DELETE CASCADE DEFERRABLE,
    CHECK (state <> 'held' OR expires_us IS NOT NULL)
);
-- As small as the number of holds that nobody has decided on.
CREATE INDEX workflow_step_held ON axonflow.workflow_step (tenant_id, expires_us) WHERE state = 'held';

ALTER TABLE axonflow.workflow ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.workflow_step ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE ON axonflow.workflow, axonflow.workflow_step TO axonflow_app;
CREATE POLICY tenant ON axonflow.workflow TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY tenant ON axonflow.workflow_step TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));


-- What was redacted for a vault, behind its label. `sealed` is AES-256-GCM under a key that the database does not have.

CREATE TABLE axonflow.vault_value (
    tenant_id text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant_id, label)
);

ALTER TABLE axonflow.vault_value ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON axonflow.vault_value TO axonflow_app;
CREATE POLICY tenant ON axonflow.vault_value TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));


-- Two roles that work across tenants and serve no request. The keeper removes audit records that are past their time, and
-- everything of a tenant that is being deleted: the database itself knows what that is. The backup reads everything.

GRANT SELECT ON axonflow.tenant TO axonflow_keeper;
GRANT DELETE ON axonflow.tenant TO axonflow_keeper;
CREATE POLICY keep ON axonflow.tenant FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY erase ON axonflow.tenant FOR DELETE TO axonflow_keeper
    USING (
        status = 'deleting' AND NOT audit_hold
        AND tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
    );

GRANT SELECT (tenant_id, writer_id, sequence, event_id, time_us, hash) ON axonflow.audit_event TO axonflow_keeper;
GRANT DELETE ON axonflow.audit_event TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_event FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY expired ON axonflow.audit_event FOR DELETE TO axonflow_keeper
    USING (
        tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        AND time_us < (
            SELECT
                CASE
                    WHEN own.audit_hold THEN NULL
                    WHEN own.status = 'deleting' THEN 9223372036854775807
                    ELSE
                        (extract(epoch FROM now()) * 1000000)::bigint
                        - coalesce(own.audit_retention_days, tier.audit_retention_days) * 86400000000
                END
            FROM axonflow.tenant AS own
            JOIN axonflow.tier ON tier.tier = own.tier
            WHERE own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        )
    );
GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.audit_cut TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_cut TO axonflow_keeper
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'principal', 'role', 'role_grant', 'api_key', 'policy_set', 'policy_version', 'policy_activation',
        'api_policy', 'api_policy_version', 'policy_override', 'connector', 'connector_secret', 'catalog_entry',
        'catalog_version', 'approval', 'metric_rollup', 'plan_execution', 'vault_value', 'audit_person_key',
        'plan_version', 'plan_step', 'workflow', 'workflow_step'
    ] LOOP
        EXECUTE pg_catalog.format('GRANT SELECT (tenant_id), DELETE ON axonflow.%I TO axonflow_keeper', name);
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY erase ON axonflow.%I TO axonflow_keeper
            USING (
                tenant_id = (
                    SELECT own.tenant_id FROM axonflow.tenant AS own
                    WHERE
                        own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
                        AND own.status = 'deleting' AND NOT own.audit_hold
                )
            )$sql$, name
        );
    END LOOP;
    FOR name IN
        SELECT relname FROM pg_catalog.pg_class
        WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT ON axonflow.%I TO axonflow_backup', name);
        EXECUTE pg_catalog.format(
            'CREATE POLICY backup ON axonflow.%I FOR SELECT TO axonflow_backup USING (true)', name
        );
    END LOOP;
END
$$;


-- What is done by command is signed by the machine that does it, as a writer of its own ("cli-" and the id of its first
-- key). A command ends, and may not reach the anchor: the services tell it, who see these batches alone.
GRANT SELECT ON axonflow.audit_batch, axonflow.audit_writer_key TO axonflow_sync;
CREATE POLICY commands ON axonflow.audit_batch FOR SELECT TO axonflow_sync USING (writer_id ^@ 'cli-');
CREATE POLICY commands ON axonflow.audit_writer_key FOR SELECT TO axonflow_sync USING (writer_id ^@ 'cli-');

-- Commands of earlier releases sign nothing, as the writer "axonflow-cli". Where that ended is signed by those that came
-- after them, so nothing may follow it: such a command is refused, and changes nothing.
CREATE POLICY signed ON axonflow.audit_batch AS RESTRICTIVE FOR INSERT TO axonflow_writer
    WITH CHECK (writer_id <> 'axonflow-cli');
