-- What a tenant may have of each kind, and what it has. Whoever counts in order to add holds the lock of that kind until
-- the transaction ends, so that of two at once the second counts what the first has added.

-- name: lock
-- $2: the kind.
SELECT pg_advisory_xact_lock(hashtextextended($1::text, $2::bigint));

-- name: policies
-- Those of the REST routes, and the rules of the sets in force but those named in $2.
SELECT
    coalesce(own.max_policies, tier.max_policies) AS most,
    (SELECT count(*) FROM axonflow.api_policy WHERE tenant_id = $1)
    + (
        SELECT coalesce(sum(version.rules), 0)
        FROM axonflow.policy_set
        JOIN axonflow.policy_version AS version
            ON version.tenant_id = policy_set.tenant_id AND version.set_name = policy_set.set_name
            AND version.version = policy_set.active_version
        WHERE policy_set.tenant_id = $1 AND policy_set.set_name <> ALL ($2::text[])
    ) AS used
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE own.tenant_id = $1;

-- name: principals
-- Those that have a role. $2 and $3: who is about to get one, and may have one already.
SELECT
    coalesce(own.max_principals, tier.max_principals) AS most,
    (
        SELECT count(DISTINCT (principal_type, principal_id)) FROM axonflow.role_grant WHERE tenant_id = $1
    ) AS used,
    EXISTS (
        SELECT FROM axonflow.role_grant WHERE tenant_id = $1 AND principal_type = $2 AND principal_id = $3
    ) AS is_counted
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE own.tenant_id = $1;

-- name: keys
-- Those that hold at $2. And how often they may call.
SELECT
    coalesce(own.max_api_keys, tier.max_api_keys) AS most,
    (
        SELECT count(*) FROM axonflow.api_key
        WHERE tenant_id = $1 AND revoked_us IS NULL AND (expires_us IS NULL OR expires_us > $2)
    ) AS used,
    coalesce(own.max_requests_per_minute, tier.max_requests_per_minute) AS most_requests_per_minute
FROM axonflow.tenant AS own
JOIN axonflow.tier ON tier.tier = own.tier
WHERE own.tenant_id = $1;
