-- name: head
-- Where the chain of a tenant and writer ends: its last record, or what was cut off when all of it was past its time. A
-- row without values for a tenant that has no such chain; none without the tenant.
SELECT reached.records, reached.hash
FROM axonflow.tenant AS own
LEFT JOIN LATERAL (
    (
        SELECT sequence + 1 AS records, hash
        FROM axonflow.audit_event
        WHERE tenant_id = own.tenant_id AND writer_id = $2
        ORDER BY sequence DESC
        LIMIT 1
    )
    UNION ALL
    SELECT records, hash FROM axonflow.audit_cut WHERE tenant_id = own.tenant_id AND writer_id = $2
    ORDER BY records DESC
    LIMIT 1
) AS reached ON true
WHERE own.tenant_id = $1;
