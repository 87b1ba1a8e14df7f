"""The agent over real sockets: HTTP/1.1, HTTP/2 with and without TLS, clients that misbehave, and an orderly end."""

import asyncio
import contextlib
import json
import socket
import ssl
import threading

import httpx
import pytest

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.ports import ReservedPort
from axonflow_sidecar.http import asgi
from tests.sidecar.doors import ALLOW_ALL, HEADERS, REQUEST, Doors
from tests.sidecar.serving import served

LONG_S = 60
PATH = "/v1/decisions"
JSON = HEADERS | {"content-type": "application/json"}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
UNFINISHED_HEADERS = bytes([0, 0, 2, 1, 0, 0, 0, 0, 1, 0x82, 0x86])
"""A HEADERS frame without END_HEADERS: the block goes on in a frame that never comes (RFC 9113, section 6.2)."""


@pytest.fixture(scope="module")
def doors():
    return Doors(ALLOW_ALL)


@pytest.fixture(scope="module")
def server(doors, tmp_path_factory):
    with served(doors.agent, tmp_path_factory.mktemp("tls"), header_timeout_s=LONG_S) as server:
        yield server


@pytest.fixture(scope="module")
def impatient(doors, tmp_path_factory):
    """One that cuts those who do not ask; not to be asked anything, which on a busy machine takes longer."""
    with served(doors.agent, tmp_path_factory.mktemp("tls"), header_timeout_s=1, idle_timeout_s=10 * LONG_S) as server:
        yield server


def trusting(server):
    return ssl.create_default_context(cafile=server.authority)


def client(server, *, tls=True, http2=True, **parts):
    address = (server.tls if tls else server.plain).url
    return httpx.Client(
        base_url=address, verify=trusting(server), http1=not http2, http2=http2, headers=JSON, timeout=LONG_S,
        trust_env=False, **parts,
    )  # fmt: skip


WAYS = [(True, True, "HTTP/2"), (True, False, "HTTP/1.1"), (False, True, "HTTP/2"), (False, False, "HTTP/1.1")]


@pytest.mark.parametrize(("tls", "http2", "version"), WAYS, ids=["h2", "https", "h2c", "http"])
def test_server_every_protocol_gives_the_same_answer(server, tls, http2, version):
    with client(server, tls=tls, http2=http2) as http:
        for _ in range(3):
            response = http.post(PATH, json=REQUEST)
            assert (response.status_code, response.http_version) == (200, version)
            assert response.json()["effect"] == "allow"


def test_server_client_that_offers_both_gets_http_2_or_1_as_it_can(server):
    for offers, version in (({"http1": True, "http2": True}, "HTTP/2"), ({"http1": True}, "HTTP/1.1")):
        with httpx.Client(verify=trusting(server), trust_env=False, **offers) as http:
            assert http.get(f"{server.tls.url}/health").http_version == version


def test_server_takes_nothing_older_than_tls_1_3(server):
    context = trusting(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError), httpx.Client(verify=context, trust_env=False) as http:
        http.get(f"{server.tls.url}/health")


def test_server_upgrade_to_h2c_by_header_is_passed_over(server):
    """RFC 9113, section 3.1: the upgrade of RFC 7540 is obsolete. The call is answered over HTTP/1.1."""
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQAAP__"}
    with client(server, tls=False, http2=False) as http:
        response = http.get("/health", headers=upgrade)
    assert (response.status_code, response.http_version) == (200, "HTTP/1.1")


@pytest.mark.parametrize(("tls", "http2", "version"), WAYS, ids=["h2", "https", "h2c", "http"])
@pytest.mark.parametrize("declared", [True, False])
def test_server_body_of_30_mb_is_413_and_the_next_call_is_answered(server, monkeypatch, tls, http2, version, declared):
    for name in ("BODY_TIMEOUT_S", "DISCARD_TIMEOUT_S"):
        monkeypatch.setattr(asgi, name, 600)  # on a machine with much else to do it takes its time to come

    def body():
        for _ in range(30):
            yield b"x" * 1_000_000

    headers = {"content-length": "30000000"} if declared else {}
    with client(server, tls=tls, http2=http2) as http:
        try:
            response = http.post(PATH, content=body(), headers=headers)
        except (httpx.WriteError, httpx.RemoteProtocolError):
            assert not http2  # over HTTP/1.1 the server may close before the client has stopped writing
        else:
            assert (response.status_code, response.json()["status"]) == (413, 413)
    with client(server, tls=tls, http2=http2) as http:
        assert http.post(PATH, json=REQUEST).status_code == 200


@pytest.mark.parametrize("size", [40_000, 1_000_000])
def test_server_header_over_the_limit_is_431_over_http_1(server, size):
    with client(server, http2=False) as http:
        response = http.post(PATH, json=REQUEST, headers={"x-much": "a" * size})
        assert (response.status_code, response.json()["code"]) == (431, "invalid_request")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 500 + b"\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 2_500_000 + b"\r\n\r\n", b"431"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n", b"400"),
    ],
    ids=["too many headers", "headers beyond what the server takes", "no HTTP", "a header that is none"],
)
def test_server_what_it_refuses_itself_ends_the_connection(server, sent, status):
    with socket.create_connection((server.plain.host, server.plain.port), timeout=LONG_S) as connection:
        with contextlib.suppress(ConnectionError):  # it may close before the client has stopped writing
            connection.sendall(sent)
        assert connection.recv(64).startswith(b"HTTP/1.1 " + status)
        assert ended(connection)


def test_server_body_that_does_not_arrive_in_time_is_408(server, monkeypatch):
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.1)  # less than the whole call may take, as for plans
    monkeypatch.setattr(asgi, "DISCARD_TIMEOUT_S", 0.1)
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {HEADERS['authorization']}\r\n"
    with socket.create_connection((server.plain.host, server.plain.port), timeout=LONG_S) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_server_header_over_the_limit_is_431_over_http_2(server):
    with client(server) as http:
        assert http.post(PATH, json=REQUEST, headers={"x-much": "a" * 40_000}).status_code == 431


@pytest.mark.parametrize("where", range(1, 60, 7))
def test_server_truncated_json_is_400_with_its_place(server, where):
    with client(server) as http:
        response = http.post(PATH, content=json.dumps(REQUEST).encode()[:where])
        assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


def ended(connection):
    """Whether the server ends the connection in time."""
    connection.settimeout(LONG_S)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"P", b"POST / HTTP/1.1\r\nHost: a\r\nX-", PREFACE, PREFACE + UNFINISHED_HEADERS],
    ids=["silent", "one byte", "half a header", "only the preface", "half a header block"],
)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_server_client_that_never_finishes_its_headers_is_cut(impatient, sent, tls):
    with opened(impatient, sent, tls) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        assert ended(connection)


def opened(server, sent, tls):
    """A connection on which `sent` comes next, with its handshake done."""
    if not tls:
        return socket.create_connection((server.plain.host, server.plain.port))
    context = trusting(server)
    context.set_alpn_protocols(["h2" if sent.startswith(b"PRI") else "http/1.1"])
    while True:
        connection = socket.create_connection((server.tls.host, server.tls.port))
        try:
            return context.wrap_socket(connection, server_hostname="localhost")
        except OSError:  # cut before it was done, on a busy machine
            connection.close()


def test_server_client_that_never_finishes_its_handshake_is_cut(impatient):
    with socket.create_connection((impatient.tls.host, impatient.tls.port)) as connection:
        assert ended(connection)


def test_server_calls_sent_at_once_on_a_connection_are_each_answered_by_their_own_body(server, doors):
    before = len(doors.recorded())
    key = HEADERS["authorization"]
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: application/json"
    bodies = [json.dumps(REQUEST | {"principal": {"id": name}}).encode() for name in ("ann", "bartholomew")]
    sent = b"".join(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)
    with socket.create_connection((server.plain.host, server.plain.port), timeout=LONG_S) as connection:
        connection.sendall(sent)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < len(bodies):
            answers += (part := connection.recv(65_536))
            assert part, answers
    assert [event.principal for event in doors.recorded()[before:]] == ["user:ann", "user:bartholomew"]


def test_server_connection_that_ends_in_the_middle_of_a_body_does_no_harm(server, doors):
    before = len(doors.recorded())
    with socket.create_connection((server.plain.host, server.plain.port)) as connection:
        key = HEADERS["authorization"]
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + b'Content-Length: 1000\r\n\r\n{"principal"')
    with client(server) as http:
        assert http.post(PATH, json=REQUEST).status_code == 200
    assert len(doors.recorded()) == before + 1


def test_server_under_many_clients_at_once_answers_and_records_each_once(server, doors):
    async def main():
        async with httpx.AsyncClient(
            base_url=server.tls.url, verify=trusting(server), http1=False, http2=True, headers=JSON, timeout=LONG_S,
            trust_env=False,
        ) as http:  # fmt: skip
            return await asyncio.gather(*(http.post(PATH, json=REQUEST) for _ in range(300)))

    before = len(doors.recorded())
    ids = [response.json()["decision_id"] for response in asyncio.run(main())]
    recorded = [event.decision_id for event in doors.recorded()[before:]]
    assert sorted(ids) == sorted(recorded)
    assert len(set(ids)) == 300


def test_server_told_to_stop_answers_what_is_under_way(tmp_path):
    doors = Doors(ALLOW_ALL)
    entered, go_on = threading.Event(), threading.Event()

    async def slow(scope, receive, send):
        entered.set()
        await asyncio.to_thread(go_on.wait, LONG_S)
        await doors.agent(scope, receive, send)

    with served(slow, tmp_path, drain_timeout_s=LONG_S) as server, client(server) as http:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(http.post(PATH, json=REQUEST)))
        asking.start()
        assert entered.wait(LONG_S)
        server.ask_to_stop()
        go_on.set()
        asking.join(LONG_S)
        server.join()
    assert [answer.status_code for answer in answers] == [200]


def test_server_hung_call_does_not_hold_up_the_end(tmp_path):
    entered = threading.Event()

    async def hung(scope, receive, send):
        entered.set()
        await asyncio.Event().wait()

    with (
        served(hung, tmp_path, drain_timeout_s=0.2) as server,
        socket.create_connection((server.plain.host, server.plain.port)) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert entered.wait(LONG_S)
        server.ask_to_stop()
        server.join()


def test_reserved_port_that_somebody_listens_on_is_refused_with_the_option():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="--tls-port") as raised:
            ReservedPort("127.0.0.1", port, "--tls-port")
    assert f"127.0.0.1:{port}" in str(raised.value)


def test_reserved_port_is_refused_to_a_second_one_of_ours_that_listens(server):
    with pytest.raises(ConfigurationError, match="busy"):
        ReservedPort("127.0.0.1", server.plain.port, "--port")


def test_reserved_port_of_another_machine_is_refused():
    with pytest.raises(ConfigurationError, match="cannot listen"):
        ReservedPort("192.0.2.1", 0, "--host")
