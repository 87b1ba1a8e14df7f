CREATE TABLE axonflow.vault_value (
    tenant_id text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant_id, label)
);

ALTER TABLE axonflow.vault_value ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON axonflow.vault_value TO axonflow_app;
CREATE POLICY tenant ON axonflow.vault_value TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));
