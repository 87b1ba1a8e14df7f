"""A database of a thousand tenants, with a million rows in each table that is asked by them."""

import asyncio
import hashlib

from axonflow.adapters.postgres import migrate
from axonflow.ids import now_us
from axonflow.tenancy import Pepper, key_hmac, key_text
from tests.postgres import execute
from tests.postgres_stores import audit_event

TENANTS = 1_000
PEPPER = Pepper("1", bytes.fromhex("5e" * 32))
"""That of tests.agents, so that an agent there knows the keys that are made here."""
TABLES = ("api_policy", "api_policy_version", "policy_version", "policy_activation", "api_key", "audit_event")
EVENT = audit_event("TENANT", event_id="EVENT", decision_id="DECISION", time_us=111111111).canonical().decode()
MONTH_US = 30 * 86_400_000_000

TENANT_ROWS = """
INSERT INTO axonflow.tenant (tenant_id, organization_id, name, tier, created_us, created_by, updated_us)
SELECT '@org-' || n, NULL, 'Organization ' || n, 'enterprise', 1, 'user:ann', 1 FROM generate_series(0, 99) AS n
UNION ALL
SELECT 'tenant-' || n, '@org-' || n % 100, 'Tenant ' || n, 'enterprise', 1, 'user:ann', 1
FROM generate_series(0, {tenants} - 1) AS n
"""
# Rows come in the order of time and so of all tenants in turn, as they would: a tenant's lie far from each other. Every
# fifth policy of a tenant is dynamic.
POLICY_ROWS = """
INSERT INTO axonflow.api_policy (
    tenant_id, id, kind, policy_id, name, description, category, severity, definition, priority, tags, created_us,
    created_by, updated_us, updated_by
)
SELECT
    'tenant-' || n % {tenants}, md5(n::text), CASE WHEN n / {tenants} % 5 = 0 THEN 'dynamic' ELSE 'static' END,
    'policy_' || n,
    (ARRAY['Card numbers', 'Internal hosts', 'Customer names', 'Salaries'])[1 + n % 4] || ' ' || n / {tenants},
    'What leaves us must not hold this.', (ARRAY['pii-us', 'security-sqli', 'sensitive-data'])[1 + n % 3],
    (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4],
    convert_to(CASE
        WHEN n / {tenants} % 5 = 0
        THEN '{{"kind":"dynamic","type":"content","conditions":[{{"field":"query","operator":"contains",'
            '"value":"wire ' || n || '"}}],"actions":[{{"type":"block","config":{{}}}}]}}'
        ELSE '{{"kind":"static","pattern":"acct-[0-9]{{8}}-' || n || '","action":"block"}}'
    END, 'UTF8'),
    n % 10, '{{finance,export}}', 1700000000000000 + n, 'user:ann', 1700000000000000 + n, 'user:ann'
FROM generate_series(0, {rows} - 1) AS n
"""
SNAPSHOT_ROWS = """
INSERT INTO axonflow.api_policy_version (tenant_id, id, version, change, summary, snapshot, changed_us, changed_by)
SELECT tenant_id, id, 1, 'created', 'made', convert_to((
    to_jsonb(api_policy) - 'kind' || jsonb_build_object('definition', convert_from(definition, 'UTF8')::jsonb)
)::text, 'UTF8'), created_us, created_by
FROM axonflow.api_policy
"""
SET_ROWS = """
INSERT INTO axonflow.policy_set (tenant_id, set_name, created_us, created_by)
SELECT 'tenant-' || n, name, 1, 'user:ann'
FROM generate_series(0, {tenants} - 1) AS n, unnest(ARRAY['main', 'extra', 'trial', 'old']) AS name
"""
VERSION_ROWS = """
INSERT INTO axonflow.policy_version (
    tenant_id, set_name, version, digest, key_id, bundle, source, rules, author, reason, created_us
)
SELECT
    'tenant-' || n % {tenants}, (ARRAY['main', 'extra', 'trial', 'old'])[1 + n / {tenants} % 4],
    1 + n / {tenants} / 4, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'k1', '', '{{}}', 12, 'user:ann',
    'ticket ' || n, n
FROM generate_series(0, {rows} - 1) AS n
"""
ACTIVATION_ROWS = """
INSERT INTO axonflow.policy_activation (tenant_id, set_name, sequence, kind, version, author, reason, created_us)
SELECT tenant_id, set_name, version, 'activate', version, author, reason, created_us FROM axonflow.policy_version
"""
KEY_ROWS = """
INSERT INTO axonflow.api_key (
    tenant_id, key_id, client_id, name, prefix, pepper_id, key_hmac, scopes, roles, created_us, created_by
)
SELECT
    'tenant-' || n % {tenants}, 'key-' || n, 'client-' || n % 7, 'CRM', 'axf_abcdefgh', '1', sha256(n::text::bytea),
    '{{}}', '{{owner}}', 1700000000000000 + n, 'user:ann'
FROM generate_series(0, {rows} - 1) AS n
"""
REAL_KEYS = """
UPDATE axonflow.api_key SET key_hmac = decode(given.hmac, 'hex')
FROM (SELECT row_number() OVER () - 1 AS n, hmac FROM unnest('{{{hmacs}}}'::text[]) AS hmac) AS given
WHERE tenant_id = 'tenant-' || n AND key_id = 'key-' || n
"""
AUDIT_ROWS = """
INSERT INTO axonflow.audit_event (
    tenant_id, event_id, schema_version, writer_id, sequence, time_us, kind, decision_id, principal, on_behalf_of,
    client_id, trace_id, request_id, action, resource, effect, allowed, policies, previous, hash, canonical
)
SELECT
    'tenant-' || n % {tenants}, id, 1, 'writer', n / {tenants}, time_us, 'decision', 'decision-' || n, 'user:ann',
    '{{}}', 'client', repeat('0', 32), 'request', 'tool.call', 'tool:x', 'deny', false, '{{p}}',
    sha256((n - {tenants})::text::bytea), sha256(n::text::bytea),
    convert_to(replace(replace(replace(replace(
        '{event}', 'TENANT', 'tenant-' || n % {tenants}), 'EVENT', id), 'DECISION', 'decision-' || n),
        '111111111', time_us::text), 'UTF8')
FROM
    generate_series(0, {rows} - 1) AS n,
    LATERAL (SELECT {now_us} - {month_us} + n * ({month_us} / {rows}) AS time_us) AS at,
    LATERAL (SELECT lpad(to_hex(time_us / 1000), 12, '0') || left(md5(n::text), 20) AS id) AS named
"""


def key_of(tenant_number):
    """A key of that tenant, as its owner would present it."""
    return key_text(hashlib.sha256(b"key %d" % tenant_number).digest(), PEPPER)


def filled(dsn, rows):
    """Migrate the empty database at `dsn` and fill it: `rows` rows a table, of `TENANTS` tenants."""
    asyncio.run(migrate(dsn))
    hmacs = ",".join(key_hmac(key_of(number), PEPPER).hex() for number in range(TENANTS))
    given = {"tenants": TENANTS, "rows": rows, "event": EVENT, "hmacs": hmacs, "now_us": now_us(), "month_us": MONTH_US}
    inserts = (
        TENANT_ROWS, POLICY_ROWS, SNAPSHOT_ROWS, SET_ROWS, VERSION_ROWS, ACTIVATION_ROWS, KEY_ROWS, REAL_KEYS,
        AUDIT_ROWS,
    )  # fmt: skip
    # A replica's session: rows go in without the triggers that announce them one by one, and foreign keys.
    execute(dsn, "SET session_replication_role = replica", "SET synchronous_commit = off",
            *(sql.format(**given) for sql in inserts), "VACUUM (ANALYZE)", "CHECKPOINT", "SELECT 1")  # fmt: skip
