-- Batches of the audit trail, signed by their writers; partitions of a day; how a tenant's events are recorded.

-- Public keys of writers, each from the batch `number` on; all but the first are endorsed by the one before.
CREATE TABLE axonflow.audit_writer_key (
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    key_id text COLLATE "C" NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    endorsement bytea,
    created_us bigint NOT NULL,
    PRIMARY KEY (writer_id, number)
);

-- `statement` is what was signed; `hash` is that of its bytes, which the next batch of the writer names.
CREATE TABLE axonflow.audit_batch (
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    statement bytea NOT NULL,
    signature bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sealed_us bigint NOT NULL,
    PRIMARY KEY (writer_id, number)
);

-- The records of one chain in a batch. `removed` are the hashes of its first records, those that are past their time.
CREATE TABLE axonflow.audit_segment (
    tenant_id text COLLATE "C" NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    schema_version integer NOT NULL DEFAULT 1,
    first bigint NOT NULL CHECK (first >= 0),
    records integer NOT NULL CHECK (records > 0),
    head bytea NOT NULL CHECK (length(head) = 32),
    root bytea NOT NULL CHECK (length(root) = 32),
    removed bytea NOT NULL DEFAULT '',
    PRIMARY KEY (writer_id, number, position)
);
CREATE INDEX audit_segment_by_chain ON axonflow.audit_segment (tenant_id, writer_id, first);

ALTER TABLE axonflow.audit_writer_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_batch ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE axonflow.audit_segment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT INSERT ON axonflow.audit_writer_key, axonflow.audit_batch, axonflow.audit_segment TO axonflow_writer;
GRANT SELECT (writer_id, number, key_id) ON axonflow.audit_writer_key TO axonflow_writer;
GRANT SELECT (writer_id, number, hash) ON axonflow.audit_batch TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_writer_key FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_keys ON axonflow.audit_writer_key FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
CREATE POLICY append ON axonflow.audit_batch FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_batches ON axonflow.audit_batch FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));
CREATE POLICY append ON axonflow.audit_segment FOR INSERT TO axonflow_writer WITH CHECK (true);

GRANT SELECT ON axonflow.audit_writer_key, axonflow.audit_batch, axonflow.audit_segment TO axonflow_auditor;
CREATE POLICY every_writer ON axonflow.audit_writer_key FOR SELECT TO axonflow_auditor USING (true);
CREATE POLICY every_writer ON axonflow.audit_batch FOR SELECT TO axonflow_auditor USING (true);
CREATE POLICY every_tenant ON axonflow.audit_segment FOR SELECT TO axonflow_auditor USING (true);

GRANT SELECT ON axonflow.audit_segment TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_segment FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

-- Whoever cuts chains notes what is gone. Segments stay, also those of a tenant that is erased: roots of batches are over
-- all of them.
GRANT SELECT, UPDATE (removed) ON axonflow.audit_segment TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_segment FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY note ON axonflow.audit_segment FOR UPDATE TO axonflow_keeper
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

GRANT SELECT ON axonflow.audit_writer_key, axonflow.audit_batch, axonflow.audit_segment TO axonflow_backup;
CREATE POLICY backup ON axonflow.audit_writer_key FOR SELECT TO axonflow_backup USING (true);
CREATE POLICY backup ON axonflow.audit_batch FOR SELECT TO axonflow_backup USING (true);
CREATE POLICY backup ON axonflow.audit_segment FOR SELECT TO axonflow_backup USING (true);


-- That one place of a chain is not taken twice is, for records that come in batches, that no number of a batch is. To
-- look for each run of records in each partition took longer than to put them in.
DROP TRIGGER second_history ON axonflow.audit_event;
CREATE TRIGGER second_history AFTER INSERT ON axonflow.audit_event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (coalesce(current_setting('axonflow.in_batch', true), '') <> 'on')
    EXECUTE FUNCTION axonflow.refuse_second_history();

-- Ids sort by time, so the primary key finds by time as well.
DROP INDEX axonflow.audit_event_by_time;


-- Partitions are days from now on. False when the day has one, or is part of a larger one. What is dated so far ahead that
-- it had no partition moves into its own: the owner is under policies too, but for this.
CREATE FUNCTION axonflow.make_audit_day(day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
    name text := 'audit_event_' || to_char(day, 'YYYY_MM_DD');
    first text := axonflow.audit_bound(day::timestamp AT TIME ZONE 'UTC');
    beyond text := axonflow.audit_bound((day::timestamp + interval '1 day') AT TIME ZONE 'UTC');
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
REVOKE ALL ON FUNCTION axonflow.make_audit_day(date) FROM PUBLIC;

-- Months that are still to come, and hold nothing, give way to days; so does the first partition where it holds nothing.
DO $$
DECLARE
    part record;
    is_empty boolean;
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    FOR part IN
        SELECT
            relname AS name,
            relname = 'audit_event_first' AS is_first,
            coalesce(substring(pg_get_expr(relpartbound, pg_class.oid) FROM $re$FROM \('([^']*)'\) TO$re$), '')
            AS first
        FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'axonflow.audit_event'::regclass AND relname <> 'audit_event_other'
    LOOP
        CONTINUE WHEN NOT part.is_first AND part.first <= axonflow.audit_bound(now()) COLLATE "C";
        EXECUTE pg_catalog.format('ALTER TABLE axonflow.%I NO FORCE ROW LEVEL SECURITY', part.name);
        EXECUTE pg_catalog.format('SELECT NOT EXISTS (SELECT FROM axonflow.%I)', part.name) INTO is_empty;
        IF is_empty THEN
            EXECUTE pg_catalog.format('DROP TABLE axonflow.%I', part.name);
        ELSE
            EXECUTE pg_catalog.format('ALTER TABLE axonflow.%I FORCE ROW LEVEL SECURITY', part.name);
        END IF;
        IF is_empty AND part.is_first THEN
            EXECUTE pg_catalog.format(
                'CREATE TABLE axonflow.audit_event_first PARTITION OF axonflow.audit_event '
                '(UNIQUE (tenant_id, writer_id, sequence)) FOR VALUES FROM (MINVALUE) TO (%L)',
                axonflow.audit_bound(today::timestamp AT TIME ZONE 'UTC')
            );
            ALTER TABLE axonflow.audit_event_first ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            REVOKE ALL ON axonflow.audit_event_first FROM PUBLIC;
        END IF;
    END LOOP;
    FOR ahead IN 0..14 LOOP
        PERFORM axonflow.make_audit_day(today + ahead);
    END LOOP;
END
$$;


-- NULL: as the installation has it.
ALTER TABLE axonflow.tenant ADD COLUMN audit_mode text COLLATE "C" CHECK (audit_mode IN ('durable', 'async'));
GRANT SELECT (audit_mode) ON axonflow.tenant TO axonflow_sync;


-- Nothing of ours changes what tiers are, and retention hangs on them: whoever has the login of the services must not.
REVOKE INSERT, UPDATE ON axonflow.tier FROM axonflow_registrar;
