-- Keys of persons, each wrapped under a key of the installation, which the database never has. What the trail tells of a
-- person is sealed under keys of theirs: to destroy these erases it, wherever the trail was copied to. A key that was
-- destroyed stays known by its id, so that no writer brings it back. `tag` is what a person's keys are found by.
CREATE TABLE axonflow.audit_person_key (
    tenant_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    tag bytea,
    wrapped bytea,
    created_us bigint NOT NULL,
    destroyed_us bigint,
    PRIMARY KEY (tenant_id, key_id),
    CHECK ((destroyed_us IS NULL) = (tag IS NOT NULL) AND (destroyed_us IS NULL) = (wrapped IS NOT NULL))
);
CREATE INDEX audit_person_key_by_tag ON axonflow.audit_person_key (tenant_id, tag) WHERE tag IS NOT NULL;

ALTER TABLE axonflow.audit_person_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT INSERT ON axonflow.audit_person_key TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_person_key FOR INSERT TO axonflow_writer WITH CHECK (true);
-- The application destroys keys, and changes nothing else of them; none while everything of the tenant is kept.
GRANT SELECT, UPDATE (tag, wrapped, destroyed_us) ON axonflow.audit_person_key TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_person_key FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
CREATE POLICY destroy ON axonflow.audit_person_key FOR UPDATE TO axonflow_app
    USING (
        tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        AND NOT EXISTS (
            SELECT FROM axonflow.tenant AS own
            WHERE own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '') AND own.audit_hold
        )
    )
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), '') AND destroyed_us IS NOT NULL);

-- Writers stop using it: "audit_person_key/<key> <tenant>".
CREATE FUNCTION axonflow.announce_person_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM pg_notify('axonflow', TG_TABLE_NAME || '/' || NEW.key_id || ' ' || NEW.tenant_id);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION axonflow.announce_person_key() FROM PUBLIC;
CREATE TRIGGER announce AFTER UPDATE OF destroyed_us ON axonflow.audit_person_key
    FOR EACH ROW EXECUTE FUNCTION axonflow.announce_person_key();

GRANT SELECT (tenant_id), DELETE ON axonflow.audit_person_key TO axonflow_keeper;
CREATE POLICY erase ON axonflow.audit_person_key TO axonflow_keeper
    USING (
        tenant_id = (
            SELECT own.tenant_id FROM axonflow.tenant AS own
            WHERE
                own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
                AND own.status = 'deleting' AND NOT own.audit_hold
        )
    );
GRANT SELECT ON axonflow.audit_person_key TO axonflow_backup;
CREATE POLICY backup ON axonflow.audit_person_key FOR SELECT TO axonflow_backup USING (true);
