"""The agent's connections to the orchestrator, over real sockets."""

import asyncio

import pytest

from axonflow.audit import IN_PROCESS
from axonflow_sidecar.http import orchestrator_client
from axonflow_sidecar.http.orchestrator_client import OrchestratorClient

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize("connections", [1, 3])
def test_orchestrator_client_with_all_it_can_run_running_still_asks_at_gates(monkeypatch, connections):
    monkeypatch.setattr(orchestrator_client, "MAX_CONNECTIONS", connections)

    async def main():
        running, may_end = asyncio.Semaphore(0), asyncio.Event()

        async def answer(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST /api/request "):
                running.release()
                await may_end.wait()
            writer.write(ANSWER)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            client = OrchestratorClient(f"http://{host}:{port}", "c")

            def call(path, **how):
                return client.call("POST", path, b"", "i", IN_PROCESS, **how)

            runs = [asyncio.create_task(call("/api/request", takes_long=True)) for _ in range(connections)]
            for _ in runs:
                await running.acquire()
            async with asyncio.timeout(60):
                told = await call("/api/v1/workflows/w/steps/s/gate", takes_long=False)
            may_end.set()
            assert await asyncio.gather(*runs) == [told] * connections
            await client.close()
        return told

    assert asyncio.run(main()) == (200, b"{}")
