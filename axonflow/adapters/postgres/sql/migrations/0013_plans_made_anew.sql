-- A plan that is made anew after a failure is a version of its own; `replans` counts these. `holds` counts how often it came
-- to wait for somebody: whoever approves says what was seen. How often those that wait by now did is not known.
ALTER TABLE axonflow.plan_execution
    ADD COLUMN replans integer NOT NULL DEFAULT 0 CHECK (replans >= 0),
    ADD COLUMN holds integer NOT NULL DEFAULT 0 CHECK (holds >= 0);
ALTER TABLE axonflow.plan_execution NO FORCE ROW LEVEL SECURITY;
UPDATE axonflow.plan_execution SET holds = 2 WHERE held IS NOT NULL;
ALTER TABLE axonflow.plan_execution FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.plan_version
    DROP CONSTRAINT plan_version_kind_check,
    ADD CONSTRAINT plan_version_kind_check CHECK (kind IN ('created', 'updated', 'rolled_back', 'replanned'));
