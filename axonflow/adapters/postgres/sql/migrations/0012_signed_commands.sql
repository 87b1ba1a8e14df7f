-- What is done by command is signed by the machine that does it, as a writer of its own ("cli-" and the id of its first
-- key). A command ends, and may not reach the anchor: the services tell it, who see these batches alone.
GRANT SELECT ON axonflow.audit_batch, axonflow.audit_writer_key TO axonflow_sync;
CREATE POLICY commands ON axonflow.audit_batch FOR SELECT TO axonflow_sync USING (writer_id ^@ 'cli-');
CREATE POLICY commands ON axonflow.audit_writer_key FOR SELECT TO axonflow_sync USING (writer_id ^@ 'cli-');

-- Commands of earlier releases sign nothing, as the writer "axonflow-cli". Where that ended is signed by those that came
-- after them, so nothing may follow it: such a command is refused, and changes nothing.
CREATE POLICY signed ON axonflow.audit_batch AS RESTRICTIVE FOR INSERT TO axonflow_writer
    WITH CHECK (writer_id <> 'axonflow-cli');
