"""Tenants, keys and roles over HTTP: what they do to each other, and what nobody gets by them."""

import asyncio
import json

import pytest

from axonflow.errors import AuditError, TenancyUnavailable
from tests.sidecar.doors import ALLOW_ALL, HEADERS, Doors
from tests.tenancy import ROOT, tenant

KEYS = "/v1/keys"


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def for_tenant(name):
    return HEADERS | {"x-tenant-id": name}


class Home(Doors):
    """Two tenants, each with the key of an owner."""

    def __init__(self):
        super().__init__(ALLOW_ALL)
        self.owners = {}
        for name in ("ours", "theirs"):
            assert self.post("/v1/tenants", {"tenant_id": name, "tier": "enterprise"}).status_code == 201
            made = self.post(KEYS, {"client_id": "boss", "roles": ["owner"]}, for_tenant(name))
            assert made.status_code == 201
            self.owners[name] = bearer(made.json()["key"])

    def key(self, who, **parts):
        response = self.post(KEYS, {"client_id": "crm"} | parts, who)
        assert response.status_code == 201, response.text
        return response.json()

    def decides(self, key, tenant_id="ours"):
        body = {"principal": {"id": "ann", "tenant": tenant_id}, "action": "tool.call", "resource": "tool:search"}
        return self.post("/v1/decisions", body, bearer(key)).status_code


@pytest.fixture
def home():
    return Home()


def test_key_works_from_its_making_to_its_revocation_and_is_shown_once(home):
    made = home.key(home.owners["ours"])
    assert made["key"].startswith(made["prefix"])
    assert home.decides(made["key"]) == 200
    one = f"{KEYS}/{made['key_id']}"
    seen = [home.call("GET", path, headers=home.owners["ours"]).text for path in (KEYS, one)]
    assert made["key"] not in "".join(seen)
    revoked = home.call("DELETE", one, headers=home.owners["ours"]).json()
    assert (revoked["state"], revoked["revoked_by"]) == ("revoked", "service:boss")
    assert home.decides(made["key"]) == 401
    assert home.call("DELETE", one, headers=home.owners["ours"]).status_code == 404


def test_key_that_is_rotated_holds_beside_the_new_one_until_its_time(home):
    old = home.key(home.owners["ours"], roles=["agent"], scopes=["decisions.*"])
    new = home.post(f"{KEYS}/{old['key_id']}/rotate", {}, home.owners["ours"]).json()
    assert (new["rotated_from"], new["roles"], new["scopes"]) == (old["key_id"], old["roles"], old["scopes"])
    assert [home.decides(key["key"]) for key in (old, new)] == [200, 200]
    last = home.post(f"{KEYS}/{new['key_id']}/rotate", {"overlap_s": 0}, home.owners["ours"]).json()
    assert [home.decides(key["key"]) for key in (old, new, last)] == [200, 401, 200]
    assert home.post(f"{KEYS}/{new['key_id']}/rotate", {}, home.owners["ours"]).status_code == 404


@pytest.mark.parametrize("overlap_s", [-1, 1e9])
def test_key_is_not_rotated_over_a_time_that_cannot_be(home, overlap_s):
    old = home.key(home.owners["ours"])
    response = home.post(f"{KEYS}/{old['key_id']}/rotate", {"overlap_s": overlap_s}, home.owners["ours"])
    assert (response.status_code, response.json()["at"]) == (400, "overlap")


@pytest.mark.parametrize(
    "body",
    [{"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "9998-12-31T23:59:59-12:00"},
     {"roles": []}, {"roles": ["nobody"]}, {"roles": ["operator"]},
     {"scopes": ["everything"]}, {"client_id": "a:b"}, {"tenant_id": "theirs"}, {"key_hmac": "x"}],
)  # fmt: skip
def test_key_that_cannot_be_is_refused_and_nothing_is_made(home, body):
    response = home.post(KEYS, {"client_id": "crm"} | body, home.owners["ours"])
    assert response.status_code == 400
    assert len(home.call("GET", KEYS, headers=home.owners["ours"]).json()["keys"]) == 1


def test_key_with_fewer_permissions_makes_none_with_more(home):
    admin = bearer(home.key(home.owners["ours"], client_id="admin", roles=["admin"])["key"])
    for body in ({"roles": ["owner"]}, {"roles": ["admin", "owner"]}, {"roles": ["owner"], "scopes": ["vault.*"]}):
        response = home.post(KEYS, {"client_id": "x"} | body, admin)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert home.post(KEYS, {"client_id": "x", "roles": ["owner"], "scopes": ["keys.*"]}, admin).status_code == 201
    boss = home.call("GET", KEYS, headers=admin).json()["keys"][-1]
    assert home.post(f"{KEYS}/{boss['key_id']}/rotate", {}, admin).status_code == 403
    assert home.call("PUT", "/v1/roles/mine", json={"permissions": ["*"]}, headers=admin).status_code == 403
    assert home.post("/v1/grants", {"principal": "service:admin", "role": "owner"}, admin).status_code == 403


def test_key_of_a_client_that_was_granted_more_is_not_made_by_who_has_less(home):
    admin = bearer(home.key(home.owners["ours"], client_id="admin", roles=["admin"])["key"])
    home.post("/v1/grants", {"principal": "service:boss-2", "role": "owner"}, home.owners["ours"])
    assert home.post(KEYS, {"client_id": "boss-2", "roles": ["viewer"]}, admin).status_code == 403


def test_role_of_a_tenants_own_opens_what_it_says_while_it_is_there(home):
    ours = home.owners["ours"]
    assert home.call("PUT", "/v1/roles/clerk", json={"permissions": ["keys.read"]}, headers=ours).status_code == 200
    clerk = bearer(home.key(ours, roles=["clerk"])["key"])
    assert [home.call("GET", path, headers=clerk).status_code for path in (KEYS, "/v1/roles")] == [200, 403]
    home.call("PUT", "/v1/roles/clerk", json={"permissions": ["roles.read"]}, headers=ours)
    assert [home.call("GET", path, headers=clerk).status_code for path in (KEYS, "/v1/roles")] == [403, 200]
    assert home.call("GET", "/v1/roles", headers=clerk).json()["own"][0]["version"] == 2
    assert home.call("DELETE", "/v1/roles/clerk", headers=ours).status_code == 200
    assert home.call("GET", "/v1/roles", headers=clerk).status_code == 403
    assert home.call("DELETE", "/v1/roles/clerk", headers=ours).status_code == 404


def test_grant_to_a_client_opens_its_keys_until_it_is_withdrawn(home):
    ours = home.owners["ours"]
    crm = bearer(home.key(ours)["key"])
    assert home.call("GET", KEYS, headers=crm).status_code == 403
    grant = {"principal": "service:crm", "role": "auditor"}
    assert home.post("/v1/grants", grant, ours).status_code == 201
    assert home.call("GET", KEYS, headers=crm).status_code == 200
    assert [one["role"] for one in home.call("GET", "/v1/grants", headers=ours).json()["grants"]] == ["auditor"]
    assert home.post("/v1/grants/withdraw", grant, ours).status_code == 200
    assert home.call("GET", KEYS, headers=crm).status_code == 403
    assert home.post("/v1/grants/withdraw", grant, ours).status_code == 404


@pytest.mark.parametrize("principal", ["user:ann", "agent:planner", "group:staff", "crm", ""])
def test_role_that_could_have_no_effect_is_not_granted(home, principal):
    refused = home.post("/v1/grants", {"principal": principal, "role": "auditor"}, home.owners["ours"])
    assert (refused.status_code, refused.json()["expected"]) == (400, "service:ID, a client of API keys")
    assert home.call("GET", "/v1/grants", headers=home.owners["ours"]).json()["grants"] == []


def test_tenant_that_is_suspended_is_refused_at_once_and_resumed_at_once(home):
    key = home.key(home.owners["ours"])["key"]
    assert home.decides(key) == 200
    assert home.call("POST", "/v1/tenants/ours/suspend").json()["status"] == "suspended"
    assert home.decides(key) == 403
    assert home.call("GET", "/v1/tenant", headers=home.owners["ours"]).status_code == 403
    assert home.call("GET", KEYS, headers=for_tenant("ours")).status_code == 200
    assert home.call("POST", "/v1/tenants/ours/suspend").json()["version"] == 2
    assert home.call("POST", "/v1/tenants/ours/resume").json()["status"] == "active"
    assert home.decides(key) == 200


def test_tenant_whose_suspension_nobody_heard_of_is_refused_by_what_the_key_was_looked_up_with(home, monkeypatch):
    """A proxy of connections, for one, hands no announcements on."""
    key = home.key(home.owners["ours"])["key"]
    home.call("POST", "/v1/tenants/ours/suspend", headers=HEADERS)
    monkeypatch.setattr(home.identities, "_inactive", {})
    home.identities._stored.forget("ours")
    assert home.decides(key) == 403
    home.call("POST", "/v1/tenants/ours/resume", headers=HEADERS)
    home.identities._stored.forget("ours")
    assert home.decides(key) == 200


def test_tenant_that_is_being_deleted_never_comes_back(home):
    assert home.call("DELETE", "/v1/tenants/ours").status_code == 202
    assert home.call("POST", "/v1/tenants/ours/resume").status_code == 409
    assert home.post(KEYS, {"client_id": "x"}, for_tenant("ours")).status_code == 409
    assert home.call("GET", "/v1/tenant", headers=home.owners["ours"]).status_code == 403
    assert home.call("GET", "/v1/tenant", headers=home.owners["theirs"]).json()["tenant_id"] == "theirs"


def test_tenants_are_made_listed_and_changed_by_the_operator_alone(home):
    assert home.post("/v1/tenants", {"tenant_id": "ours"}).status_code == 409
    assert home.post("/v1/tenants", {"tenant_id": "a/b"}).status_code == 400
    assert home.post("/v1/tenants", {"tenant_id": "x", "tier": "golden"}).status_code == 404
    page = home.call("GET", "/v1/tenants?limit=1").json()
    assert ([one["tenant_id"] for one in page["tenants"]], page["next"]) == (["ours"], "ours")
    page = home.call("GET", "/v1/tenants?after=ours").json()
    assert ([one["tenant_id"] for one in page["tenants"]], page["next"]) == (["theirs"], None)
    changed = home.call("PATCH", "/v1/tenants/ours", json={"name": "Ours Ltd", "max_api_keys": 1}).json()
    assert (changed["name"], changed["max_api_keys"], changed["version"]) == ("Ours Ltd", 1, 2)
    assert home.post(KEYS, {"client_id": "x"}, for_tenant("ours")).status_code == 409
    assert home.call("PATCH", "/v1/tenants/ours", json={}).status_code == 400
    assert home.call("PATCH", "/v1/tenants/ours", json={"status": "active"}).status_code == 400
    use = {
        "api_keys": 1, "max_api_keys": 1, "policies": 0, "max_policies": None, "principals": 0, "max_principals": None,
        "max_requests_per_minute": None,
    }  # fmt: skip
    assert home.call("GET", "/v1/tenants/ours").json() == changed | {"use": use}
    assert home.call("GET", "/v1/tenant", headers=home.owners["ours"]).json() == changed | {"use": use}
    for method, path in (("GET", "/v1/tenants"), ("GET", "/v1/tenants/ours"), ("DELETE", "/v1/tenants/theirs")):
        assert home.call(method, path, headers=home.owners["ours"]).status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "before=x", "before=1,2&before=3,4", "page=2"])
def test_list_that_is_asked_for_wrongly_is_refused(home, query):
    assert home.call("GET", f"{KEYS}?{query}", headers=home.owners["ours"]).status_code == 400


def test_keys_are_listed_newest_first_page_by_page(home):
    made = [home.key(home.owners["ours"])["key_id"] for _ in range(4)]
    seen, query = [], "limit=2"
    while query:
        page = home.call("GET", f"{KEYS}?{query}", headers=home.owners["ours"]).json()
        seen += [key["key_id"] for key in page["keys"]]
        query = f"limit=2&before={page['next']}" if page["next"] else ""
    assert seen[:4] == made[::-1]
    assert len(seen) == 5


def test_export_is_of_the_keys_own_tenant_and_whole(home):
    home.key(home.owners["ours"])
    response = home.call("GET", "/v1/tenant/export", headers=home.owners["ours"])
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert response.headers["content-type"] == "application/jsonl"
    assert lines[0]["tenant_id"] == "ours"
    assert lines[-1]["manifest"]["api_key"]["rows"] == 2
    assert "theirs" not in response.text
    assert home.call("GET", "/v1/tenant/export", headers=for_tenant("nobody")).status_code == 404


def test_export_whose_reader_is_slow_makes_another_wait_and_one_who_goes_away_frees_the_place(home):
    headers = [(name.encode(), value.encode()) for name, value in home.owners["ours"].items()]
    scope = {"type": "http", "method": "GET", "path": "/v1/tenant/export", "headers": headers, "query_string": b""}

    async def exporting(reading):
        said = []

        async def send(message):
            said.append(message)
            await reading()

        await home.agent(dict(scope), None, send)
        return said[0]["status"]

    async def at_once():
        pass

    async def run():
        begun = asyncio.Event()

        async def never():
            begun.set()
            await asyncio.Event().wait()

        slow = asyncio.create_task(exporting(never))
        await begun.wait()
        statuses = [await exporting(at_once)]
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        return [*statuses, await exporting(at_once)]

    assert asyncio.run(run()) == [503, 200]


def changes(home, tenant_id):
    """What is in the trail, as (action, outcome)."""
    return [(event.action, event.details["outcome"]) for event in home.recorded(tenant_id) if event.kind == "admin"]


def whole(*actions):
    return [(action, outcome) for action in actions for outcome in ("begun", "done")]


def test_every_change_is_in_the_trail_of_its_tenant_with_who_made_it(home):
    ours = home.owners["ours"]
    made = home.key(ours)
    home.post(f"{KEYS}/{made['key_id']}/rotate", {}, ours)
    home.call("DELETE", f"{KEYS}/{made['key_id']}", headers=ours)
    home.call("PUT", "/v1/roles/clerk", json={"permissions": ["keys.read"]}, headers=ours)
    grant = {"principal": "service:crm", "role": "clerk"}
    home.post("/v1/grants", grant, ours)
    home.post("/v1/grants/withdraw", grant, ours)
    home.call("DELETE", "/v1/roles/clerk", headers=ours)
    home.call("GET", "/v1/tenant/export", headers=ours)
    home.call("PATCH", "/v1/tenants/ours", json={"name": "Ours Ltd"})
    home.call("POST", "/v1/tenants/ours/suspend", headers=HEADERS | {"x-request-id": "r-1"})
    home.call("POST", "/v1/tenants/ours/resume")
    home.call("DELETE", "/v1/tenants/ours")
    assert changes(home, "ours") == [
        ("tenant.create", "done"),
        *whole(
            "key.create", "key.create", "key.rotate", "key.revoke", "role.define", "role.grant", "role.withdraw",
            "role.remove", "tenant.export", "tenant.change", "tenant.suspend", "tenant.resume", "tenant.delete",
        ),
    ]  # fmt: skip
    events = home.recorded("ours")
    assert {event.principal for event in events[3:19]} == {"service:boss"}
    suspended = [event for event in events if event.action == "tenant.suspend"]
    assert {(event.principal, event.origin.client_id, event.resource) for event in suspended} == {
        ("service:tester", "tester", "tenant:ours")
    }
    assert len({event.decision_id for event in suspended}) == 1
    renamed = next(event for event in events if (event.action, event.details["outcome"]) == ("tenant.change", "done"))
    assert renamed.details == {"outcome": "done", "name": "ours -> Ours Ltd", "version": "1 -> 2"}
    assert made["key"] not in repr(events)


def test_change_that_is_refused_is_in_the_trail_as_one_that_failed(home):
    admin = bearer(home.key(home.owners["ours"], client_id="admin", roles=["admin"])["key"])
    assert home.post("/v1/grants", {"principal": "service:admin", "role": "owner"}, admin).status_code == 403
    begun, failed = home.recorded("ours")[-2:]
    assert (begun.action, begun.principal, begun.resource) == ("role.grant", "service:admin", "service:admin")
    assert (failed.details, failed.allowed) == ({"outcome": "failed", "error": "forbidden"}, False)


def test_change_of_a_tenant_that_is_not_there_leaves_no_trail(home):
    assert home.post(KEYS, {"client_id": "x"}, for_tenant("nobody")).status_code == 404
    assert home.recorded("nobody") == []


def test_change_that_cannot_be_recorded_is_not_made(home, monkeypatch):
    made = home.key(home.owners["ours"])

    async def full(event):
        raise AuditError("the spool is full")

    monkeypatch.setattr(home.flow.audit, "append", full)
    assert home.call("DELETE", f"{KEYS}/{made['key_id']}", headers=home.owners["ours"]).status_code == 503
    monkeypatch.undo()
    assert home.decides(made["key"]) == 200


def test_administration_without_a_database_says_so(home):
    home.services = type(home.services)(
        **{name: getattr(home.services, name) for name in home.services.__struct_fields__} | {"tenancy": None}
    )
    from axonflow_sidecar.http.agent import create_agent
    from axonflow_sidecar.http.identities import Identities
    from axonflow_sidecar.http.keys import KeyRing
    from tests.sidecar.doors import KEYS as CONFIGURED

    agent = create_agent(home.services, Identities(KeyRing(CONFIGURED)))
    assert home.call("GET", KEYS, agent).status_code == 503


def test_key_that_nobody_can_look_up_is_answered_503_and_never_allowed(home, monkeypatch):
    key = home.key(home.owners["ours"])["key"]

    async def away(key_hmac):
        raise TenancyUnavailable("PostgreSQL is away")

    monkeypatch.setattr(home.stored, "_find", away)
    home.stored._known.clear()
    assert home.decides(key) == 503
    assert home.decides("axf_" + "A" * 54) == 401
    assert home.post("/v1/decisions", {"principal": "user:a", "action": "b", "resource": "c:d"}).status_code == 200


def test_key_in_the_file_wins_over_the_same_key_in_the_database():
    doors = Doors(ALLOW_ALL)
    asyncio.run(doors.tenancy.create_tenant(tenant("ours"), actor=ROOT))
    response = doors.call("GET", "/v1/tenant", headers=for_tenant("ours"))
    assert response.json()["tenant_id"] == "ours"
