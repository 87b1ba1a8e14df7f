"""What every store of roles and grants must do."""

import pytest
from msgspec.structs import replace

from axonflow.errors import TenancyConflict, TenancyMissing
from axonflow.tenancy import Grant, Role
from tests.tenancy import an_hmac, record, stores_of


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stores(request):
    with stores_of(request.param, request) as found:
        yield found


def a_role(tenant_id, role="clerk", **parts):
    usual = {"permissions": ("audit.read", "keys.*"), "created_us": 1, "created_by": "cli:root", "updated_us": 1}
    return Role(tenant_id=tenant_id, role=role, **usual | parts)


def a_grant(tenant_id, role="clerk", **parts):
    usual = {"principal_type": "user", "principal_id": "ann", "granted_us": 1, "granted_by": "cli:root"}
    return Grant(tenant_id=tenant_id, role=role, **usual | parts)


def test_role_store_gives_back_what_it_was_given_by_name(stores):
    name = stores.new_tenant()
    made = [a_role(name, role, description="What it is for.") for role in ("viewer-2", "clerk")]
    for role in made:
        stores.run(stores.roles.put(role))
    assert stores.run(stores.roles.roles(name)) == made[::-1]


def test_role_store_of_one_tenant_has_nothing_of_another(stores):
    name, other = stores.new_tenant(), stores.new_tenant()
    stores.run(stores.roles.put(a_role(name)))
    stores.run(stores.grants.put(a_grant(name)))
    assert stores.run(stores.roles.roles(other)) == stores.run(stores.grants.grants(other)) == []
    assert stores.run(stores.roles.remove(other, "clerk")) is False
    assert stores.run(stores.grants.remove(other, "user", "ann", "clerk")) is False
    with pytest.raises(TenancyConflict):
        stores.run(stores.roles.put(a_role(other, version=2)))
    assert stores.run(stores.roles.roles(name)) == [a_role(name)]
    assert stores.run(stores.grants.grants(name)) == [a_grant(name)]


def test_role_store_takes_the_next_version_only(stores):
    name = stores.new_tenant()
    stores.run(stores.roles.put(a_role(name)))
    after = a_role(name, permissions=("audit.read",), version=2, updated_us=5)
    stores.run(stores.roles.put(after))
    for wrong in (a_role(name), replace(after, version=2), replace(after, version=9)):
        with pytest.raises(TenancyConflict, match="meanwhile"):
            stores.run(stores.roles.put(wrong))
    assert stores.run(stores.roles.roles(name)) == [after]


def test_role_and_grant_of_nobody_are_refused(stores):
    with pytest.raises(TenancyMissing):
        stores.run(stores.roles.put(a_role("nobody")))
    with pytest.raises(TenancyMissing):
        stores.run(stores.grants.put(a_grant("nobody")))


def test_role_that_is_removed_is_taken_from_everybody_who_had_it(stores):
    name = stores.new_tenant()
    key, hashed = record(name, roles=("clerk", "viewer")), an_hmac()
    stores.run(stores.keys.add(key, hashed))
    stores.run(stores.roles.put(a_role(name)))
    stores.run(stores.grants.put(a_grant(name)))
    assert stores.run(stores.roles.remove(name, "clerk")) is True
    assert stores.run(stores.roles.remove(name, "clerk")) is False
    assert stores.run(stores.grants.grants(name)) == []
    assert stores.run(stores.keys.get(name, key.key_id)).roles == ("viewer",)
    stores.run(stores.roles.put(a_role(name, permissions=("*",))))
    assert stores.run(stores.lookup.find(hashed)).own_roles == {}


def test_grant_store_keeps_the_last_grant_of_a_principal_and_role(stores):
    name = stores.new_tenant()
    grants = [a_grant(name), a_grant(name, expires_us=9), a_grant(name, "owner"), a_grant(name, principal_id="bob")]
    for grant in grants:
        stores.run(stores.grants.put(grant))
    assert stores.run(stores.grants.grants(name)) == [grants[1], grants[2], grants[3]]


def test_grant_store_takes_one_grant_away(stores):
    name = stores.new_tenant()
    stores.run(stores.grants.put(a_grant(name)))
    stores.run(stores.grants.put(a_grant(name, principal_type="group")))
    assert stores.run(stores.grants.remove(name, "user", "ann", "clerk")) is True
    assert stores.run(stores.grants.remove(name, "user", "ann", "clerk")) is False
    assert [grant.principal_type for grant in stores.run(stores.grants.grants(name))] == ["group"]


@pytest.mark.parametrize("name", ["\0", "\ud800"])
def test_role_and_grant_stores_have_nothing_of_a_name_that_cannot_be(stores, name):
    assert stores.run(stores.roles.roles(name)) == stores.run(stores.grants.grants(name)) == []
    assert stores.run(stores.roles.remove("t", name)) is False
    assert stores.run(stores.grants.remove("t", "user", name, "x")) is False


def test_grant_store_takes_as_many_principals_as_the_tenant_may_have(stores):
    name = stores.new_tenant(max_principals=1)
    stores.run(stores.grants.put(a_grant(name)))
    stores.run(stores.grants.put(a_grant(name, "auditor")))
    with pytest.raises(TenancyConflict, match="as many"):
        stores.run(stores.grants.put(a_grant(name, principal_id="bob")))
    assert stores.run(stores.data.use(name)).principals == 1
    for role in ("clerk", "auditor"):
        stores.run(stores.grants.remove(name, "user", "ann", role))
    stores.run(stores.grants.put(a_grant(name, principal_id="bob")))
