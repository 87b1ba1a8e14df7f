"""What every store of tenants must do, and what is true of all that a tenant has."""

import json

import pytest
from msgspec.structs import replace

from axonflow.errors import TenancyConflict, TenancyMissing
from axonflow.flows.export_tenant import export_tenant
from axonflow.tenancy import Grant, Role
from tests.tenancy import an_hmac, new_tenant_id, record, stores_of, tenant

BY = {"granted_us": 1, "granted_by": "cli:root"}
MADE = {"created_us": 1, "created_by": "cli:root", "updated_us": 1}


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stores(request):
    with stores_of(request.param, request) as found:
        yield found


def test_tenant_store_gives_back_what_it_was_given(stores):
    organization = stores.new_tenant(tenant_id=f"@{new_tenant_id()}")
    made = tenant(
        tier="community", organization_id=organization, status="suspended", max_api_keys=3, audit_retention_days=30,
        audit_hold=True, audit_mode="async",
    )  # fmt: skip
    stores.run(stores.tenants.add(made))
    assert stores.run(stores.tenants.get(made.tenant_id)) == made


@pytest.mark.parametrize("name", ["nobody", "*", "\0", "\ud800", ""])
def test_tenant_store_has_nobody_of_another_name(stores, name):
    assert stores.run(stores.tenants.get(name)) is None


def test_tenant_store_refuses_a_taken_id(stores):
    taken = stores.new_tenant()
    with pytest.raises(TenancyConflict, match="taken"):
        stores.run(stores.tenants.add(tenant(taken, name="Another")))
    assert stores.run(stores.tenants.get(taken)).name == "Acme"


@pytest.mark.parametrize(("parts", "what"), [({"tier": "golden"}, "tier"), ({"organization_id": "@x"}, "organization")])
def test_tenant_store_refuses_what_belongs_to_nothing(stores, parts, what):
    with pytest.raises(TenancyMissing, match=what):
        stores.run(stores.tenants.add(tenant(**parts)))
    made = tenant()
    stores.run(stores.tenants.add(made))
    with pytest.raises(TenancyMissing, match=what):
        stores.run(stores.tenants.replace(replace(made, version=2, **parts)))


def test_tenant_store_takes_the_next_version_only(stores):
    made = tenant()
    stores.run(stores.tenants.add(made))
    after = replace(made, name="Acme Ltd", status="suspended", max_api_keys=1, version=2, updated_us=9)
    stores.run(stores.tenants.replace(after))
    assert stores.run(stores.tenants.get(made.tenant_id)) == after
    for wrong in (replace(made, version=2), replace(made, version=5), tenant(version=2)):
        with pytest.raises(TenancyConflict, match="meanwhile"):
            stores.run(stores.tenants.replace(wrong))
    assert stores.run(stores.tenants.get(made.tenant_id)) == after


def test_tenant_store_deletes_no_organization_that_has_a_member(stores):
    """Its policies hold for the member, and would be gone."""
    bank = tenant(f"@{new_tenant_id()}")
    stores.run(stores.tenants.add(bank))
    member = stores.new_tenant(organization_id=bank.tenant_id)
    deleting = replace(bank, status="deleting", version=2)
    with pytest.raises(TenancyConflict, match="the organization has members"):
        stores.run(stores.tenants.replace(deleting))
    assert stores.run(stores.tenants.get(bank.tenant_id)) == bank
    left = replace(stores.run(stores.tenants.get(member)), organization_id=None, version=2)
    stores.run(stores.tenants.replace(left))
    stores.run(stores.tenants.replace(deleting))
    assert stores.run(stores.tenants.get(bank.tenant_id)).status == "deleting"


def test_tenant_store_lists_in_order_page_by_page(stores):
    made = sorted(stores.new_tenant() for _ in range(5))
    seen, after = [], made[0][:-1]
    while page := stores.run(stores.tenants.page(after, 2)):
        seen += [one.tenant_id for one in page]
        after = seen[-1]
    assert [name for name in seen if name in made] == made
    assert "*" not in seen
    assert stores.run(stores.tenants.page("\ud800", 2)) == []


def test_tenant_store_names_who_is_not_active(stores):
    active, suspended, deleting = (stores.new_tenant(status=s) for s in ("active", "suspended", "deleting"))
    inactive = stores.run(stores.tenants.inactive())
    assert (inactive.get(suspended), inactive.get(deleting)) == ("suspended", "deleting")
    assert active not in inactive


def filled(stores, **parts):
    """A tenant with a key, a role and a grant."""
    name = stores.new_tenant(**parts)
    stores.run(stores.keys.add(record(name), an_hmac()))
    stores.run(stores.roles.put(Role(tenant_id=name, role="clerk", permissions=("audit.read",), **MADE)))
    stores.run(stores.grants.put(Grant(tenant_id=name, principal_type="user", principal_id="ann", role="clerk", **BY)))
    return name


def lines_of(stores, name):
    async def read():
        return b"".join([piece async for piece in export_tenant(stores.data, name)])

    return [json.loads(line) for line in stores.run(read()).splitlines()]


def test_tenant_data_is_all_of_that_tenant_and_nothing_of_another(stores):
    name, _ = filled(stores), filled(stores)
    head, *rows, last = lines_of(stores, name)
    assert (head["format"], head["tenant_id"]) == ("axonflow-tenant/1", name)
    assert {row["row"]["tenant_id"] for row in rows} == {name}
    assert {"tenant", "api_key", "role", "role_grant"} <= {row["table"] for row in rows}
    assert {table: entry["rows"] for table, entry in last["manifest"].items()} == {
        table: sum(row["table"] == table for row in rows) for table in last["manifest"]
    }
    assert not [row for row in rows if "key_hmac" in row["row"]]


@pytest.mark.parametrize("name", ["nobody", "\0", ""])
def test_tenant_data_of_nobody_is_missing(stores, name):
    with pytest.raises(TenancyMissing):
        lines_of(stores, name)
    with pytest.raises(TenancyMissing):
        stores.run(stores.data.erase(name, audit=True))


@pytest.mark.parametrize(
    "parts", [{"status": "active"}, {"status": "suspended"}, {"status": "active", "audit_hold": True}]
)
def test_tenant_data_is_erased_only_where_that_is_meant(stores, parts):
    name = filled(stores, **parts)
    with pytest.raises(TenancyConflict, match="not to be erased"):
        stores.run(stores.data.erase(name, audit=True))
    assert len(stores.run(stores.keys.page(name, None, 9))) == 1


def test_tenant_data_under_a_hold_is_not_erased(stores):
    name = filled(stores, audit_hold=True)
    stores.run(stores.tenants.replace(tenant(name, status="deleting", audit_hold=True, version=2)))
    with pytest.raises(TenancyConflict, match="hold"):
        stores.run(stores.data.erase(name, audit=False))


@pytest.mark.parametrize("audit", [True, False])
def test_tenant_data_that_is_erased_is_gone_and_another_tenants_is_not(stores, audit):
    name, other = filled(stores), filled(stores)
    before = lines_of(stores, other)[1:]
    stores.run(stores.tenants.replace(tenant(name, status="deleting", version=2)))
    erased = stores.run(stores.data.erase(name, audit=audit))
    assert (erased.rows["api_key"], erased.rows["role"], erased.rows["tenant"], erased.kept_events) == (1, 1, 1, 0)
    assert stores.run(stores.tenants.get(name)) is None
    with pytest.raises(TenancyMissing):
        lines_of(stores, name)
    assert lines_of(stores, other)[1:] == before
