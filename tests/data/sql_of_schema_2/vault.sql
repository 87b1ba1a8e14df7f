-- name: put
-- Of two at once, the second waits for the first, and then there is nothing for it to do.
INSERT INTO axonflow.vault_value (tenant_id, label, schema_version, sealed)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: get
SELECT sealed FROM axonflow.vault_value WHERE tenant_id = $1 AND label = $2;
