-- name: add
-- Nothing comes after what was erased.
INSERT INTO axonflow.plan_execution (
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
WHERE NOT EXISTS (SELECT FROM axonflow.tenant AS own WHERE own.tenant_id = $1 AND own.status = 'deleting')
ON CONFLICT DO NOTHING;

-- name: get
SELECT
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context
FROM axonflow.plan_execution
WHERE tenant_id = $1 AND plan_id = $2;

-- name: begin
-- Of many at once, the second waits for the first one's row lock, looks again and finds it running.
UPDATE axonflow.plan_execution
SET status = 'running', executor_id = $3, started_us = $4
WHERE tenant_id = $1 AND plan_id = $2 AND status = 'pending'
RETURNING
    tenant_id, plan_id, name, domain, query, principal, status, steps, created_us, executor_id, started_us,
    finished_us, result, step_results, error, schema_version, context;

-- name: finish
UPDATE axonflow.plan_execution
SET
    name = $3, domain = $4, query = $5, principal = $6, status = $7, steps = $8, created_us = $9, started_us = $11,
    finished_us = $12, result = $13, step_results = $14, error = $15, schema_version = $16, context = $17
WHERE tenant_id = $1 AND plan_id = $2 AND executor_id = $10 AND status = 'running';

-- name: abandon
-- The only one that names no tenant: the process that went away ran plans of any.
UPDATE axonflow.plan_execution
SET status = 'failed', error = $2, finished_us = $3
WHERE executor_id = $1 AND status = 'running';
