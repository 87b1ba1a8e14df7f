-- An id begins with its time, so ids tell which partitions are asked. All of this is planned once, for whatever is asked:
-- to plan for ninety partitions takes longer than to ask them.

-- name: plan_once
-- A partition that was empty when it was planned for would be read as a whole when it is not any more.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true);

-- name: page
SELECT canonical
FROM axonflow.audit_event
WHERE
    tenant_id = $1 AND event_id >= $2 AND event_id < $3
    AND ($4::bigint IS NULL OR time_us >= $4)
    AND ($5::bigint IS NULL OR time_us < $5)
    AND ($6::text IS NULL OR kind = $6)
    AND ($7::text[] IS NULL OR principal = ANY ($7) OR on_behalf_of && $7)
    AND ($8::text IS NULL OR client_id = $8)
    AND ($9::text IS NULL OR action = $9)
    AND ($10::text IS NULL OR effect = $10)
    AND ($11::text IS NULL OR $11 = ANY (policies))
    AND ($12::text[] IS NULL OR resource = ANY ($12))
    AND ($13::boolean IS NULL OR allowed = $13)
ORDER BY event_id DESC
LIMIT $14 OFFSET $15;

-- name: page_of_decision
-- By the index of decisions: what has to do with one is a handful. Its other conditions are asked outside (OFFSET 0 keeps
-- them there), for to make ready the same for each of ninety partitions took longer than all else.
SELECT canonical
FROM (
    SELECT *
    FROM axonflow.audit_event
    WHERE tenant_id = $1 AND event_id >= $2 AND event_id < $3 AND decision_id = $16
    OFFSET 0
) AS found
WHERE
    ($4::bigint IS NULL OR time_us >= $4)
    AND ($5::bigint IS NULL OR time_us < $5)
    AND ($6::text IS NULL OR kind = $6)
    AND ($7::text[] IS NULL OR principal = ANY ($7) OR on_behalf_of && $7)
    AND ($8::text IS NULL OR client_id = $8)
    AND ($9::text IS NULL OR action = $9)
    AND ($10::text IS NULL OR effect = $10)
    AND ($11::text IS NULL OR $11 = ANY (policies))
    AND ($12::text[] IS NULL OR resource = ANY ($12))
    AND ($13::boolean IS NULL OR allowed = $13)
ORDER BY event_id DESC
LIMIT $14 OFFSET $15;

-- name: history
SELECT event_id, canonical
FROM axonflow.audit_event
WHERE
    tenant_id = $1 AND event_id >= $2 AND event_id < $3
    AND ($4::bigint IS NULL OR time_us >= $4)
    AND ($5::bigint IS NULL OR time_us < $5)
    AND ($6::text IS NULL OR kind = $6)
    AND ($7::text[] IS NULL OR principal = ANY ($7) OR on_behalf_of && $7)
    AND ($8::text IS NULL OR client_id = $8)
    AND ($9::text IS NULL OR action = $9)
    AND ($10::text IS NULL OR effect = $10)
    AND ($11::text IS NULL OR $11 = ANY (policies))
    AND ($12::text[] IS NULL OR resource = ANY ($12))
    AND ($13::boolean IS NULL OR allowed = $13)
    AND ($14::text IS NULL OR decision_id = $14)
ORDER BY event_id DESC
LIMIT $15;

-- name: count
-- $4 at most: of the index alone, where the table was vacuumed.
SELECT count(*)
FROM (SELECT FROM axonflow.audit_event WHERE tenant_id = $1 AND event_id >= $2 AND event_id < $3 LIMIT $4) AS found;

-- name: count_between
-- The same for a time ($7 to $8): of ids from $3 to $4 it is known that they lie within it, of those up to $5 and $6 on
-- either side their events have to say.
SELECT
    (
        SELECT count(*)
        FROM (SELECT FROM axonflow.audit_event WHERE tenant_id = $1 AND event_id >= $3 AND event_id < $4 LIMIT $2) AS found
    ) + (
        SELECT count(*) FROM axonflow.audit_event
        WHERE
            tenant_id = $1 AND event_id >= $5 AND event_id < $3
            AND ($7::bigint IS NULL OR time_us >= $7) AND ($8::bigint IS NULL OR time_us < $8)
    ) + (
        SELECT count(*) FROM axonflow.audit_event
        WHERE
            tenant_id = $1 AND event_id >= $4 AND event_id < $6
            AND ($7::bigint IS NULL OR time_us >= $7) AND ($8::bigint IS NULL OR time_us < $8)
    );

-- name: count_filtered
SELECT count(*)
FROM (
    SELECT FROM axonflow.audit_event
    WHERE
        tenant_id = $1 AND event_id >= $2 AND event_id < $3
        AND ($4::bigint IS NULL OR time_us >= $4)
        AND ($5::bigint IS NULL OR time_us < $5)
        AND ($6::text IS NULL OR kind = $6)
        AND ($7::text[] IS NULL OR principal = ANY ($7) OR on_behalf_of && $7)
        AND ($8::text IS NULL OR client_id = $8)
        AND ($9::text IS NULL OR action = $9)
        AND ($10::text IS NULL OR effect = $10)
        AND ($11::text IS NULL OR $11 = ANY (policies))
        AND ($12::text[] IS NULL OR resource = ANY ($12))
        AND ($13::boolean IS NULL OR allowed = $13)
    LIMIT $14
) AS found;

-- name: count_of_decision
SELECT count(*)
FROM (
    SELECT
    FROM (
        SELECT *
        FROM axonflow.audit_event
        WHERE tenant_id = $1 AND event_id >= $2 AND event_id < $3 AND decision_id = $15
        OFFSET 0
    ) AS found
    WHERE
        ($4::bigint IS NULL OR time_us >= $4)
        AND ($5::bigint IS NULL OR time_us < $5)
        AND ($6::text IS NULL OR kind = $6)
        AND ($7::text[] IS NULL OR principal = ANY ($7) OR on_behalf_of && $7)
        AND ($8::text IS NULL OR client_id = $8)
        AND ($9::text IS NULL OR action = $9)
        AND ($10::text IS NULL OR effect = $10)
        AND ($11::text IS NULL OR $11 = ANY (policies))
        AND ($12::text[] IS NULL OR resource = ANY ($12))
        AND ($13::boolean IS NULL OR allowed = $13)
    LIMIT $14
) AS counted;

-- name: is_known
-- A tenant that was made, or of which there is a trail although it never was, or is not any more.
SELECT
    EXISTS (SELECT FROM axonflow.tenant WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM axonflow.audit_segment WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM axonflow.audit_cut WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM axonflow.audit_event WHERE tenant_id = $1);
