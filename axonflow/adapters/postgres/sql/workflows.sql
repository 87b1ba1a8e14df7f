-- name: add
-- Nothing comes after what was erased. Of several at once, each may find room for the last one.
INSERT INTO axonflow.workflow (
    tenant_id, workflow_id, schema_version, state, source, trace_id, created_us, version, record
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
WHERE
    NOT EXISTS (SELECT FROM axonflow.tenant AS own WHERE own.tenant_id = $1 AND own.status = 'deleting')
    AND (SELECT count(*) FROM axonflow.workflow WHERE tenant_id = $1 AND state = 'in_progress') < $10
ON CONFLICT DO NOTHING;

-- name: get
SELECT record, steps FROM axonflow.workflow WHERE tenant_id = $1 AND workflow_id = $2;

-- name: in_progress
SELECT count(*) FROM axonflow.workflow WHERE tenant_id = $1 AND state = 'in_progress';

-- name: page
-- Steps are counted of what is on the page alone, as for plans.
SELECT
    record, steps,
    (
        SELECT count(*) FROM axonflow.workflow_step
        WHERE
            workflow_step.tenant_id = listed.tenant_id AND workflow_step.workflow_id = listed.workflow_id
            AND workflow_step.state = 'completed'
    ) AS completed
FROM (
    SELECT tenant_id, workflow_id, created_us, record, steps
    FROM axonflow.workflow
    WHERE
        tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR source = $3)
        AND ($4::text IS NULL OR trace_id = $4) AND ($5::text IS NULL OR workflow_id = $5)
        AND ($6::bigint IS NULL OR created_us >= $6) AND ($7::bigint IS NULL OR created_us < $7)
    ORDER BY created_us DESC, workflow_id DESC
    LIMIT $8 OFFSET $9
) AS listed
ORDER BY created_us DESC, workflow_id DESC;

-- name: total
SELECT count(*)
FROM axonflow.workflow
WHERE
    tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR source = $3)
    AND ($4::text IS NULL OR trace_id = $4) AND ($5::text IS NULL OR workflow_id = $5)
    AND ($6::bigint IS NULL OR created_us >= $6) AND ($7::bigint IS NULL OR created_us < $7);

-- name: lock
-- Waits for gates that are under way: only a statement after this one sees what these have kept.
SELECT FROM axonflow.workflow WHERE tenant_id = $1 AND workflow_id = $2 FOR UPDATE;

-- name: change
UPDATE axonflow.workflow
SET state = $3, version = $4, record = $5
WHERE
    tenant_id = $1 AND workflow_id = $2 AND version = $4 - 1
    AND (
        $6::bigint IS NULL
        OR NOT EXISTS (
            SELECT FROM axonflow.workflow_step
            WHERE tenant_id = $1 AND workflow_id = $2 AND state = 'held' AND expires_us > $6
        )
    );

-- name: get_step
SELECT record, step_index FROM axonflow.workflow_step WHERE tenant_id = $1 AND workflow_id = $2 AND step_id = $3;

-- name: steps
SELECT record, step_index
FROM axonflow.workflow_step
WHERE tenant_id = $1 AND workflow_id = $2
ORDER BY step_index;

-- name: get_with_revision
-- A version is never taken back, and steps do not go.
SELECT
    record, steps,
    (
        SELECT coalesce(sum(version), 0)::bigint FROM axonflow.workflow_step
        WHERE tenant_id = $1 AND workflow_id = $2
    ) AS revision
FROM axonflow.workflow
WHERE tenant_id = $1 AND workflow_id = $2;

-- name: add_step
-- Whoever comes second waits for the row of the workflow; if it then adds the same step, its key is taken, and all of this
-- is undone.
WITH counted AS (
    UPDATE axonflow.workflow
    SET steps = steps + 1
    WHERE tenant_id = $1 AND workflow_id = $2 AND state = 'in_progress' AND steps < $9
    RETURNING steps - 1 AS step_index
)
INSERT INTO axonflow.workflow_step (
    tenant_id, workflow_id, step_id, schema_version, step_index, state, expires_us, version, record
)
SELECT $1, $2, $3, $8, counted.step_index, $4, $5, $6, $7 FROM counted
RETURNING step_index;

-- name: change_step
-- The workflow cannot end before this is done: who ends it waits for its row, and so does this for who began before.
WITH in_progress AS MATERIALIZED (
    SELECT FROM axonflow.workflow
    WHERE tenant_id = $1 AND workflow_id = $2 AND state = 'in_progress'
    FOR SHARE
)
UPDATE axonflow.workflow_step
SET state = $4, expires_us = $5, version = $6, record = $7
WHERE
    tenant_id = $1 AND workflow_id = $2 AND step_id = $3 AND version = $6 - 1
    AND EXISTS (SELECT FROM in_progress)
RETURNING step_index;

-- name: held
SELECT
    workflow.record, workflow.steps, workflow_step.record AS step_record, workflow_step.step_index
FROM axonflow.workflow_step
JOIN axonflow.workflow USING (tenant_id, workflow_id)
WHERE
    tenant_id = $1 AND workflow_step.state = 'held' AND workflow_step.expires_us > $2
    AND workflow.state = 'in_progress'
ORDER BY workflow_step.expires_us, workflow_id, workflow_step.step_id
LIMIT $3 OFFSET $4;
