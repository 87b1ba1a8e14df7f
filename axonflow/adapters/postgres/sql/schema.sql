-- What all migrations together give, to be read by people and to be compared with them by a test.
--
-- Text has collation "C": it compares as bytes, which for UTF-8 is the order of code points, and so the order of Python.
-- Times are microseconds since the Unix epoch, UTC. Nothing bounds the length of text here: what an audit log has
-- acknowledged must fit, or it would stand in the way of all behind it.
--
-- Rows of a tenant are seen under row-level security only, which holds for the owner too (FORCE). nullif: a setting
-- that was local to a transaction is the empty string afterwards, not unset.

CREATE SCHEMA axonflow;
REVOKE ALL ON SCHEMA axonflow FROM PUBLIC;
GRANT USAGE ON SCHEMA axonflow TO axonflow_app, axonflow_writer, axonflow_executor, axonflow_auditor;

CREATE TABLE axonflow.schema_migration (
    version integer PRIMARY KEY CHECK (version > 0),
    name text COLLATE "C" NOT NULL,
    sha256 text COLLATE "C" NOT NULL CHECK (length(sha256) = 64),
    applied_us bigint NOT NULL
);
GRANT SELECT ON axonflow.schema_migration TO axonflow_app, axonflow_writer, axonflow_executor, axonflow_auditor;


-- The audit trail. `canonical` is what was hashed; the other columns say the same again, to be searched by.

CREATE TABLE axonflow.audit_event (
    tenant_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    writer_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
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
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    canonical bytea NOT NULL,
    PRIMARY KEY (tenant_id, event_id),
    UNIQUE (tenant_id, writer_id, sequence)
);
CREATE INDEX audit_event_by_time ON axonflow.audit_event (tenant_id, time_us DESC, event_id DESC);
CREATE INDEX audit_event_by_decision ON axonflow.audit_event (tenant_id, decision_id);

ALTER TABLE axonflow.audit_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT ON axonflow.audit_event TO axonflow_app;
CREATE POLICY tenant ON axonflow.audit_event FOR SELECT TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

-- A batch holds records of many tenants and may hold those of several writers (a spool that was taken over), so the
-- setting is a list: the writer recognises its own records again, by their ids and hashes, and sees nothing else.
GRANT INSERT ON axonflow.audit_event TO axonflow_writer;
GRANT SELECT (tenant_id, writer_id, sequence, event_id, hash) ON axonflow.audit_event TO axonflow_writer;
CREATE POLICY append ON axonflow.audit_event FOR INSERT TO axonflow_writer WITH CHECK (true);
CREATE POLICY own_records ON axonflow.audit_event FOR SELECT TO axonflow_writer
    USING (writer_id = ANY (nullif(current_setting('axonflow.writer_ids', true), '')::text[]));

GRANT SELECT ON axonflow.audit_event TO axonflow_auditor;
CREATE POLICY every_tenant ON axonflow.audit_event FOR SELECT TO axonflow_auditor USING (true);


-- Plans and what came of them. What a person or a step said (`query`, `error`) and JSON of any content are bytes: text
-- refuses NUL and lone surrogates, jsonb does too and orders keys anew, and what was written must be what is read. They
-- are UTF-8 (JSON without \u escapes), so convert_from(result, 'UTF8') shows them wherever it can be shown.

CREATE TABLE axonflow.plan_execution (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    query bytea NOT NULL,
    context bytea NOT NULL,
    principal text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'denied')),
    steps bytea NOT NULL,
    created_us bigint NOT NULL,
    executor_id text COLLATE "C" NOT NULL,
    started_us bigint,
    finished_us bigint,
    result bytea NOT NULL,
    step_results bytea NOT NULL,
    error bytea,
    PRIMARY KEY (tenant_id, plan_id)
);
-- As small as the number of plans that run, so it is read as a whole by whoever looks for those of one executor.
CREATE INDEX plan_execution_running ON axonflow.plan_execution (tenant_id, executor_id) WHERE status = 'running';

ALTER TABLE axonflow.plan_execution ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE ON axonflow.plan_execution TO axonflow_app;
CREATE POLICY tenant ON axonflow.plan_execution TO axonflow_app
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

-- A process that went away ran plans of any tenant. Whoever gives them up sees those of that executor, and of them no
-- more than who ran them; all it can do is to turn running into failed.
GRANT SELECT (executor_id, status) ON axonflow.plan_execution TO axonflow_executor;
GRANT UPDATE (status, error, finished_us) ON axonflow.plan_execution TO axonflow_executor;
CREATE POLICY own_plans ON axonflow.plan_execution FOR SELECT TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), ''));
CREATE POLICY give_up ON axonflow.plan_execution FOR UPDATE TO axonflow_executor
    USING (executor_id = nullif(current_setting('axonflow.executor_id', true), '') AND status = 'running')
    WITH CHECK (executor_id = nullif(current_setting('axonflow.executor_id', true), '') AND status = 'failed');


-- What was redacted for a vault, behind its label. `sealed` is AES-256-GCM under a key that the database does not have.

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
