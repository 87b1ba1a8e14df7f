-- name: put
-- Of two at once, the second waits for the first, and then there is nothing for it to do. Nothing comes after what was
-- erased: a plan that runs to its end, for one, would leave values behind.
INSERT INTO axonflow.vault_value (tenant_id, label, schema_version, sealed)
SELECT $1, $2, $3, $4
WHERE NOT EXISTS (SELECT FROM axonflow.tenant AS own WHERE own.tenant_id = $1 AND own.status = 'deleting')
ON CONFLICT DO NOTHING;

-- name: get
SELECT sealed FROM axonflow.vault_value WHERE tenant_id = $1 AND label = $2;
