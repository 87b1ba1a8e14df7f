"""Which connections are cut, by a clock that the test sets; real sockets, no server."""

import asyncio
import socket

import pytest

from axonflow_sidecar.http.middleware.connections import Connections


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def pair():
    """A listener's side and a client's side of one connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as accepted,
    ):
        yield client, accepted


def connections(accepted, clock, app=None):
    async def nothing(scope, receive, send):
        pass

    port = accepted.getsockname()[1]
    return Connections(app or nothing, {port}, header_timeout_s=10, idle_timeout_s=100, clock_s=clock)


def scope_of(accepted):
    host, port = accepted.getpeername()
    return {"type": "http", "headers": [], "client": (host, str(port)), "server": accepted.getsockname()}


def is_open(client):
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


def is_cut(client):
    client.settimeout(60)  # the kernel tells the other end soon, not at once
    return client.recv(1) == b""


def looked(watched, clock, now_s):
    clock.now_s = now_s
    return watched.look()


def test_connection_without_a_call_is_cut_after_the_header_timeout(pair):
    client, accepted = pair
    clock = Clock()
    watched = connections(accepted, clock)
    assert [looked(watched, clock, now_s) for now_s in (0, 9.9)] == [0, 0]
    assert is_open(client)
    assert looked(watched, clock, 10.1) == 1
    assert is_cut(client)


def test_connection_after_a_call_is_cut_after_the_idle_timeout(pair):
    client, accepted = pair
    clock = Clock()
    watched = connections(accepted, clock)
    asyncio.run(watched.application(scope_of(accepted), None, None))
    assert [looked(watched, clock, now_s) for now_s in (0, 99)] == [0, 0]
    assert looked(watched, clock, 101) == 1
    assert is_cut(client)


def test_connection_with_a_call_under_way_is_never_cut(pair):
    client, accepted = pair
    clock = Clock()
    seen = []

    async def long(scope, receive, send):
        watched.look()
        seen.append(looked(watched, clock, 1_000_000))

    watched = connections(accepted, clock, long)
    asyncio.run(watched.application(scope_of(accepted), None, None))
    assert seen == [0]
    assert is_open(client)


def test_connection_of_another_port_of_this_process_is_left_alone(pair):
    client, _ = pair
    clock = Clock()
    watched = Connections(None, {1}, header_timeout_s=10, idle_timeout_s=100, clock_s=clock)
    assert [looked(watched, clock, now_s) for now_s in (0, 1_000)] == [0, 0]
    assert is_open(client)


def test_connections_forget_those_that_have_ended():
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        watched = Connections(None, {listener.getsockname()[1]}, header_timeout_s=1, idle_timeout_s=1, clock_s=clock)
        for _ in range(50):
            with socket.create_connection(listener.getsockname()), listener.accept()[0]:
                watched.look()
        watched.look()
        assert len(watched._peers) == 0


def test_connections_drain_waits_for_the_last_call_and_refuses_new_ones(pair):
    _, accepted = pair

    async def main():
        go_on = asyncio.Event()

        async def waiting(scope, receive, send):
            await go_on.wait()

        watched = connections(accepted, Clock(), waiting)
        call = asyncio.create_task(watched.application(scope_of(accepted), None, None))
        await asyncio.sleep(0)
        assert await watched.drain(0.01) is False
        said = []

        async def send(message):
            said.append(message)

        await watched.application(scope_of(accepted), None, send)
        assert said[0]["status"] == 503
        go_on.set()
        assert await watched.drain(60) is True
        await call

    asyncio.run(main())
