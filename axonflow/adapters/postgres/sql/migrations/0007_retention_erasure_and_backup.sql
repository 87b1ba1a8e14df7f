-- The two roles that work across tenants and serve no request: what schema.sql says, and why.

GRANT SELECT ON axonflow.tenant TO axonflow_keeper;
GRANT DELETE ON axonflow.tenant TO axonflow_keeper;
CREATE POLICY keep ON axonflow.tenant FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY erase ON axonflow.tenant FOR DELETE TO axonflow_keeper
    USING (
        status = 'deleting' AND NOT audit_hold
        AND tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
    );

GRANT SELECT (tenant_id, writer_id, sequence, event_id, time_us, hash) ON axonflow.audit_event TO axonflow_keeper;
GRANT DELETE ON axonflow.audit_event TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_event FOR SELECT TO axonflow_keeper USING (true);
CREATE POLICY expired ON axonflow.audit_event FOR DELETE TO axonflow_keeper
    USING (
        tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        AND time_us < (
            SELECT
                CASE
                    WHEN own.audit_hold THEN NULL
                    WHEN own.status = 'deleting' THEN 9223372036854775807
                    ELSE
                        (extract(epoch FROM now()) * 1000000)::bigint
                        - coalesce(own.audit_retention_days, tier.audit_retention_days) * 86400000000
                END
            FROM axonflow.tenant AS own
            JOIN axonflow.tier ON tier.tier = own.tier
            WHERE own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
        )
    );
GRANT SELECT, INSERT, UPDATE, DELETE ON axonflow.audit_cut TO axonflow_keeper;
CREATE POLICY keep ON axonflow.audit_cut TO axonflow_keeper
    USING (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('axonflow.tenant_id', true), ''));

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'principal', 'role', 'role_grant', 'api_key', 'policy_set', 'policy_version', 'policy_activation',
        'api_policy', 'api_policy_version', 'policy_override', 'connector', 'connector_secret', 'catalog_entry',
        'catalog_version', 'approval', 'metric_rollup', 'plan_execution', 'vault_value'
    ] LOOP
        EXECUTE pg_catalog.format('GRANT SELECT (tenant_id), DELETE ON axonflow.%I TO axonflow_keeper', name);
        EXECUTE pg_catalog.format(
            $sql$CREATE POLICY erase ON axonflow.%I TO axonflow_keeper
            USING (
                tenant_id = (
                    SELECT own.tenant_id FROM axonflow.tenant AS own
                    WHERE
                        own.tenant_id = nullif(current_setting('axonflow.tenant_id', true), '')
                        AND own.status = 'deleting' AND NOT own.audit_hold
                )
            )$sql$, name
        );
    END LOOP;
    FOR name IN
        SELECT relname FROM pg_catalog.pg_class
        WHERE relnamespace = 'axonflow'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT ON axonflow.%I TO axonflow_backup', name);
        EXECUTE pg_catalog.format(
            'CREATE POLICY backup ON axonflow.%I FOR SELECT TO axonflow_backup USING (true)', name
        );
    END LOOP;
END
$$;
