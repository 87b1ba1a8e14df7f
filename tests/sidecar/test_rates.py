"""How often a tenant may call: as often as its limit says, and no other tenant is the slower for it."""

import pytest

from axonflow_sidecar.http.rates import RequestRates
from tests.sidecar.doors import ALLOW_ALL, HEADERS, REQUEST, Doors


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def test_rate_of_a_minute_is_answered_at_once_and_then_as_it_fills_again(clock):
    rates = RequestRates(clock)
    assert [rates.wait_s("acme", 6) for _ in range(7)] == [0.0] * 6 + [10.0]
    clock.now_s += 4
    assert rates.wait_s("acme", 6) == pytest.approx(6.0)
    clock.now_s += 6
    assert [rates.wait_s("acme", 6) for _ in range(2)] == [0.0, pytest.approx(10.0)]
    clock.now_s += 3600
    assert [rates.wait_s("acme", 6) for _ in range(7)] == [0.0] * 6 + [10.0]


def test_rate_of_one_tenant_is_not_anothers(clock):
    rates = RequestRates(clock)
    assert [rates.wait_s(name, 1) for name in ("acme", "beta", "acme")] == [0.0, 0.0, 60.0]


def test_rate_of_nothing_answers_nothing(clock):
    assert RequestRates(clock).wait_s("acme", 0) == 60.0


def test_rate_that_is_lowered_or_raised_holds_at_once(clock):
    rates = RequestRates(clock)
    assert rates.wait_s("acme", 600) == 0.0
    assert [rates.wait_s("acme", 2) for _ in range(3)] == [0.0, 0.0, 30.0]
    clock.now_s += 1
    assert [rates.wait_s("acme", 120) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_rates_of_more_tenants_than_are_kept_forget_who_called_first(clock):
    rates = RequestRates(clock, max_buckets=2)
    assert [rates.wait_s(name, 1) for name in ("a", "b", "c")] == [0.0] * 3
    assert [rates.wait_s(name, 1) for name in ("c", "a")] == [60.0, 0.0]


def limited(per_minute):
    """The doors, and the key of a tenant that may call so often."""
    doors = Doors(ALLOW_ALL)
    body = {"tenant_id": "small", "max_requests_per_minute": per_minute}
    assert doors.post("/v1/tenants", body).status_code == 201
    key = doors.post("/v1/keys", {"client_id": "crm"}, HEADERS | {"x-tenant-id": "small"}).json()["key"]
    return doors, {"authorization": f"Bearer {key}"}


def ask(doors, headers):
    return doors.post("/v1/decisions", REQUEST | {"principal": {"id": "ann", "tenant": "small"}}, headers)


def test_tenant_that_calls_too_often_is_told_when_to_come_back_and_nothing_is_decided():
    doors, headers = limited(2)
    assert [ask(doors, headers).status_code for _ in range(3)] == [200, 200, 429]
    decisions = len([event for event in doors.recorded("small") if event.kind == "decision"])
    answer = ask(doors, headers)
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert (answer.json()["code"], answer.json()["at"]) == ("rate_limited", "small")
    assert (answer.json()["rate_limit"]["limit"], answer.json()["rate_limit"]["remaining"]) == (2, 0)
    assert answer.json()["rate_limit"]["reset_at"].endswith("Z")
    assert decisions == 2
    assert ask(doors, HEADERS).status_code == 200


def test_tenant_whose_limit_is_taken_away_calls_as_often_as_it_likes():
    doors, headers = limited(1)
    assert [ask(doors, headers).status_code for _ in range(2)] == [200, 429]
    doors.call("PATCH", "/v1/tenants/small", json={"tier": "enterprise", "max_requests_per_minute": None})
    assert [ask(doors, headers).status_code for _ in range(5)] == [200] * 5
