"""Clients that ask agents one thing after the other, and write down what each was told, in a process of their own.

python -m tests.audit_clients < PLAN

The plan is a line of JSON, see `Plan`. Client NAME-A-K of agent A writes FOLDER/NAME-A-K.jsonl: a line of each request
as soon as it ended, see `Asked`. Every other client speaks HTTP/2. It ends when its input does.
"""

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import uvloop

from tests.running import eventually

__all__ = ["Asked", "Clients"]

PAUSE_S = 0.02
ROOT = Path(__file__).parents[1]


class Plan(msgspec.Struct):
    """Tenants are asked for in turn, by each of so many clients of each agent. These have names, with their address."""

    name: str
    folder: str
    agents: dict[str, str]
    tenants: list[str]
    clients: int
    key: str


class Asked(msgspec.Struct, array_like=True):
    """A request, from when to when by the monotonic clock, and the decision that it was told; None: nothing, so it may
    be recorded or not."""

    request_id: str
    agent: str
    tenant_id: str
    sent_ns: int
    ended_ns: int
    decision_id: str | None
    said: str = ""


class Clients:
    """They ask `agents`, addresses by name, while this is entered. What they write is read by `asked`."""

    def __init__(self, folder, name, agents, key, tenants=("acme", "bolt"), clients=4):
        self._plan = Plan(name, str(folder), agents, list(tenants), clients, key)
        self._process = None

    def asked(self, agent=None):
        """All requests that ended so far, of one agent or of all."""
        which = "*" if agent is None else agent
        lines = msgspec.json.Decoder(Asked).decode_lines
        files = Path(self._plan.folder).glob(f"{self._plan.name}-{which}-*.jsonl")
        return [one for file in files for one in lines(file.read_bytes().rpartition(b"\n")[0])]

    def answered(self, agent):
        """How many decisions it told."""
        return sum(one.decision_id is not None for one in self.asked(agent))

    def go_on(self):
        """Every agent answers, several times from now on."""
        for agent in self._plan.agents:
            more = self.answered(agent) + 5
            eventually(lambda agent=agent, more=more: self.answered(agent) > more, f"answers of agent {agent}")

    def __enter__(self):
        command = [sys.executable, "-m", "tests.audit_clients"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)
        self._process.stdin.write(msgspec.json.encode(self._plan) + b"\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(180) == 0


class Client:
    """One of them."""

    def __init__(self, plan, agent, number, ended):
        self._name = f"{plan.name}-{agent}-{number}"
        self._agent, self._ended = agent, ended
        self._is_http2 = number % 2 == 1
        self._url = f"{plan.agents[agent]}/v1/decisions"
        self._key = plan.key
        self._tenants = itertools.cycle(plan.tenants)
        self._numbers = itertools.count()
        self._log = (Path(plan.folder) / f"{self._name}.jsonl").open("ab", buffering=0)

    async def run(self):
        with self._log:
            while not self._ended.is_set():
                protocol = {"http1": not self._is_http2, "http2": self._is_http2, "verify": False}
                async with httpx.AsyncClient(trust_env=False, timeout=120, **protocol) as client:
                    while not self._ended.is_set() and await self._ask(client):
                        pass
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), PAUSE_S)

    async def _ask(self, client):
        """Whether a decision came back."""
        name, tenant_id = f"{self._name}-{next(self._numbers)}", next(self._tenants)
        asked = Asked(name, self._agent, tenant_id, time.monotonic_ns(), 0, None)
        body = {"principal": {"id": "ann", "tenant": tenant_id}, "action": "tool.call", "resource": "tool:search"}
        headers = {"authorization": f"Bearer {self._key}", "x-request-id": name}
        try:
            answer = await client.post(self._url, json=body, headers=headers)
            asked.said = str(answer.status_code)
            if answer.status_code == 200:
                asked.decision_id = answer.json()["decision_id"]
        except httpx.HTTPError as error:
            asked.said = repr(error)
        asked.ended_ns = time.monotonic_ns()
        self._log.write(msgspec.json.encode(asked) + b"\n")
        return asked.decision_id is not None


async def main():
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    clients = [Client(plan, agent, number, ended) for agent in plan.agents for number in range(plan.clients)]
    running = [asyncio.create_task(client.run()) for client in clients]
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    ended.set()
    await asyncio.gather(*running)


if __name__ == "__main__":
    uvloop.run(main())
