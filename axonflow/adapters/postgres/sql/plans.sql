-- name: add
-- Nothing comes after what was erased.
INSERT INTO axonflow.plan_execution (
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, schema_version, context, version,
    execution_mode, metadata, definition, executor_id, started_us, finished_us, result, step_results, error
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
WHERE NOT EXISTS (SELECT FROM axonflow.tenant AS own WHERE own.tenant_id = $1 AND own.status = 'deleting')
ON CONFLICT DO NOTHING;

-- name: add_version
INSERT INTO axonflow.plan_version (
    tenant_id, plan_id, version, kind, changed_us, changed_by, summary, domain, execution_mode, metadata, definition
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: get
SELECT
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context, version, execution_mode, metadata, definition,
    held, cancel_us, cancel_reason, replans, holds
FROM axonflow.plan_execution
WHERE tenant_id = $1 AND plan_id = $2;

-- name: outline
-- Without what may be large.
SELECT
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, error, schema_version, version, execution_mode, metadata, cancel_us, cancel_reason, replans, holds
FROM axonflow.plan_execution
WHERE tenant_id = $1 AND plan_id = $2;

-- name: page
-- Without what may be large. How many there are is asked for by itself: a page behind the last one has no rows to say.
-- Steps are counted of what is on the page alone: what is selected is worked out for all that is passed over, too.
SELECT
    listed.*,
    (
        SELECT count(*) FROM axonflow.plan_step
        WHERE
            plan_step.tenant_id = listed.tenant_id AND plan_step.plan_id = listed.plan_id
            AND plan_step.state = 'succeeded'
    ) AS succeeded
FROM (
    SELECT
        tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
        finished_us, error, schema_version, version, execution_mode, metadata, cancel_us, cancel_reason,
        replans, holds, CASE WHEN $2 = ARRAY['awaiting_approval'] THEN held END AS held
    FROM axonflow.plan_execution
    WHERE
        tenant_id = $1 AND ($2::text[] IS NULL OR status = ANY ($2)) AND ($3::text IS NULL OR plan_id = $3)
        AND ($4::bigint IS NULL OR created_us >= $4) AND ($5::bigint IS NULL OR created_us < $5)
    ORDER BY created_us DESC, plan_id DESC
    LIMIT $6 OFFSET $7
) AS listed
ORDER BY created_us DESC, plan_id DESC;

-- name: total
SELECT count(*)
FROM axonflow.plan_execution
WHERE
    tenant_id = $1 AND ($2::text[] IS NULL OR status = ANY ($2)) AND ($3::text IS NULL OR plan_id = $3)
    AND ($4::bigint IS NULL OR created_us >= $4) AND ($5::bigint IS NULL OR created_us < $5);

-- name: steps
SELECT step, state, started_us, finished_us, attempts, facts
FROM axonflow.plan_step
WHERE tenant_id = $1 AND plan_id = $2;

-- name: remove
DELETE FROM axonflow.plan_execution
WHERE tenant_id = $1 AND plan_id = $2 AND status IN ('completed', 'failed', 'denied', 'cancelled');

-- name: revise
UPDATE axonflow.plan_execution
SET name = $4, domain = $5, steps = $6, execution_mode = $7, metadata = $8, definition = $9, version = $3
WHERE tenant_id = $1 AND plan_id = $2 AND version = $3 - 1 AND status = 'pending';

-- name: replan
-- What is to stop is not made anew.
UPDATE axonflow.plan_execution
SET steps = $5, definition = $6, version = $4, replans = replans + 1
WHERE
    tenant_id = $1 AND plan_id = $2 AND executor_id = $3 AND version = $4 - 1 AND status = 'running'
    AND cancel_us IS NULL;

-- name: versions
SELECT
    tenant_id, plan_id, version, kind, changed_us, changed_by, summary, domain, execution_mode, metadata, definition
FROM axonflow.plan_version
WHERE tenant_id = $1 AND plan_id = $2
ORDER BY version DESC;

-- name: cancel
-- Of one that runs, whoever runs it is told when it asks.
UPDATE axonflow.plan_execution
SET
    status = CASE status WHEN 'running' THEN status ELSE 'cancelled' END,
    finished_us = CASE status WHEN 'running' THEN finished_us ELSE $4 END,
    cancel_us = coalesce(cancel_us, $4),
    cancel_reason = CASE WHEN cancel_us IS NULL THEN $3 ELSE cancel_reason END
WHERE tenant_id = $1 AND plan_id = $2 AND status IN ('pending', 'running', 'awaiting_approval')
RETURNING
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context, version, execution_mode, metadata, definition,
    held, cancel_us, cancel_reason, replans, holds;

-- name: begin
-- Of many at once, the second waits for the first one's row lock, looks again and finds it running.
UPDATE axonflow.plan_execution
SET status = 'running', executor_id = $3, started_us = coalesce(started_us, $4)
WHERE tenant_id = $1 AND plan_id = $2 AND status = $5
RETURNING
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context, version, execution_mode, metadata, definition,
    held, cancel_us, cancel_reason, replans, holds;

-- name: progress
INSERT INTO axonflow.plan_step (tenant_id, plan_id, step, state, started_us, finished_us, attempts, facts)
SELECT $1, $2, new.*
FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::integer[], $9::bytea[]) AS new
WHERE
    EXISTS (
        SELECT FROM axonflow.plan_execution
        WHERE tenant_id = $1 AND plan_id = $2 AND executor_id = $3 AND status = 'running'
    )
ON CONFLICT (tenant_id, plan_id, step) DO UPDATE
SET
    state = excluded.state, started_us = excluded.started_us, finished_us = excluded.finished_us,
    attempts = excluded.attempts, facts = excluded.facts;

-- name: finish
-- What is to stop is not held. What goes back to where it was held waits for nothing new.
UPDATE axonflow.plan_execution
SET
    status = CASE WHEN $4 = 'awaiting_approval' AND cancel_us IS NOT NULL THEN 'cancelled' ELSE $4 END,
    finished_us = CASE WHEN $4 = 'awaiting_approval' THEN cancel_us ELSE $5 END,
    held = CASE WHEN cancel_us IS NULL THEN $9::bytea END,
    holds = holds + CASE WHEN cancel_us IS NULL AND $9::bytea IS NOT NULL AND $9 IS DISTINCT FROM held THEN 1 ELSE 0 END,
    result = $6, step_results = $7, error = $8
WHERE tenant_id = $1 AND plan_id = $2 AND executor_id = $3 AND status = 'running'
RETURNING status;

-- name: cancelled
-- This and what follows alone name no tenant: a process runs plans of any.
SELECT tenant_id, plan_id
FROM axonflow.plan_execution
WHERE executor_id = $1 AND status = 'running' AND cancel_us IS NOT NULL;

-- name: abandon
UPDATE axonflow.plan_execution
SET status = 'failed', error = $2, finished_us = $3
WHERE executor_id = $1 AND status = 'running';

-- name: beat
UPDATE axonflow.plan_executor SET beat = $2 WHERE executor_id = $1;

-- name: arrive
INSERT INTO axonflow.plan_executor (executor_id, beat) VALUES ($1, $2)
ON CONFLICT (executor_id) DO UPDATE SET beat = excluded.beat;

-- name: beats
SELECT executor_id, beat FROM axonflow.plan_executor;

-- name: leave
-- One that says meanwhile that it is there waits for this, and comes again.
DELETE FROM axonflow.plan_executor WHERE executor_id = $1 AND ($2::text IS NULL OR beat = $2);
