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

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['workflow', 'workflow_step'] LOOP
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
