"""Permissions, roles, grants and the states of a tenant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import TenancyConflict, TenancyError, TenancyForbidden
from axonflow.tenancy import (
    BUILT_IN_ROLES,
    INSTALLATION,
    LATEST_US,
    PERMISSIONS,
    Actor,
    Grant,
    Role,
    check_active,
    check_end,
    check_gives,
    check_patterns,
    check_role,
    check_roles,
    check_tenant_id,
    moved,
    permissions_of,
    scoped,
)
from tests.tenancy import tenant

PATTERNS = st.sampled_from(sorted({*PERMISSIONS, "*", *(f"{name.split('.')[0]}.*" for name in PERMISSIONS)}))


def role(**parts):
    usual = {"role": "clerk", "permissions": ("audit.read",), "created_us": 1, "created_by": "x", "updated_us": 1}
    return Role(tenant_id="acme", **usual | parts)


@pytest.mark.parametrize(
    "pattern", ["", "audit", "audit.", "audit.reads", "*.read", "nothing.*", "audit.*.*", "Audit.*"]
)
def test_permission_pattern_that_matches_nothing_is_refused(pattern):
    with pytest.raises(TenancyError, match="no such permission"):
        check_patterns([pattern], "scopes")


def test_permission_that_is_misspelt_is_suggested():
    with pytest.raises(TenancyError, match="Did you mean audit"):
        check_patterns(["audit.raed"], "scopes")


@given(st.lists(PATTERNS, max_size=5), st.frozensets(st.sampled_from(sorted(PERMISSIONS))))
def test_scopes_never_add_and_none_narrow_nothing(patterns, permissions):
    check_patterns(patterns, "scopes")
    left = scoped(permissions, patterns)
    assert left <= permissions
    assert patterns or left == permissions
    assert all(name in left for name in permissions if name in patterns or "*" in patterns)


@given(st.lists(st.sampled_from([*BUILT_IN_ROLES, "clerk", "gone"]), max_size=4), st.lists(PATTERNS, max_size=3))
def test_roles_of_a_tenant_never_give_what_is_of_the_installation(roles, patterns):
    own = {"clerk": tuple(patterns), "owner": ("*",)}
    given_by_tenant = permissions_of(roles, own, installation=False)
    assert not given_by_tenant & INSTALLATION
    assert given_by_tenant <= permissions_of(roles, own, installation=True)


def test_role_without_permissions_gives_nothing():
    assert permissions_of(("clerk",), {"clerk": ()}, installation=True) == frozenset()


def test_built_in_roles_keep_apart_what_two_people_should_do():
    assert not {"policies.write", "policies.activate"} <= BUILT_IN_ROLES["policy_author"]
    assert not {"policies.write", "policies.activate"} <= BUILT_IN_ROLES["policy_publisher"]
    assert all(name.endswith(".read") for name in BUILT_IN_ROLES["auditor"] | BUILT_IN_ROLES["viewer"])
    assert not BUILT_IN_ROLES["agent"] & {"keys.write", "policies.write", "audit.read", "vault.reveal"}


@pytest.mark.parametrize(
    "parts",
    [{"role": "owner"}, {"role": "Clerk"}, {"role": ""}, {"role": "a" * 65}, {"permissions": ()},
     {"permissions": ("audit.read",) * 65}, {"permissions": ("nothing",)}, {"permissions": ("tenants.write",)},
     {"permissions": ("keys.read", "tenants.*")}, {"permissions": ("metrics.*",)},
     {"description": "x" * 1001}, {"description": "a\0"}],
)  # fmt: skip
def test_role_that_cannot_be_made_is_refused(parts):
    with pytest.raises(TenancyError):
        check_role(role(**parts))


def test_role_that_can_be_made_gives_its_permissions():
    made = role(permissions=("keys.*", "audit.read"), description="Counts keys.")
    check_role(made)
    assert made.gives == {"keys.read", "keys.write", "audit.read"}
    assert role(permissions=("*",)).gives == PERMISSIONS - INSTALLATION


@pytest.mark.parametrize("name", ["operator", "nobody", ""])
def test_role_that_there_is_not_is_nobodys(name):
    with pytest.raises(TenancyError, match="no such role"):
        check_roles(["owner", name], {"clerk"})
    check_roles(["owner", "clerk"], {"clerk"})


@pytest.mark.parametrize(
    "parts",
    [{"principal_type": "robot"}, {"principal_id": ""}, {"principal_id": "a\n"}, {"principal_id": "x" * 257},
     {"expires_us": 1}],
)  # fmt: skip
def test_grant_that_cannot_be_is_refused(parts):
    usual = {"tenant_id": "acme", "principal_type": "user", "principal_id": "ann", "role": "owner", "granted_us": 1,
             "granted_by": "x"}  # fmt: skip
    assert Grant(**usual | {"expires_us": 2}).expires_us == 2
    with pytest.raises(TenancyError):
        Grant(**usual | parts)


def test_nobody_gives_what_they_do_not_have():
    check_gives(Actor("a", frozenset({"keys.write"})), frozenset({"keys.write"}))
    with pytest.raises(TenancyForbidden, match="found audit"):
        check_gives(Actor("a", frozenset({"keys.write"})), frozenset({"keys.write", "audit.read"}))


@pytest.mark.parametrize(("end_us", "why"), [(5, "already"), (4, "already"), (LATEST_US, "too late")])
def test_end_that_nobody_could_live_to_see_or_write_is_refused(end_us, why):
    check_end(None, 5)
    check_end(6, 5)
    check_end(LATEST_US - 1, 5)
    with pytest.raises(TenancyError, match=why):
        check_end(end_us, 5)


@pytest.mark.parametrize("name", ["", "*", "-a", "a b", "a/b", "a:b", "..", "\u00e9", "@", "a\n", "x" * 129])
def test_tenant_id_that_does_not_fit_into_paths_is_refused(name):
    with pytest.raises(TenancyError, match="not a tenant id"):
        check_tenant_id(name, "tenant_id")


@pytest.mark.parametrize(
    "parts",
    [{"tenant_id": "*"}, {"name": ""}, {"name": "a\0"}, {"organization_id": "acme"}, {"max_api_keys": -1},
     {"max_api_keys": 2**31}, {"audit_retention_days": 0}, {"audit_retention_days": 36_501},
     {"tier": ""}, {"tier": "a\0"}, {"tier": "x" * 65},
     {"organization_id": "@"}, {"organization_id": "@a\0"}, {"organization_id": "@@a"}],
)  # fmt: skip
def test_tenant_that_cannot_be_is_refused(parts):
    with pytest.raises(TenancyError):
        tenant(**{"tenant_id": "acme"} | parts)


@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [("active", "suspended", True), ("active", "deleting", True), ("suspended", "active", True),
     ("suspended", "deleting", True), ("deleting", "active", False), ("deleting", "suspended", False),
     ("active", "active", False)],
)  # fmt: skip
def test_tenant_moves_between_its_states_and_never_back_from_the_last(before, after, fine):
    one = tenant("acme", status=before)
    if fine:
        assert (moved(one, after, 7).status, moved(one, after, 7).version, moved(one, after, 7).updated_us) == (
            after, 2, 7,
        )  # fmt: skip
    else:
        with pytest.raises(TenancyConflict, match=f"is {before}"):
            moved(one, after, 7)


def test_tenant_that_may_do_nothing_at_present_is_refused_with_its_status():
    with pytest.raises(TenancyForbidden, match="the tenant is suspended") as refused:
        check_active("acme", {"acme": "suspended"})
    assert (refused.value.found, refused.value.expected) == ("suspended", "an active tenant")
    check_active("other", {"acme": "suspended"})  # raises nothing
