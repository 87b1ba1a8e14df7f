-- name: lock
-- "keeping" in ASCII, as a number: one at a time.
SELECT pg_try_advisory_lock(30229405096439399);

-- name: make_partition
SELECT axonflow.make_audit_day($1::date);

-- name: cutoffs
-- The first microsecond that each tenant still keeps. As the policies say it, which hold whatever is asked here.
SELECT
    tenant_id,
    (extract(epoch FROM now()) * 1000000)::bigint
    - least(coalesce(own.audit_retention_days, tier.audit_retention_days), 36500) * 86400000000 AS cutoff_us
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE
    NOT own.audit_hold
    AND coalesce(own.audit_retention_days, tier.audit_retention_days) IS NOT NULL
ORDER BY tenant_id;

-- name: past_partitions
-- Those that end before some tenant's time begins ($1), the oldest first, with the bounds of their ids. In what is younger
-- everything stays, and an empty one waits for records that come late; what is dated beyond all is not among them.
SELECT name, first, beyond
FROM (
    SELECT
        relname AS name,
        coalesce(substring(pg_get_expr(relpartbound, oid) FROM $re$FROM \('([^']*)'\) TO$re$), '') AS first,
        substring(pg_get_expr(relpartbound, oid) FROM $re$TO \('([^']*)'\)$re$) AS beyond
    FROM pg_class
    WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'axonflow.audit_event'::regclass)
) AS partition
WHERE beyond <= axonflow.audit_bound(to_timestamp($1::bigint / 1000000)) COLLATE "C"
ORDER BY beyond COLLATE "C";

-- name: is_all_expired
-- Whether every record of the partition is past its tenant's time ($3, $4: tenants, and where their time begins).
SELECT NOT EXISTS (
    SELECT FROM axonflow.audit_event AS event
    LEFT JOIN unnest($3::text[], $4::bigint[]) AS own (tenant_id, cutoff_us) ON own.tenant_id = event.tenant_id
    WHERE event.event_id >= $1 AND event.event_id < $2 AND (own.cutoff_us IS NULL OR event.time_us >= own.cutoff_us)
);

-- name: ends
-- The last record of each chain in the partition.
SELECT DISTINCT ON (event.tenant_id, event.writer_id)
    event.tenant_id, event.writer_id, event.sequence + 1 AS records, event.hash
FROM axonflow.audit_event AS event
WHERE event.event_id >= $1 AND event.event_id < $2
ORDER BY event.tenant_id, event.writer_id, event.sequence DESC;

-- name: keeps_earlier
-- Whether a record before `records` of the chain is to be kept: then its clock once went back. Or is in another partition
-- ($5 to $6 are the bounds of this one), which somebody else's records keep. It is cut one by one then: a chain begins
-- ahead of all that is there of it.
SELECT EXISTS (
    SELECT FROM axonflow.audit_event
    WHERE
        tenant_id = $1 AND writer_id = $2 AND sequence < $3
        AND (time_us >= $4 OR event_id < $5 OR event_id >= $6)
);

-- name: chains
SELECT DISTINCT writer_id FROM axonflow.audit_event WHERE tenant_id = $1 AND time_us < $2 ORDER BY writer_id;

-- name: next_end
-- The last record that is past its time among the next `$4` of the chain from `$5` on, if all of them before it are as well; and how
-- many those are.
SELECT sequence + 1 AS records, hash, held
FROM (
    SELECT
        sequence, hash,
        bool_and(time_us < $3) OVER (ORDER BY sequence) AS is_expired,
        row_number() OVER (ORDER BY sequence) AS held
    FROM (
        SELECT sequence, hash, time_us
        FROM axonflow.audit_event
        WHERE tenant_id = $1 AND writer_id = $2 AND sequence >= $5
        ORDER BY sequence
        LIMIT $4
    ) AS next_records
) AS judged
WHERE is_expired
ORDER BY sequence DESC
LIMIT 1;

-- name: standing
SELECT tenant_id, writer_id, records, hash
FROM axonflow.audit_cut
ORDER BY tenant_id, writer_id;

-- name: cut
INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us)
VALUES ($1, $2, $3, $4, (extract(epoch FROM now()) * 1000000)::bigint)
ON CONFLICT (tenant_id, writer_id) DO UPDATE
SET records = excluded.records, hash = excluded.hash, cut_us = excluded.cut_us
WHERE audit_cut.records < excluded.records;

-- name: note
-- Of a segment that is cut in the middle the hashes of what goes are kept, or else nobody could tell its root any more; of
-- one that goes as a whole nothing is. Asked before the cut itself is moved: those from the cut before on are looked at.
UPDATE axonflow.audit_segment AS segment
SET
    removed = CASE
        WHEN segment.first + segment.records <= $3 THEN ''
        ELSE
            segment.removed || (
                SELECT coalesce(string_agg(event.hash, '' ORDER BY event.sequence), '')
                FROM axonflow.audit_event AS event
                WHERE
                    event.tenant_id = $1 AND event.writer_id = $2
                    AND event.sequence >= segment.first + length(segment.removed) / 32 AND event.sequence < $3
            )
    END
WHERE
    segment.tenant_id = $1 AND segment.writer_id = $2 AND segment.first < $3
    AND segment.first >= coalesce(
        (
            SELECT other.first
            FROM axonflow.audit_segment AS other
            JOIN axonflow.audit_cut AS earlier USING (tenant_id, writer_id)
            WHERE other.tenant_id = $1 AND other.writer_id = $2 AND other.first < earlier.records
            ORDER BY other.first DESC
            LIMIT 1
        ),
        0
    )
    AND (segment.first + segment.records > $3 OR segment.removed <> '');

-- name: remove
DELETE FROM axonflow.audit_event WHERE tenant_id = $1 AND writer_id = $2 AND sequence < $3;
