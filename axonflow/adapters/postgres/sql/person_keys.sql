-- name: keep
INSERT INTO axonflow.audit_person_key (tenant_id, key_id, tag, wrapped, created_us)
SELECT given.tenant_id, given.key_id, given.tag, given.wrapped, given.created_us
FROM
    unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[])
    AS given (tenant_id, key_id, tag, wrapped, created_us)
ON CONFLICT DO NOTHING;

-- name: of_person
SELECT key_id FROM axonflow.audit_person_key
WHERE tenant_id = $1 AND tag = $2
ORDER BY created_us DESC, key_id
LIMIT 1000;

-- name: wrapped
SELECT key_id, wrapped FROM axonflow.audit_person_key
WHERE tenant_id = $1 AND key_id = ANY ($2::text[]) AND wrapped IS NOT NULL;

-- name: newest
SELECT key_id, wrapped FROM axonflow.audit_person_key
WHERE tenant_id = $1 AND wrapped IS NOT NULL
ORDER BY created_us DESC, key_id
LIMIT $2;

-- name: is_held
SELECT audit_hold FROM axonflow.tenant WHERE tenant_id = $1;

-- name: destroy
WITH destroyed AS (
    UPDATE axonflow.audit_person_key
    SET tag = NULL, wrapped = NULL, destroyed_us = $3
    WHERE tenant_id = $1 AND tag = $2
    RETURNING key_id, created_us
)
SELECT key_id FROM destroyed ORDER BY created_us DESC, key_id;
