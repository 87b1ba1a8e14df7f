-- name: add_set
INSERT INTO axonflow.policy_set (tenant_id, set_name, created_us, created_by)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: lock_set
-- Of two that publish at once, the second numbers its version after the first has committed.
SELECT 1 FROM axonflow.policy_set WHERE tenant_id = $1 AND set_name = $2 FOR UPDATE;

-- name: same_version
SELECT version FROM axonflow.policy_version
WHERE tenant_id = $1 AND set_name = $2 AND digest = $3 AND key_id = $4
ORDER BY version
LIMIT 1;

-- name: add_version
INSERT INTO axonflow.policy_version (
    tenant_id, set_name, version, digest, key_id, bundle, source, rules, author, reason, created_us
)
SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10
FROM axonflow.policy_version
WHERE tenant_id = $1 AND set_name = $2
RETURNING version;

-- name: version
SELECT tenant_id, set_name, version, digest, key_id, bundle, source, rules, author, reason, created_us
FROM axonflow.policy_version
WHERE tenant_id = $1 AND set_name = $2 AND version = $3;

-- name: bundle
SELECT bundle FROM axonflow.policy_version WHERE tenant_id = $1 AND set_name = $2 AND version = $3;

-- name: sets
SELECT set_name, coalesce(active_sequence, 0) AS sequence, active_version AS version, active_digest AS digest
FROM axonflow.policy_set
WHERE tenant_id = $1
ORDER BY set_name;

-- name: lock_sets
-- All of the scope: what was checked is how one of them goes with the others.
SELECT set_name, coalesce(active_sequence, 0) AS sequence, active_version AS version, active_digest AS digest
FROM axonflow.policy_set
WHERE tenant_id = $1
ORDER BY set_name
FOR UPDATE;

-- name: of_version
SELECT digest, rules FROM axonflow.policy_version WHERE tenant_id = $1 AND set_name = $2 AND version = $3;

-- name: add_activation
INSERT INTO axonflow.policy_activation (
    tenant_id, set_name, sequence, kind, version, author, reason, created_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: point_at
UPDATE axonflow.policy_set
SET active_sequence = $3, active_version = $4, active_digest = $5
WHERE tenant_id = $1 AND set_name = $2;

-- name: versions
SELECT tenant_id, set_name, version, digest, key_id, rules, author, reason, created_us
FROM axonflow.policy_version
WHERE tenant_id = $1 AND set_name = $2
ORDER BY version DESC
LIMIT $3;

-- name: activations
SELECT tenant_id, set_name, sequence, kind, version, author, reason, created_us
FROM axonflow.policy_activation
WHERE tenant_id = $1 AND set_name = $2
ORDER BY sequence DESC
LIMIT $3;

-- name: in_force
-- The only one that names no tenant: an agent serves all. One statement sees one moment.
SELECT tenant_id, set_name, active_sequence AS sequence, active_version AS version, active_digest AS digest,
    NULL AS organization_id
FROM axonflow.policy_set
WHERE active_version IS NOT NULL
UNION ALL
SELECT tenant_id, NULL, NULL, NULL, NULL, organization_id
FROM axonflow.tenant
WHERE organization_id IS NOT NULL
ORDER BY tenant_id, set_name;
