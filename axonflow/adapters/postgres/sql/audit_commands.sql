-- name: newest
-- From one writer to the next through the primary key, among those of commands: '.' comes behind '-'.
WITH RECURSIVE writer AS (
    SELECT min(writer_id) AS writer_id FROM axonflow.audit_batch WHERE writer_id >= 'cli-' AND writer_id < 'cli.'
    UNION ALL
    SELECT (
        SELECT min(batch.writer_id) FROM axonflow.audit_batch AS batch
        WHERE batch.writer_id > writer.writer_id AND batch.writer_id < 'cli.'
    )
    FROM writer
    WHERE writer_id IS NOT NULL
)
SELECT writer.writer_id, newest.number
FROM
    writer,
    LATERAL (
        SELECT batch.number FROM axonflow.audit_batch AS batch
        WHERE batch.writer_id = writer.writer_id
        ORDER BY batch.number DESC
        LIMIT 1
    ) AS newest;

-- name: keys
SELECT number, key_id, public_key, endorsement
FROM axonflow.audit_writer_key
WHERE writer_id = $1
ORDER BY number;

-- name: batches
SELECT number, statement, signature
FROM axonflow.audit_batch
WHERE writer_id = $1 AND number >= $2
ORDER BY number
LIMIT $3;
