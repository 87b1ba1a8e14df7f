"""What can be asked of the audit trail: pages of a bounded size, and every name of a principal or a resource."""

import pytest

from axonflow.audit.query import MAX_LIMIT, MAX_OFFSET, AuditQuery
from axonflow.errors import RequestError


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1, 10**100])
def test_query_for_too_much_or_nothing_is_refused_with_what_may_be_asked(limit):
    with pytest.raises(RequestError, match="out of range: expected 1 to 1000") as refused:
        AuditQuery(tenant_id="acme", limit=limit)
    assert refused.value.at == "$.limit"
    assert len(refused.value.found) <= 32


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1, 10**100])
def test_query_that_starts_nowhere_or_too_far_is_refused_with_what_may_be_asked(offset):
    with pytest.raises(RequestError, match="out of range: expected 0 to 1000000") as refused:
        AuditQuery(tenant_id="acme", offset=offset)
    assert refused.value.at == "$.offset"
    assert len(refused.value.found) <= 32


def test_query_at_its_bounds_is_one():
    query = AuditQuery(tenant_id="acme", limit=MAX_LIMIT, offset=MAX_OFFSET)
    assert (query.limit, query.offset) == (1_000, 1_000_000)
    assert (AuditQuery(tenant_id="acme", limit=1).limit, AuditQuery(tenant_id="acme").offset) == (1, 0)


def test_query_by_principal_and_resource_is_by_all_their_names():
    named = AuditQuery(
        tenant_id="acme", principal="user:ann", principal_as=("user:a1",), resource="tool:x", resource_as=("tool:y",)
    )
    assert (named.principals, named.resources) == (("user:ann", "user:a1"), ("tool:x", "tool:y"))
    assert (AuditQuery(tenant_id="acme").principals, AuditQuery(tenant_id="acme").resources) == (None, None)
