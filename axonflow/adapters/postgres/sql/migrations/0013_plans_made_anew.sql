-- A plan that is made anew after a failure is a version of its own; `replans` counts these. `holds` counts how often it came
-- to wait for somebody: whoever approves says what was seen. How often those that wait by now did is not known.
ALTER TABLE axonflow.plan_execution
    ADD COLUMN replans integer NOT NULL DEFAULT 0 CHECK (replans >= 0),
    ADD COLUMN holds integer NOT NULL DEFAULT 0 CHECK (holds >= 0);
ALTER TABLE axonflow.plan_execution NO FORCE ROW LEVEL SECURITY;
UPDATE axonflow.plan_execution SET holds = 2 WHERE held IS NOT NULL;
ALTER TABLE axonflow.plan_version
    DROP CONSTRAINT plan_version_kind_check,
    ADD CONSTRAINT plan_version_kind_check CHECK (kind IN ('created', 'updated', 'rolled_back', 'replanned'));

-- A process that runs plans says now and then that it is there: `beat` is another text each time, and whoever sees the same
-- one for long enough gives up what it left running. Those of before said nothing: theirs is empty until they do.
CREATE TABLE axonflow.plan_executor (
    executor_id text COLLATE "C" PRIMARY KEY,
    schema_version integer NOT NULL DEFAULT 1,
    beat text COLLATE "C" NOT NULL
);
INSERT INTO axonflow.plan_executor (executor_id, beat)
SELECT DISTINCT executor_id, '' FROM axonflow.plan_execution WHERE status = 'running';
ALTER TABLE axonflow.plan_execution FORCE ROW LEVEL SECURITY;

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
GRANT SELECT ON axonflow.plan_executor TO axonflow_backup;
CREATE POLICY backup ON axonflow.plan_executor FOR SELECT TO axonflow_backup USING (true);

-- Those of a tenant that are in progress are counted before there is another.
CREATE INDEX workflow_in_progress ON axonflow.workflow (tenant_id) WHERE state = 'in_progress';
