-- name: add_role
INSERT INTO axonflow.role (
    tenant_id, role, description, permissions, version, created_us, created_by, updated_us
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: replace_role
UPDATE axonflow.role
SET description = $3, permissions = $4, version = $5, updated_us = $6
WHERE tenant_id = $1 AND role = $2 AND version = $5 - 1;

-- name: roles
SELECT tenant_id, role, description, permissions, version, created_us, created_by, updated_us
FROM axonflow.role
WHERE tenant_id = $1
ORDER BY role;

-- name: remove_role
DELETE FROM axonflow.role WHERE tenant_id = $1 AND role = $2;

-- name: remove_grants_of_role
-- One of the same name that is made later is another role.
DELETE FROM axonflow.role_grant WHERE tenant_id = $1 AND role = $2;

-- name: remove_role_of_keys
UPDATE axonflow.api_key SET roles = array_remove(roles, $2) WHERE tenant_id = $1 AND $2 = ANY (roles);

-- name: add_principal
INSERT INTO axonflow.principal (tenant_id, principal_type, principal_id, created_us, created_by, updated_us)
VALUES ($1, $2, $3, $4, $5, $4)
ON CONFLICT DO NOTHING;

-- name: put_grant
INSERT INTO axonflow.role_grant (
    tenant_id, principal_type, principal_id, role, granted_us, granted_by, expires_us
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, principal_type, principal_id, role) DO UPDATE
SET granted_us = excluded.granted_us, granted_by = excluded.granted_by, expires_us = excluded.expires_us;

-- name: grants
SELECT tenant_id, principal_type, principal_id, role, granted_us, granted_by, expires_us
FROM axonflow.role_grant
WHERE tenant_id = $1
ORDER BY principal_type, principal_id, role;

-- name: remove_grant
DELETE FROM axonflow.role_grant
WHERE tenant_id = $1 AND principal_type = $2 AND principal_id = $3 AND role = $4;
