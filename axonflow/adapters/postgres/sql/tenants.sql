-- name: add
INSERT INTO axonflow.tenant (
    tenant_id, name, tier, organization_id, status, max_api_keys, max_policies, max_principals, max_requests_per_minute,
    audit_retention_days, audit_hold, audit_mode, version, created_us, created_by, updated_us
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: get
SELECT
    tenant_id, name, tier, organization_id, status, max_api_keys, max_policies, max_principals, max_requests_per_minute,
    audit_retention_days, audit_hold, audit_mode, version, created_us, created_by, updated_us
FROM axonflow.tenant
WHERE tenant_id = $1 AND kind <> 'system';

-- name: page
SELECT
    tenant_id, name, tier, organization_id, status, max_api_keys, max_policies, max_principals, max_requests_per_minute,
    audit_retention_days, audit_hold, audit_mode, version, created_us, created_by, updated_us
FROM axonflow.tenant
WHERE tenant_id > $1 AND kind <> 'system'
ORDER BY tenant_id
LIMIT $2;

-- name: replace
UPDATE axonflow.tenant
SET
    name = $2, tier = $3, organization_id = $4, status = $5, max_api_keys = $6, max_policies = $7, max_principals = $8,
    max_requests_per_minute = $9, audit_retention_days = $10, audit_hold = $11, audit_mode = $12, version = $13,
    updated_us = $14
WHERE tenant_id = $1 AND version = $13 - 1;

-- name: has_members
SELECT EXISTS (SELECT FROM axonflow.tenant WHERE organization_id = $1);

-- name: inactive
SELECT tenant_id, status FROM axonflow.tenant WHERE status <> 'active';

-- name: standing
SELECT tenant_id, status, audit_mode FROM axonflow.tenant WHERE status <> 'active' OR audit_mode IS NOT NULL;
