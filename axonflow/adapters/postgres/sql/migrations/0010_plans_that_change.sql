-- Plans that people change before they run, cancel while they run, and remove when they have ended; and where their steps
-- have got to. Those that were made before have one version.
ALTER TABLE axonflow.plan_execution
    DROP CONSTRAINT plan_execution_status_check,
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN execution_mode text COLLATE "C" NOT NULL DEFAULT 'auto',
    ADD COLUMN metadata bytea NOT NULL DEFAULT '{}',
    ADD COLUMN definition bytea NOT NULL DEFAULT 'null',
    ADD COLUMN held bytea,
    ADD COLUMN cancel_us bigint,
    ADD COLUMN cancel_reason bytea NOT NULL DEFAULT '',
    ADD CONSTRAINT plan_execution_status_check
        CHECK (status IN ('pending', 'running', 'awaiting_approval', 'completed', 'failed', 'denied', 'cancelled'));
CREATE INDEX plan_execution_by_time ON axonflow.plan_execution (tenant_id, created_us DESC, plan_id DESC);

GRANT DELETE ON axonflow.plan_execution TO axonflow_app;
CREATE POLICY remove ON axonflow.plan_execution AS RESTRICTIVE FOR DELETE TO axonflow_app
    USING (status IN ('completed', 'failed', 'denied', 'cancelled'));
GRANT SELECT (tenant_id, plan_id, cancel_us) ON axonflow.plan_execution TO axonflow_executor;
ALTER TABLE axonflow.plan_execution NO FORCE ROW LEVEL SECURITY;

-- What a plan was in each version. `summary` says what was different from the one before.
CREATE TABLE axonflow.plan_version (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    schema_version integer NOT NULL DEFAULT 1,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('created', 'updated', 'rolled_back')),
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

INSERT INTO axonflow.plan_version (
    tenant_id, plan_id, version, kind, changed_us, changed_by, summary, domain, execution_mode, metadata, definition
)
SELECT tenant_id, plan_id, 1, 'created', created_us, principal, 'made', domain, 'auto', '{}', 'null'
FROM axonflow.plan_execution;
ALTER TABLE axonflow.plan_execution FORCE ROW LEVEL SECURITY;

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

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['plan_version', 'plan_step'] LOOP
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
        EXECUTE pg_catalog.format('GRANT SELECT ON axonflow.%I TO axonflow_backup', name);
        EXECUTE pg_catalog.format(
            'CREATE POLICY backup ON axonflow.%I FOR SELECT TO axonflow_backup USING (true)', name
        );
    END LOOP;
END
$$;
