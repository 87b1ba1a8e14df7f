-- name: lock
-- One at a time counts the keys of a tenant.
SELECT pg_advisory_xact_lock(hashtextextended($1, 7233179281370211193));

-- name: room
SELECT own.status, coalesce(own.max_api_keys, tier.max_api_keys) AS most
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE own.tenant_id = $1;

-- name: active
-- How many hold at $2, without the one that is about to be replaced.
SELECT count(*)
FROM axonflow.api_key
WHERE
    tenant_id = $1 AND revoked_us IS NULL AND (expires_us IS NULL OR expires_us > $2)
    AND key_id IS DISTINCT FROM $3;

-- name: end_old
UPDATE axonflow.api_key
SET expires_us = least(expires_us, $4)
WHERE
    tenant_id = $1 AND key_id = $2 AND revoked_us IS NULL AND (expires_us IS NULL OR expires_us > $3);

-- name: add
INSERT INTO axonflow.api_key (
    tenant_id, key_id, client_id, name, prefix, pepper_id, scopes, roles, rotated_from, created_us, created_by,
    expires_us, key_hmac
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: get
SELECT
    tenant_id, key_id, client_id, name, prefix, pepper_id, scopes, roles, rotated_from, created_us, created_by,
    expires_us, last_used_us, revoked_us, revoked_by
FROM axonflow.api_key
WHERE tenant_id = $1 AND key_id = $2;

-- name: page
SELECT
    tenant_id, key_id, client_id, name, prefix, pepper_id, scopes, roles, rotated_from, created_us, created_by,
    expires_us, last_used_us, revoked_us, revoked_by
FROM axonflow.api_key
WHERE tenant_id = $1 AND ($2::bigint IS NULL OR (created_us, key_id) < ($2, $3::text))
ORDER BY created_us DESC, key_id DESC
LIMIT $4;

-- name: revoke
UPDATE axonflow.api_key
SET revoked_us = $3, revoked_by = $4
WHERE tenant_id = $1 AND key_id = $2 AND revoked_us IS NULL;

-- name: used
-- Written rarely: ten minutes later at the soonest, however many agents say so.
UPDATE axonflow.api_key
SET last_used_us = $3
WHERE
    tenant_id = $1 AND key_id = $2 AND revoked_us IS NULL
    AND (last_used_us IS NULL OR last_used_us < $3 - 600000000);

-- name: find
SELECT
    api_key.tenant_id, api_key.key_id, api_key.client_id, api_key.scopes, api_key.roles, api_key.expires_us,
    api_key.revoked_us, tenant.status,
    coalesce(tenant.max_requests_per_minute, tier.max_requests_per_minute) AS max_requests_per_minute
FROM axonflow.api_key
JOIN axonflow.tenant ON tenant.tenant_id = api_key.tenant_id
JOIN axonflow.tier ON tier.tier = tenant.tier
WHERE api_key.key_hmac = $1;

-- name: granted
SELECT role, expires_us
FROM axonflow.role_grant
WHERE tenant_id = $1 AND principal_type = 'service' AND principal_id = $2;

-- name: own_roles
SELECT role, permissions FROM axonflow.role WHERE tenant_id = $1 AND role = ANY ($2::text[]);
