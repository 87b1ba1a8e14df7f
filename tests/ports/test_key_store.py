"""What every store of keys must do, and what a look-up must find."""

import asyncio

import pytest
from msgspec.structs import replace

from axonflow.errors import TenancyConflict, TenancyMissing
from axonflow.ids import new_id
from axonflow.tenancy import Grant, Role
from tests.tenancy import an_hmac, record, stores_of

MADE = {"created_us": 1, "created_by": "cli:root", "updated_us": 1}


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stores(request):
    with stores_of(request.param, request) as found:
        yield found


def added(stores, tenant_id, **parts):
    key, hashed = record(tenant_id, **parts), an_hmac()
    stores.run(stores.keys.add(key, hashed))
    return key, hashed


def test_key_store_gives_back_what_it_was_given(stores):
    key, _ = added(stores, stores.new_tenant(), scopes=("audit.*",), roles=("owner", "viewer"), expires_us=99)
    assert stores.run(stores.keys.get(key.tenant_id, key.key_id)) == key


def test_key_store_of_one_tenant_has_nothing_of_another(stores):
    (key, _), other = added(stores, stores.new_tenant()), stores.new_tenant()
    assert stores.run(stores.keys.get(other, key.key_id)) is None
    assert stores.run(stores.keys.page(other, None, 9)) == []
    assert stores.run(stores.keys.revoke(other, key.key_id, 5, "cli:mallory")) is False
    stores.run(stores.keys.used(other, key.key_id, 5))
    with pytest.raises(TenancyMissing):
        stores.run(stores.keys.add(record(other, rotated_from=key.key_id), an_hmac(), 11))
    assert stores.run(stores.keys.get(key.tenant_id, key.key_id)) == key


@pytest.mark.parametrize("key_id", ["nothing", "\0", "\ud800"])
def test_key_store_knows_no_other_id(stores, key_id):
    name = stores.new_tenant()
    assert stores.run(stores.keys.get(name, key_id)) is None
    assert stores.run(stores.keys.revoke(name, key_id, 1, "x")) is False
    assert stores.run(stores.keys.page(name, (1, key_id), 9)) == []


def test_key_store_refuses_an_id_or_a_hash_that_is_taken(stores):
    name, other = stores.new_tenant(), stores.new_tenant()
    key, hashed = added(stores, name)
    with pytest.raises(TenancyConflict):
        stores.run(stores.keys.add(key, an_hmac()))
    with pytest.raises(TenancyConflict):
        stores.run(stores.keys.add(record(other), hashed))
    assert stores.run(stores.keys.page(other, None, 9)) == []


def test_key_store_takes_no_keys_for_nobody_or_who_is_being_deleted(stores):
    with pytest.raises(TenancyMissing):
        stores.run(stores.keys.add(record("nobody"), an_hmac()))
    with pytest.raises(TenancyConflict, match="deleted"):
        stores.run(stores.keys.add(record(stores.new_tenant(status="deleting")), an_hmac()))


def test_key_store_takes_as_many_active_keys_as_the_tenant_may_have(stores):
    name = stores.new_tenant(max_api_keys=2)
    first, _ = added(stores, name)
    added(stores, name)
    added(stores, stores.new_tenant(max_api_keys=1))
    with pytest.raises(TenancyConflict, match="as many"):
        added(stores, name)
    stores.run(stores.keys.add(record(name, rotated_from=first.key_id), an_hmac(), 20))
    stores.run(stores.keys.revoke(name, first.key_id, 11, "cli:root"))
    with pytest.raises(TenancyConflict, match="as many"):
        added(stores, name)


def test_key_store_counts_no_key_that_has_ended(stores):
    name = stores.new_tenant(tier="community", max_api_keys=1)
    added(stores, name, expires_us=10)
    added(stores, name)


def test_key_store_of_many_at_once_keeps_to_the_limit(stores):
    name = stores.new_tenant(max_api_keys=3)

    async def add_all():
        tries = [stores.keys.add(record(name), an_hmac()) for _ in range(8)]
        return await asyncio.gather(*tries, return_exceptions=True)

    refused = [answer for answer in stores.run(add_all()) if answer is not None]
    assert [type(answer) for answer in refused] == [TenancyConflict] * 5
    assert len(stores.run(stores.keys.page(name, None, 9))) == 3


@pytest.mark.parametrize(("own_us", "end_us"), [(None, 30), (20, 20), (50, 30)])
def test_key_store_ends_a_key_that_another_takes_the_place_of(stores, own_us, end_us):
    old, hashed = added(stores, stores.new_tenant(), expires_us=own_us)
    new = record(old.tenant_id, rotated_from=old.key_id)
    stores.run(stores.keys.add(new, an_hmac(), 30))
    assert stores.run(stores.keys.get(old.tenant_id, old.key_id)) == replace(old, expires_us=end_us)
    assert stores.run(stores.keys.get(old.tenant_id, new.key_id)) == new
    assert stores.run(stores.lookup.find(hashed)).expires_us == end_us


@pytest.mark.parametrize("ends", ["revoked", "expired", "unknown"])
def test_key_store_puts_nothing_in_the_place_of_a_key_that_has_ended(stores, ends):
    old, _ = added(stores, stores.new_tenant(), expires_us=10 if ends == "expired" else None)
    if ends == "revoked":
        stores.run(stores.keys.revoke(old.tenant_id, old.key_id, 10, "cli:root"))
    old_id = new_id(1) if ends == "unknown" else old.key_id
    with pytest.raises(TenancyMissing, match="no such active key"):
        stores.run(stores.keys.add(record(old.tenant_id, rotated_from=old_id), an_hmac(), 30))
    assert len(stores.run(stores.keys.page(old.tenant_id, None, 9))) == 1


def test_key_store_lists_the_newest_first_page_by_page(stores):
    name = stores.new_tenant()
    made = [added(stores, name, created_us=number // 2, key_id=f"k{number}")[0].key_id for number in range(5)]
    seen, before = [], None
    while page := stores.run(stores.keys.page(name, before, 2)):
        seen += [key.key_id for key in page]
        before = (page[-1].created_us, page[-1].key_id)
    assert seen == made[::-1]


def test_key_store_revokes_once_and_says_who(stores):
    key, hashed = added(stores, stores.new_tenant())
    assert stores.run(stores.keys.revoke(key.tenant_id, key.key_id, 50, "service:admin")) is True
    assert stores.run(stores.keys.revoke(key.tenant_id, key.key_id, 60, "service:other")) is False
    found = stores.run(stores.keys.get(key.tenant_id, key.key_id))
    assert (found.revoked_us, found.revoked_by, found.state(51)) == (50, "service:admin", "revoked")
    assert stores.run(stores.lookup.find(hashed)).revoked_us == 50


def test_key_store_notes_the_last_use(stores):
    key, _ = added(stores, stores.new_tenant())
    stores.run(stores.keys.used(key.tenant_id, key.key_id, 1_000_000_000))
    stores.run(stores.keys.used(key.tenant_id, key.key_id, 5))
    assert stores.run(stores.keys.get(key.tenant_id, key.key_id)).last_used_us == 1_000_000_000


def test_key_lookup_finds_the_key_its_tenant_and_what_its_roles_mean(stores):
    name = stores.new_tenant(status="suspended")
    key, hashed = added(stores, name, roles=("clerk", "owner"), scopes=("audit.*",), expires_us=99)
    for role, permissions in (("clerk", ("audit.read",)), ("editor", ("policies.*",)), ("unused", ("keys.read",))):
        stores.run(stores.roles.put(Role(tenant_id=name, role=role, permissions=permissions, **MADE)))
    for client, role, end in (("crm", "editor", 70), ("crm", "viewer", None), ("other", "unused", None)):
        grant = Grant(tenant_id=name, principal_type="service", principal_id=client, role=role, granted_us=1,
                      granted_by="x", expires_us=end)  # fmt: skip
        stores.run(stores.grants.put(grant))
    found = stores.run(stores.lookup.find(hashed))
    assert (found.tenant_id, found.key_id, found.client_id, found.status) == (name, key.key_id, "crm", "suspended")
    assert (found.roles, found.scopes, found.expires_us) == (("clerk", "owner"), ("audit.*",), 99)
    assert found.granted == {"editor": 70, "viewer": None}
    assert found.own_roles == {"clerk": ("audit.read",), "editor": ("policies.*",)}


def test_key_lookup_of_a_hash_that_nobody_has_finds_nothing(stores):
    added(stores, stores.new_tenant())
    assert stores.run(stores.lookup.find(an_hmac())) is None
    assert stores.run(stores.lookup.find(b"")) is None
