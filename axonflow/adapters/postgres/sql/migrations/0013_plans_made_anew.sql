-- A plan that is made anew after a failure is a version of its own; `replans` counts these.
ALTER TABLE axonflow.plan_execution
    ADD COLUMN replans integer NOT NULL DEFAULT 0 CHECK (replans >= 0);
ALTER TABLE axonflow.plan_version
    DROP CONSTRAINT plan_version_kind_check,
    ADD CONSTRAINT plan_version_kind_check CHECK (kind IN ('created', 'updated', 'rolled_back', 'replanned'));
