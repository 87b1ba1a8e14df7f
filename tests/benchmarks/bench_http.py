"""Decisions through the agent over HTTP/2 + TLS 1.3, each on disk before its answer, against the same server that
answers a constant of the same size; and the engine in this process. Alternating, medians of rounds.

Client, agent and PostgreSQL share the machine's cores, so the figures at 32 at once say what the machine can do with
all of them, not what the agent alone could.
"""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyreqwest.client import ClientBuilder

from axonflow import AxonFlow, Request
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow_sidecar.hosting.ports import ReservedPort
from tests.running import data_folder, up

BODY = (
    b'{"principal":{"id":"ann","roles":["analyst"]},"action":"llm.request","resource":"model:gpt-5-mini",'
    b'"context":{"env":"prod"},"content":"' + b"Summarise the minutes of the meeting. " * 9 + b'"}'
)
ROUNDS = 5
CALLS = {1: 400, 8: 1_600, 32: 3_200}


@contextlib.contextmanager
def bare_server(endpoints, folder, size_bytes):
    reserved = ReservedPort("127.0.0.1", 0, "")
    script = Path(__file__).with_name("bare_server.py")
    tls = (str(folder / "tls" / "server.pem"), str(folder / "tls" / "server.key"))
    process = subprocess.Popen(
        [sys.executable, str(script), str(reserved.port), *tls, str(size_bytes)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline()
        yield f"https://localhost:{reserved.port}/"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
        reserved.close()


class Client:
    def __init__(self, authority, key):
        self._authority = Path(authority).read_bytes()
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    async def __aenter__(self):
        builder = ClientBuilder().add_root_certificate_pem(self._authority).min_tls_version("TLSv1.3")
        self._client = await builder.default_headers(self._headers).build().__aenter__()
        return self

    async def __aexit__(self, *_):
        await self._client.__aexit__(None, None, None)

    async def ask(self, url):
        started_ns = time.perf_counter_ns()
        response = await self._client.post(url).body_bytes(BODY).build().send()
        body = await response.bytes()
        assert response.status == 200, (response.status, bytes(body))
        return time.perf_counter_ns() - started_ns, len(body)

    async def round(self, url, at_once):
        """Calls a second, and the sorted times of all calls in us."""
        times = []

        async def ask_again():
            times.extend([(await self.ask(url))[0] for _ in range(CALLS[at_once] // at_once)])

        started_s = time.perf_counter()
        await asyncio.gather(*(ask_again() for _ in range(at_once)))
        took_s = time.perf_counter() - started_s
        return len(times) / took_s, sorted(one / 1000 for one in times)


def quantile(times, fraction):
    return times[int(len(times) * fraction)]


async def over_http(endpoints, folder, key):
    url = endpoints["agent_tls"].replace("127.0.0.1", "localhost") + "/v1/decisions"
    async with Client(endpoints["authority_file"], key) as client:
        size_bytes = max([(await client.ask(url))[1] for _ in range(50)])
        with bare_server(endpoints, folder, size_bytes) as floor:
            for _ in range(50):
                await client.ask(floor)
            for at_once in CALLS:
                rounds = [(await client.round(url, at_once), await client.round(floor, at_once)) for _ in range(ROUNDS)]
                report(at_once, rounds)


def report(at_once, rounds):
    def median(of):
        return statistics.median(of(one) for one in rounds)

    rate, bare = median(lambda one: one[0][0]), median(lambda one: one[1][0])
    p50, p95 = (median(lambda one, f=f: quantile(one[0][1], f)) for f in (0.5, 0.95))
    bare50, bare95 = (median(lambda one, f=f: quantile(one[1][1], f)) for f in (0.5, 0.95))
    print(
        f"{at_once:>4} at once   agent {rate:>6,.0f}/s  p50 {p50:>7,.0f}  p95 {p95:>7,.0f} us     constant "
        f"{bare:>6,.0f}/s  p50 {bare50:>7,.0f}  p95 {bare95:>7,.0f} us     "
        f"{rate / bare:.2f} of its rate, p50 x {p50 / bare50:.1f}"
    )


async def in_process():
    request = Request.from_json(BODY)
    with tempfile.TemporaryDirectory() as folder:
        spool = SqliteAuditSpool.open(folder)
        flow = AxonFlow.open("@baseline", audit=spool)
        decided, enforced = [], []
        for times, count in ((decided, 2_000), (enforced, 1_000)):
            for _ in range(count):
                started_ns = time.perf_counter_ns()
                if times is decided:
                    flow.decide(request)
                else:
                    await flow.enforce(request)
                times.append((time.perf_counter_ns() - started_ns) / 1000)
        spool.close()
    for name, times in (("decide", sorted(decided)), ("enforce, on disk", sorted(enforced))):
        print(f"in process, {name:<17} p50 {quantile(times, 0.5):>6,.0f}  p95 {quantile(times, 0.95):>6,.0f} us")


def main():
    print(
        f"HTTP/2 + TLS 1.3, {len(BODY)} B a request, baseline policies, content inspected; medians of {ROUNDS} rounds"
    )
    with data_folder() as folder, up(folder, "--log-level", "ERROR") as running:
        asyncio.run(over_http(running.endpoints, folder, running.key))
    asyncio.run(in_process())


if __name__ == "__main__":
    main()
