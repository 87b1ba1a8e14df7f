-- name: later
-- From one writer of the tenant to the next through the unique index, in the partitions from $2 on, which begins a day.
-- Of each what is behind what was told ($4, $5); of one that was not told of, behind the last that has an id up to $3.
WITH RECURSIVE writer AS (
    (
        SELECT writer_id
        FROM axonflow.audit_event
        WHERE tenant_id = $1 AND event_id >= $2
        ORDER BY writer_id
        LIMIT 1
    )
    UNION ALL
    SELECT following.writer_id
    FROM
        writer,
        LATERAL (
            SELECT event.writer_id
            FROM axonflow.audit_event AS event
            WHERE event.tenant_id = $1 AND event.event_id >= $2 AND event.writer_id > writer.writer_id
            ORDER BY event.writer_id
            LIMIT 1
        ) AS following
),
-- Where each goes on. Of one that was not told of, that is found from its newest record on, back to 10,000 of them; of
-- one with more since $3 from there on; of one with fewer in all, where it begins.
-- Materialized: else its parts become filters of what follows, which then reads each chain from its beginning.
chain AS MATERIALIZED (
    SELECT
        writer.writer_id,
        coalesce(
            told.next,
            (
                SELECT seen.sequence + 1
                FROM (
                    SELECT event.sequence, event.event_id
                    FROM axonflow.audit_event AS event
                    WHERE event.tenant_id = $1 AND event.writer_id = writer.writer_id AND event.event_id >= $2
                    ORDER BY event.sequence DESC
                    LIMIT 10000
                ) AS seen
                WHERE seen.event_id <= $3
                ORDER BY seen.sequence DESC
                LIMIT 1
            ),
            (
                SELECT event.sequence
                FROM axonflow.audit_event AS event
                WHERE
                    event.tenant_id = $1 AND event.event_id > $3 AND event.writer_id = writer.writer_id
                    AND (
                        SELECT count(*)
                        FROM (
                            SELECT
                            FROM axonflow.audit_event AS one
                            WHERE one.tenant_id = $1 AND one.writer_id = writer.writer_id AND one.event_id >= $2
                            LIMIT 10000
                        ) AS those
                    ) = 10000
                ORDER BY event.event_id
                LIMIT 1
            ),
            0
        ) AS first
    FROM writer
    LEFT JOIN unnest($4::text[], $5::bigint[]) AS told (writer_id, next) ON told.writer_id = writer.writer_id
)
SELECT chain.writer_id, later.sequence, later.canonical
FROM
    chain,
    LATERAL (
        SELECT event.sequence, event.canonical
        FROM axonflow.audit_event AS event
        WHERE
            event.tenant_id = $1 AND event.writer_id = chain.writer_id AND event.event_id >= $2
            AND event.sequence >= chain.first
        ORDER BY event.sequence
        LIMIT $6
    ) AS later
ORDER BY chain.writer_id, later.sequence;
