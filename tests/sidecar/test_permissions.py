"""Every route takes a permission, and lets nobody in without it."""

import re

import pytest

from axonflow.tenancy import INSTALLATION, PERMISSIONS
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing
from axonflow_sidecar.http.routes.plan_table import agent_plan_routes
from axonflow_sidecar.http.routing import INTERNAL, PUBLIC, routed
from tests.sidecar.doors import ALLOW_ALL, Doors

KEY = "a-key-of-these-tests-0123456789-ab"
DOORS = Doors(ALLOW_ALL)
ROUTES = [(service, route) for service, routes in DOORS.routes.items() for route in routes]

PLANS = {"/api/request", *(route.path for route in agent_plan_routes(DOORS.services))}


def named(value):
    return value if isinstance(value, str) else f"{value.method} {value.path}"


def answered(service, route, scopes):
    """The status of an empty call with a key of these scopes, and what is said."""
    identities = Identities(KeyRing([ApiKey(KEY, scopes=tuple(scopes))]))
    application = routed(DOORS.routes[service], identities)
    path = re.sub(r"\{\w+\}", "x", route.path)
    response = DOORS.call(route.method, path, application, {"authorization": f"Bearer {KEY}"})
    return response.status_code, response.json().get("expected", "") if response.status_code == 403 else ""


@pytest.mark.parametrize(("service", "route"), ROUTES, ids=named)
def test_route_takes_a_permission_that_there_is_or_says_why_none(service, route):
    without_key = {"/health": PUBLIC}
    if service == "orchestrator":
        without_key |= {one.path: INTERNAL for one in DOORS.routes[service] if one.path.startswith("/api/")}
    assert route.permission == without_key.get(route.path) or route.permission in PERMISSIONS


@pytest.mark.parametrize(("service", "route"), ROUTES, ids=named)
def test_route_refuses_a_key_with_every_permission_but_its_own(service, route):
    status, expected = answered(service, route, PERMISSIONS - {route.permission})
    if route.permission == PUBLIC:
        assert status == 200
    elif route.permission == INTERNAL:  # a key is not what it takes
        assert status == 401
    else:
        assert (status, expected) == (403, f"the permission {route.permission}")


@pytest.mark.parametrize(("service", "route"), [row for row in ROUTES if row[1].permission in PERMISSIONS], ids=named)
def test_route_takes_a_key_with_its_permission_alone(service, route):
    assert answered(service, route, [route.permission])[0] not in (401, 403)


def test_key_of_one_tenant_has_no_permission_of_the_installation():
    ring = KeyRing([ApiKey(KEY, "c", "acme", roles=("operator",))])
    assert not ring.holder(ring.digest(KEY)).permissions & INSTALLATION


@pytest.mark.parametrize("status", ["suspended", "deleting"])
@pytest.mark.parametrize("headers", [{"authorization": "Bearer acme-key-0123456789-0123456789-ab"}, None])
def test_suspended_tenant_is_refused_at_every_door_whoever_asks(status, headers):
    doors = Doors(ALLOW_ALL)
    doors.inactive["acme"] = status
    parts = {} if headers is None else {"headers": headers}
    request = {"principal": {"id": "ann", "tenant": "acme"}, "action": "tool.call", "resource": "tool:search"}
    identity = {"gateway_id": "g", "tenant_id": "acme"}
    calls = [
        ("/v1/decisions", request),
        ("/v1/reveal", {"principal": {"id": "ann", "tenant": "acme"}, "content": "x"}),
        ("/api/v1/decide", {"stage": "llm", "query": "x", "caller_identity": identity, "target": {"model": "m"}}),
    ]
    for path, body in calls:
        response = doors.post(path, body, **parts)
        assert (response.status_code, response.json()["message"]) == (403, f"the tenant is {status}")
    assert not doors.recorded("acme")


def test_suspended_tenant_that_is_resumed_is_answered_again():
    doors = Doors(ALLOW_ALL)
    body = {"principal": {"id": "ann", "tenant": "acme"}, "action": "tool.call", "resource": "tool:search"}
    doors.inactive["acme"] = "suspended"
    assert doors.post("/v1/decisions", body).status_code == 403
    del doors.inactive["acme"]
    assert doors.post("/v1/decisions", body).json()["allowed"]
