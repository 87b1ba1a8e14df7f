"""The stream of an execution over real sockets, through agent and orchestrator: what changes arrives, until the end."""

import asyncio
import contextlib
import json
import threading
from functools import partial

import httpx
import pytest

from axonflow import Plan
from axonflow.errors import PlanError
from axonflow_sidecar.http.orchestrator_client import OrchestratorClient
from axonflow_sidecar.http.routes import passing_on, plan_table
from axonflow_sidecar.http.routes.execution_stream import MAX_STREAMS_OF_TENANT, StreamTimes, execution_stream
from axonflow_sidecar.http.services import Followed
from tests.sidecar.doors import ACME, ALLOW_ALL, BETA, CREDENTIAL, HEADERS, Doors, InProcess
from tests.sidecar.serving import served

QUICK = StreamTimes(look_s=0.01, heartbeat_s=0.0)
ENDED = {"completed", "failed", "cancelled"}


class StreamDoors(Doors):
    """A plan whose steps wait until they are let go on, from any thread."""

    def __init__(self):
        def waiting(**_):
            return self.may_go_on.acquire(timeout=120)

        self.may_go_on = threading.Semaphore(0)
        plan = Plan("two").step("first", waiting).step("second", waiting, needs=["first"])
        super().__init__(ALLOW_ALL, {"two": plan})


@pytest.fixture
def quick(monkeypatch):
    rows = [
        row._replace(answered=partial(execution_stream, times=QUICK)) if row.is_stream else row
        for row in plan_table._ROWS
    ]
    monkeypatch.setattr(plan_table, "_ROWS", tuple(rows))


@pytest.fixture
def two(quick, tmp_path):
    """The doors, a server of each, and a client of the agent's."""
    doors = StreamDoors()
    with served(doors.orchestrator, tmp_path / "o") as behind:
        orchestrator = OrchestratorClient(behind.plain.url, CREDENTIAL)
        doors.reopen(orchestrator=orchestrator)
        with served(doors.agent, tmp_path / "a") as front, Client(front.plain.url) as client:
            close_with(front, orchestrator)
            yield doors, client, behind, front


def close_with(server, orchestrator):
    """As the process does: its connections belong to the server's loop."""
    loop, close = server._loop, server._loop.close

    def closed():
        loop.run_until_complete(orchestrator.close())
        close()

    loop.close = closed


class Client(httpx.Client):
    def __init__(self, url):
        super().__init__(base_url=url, timeout=120, trust_env=False, headers=HEADERS)

    def made(self, headers=HEADERS):
        body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "two"}}
        return self.post("/api/request", json=body, headers=headers).json()["plan_id"]

    @contextlib.contextmanager
    def running(self, plan_id):
        """While another thread has it run."""
        body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
        thread = threading.Thread(target=self.post, args=("/api/request",), kwargs={"json": body})
        thread.start()
        try:
            yield
        finally:
            thread.join(120)

    @contextlib.contextmanager
    def followed(self, plan_id, headers=HEADERS):
        """The states of the execution, as they come, on a connection of its own."""
        path = f"/api/v1/unified/executions/{plan_id}/stream"
        with Client(str(self.base_url)) as own, own.stream("GET", path, headers=headers) as response:
            yield response


def states(response):
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def until(told, wanted):
    """The states up to the first that has so many steps done."""
    for state in told:
        if state["current_step_index"] == wanted:
            return state
    raise AssertionError("the stream has ended")


def test_stream_tells_each_change_and_ends_with_the_execution(two):
    doors, client, *_ = two
    plan_id = client.made()
    with client.followed(plan_id) as response:
        assert response.headers["content-type"] == "text/event-stream"
        told = states(response)
        assert next(told)["status"] == "pending"
        with client.running(plan_id):
            doors.may_go_on.release()
            half = until(told, 1)
            assert (half["status"], half["progress_percent"]) == ("running", 50.0)
            doors.may_go_on.release()
            *_, last = told
    assert (last["status"], last["progress_percent"]) == ("completed", 100.0)


def test_stream_of_an_execution_that_has_ended_has_one_state(two):
    _, client, *_ = two
    plan_id = client.made()
    client.post(f"/api/v1/plan/{plan_id}/cancel", json={})
    with client.followed(plan_id) as response:
        assert [state["status"] for state in states(response)] == ["cancelled"]


def test_stream_of_an_execution_that_is_cancelled_or_removed_ends(two):
    doors, client, *_ = two
    plan_id = client.made()
    with client.followed(plan_id) as response:
        told = states(response)
        next(told)
        client.post(f"/api/v1/unified/executions/{plan_id}/cancel", json={"reason": "enough"})
        assert [state["error"] for state in told] == ["Cancelled: enough"]
    plan_id = client.made()
    with client.followed(plan_id) as response:
        told = states(response)
        next(told)
        del doors.plan_store._executions["default", plan_id]
        assert list(told) == []


def test_stream_goes_on_without_reading_all_of_the_plan_each_time(two, monkeypatch):
    doors, client, *_ = two

    see = doors.plan_store.seen

    async def in_outline(*place, outline=False):
        if not outline:
            raise PlanError("8 MiB of context, twice a second")
        return await see(*place, outline=True)

    plan_id = client.made()
    with client.followed(plan_id) as response:
        told = states(response)
        next(told)
        monkeypatch.setattr(doors.plan_store, "seen", in_outline)
        asyncio.run(doors.plan_store.cancel("default", plan_id, "enough", 7))
        assert [state["status"] for state in told] == ["cancelled"]


def test_stream_of_a_workflow_tells_each_gate_and_ends_with_it(two, monkeypatch):
    doors, client, *_ = two
    place = "/api/v1/workflows"
    workflow_id = client.post(place, json={"workflow_name": "Refunds"}).json()["workflow_id"]
    path, reads, read = f"{place}/{workflow_id}", [], doors.workflows._stores.workflows.seen

    async def counted(*asked):
        seen = await read(*asked)
        reads.extend([] if seen.steps is None else [asked])
        return seen

    monkeypatch.setattr(doors.workflows._stores.workflows, "seen", counted)
    with client.followed(workflow_id) as response:
        told = states(response)
        assert next(told)["steps"] == []
        client.post(f"{path}/steps/a/gate", json={"step_type": "human_task"})
        assert [one["status"] for one in next(told)["steps"]] == ["running"]
        client.post(f"{path}/steps/a/complete", json={})
        assert until(told, 1)["steps"][0]["status"] == "completed"
        client.post(f"{path}/fail", json={"reason": "no money"})
        *_, last = told
    assert (last["status"], last["error"]) == ("failed", "no money")
    assert len(reads) <= 6  # to begin with, in the first look, and for each change once or twice: not at each look


def test_stream_of_another_tenant_or_of_nothing_is_404(two):
    _, client, *_ = two
    for plan_id, headers in ((client.made(), ACME), ("nope", HEADERS)):
        with client.followed(plan_id, headers) as response:
            assert response.status_code == 404
            assert response.headers["content-type"] == "application/problem+json"


def test_stream_one_too_many_of_a_tenant_is_429_until_one_that_left_is_missed(two):
    _, client, *_ = two
    plan_id = client.made(BETA)
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_STREAMS_OF_TENANT):
            assert stack.enter_context(client.followed(plan_id, BETA)).status_code == 200
        with client.followed(plan_id, BETA) as refused:
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        with client.followed(client.made(ACME), ACME) as other:
            assert other.status_code == 200
    while True:  # that they have gone is heard of soon, here and at the orchestrator
        with client.followed(plan_id, BETA) as response:
            if response.status_code == 200:
                break


@pytest.mark.parametrize("which", [2, 3], ids=["orchestrator", "agent"])
def test_stream_ends_when_either_service_stops(two, which):
    client = two[1]
    with client.followed(client.made()) as response:
        told = states(response)
        next(told)
        two[which].ask_to_stop()
        assert list(told) == []
        two[which].join()


def test_stream_of_a_tenant_that_is_suspended_ends(two, monkeypatch):
    doors, client, *_ = two
    monkeypatch.setattr(passing_on, "CHECK_S", 0.0)
    plan_id = client.made(ACME)
    with client.followed(plan_id, ACME) as response:
        told = states(response)
        assert next(told)["status"] == "pending"
        doors.inactive["acme"] = "suspended"
        assert list(told) == []


def test_stream_whose_store_is_away_ends(two, monkeypatch):
    doors, client, *_ = two

    async def away(*_, **__):
        raise PlanError("away")

    with client.followed(client.made()) as response:
        told = states(response)
        next(told)
        monkeypatch.setattr(doors.plan_store, "seen", away)
        assert list(told) == []


def test_stream_that_ends_before_it_has_begun_is_503():
    class Ending(InProcess):
        async def follow(self, path, identity, origin):
            return Followed(200, b"", nothing())

    async def nothing():
        return
        yield b""

    doors = Doors(ALLOW_ALL)
    doors.reopen(orchestrator=Ending(doors.orchestrator))
    answer = doors.call("GET", "/api/v1/unified/executions/x/stream")
    assert (answer.status_code, answer.json()["message"]) == (503, "the stream has ended before it began")


def test_stream_without_an_orchestrator_that_answers_is_503(two):
    _, client, behind, _ = two
    plan_id = client.made()
    behind.ask_to_stop()
    behind.join()
    answer = client.get(f"/api/v1/unified/executions/{plan_id}/stream")
    assert (answer.status_code, answer.json()["message"]) == (503, "the orchestrator does not answer")
