-- Connectors, agents and tools, approvals, and counts for dashboards: what schema.sql says, and why.

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
