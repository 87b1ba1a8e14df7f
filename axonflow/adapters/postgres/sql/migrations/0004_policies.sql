-- Policy sets, their versions, what is in force, and what was written through the API: what schema.sql says, and why.

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
