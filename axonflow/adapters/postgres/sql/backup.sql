-- name: tables
-- What is kept, in an order in which people read it. Partitions are part of their table; a generated column is made anew.
SELECT
    relname AS name,
    greatest(
        CASE relkind WHEN 'p' THEN (
            SELECT sum(part.reltuples)::bigint FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
            WHERE inhparent = pg_class.oid
        ) ELSE reltuples::bigint END, 0
    ) AS about_rows,
    (
        SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ) AS columns,
    (
        SELECT array_agg(attname::text ORDER BY place)
        FROM pg_index, unnest(indkey) WITH ORDINALITY AS key (attnum, place)
        JOIN pg_attribute ON attrelid = pg_class.oid AND pg_attribute.attnum = key.attnum
        WHERE indrelid = pg_class.oid AND indisprimary
    ) AS key
FROM pg_class
WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'schema_migration'
ORDER BY relname;

-- name: is_there
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'axonflow');

-- name: forced
-- The tables whose owner is under their policies too, partitions included.
SELECT relname AS name FROM pg_class
WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND relforcerowsecurity
ORDER BY relname;

-- name: now
SELECT
    (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint AS time_us,
    current_setting('server_version') AS server,
    current_database() AS database;
