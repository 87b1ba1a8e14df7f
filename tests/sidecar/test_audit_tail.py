"""The live tail over real sockets: what is recorded arrives, once, and only for who may see it; and how a tail ends."""

import asyncio
import contextlib
import json
import ssl

import httpx
import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditTail
from axonflow.app.tailing import Tailing
from axonflow.audit.tail import TailPosition
from axonflow.errors import AuditError
from axonflow.ids import now_us
from axonflow_sidecar.http import routing
from axonflow_sidecar.http.agent import agent_routes
from axonflow_sidecar.http.middleware.tracing import traced
from axonflow_sidecar.http.routes.audit_tail import MAX_TAILS_OF_TENANT, TailTimes, audit_tail
from axonflow_sidecar.http.routing import Route, routed
from tests.sidecar.doors import ACME, ALLOW_ALL, BETA, HEADERS, REQUEST, Doors
from tests.sidecar.serving import served

TAIL, DECISIONS, SEARCH = "/v1/audit/tail", "/v1/decisions", "/api/v1/audit/search"
QUICK = TailTimes(poll_s=0.02, gather_s=0.0, heartbeat_s=30.0, slow_s=600.0)
WAYS = [(True, True), (True, False), (False, True), (False, False)]
REFUSALS = ["?after=nonsense", "?since=monday", "?colour=red", "?after=" + "a" * 20_000,
            "?kind=nonsense", "?effect=denied", "?principal=ann", "?resource=shell", "?after=x;y"]  # fmt: skip


class TailDoors(Doors):
    """An agent whose store is looked at all the time. It has what was recorded once somebody has searched."""

    def __init__(self, times=QUICK, tail=None):
        super().__init__(ALLOW_ALL)
        self.reopen(tail=Tailing(tail or MemoryAuditTail(self.audit_store)))
        routes = [route for route in agent_routes(self.services) if route.path != TAIL]
        routes.append(Route("GET", TAIL, audit_tail(self.services, times), "audit.read"))
        self.app = traced(routed(routes, self.identities))


class Tail:
    """A client that reads one tail."""

    def __init__(self, response):
        self.response = response
        self._lines = response.iter_lines()
        self.last_id = ""

    def next(self, *, beats=False):
        """The next event, as (name, data); None for the end of the connection."""
        name, data = "message", None
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif not line and data is not None:
                return name, data
            elif field == "" and value and beats:
                return "beat", value
        return None


class Client:
    def __init__(self, server, *, tls=True, http2=True):
        address = (server.tls if tls else server.plain).url
        context = ssl.create_default_context(cafile=server.authority)
        self._options = {
            "base_url": address, "verify": context, "http1": not http2, "http2": http2, "timeout": 120,
            "trust_env": False,
        }  # fmt: skip
        self.http = httpx.Client(**self._options)

    def close(self):
        self.http.close()

    def decide(self, headers=HEADERS, **parts):
        """A decision that is in the store when this returns."""
        tenant = {"principal": {"id": "ann", "tenant": "acme"}} if headers is ACME else {}
        decided = self.http.post(DECISIONS, json=REQUEST | tenant | parts, headers=headers)
        assert self.http.post(SEARCH, json={}, headers=headers).status_code == 200
        return decided.json()["decision_id"]

    @contextlib.contextmanager
    def tail(self, query="?kind=decision", headers=HEADERS):
        """On a connection of its own, since this client does not tell a server that it reads no more of a stream."""
        with httpx.Client(**self._options) as http, http.stream("GET", TAIL + query, headers=headers) as response:
            if response.status_code == 200:
                assert response.headers["content-type"] == "text/event-stream"
            yield Tail(response)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(TailDoors().app, tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with contextlib.closing(Client(server)) as client:
        yield client


@contextlib.contextmanager
def serving(doors, folder):
    with served(doors.app, folder) as server, contextlib.closing(Client(server)) as client:
        yield server, client


@pytest.mark.parametrize(("tls", "http2"), WAYS, ids=["h2", "https", "h2c", "http"])
def test_tail_tells_what_is_recorded_over_every_protocol(server, tls, http2):
    with contextlib.closing(Client(server, tls=tls, http2=http2)) as client, client.tail() as tail:
        ids = [client.decide(), client.decide()]
        told = [tail.next(), tail.next()]
    assert [(name, event["decision_id"]) for name, event in told] == [("message", one) for one in ids]
    assert told[0][1]["tenant_id"] == "default"
    assert "schema_version" in told[0][1]


def test_tail_resumed_by_its_last_event_id_misses_and_doubles_nothing(client):
    with client.tail() as tail:
        first = client.decide()
        assert tail.next()[1]["decision_id"] == first
    ids = [client.decide() for _ in range(3)]
    with client.tail(headers=HEADERS | {"last-event-id": tail.last_id}) as again:
        assert [again.next()[1]["decision_id"] for _ in ids] == ids
        newest = client.decide()
        assert again.next()[1]["decision_id"] == newest
    with client.tail(f"?kind=decision&after={tail.last_id}") as third:
        assert third.next()[1]["decision_id"] == ids[0]


def test_tail_since_a_time_and_behind_an_event_begins_there(client):
    ids = [client.decide(resource="tool:since") for _ in range(2)]
    with client.tail("?since=2020-01-01T00:00:00Z&resource=tool:since") as tail:
        told = [tail.next()[1], tail.next()[1]]
    assert [one["decision_id"] for one in told] == ids
    with client.tail(f"?after={told[0]['event_id']}&resource=tool:since") as tail:
        assert tail.next()[1]["decision_id"] == ids[1]


@pytest.mark.parametrize(
    "query",
    ["?effect=allow&resource=tool:wanted", "?action=tool.call&resource=tool:wanted", "?user_email=bob",
     "?client_id=tester&kind=decision&resource=tool:wanted"],
)  # fmt: skip
def test_tail_with_filters_tells_those_alone(client, query):
    with client.tail(query) as tail:
        client.decide()
        wanted = client.decide(resource="tool:wanted", principal="user:bob")
        assert tail.next()[1]["decision_id"] == wanted


def test_tail_of_one_tenant_tells_nothing_of_another(client):
    since = "?kind=decision&since=2020-01-01T00:00:00Z"
    client.decide()
    with client.tail(since, ACME) as tail:
        own = client.decide(ACME)
        assert tail.next()[1]["decision_id"] == own
    with client.tail(headers=BETA) as tail:
        client.decide(ACME)
        beta = {"principal": {"id": "bob", "tenant": "beta"}}
        mine = client.decide(BETA, **beta)
        assert tail.next()[1]["decision_id"] == mine
    with client.tail(since, ACME | {"x-tenant-id": "default"}) as tail:
        assert tail.response.status_code == 403
    with client.tail(since, HEADERS | {"x-tenant-id": "acme"}) as tail:
        assert tail.next()[1]["tenant_id"] == "acme"


@pytest.mark.parametrize("query", REFUSALS)
def test_tail_from_what_is_no_position_is_400(client, query):
    with client.tail(query) as tail:
        assert tail.response.status_code == 400


def test_tail_of_a_tenant_that_nobody_knows_is_404_and_not_silence(client):
    with client.tail(headers=HEADERS | {"x-tenant-id": "nobody"}) as tail:
        assert tail.response.status_code == 404
    beta = {"principal": {"id": "bob", "tenant": "beta"}}
    client.decide(BETA, **beta)  # of which there is a record
    with client.tail(headers=HEADERS | {"x-tenant-id": "beta"}) as tail:
        assert tail.response.status_code == 200


def test_tail_without_a_database_is_503():
    assert Doors(ALLOW_ALL).call("GET", TAIL).status_code == 503


def test_tail_one_too_many_of_a_tenant_is_429_until_one_ends(client):
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_TAILS_OF_TENANT):
            assert stack.enter_context(client.tail(headers=BETA)).response.status_code == 200
        with client.tail(headers=BETA) as refused:
            assert (refused.response.status_code, refused.response.headers["retry-after"]) == (429, "5")
        with client.tail(headers=ACME) as other:
            assert other.response.status_code == 200
    while True:  # that they have gone is heard of soon
        with client.tail(headers=BETA) as tail:
            if tail.response.status_code == 200:
                break


def test_tail_that_has_nothing_to_tell_says_so_and_how_far_it_is(tmp_path):
    with (
        serving(TailDoors(replace(QUICK, heartbeat_s=0.0)), tmp_path) as (_, client),
        client.tail("?kind=login") as tail,
    ):
        before = TailPosition.at(now_us()).token
        client.decide()
        while ";" not in tail.last_id:
            assert tail.next(beats=True) == ("beat", "nothing new")
        assert TailPosition.parse(tail.last_id).after <= before


def test_tail_of_a_process_that_stops_is_told_and_ends(tmp_path):
    with serving(TailDoors(), tmp_path) as (server, client), client.tail() as tail:
        server.ask_to_stop()
        assert tail.next() == ("end", {"reason": "stopping"})
        assert tail.next() is None
        server.join()


def test_tail_of_a_tenant_that_is_suspended_ends(tmp_path):
    doors = TailDoors(replace(QUICK, heartbeat_s=0.0))
    with serving(doors, tmp_path) as (_, client), client.tail(headers=ACME) as tail:
        assert tail.next(beats=True) == ("beat", "nothing new")
        doors.inactive["acme"] = "suspended"
        while (told := tail.next(beats=True))[0] == "beat":
            pass
        assert told == ("end", {"reason": "forbidden"})


def test_tail_of_a_store_that_does_not_answer_ends_and_can_be_resumed(tmp_path):
    doors = TailDoors()

    class Away(MemoryAuditTail):
        async def later(self, tenant_id, position, limit):
            if self.is_away:
                raise AuditError("away")
            return await super().later(tenant_id, position, limit)

    away = Away(doors.audit_store)
    away.is_away = False
    doors = TailDoors(tail=away)
    away._store = doors.audit_store
    with serving(doors, tmp_path) as (_, client):
        with client.tail() as tail:
            client.decide()
            assert tail.next()[0] == "message"
            away.is_away = True
            assert tail.next() == ("end", {"reason": "unavailable"})
        missed = client.decide()
        away.is_away = False
        with client.tail(headers=HEADERS | {"last-event-id": tail.last_id}) as again:
            assert again.next()[1]["decision_id"] == missed


def test_tail_of_a_client_that_is_too_slow_ends_with_that_and_can_be_resumed(tmp_path):
    with serving(TailDoors(replace(QUICK, slow_s=0.0)), tmp_path) as (_, client):
        with client.tail() as tail:
            client.decide()
            assert [tail.next()[0], tail.next()] == ["message", ("end", {"reason": "slow"})]
        missed = client.decide()
        with client.tail(headers=HEADERS | {"last-event-id": tail.last_id}) as again:
            assert again.next()[1]["decision_id"] == missed


def test_tail_of_a_client_that_takes_nothing_is_cut_and_its_place_is_free(monkeypatch):
    monkeypatch.setattr(routing, "STALLED_S", 0.01)
    doors = TailDoors()
    scope = {"type": "http", "method": "GET", "path": TAIL, "query_string": b"",
             "headers": [(b"authorization", ACME["authorization"].encode())]}  # fmt: skip

    async def stuck(message):
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def cut():
        async def receive():
            return await asyncio.Event().wait()

        for _ in range(MAX_TAILS_OF_TENANT + 1):
            with pytest.raises(TimeoutError):
                await doors.app(dict(scope), receive, stuck)
        return len(asyncio.all_tasks())

    assert asyncio.run(cut()) == 1
