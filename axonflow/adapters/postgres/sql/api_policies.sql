-- name: page
-- What applies to a tenant is its own, its organization's and the system's. Without $7 (enabled) and the like: any.
-- The kind of a dynamic policy is in its definition, which PostgreSQL looks into only where it is asked for. Which rows
-- are on the page and how many there are in all it finds in an index where it can, and then reads those of the page.
SELECT
    tenant_id, id, schema_version, policy_id, name, description, category, severity, definition, priority, tags, enabled,
    version, created_us, created_by, updated_us, updated_by, total
FROM (
    SELECT
        tenant_id, kind, created_us, id, count(*) OVER () AS total,
        CASE WHEN $10 = 'name' AND NOT $11 THEN name WHEN $10 = 'category' AND NOT $11 THEN category END AS text_up,
        CASE WHEN $10 = 'name' AND $11 THEN name WHEN $10 = 'category' AND $11 THEN category END AS text_down,
        CASE WHEN $11 THEN -1 ELSE 1 END * CASE $10
            WHEN 'created_at' THEN created_us
            WHEN 'updated_at' THEN updated_us
            WHEN 'priority' THEN priority
            WHEN 'severity' THEN array_position(ARRAY['low', 'medium', 'high', 'critical'], severity::text)
            ELSE 0
        END AS number
    FROM axonflow.api_policy
    WHERE
        tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
        AND kind = $2
        AND ($3::text IS NULL OR category = $3)
        AND ($4::text IS NULL OR $4 = CASE
            WHEN tenant_id = '*' THEN 'system' WHEN tenant_id LIKE '@%' THEN 'organization' ELSE 'tenant'
        END)
        AND ($5::text IS NULL OR tenant_id = '@' || $5)
        AND ($6::text IS NULL OR convert_from(definition, 'UTF8')::json ->> 'type' = $6)
        AND ($7::boolean IS NULL OR enabled = $7)
        AND ($8::text IS NULL OR position(lower($8 COLLATE "C") IN lower(name)) > 0
            OR position(lower($8 COLLATE "C") IN lower(description)) > 0
            OR position(lower($8 COLLATE "C") IN lower(policy_id)) > 0)
    ORDER BY text_up, text_down DESC, number, id
    LIMIT $9 OFFSET $12
) AS page
JOIN axonflow.api_policy USING (tenant_id, kind, created_us, id)
ORDER BY text_up, text_down DESC, number, id;

-- name: total
-- Of a page that lies behind the last one.
SELECT count(*)
FROM axonflow.api_policy
WHERE
    tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
    AND kind = $2
    AND ($3::text IS NULL OR category = $3)
    AND ($4::text IS NULL OR $4 = CASE
        WHEN tenant_id = '*' THEN 'system' WHEN tenant_id LIKE '@%' THEN 'organization' ELSE 'tenant'
    END)
    AND ($5::text IS NULL OR tenant_id = '@' || $5)
    AND ($6::text IS NULL OR convert_from(definition, 'UTF8')::json ->> 'type' = $6)
    AND ($7::boolean IS NULL OR enabled = $7)
    AND ($8::text IS NULL OR position(lower($8 COLLATE "C") IN lower(name)) > 0
        OR position(lower($8 COLLATE "C") IN lower(description)) > 0
        OR position(lower($8 COLLATE "C") IN lower(policy_id)) > 0);

-- name: get
-- By either of its ids. Asked in one condition, it would be looked for among all of the tenant's.
SELECT
    tenant_id, id, schema_version, policy_id, name, description, category, severity, definition, priority, tags, enabled,
    version, created_us, created_by, updated_us, updated_by
FROM (
    SELECT * FROM axonflow.api_policy
    WHERE
        tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
        AND id = $2
    UNION ALL
    SELECT * FROM axonflow.api_policy
    WHERE
        tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
        AND policy_id = $2
) AS found
ORDER BY id = $2 DESC, tenant_id = $1 DESC, tenant_id DESC
LIMIT 1;

-- name: add
INSERT INTO axonflow.api_policy (
    tenant_id, id, schema_version, policy_id, name, description, category, severity, definition, priority, tags, enabled,
    version, created_us, created_by, updated_us, updated_by, kind
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT DO NOTHING;

-- name: change
UPDATE axonflow.api_policy
SET
    schema_version = $3, policy_id = $4, name = $5, description = $6, category = $7, severity = $8, definition = $9,
    priority = $10, tags = $11, enabled = $12, version = $13, created_us = $14, created_by = $15, updated_us = $16,
    updated_by = $17
WHERE tenant_id = $1 AND id = $2 AND version = $13 - 1 AND kind = $18;

-- name: remove
DELETE FROM axonflow.api_policy
WHERE tenant_id = $1 AND id = $2 AND version = $3 - 1;

-- name: add_version
INSERT INTO axonflow.api_policy_version (
    tenant_id, id, version, change, summary, snapshot, changed_us, changed_by
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: versions
SELECT tenant_id, id, version, change, summary, snapshot, changed_us, changed_by
FROM axonflow.api_policy_version
WHERE
    tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
    AND id = $2
ORDER BY version DESC
LIMIT 1000;

-- name: enabled
SELECT
    tenant_id, id, schema_version, policy_id, name, description, category, severity, definition, priority, tags, enabled,
    version, created_us, created_by, updated_us, updated_by
FROM axonflow.api_policy
WHERE
    tenant_id IN ($1, '*', (SELECT organization_id FROM axonflow.tenant AS own WHERE own.tenant_id = $1))
    AND enabled
ORDER BY id;

-- name: standing
SELECT
    tenant_id, override_id, policy_id, action, reason, created_us, created_by, expires_us, revoked_us, revoked_by
FROM axonflow.policy_override
WHERE tenant_id = $1 AND revoked_us IS NULL
ORDER BY created_us DESC, override_id DESC;

-- name: revoke
UPDATE axonflow.policy_override
SET revoked_us = $4, revoked_by = $3
WHERE tenant_id = $1 AND policy_id = $2 AND revoked_us IS NULL;

-- name: put
INSERT INTO axonflow.policy_override (
    tenant_id, override_id, policy_id, action, reason, created_us, created_by, expires_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
