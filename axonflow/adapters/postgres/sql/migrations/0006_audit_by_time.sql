-- The audit trail in partitions by time, without moving a row: what was the table becomes the first of them. Tasks that
-- run wait for this transaction and go on with the new table, which has the same name and columns.

ALTER TABLE axonflow.audit_event RENAME TO audit_event_first;
ALTER INDEX axonflow.audit_event_pkey RENAME TO audit_event_first_pkey;
ALTER INDEX axonflow.audit_event_tenant_id_writer_id_sequence_key
    RENAME TO audit_event_first_tenant_id_writer_id_sequence_key;
ALTER INDEX axonflow.audit_event_by_time RENAME TO audit_event_first_tenant_id_time_us_event_id_idx;
ALTER INDEX axonflow.audit_event_by_decision RENAME TO audit_event_first_tenant_id_decision_id_idx;
DROP POLICY tenant ON axonflow.audit_event_first;
DROP POLICY append ON axonflow.audit_event_first;
DROP POLICY own_records ON axonflow.audit_event_first;
DROP POLICY every_tenant ON axonflow.audit_event_first;
REVOKE ALL ON axonflow.audit_event_first FROM axonflow_app, axonflow_writer, axonflow_auditor;

CREATE TABLE axonflow.audit_event (
    tenant_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CONSTRAINT audit_event_sequence_check CHECK (sequence >= 0),
    time_us bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    decision_id text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    on_behalf_of text[] COLLATE "C" NOT NULL,
    client_id text COLLATE "C" NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    effect text COLLATE "C" NOT NULL,
    allowed boolean NOT NULL,
    policies text[] COLLATE "C" NOT NULL,
    previous bytea NOT NULL CONSTRAINT audit_event_previous_check CHECK (length(previous) = 32),
    hash bytea NOT NULL CONSTRAINT audit_event_hash_check CHECK (length(hash) = 32),
    canonical bytea NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX audit_event_by_time ON axonflow.audit_event (tenant_id, time_us DESC, event_id DESC);
CREATE INDEX audit_event_by_decision ON axonflow.audit_event (tenant_id, decision_id);

CREATE FUNCTION axonflow.audit_bound(start timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
    SELECT regexp_replace(lpad(to_hex((extract(epoch FROM start) * 1000)::bigint), 12, '0'), '(.{8})', '\1-')
$$;
CREATE FUNCTION axonflow.make_audit_partition(month date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    start timestamp := date_trunc('month', month::timestamp);
    name text := 'audit_event_' || to_char(start, 'YYYY_MM');
    first text := axonflow.audit_bound(start AT TIME ZONE 'UTC');
    beyond text := axonflow.audit_bound((start + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    IF EXISTS (
        SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE
            inhparent = 'axonflow.audit_event'::regclass
            AND coalesce(substring(pg_get_expr(relpartbound, inhrelid) FROM $re$FROM \('([^']*)'\) TO$re$), '')
                <= first COLLATE "C"
            AND substring(pg_get_expr(relpartbound, inhrelid) FROM $re$TO \('([^']*)'\)$re$) > first COLLATE "C"
    ) THEN
        RETURN false;
    END IF;
    ALTER TABLE axonflow.audit_event_other NO FORCE ROW LEVEL SECURITY;
    CREATE TEMPORARY TABLE early ON COMMIT DROP AS
        SELECT * FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    DELETE FROM axonflow.audit_event_other WHERE event_id >= first AND event_id < beyond;
    EXECUTE format(
        'CREATE TABLE axonflow.%I PARTITION OF axonflow.audit_event (UNIQUE (tenant_id, writer_id, sequence)) '
        'FOR VALUES FROM (%L) TO (%L)', name, first, beyond
    );
    EXECUTE format('INSERT INTO axonflow.%I SELECT * FROM pg_temp.early', name);
    DROP TABLE pg_temp.early;
    EXECUTE format('ALTER TABLE axonflow.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('REVOKE ALL ON axonflow.%I FROM PUBLIC', name);
    ALTER TABLE axonflow.audit_event_other FORCE ROW LEVEL SECURITY;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION axonflow.audit_bound(timestamptz), axonflow.make_audit_partition(date) FROM PUBLIC;

CREATE TABLE axonflow.audit_event_other
    PARTITION OF axonflow.audit_event (UNIQUE (tenant_id, writer_id, sequence)) DEFAULT;
REVOKE ALL ON axonflow.audit_event_other FROM PUBLIC;
ALTER TABLE axonflow.audit_event_other ENABLE ROW LEVEL SECURITY;
DO $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    bound text := axonflow.audit_bound((this_month + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    -- What a clock that was ahead has dated later than this month. The owner is under policies too, but for this.
    ALTER TABLE axonflow.audit_event_first NO FORCE ROW LEVEL SECURITY;
    INSERT INTO axonflow.audit_event_other SELECT * FROM axonflow.audit_event_first WHERE event_id >= bound;
    DELETE FROM axonflow.audit_event_first WHERE event_id >= bound;
    ALTER TABLE axonflow.audit_event_first FORCE ROW LEVEL SECURITY;
    EXECUTE pg_catalog.format(
        'ALTER TABLE axonflow.audit_event ATTACH PARTITION axonflow.audit_event_first FOR VALUES FROM (MINVALUE) TO (%L)',
        bound
    );
    FOR ahead IN 1..3 LOOP
        PERFORM axonflow.make_audit_partition((this_month + ahead * interval '1 month')::date);
    END LOOP;
END
$$;
ALTER TABLE axonflow.audit_event_other FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT ON axonflow.audit_event TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_event FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
GRANT INSERT ON axonflow.audit_event TO axonflow_writer;
GRANT SELECT (tenant_id, writer_id, sequence, event_id, hash) ON axonflow.audit_event TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_event FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_records ON axonflow.audit_event FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
GRANT SELECT ON axonflow.audit_event TO axonflow_auditor;
CREATE POLICY every_tenant ON axonflow.audit_event FOR SELECT TO axonflow_auditor USING (true);

CREATE FUNCTION axonflow.refuse_second_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    full_run record;
    taken record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(writer_id, 7023486138839756663))
    FROM (SELECT DISTINCT writer_id FROM added ORDER BY writer_id) AS writers;
    SELECT runs.* INTO full_run
    FROM (
        SELECT tenant_id, writer_id, min(sequence) AS first, max(sequence) AS last
        FROM (
            SELECT
                tenant_id, writer_id, sequence,
                sequence - row_number() OVER (PARTITION BY tenant_id, writer_id ORDER BY sequence) AS run
            FROM added
        ) AS numbered
        GROUP BY tenant_id, writer_id, run
    ) AS runs
    WHERE runs.last - runs.first + 1 < (
        SELECT count(*) FROM axonflow.audit_event AS kept
        WHERE
            kept.tenant_id = runs.tenant_id AND kept.writer_id = runs.writer_id
            AND kept.sequence BETWEEN runs.first AND runs.last
    )
    LIMIT 1;
    IF FOUND THEN
        SELECT added.sequence, added.event_id INTO taken
        FROM axonflow.audit_event AS kept
        JOIN added USING (tenant_id, writer_id, sequence)
        WHERE
            kept.tenant_id = full_run.tenant_id AND kept.writer_id = full_run.writer_id
            AND kept.sequence BETWEEN full_run.first AND full_run.last AND kept.event_id <> added.event_id
        ORDER BY added.sequence
        LIMIT 1;
        RAISE unique_violation USING
            MESSAGE = 'another record holds this place', CONSTRAINT = 'audit_event_place',
            DETAIL = json_build_array(full_run.writer_id, taken.sequence, taken.event_id)::text;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION axonflow.refuse_second_history() FROM PUBLIC;
CREATE TRIGGER second_history AFTER INSERT ON axonflow.audit_event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION axonflow.refuse_second_history();

CREATE TABLE axonflow.audit_cut (
    tenant_id text COLLATE "C" NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    records bigint NOT NULL CHECK (records > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    cut_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, writer_id)
);
ALTER TABLE axonflow.audit_cut ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON axonflow.audit_cut TO axonflow_app, axonflow_auditor;
CREATE POLICY tenant ON axonflow.audit_cut FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY every_tenant ON axonflow.audit_cut FOR SELECT TO axonflow_auditor USING (true);
