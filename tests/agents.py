"""Agents as processes of their own on one database, each with its folder, as tasks of a service would run."""

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from axonflow.adapters.postgres import DatabaseSettings, PostgresDatabase, PostgresPolicyStore
from axonflow_sidecar.hosting.ports import ReservedPort
from axonflow_sidecar.hosting.settings import ServiceSettings
from axonflow_sidecar.http.keys import ApiKey
from axonflow_sidecar.http.server import Listener
from tests.publishing import Newsroom
from tests.running import PLAIN, eventually

ROOT = Path(__file__).parents[1]
KEY = secrets.token_urlsafe(32)
PIPE_BYTES = 1 << 20
"""Of answers that are not read yet: who asks must not have to wait for who reads."""
PATIENT = DatabaseSettings(connect_timeout_s=300, statement_timeout_s=300, lock_timeout_s=300)


class AgentProcess:
    """An agent in `folder`. `parts` are settings, `program` is the module that is run."""

    program = "axonflow_sidecar.hosting"

    def __init__(self, folder, database_url, public_key, **parts):
        self._reserved = ReservedPort("127.0.0.1", 0, "--port")
        usual = {
            "policies": "", "trusted_keys": [str(public_key)], "log_level": "WARNING", "drain_timeout_s": 1,
            "spool": str(folder / "spool"), "snapshots": str(folder / "policies"),
        }  # fmt: skip
        self.settings = ServiceSettings(
            role="agent", listeners=[Listener("127.0.0.1", self._reserved.port)], database_url=database_url,
            keys=[ApiKey(KEY, "operator")], secret="5e" * 32, credential="c" * 32, peppers=f"1 {'5e' * 32}",
            inactive_file=str(folder / "inactive.json"), **usual | parts,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self._reserved.port}"
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        self.process = None

    def launch(self):
        """Start it, without waiting."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            cwd=ROOT,
        )  # fmt: skip
        self.process.stdin.write(msgspec.json.encode(self.settings) + b"\n")
        self.process.stdin.flush()

    def ready(self):
        """Wait until it takes connections."""
        line = self.process.stdout.readline()
        assert json.loads(line or b"{}").get("ready"), (line, self.said())
        return self

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def health(self):
        return httpx.get(f"{self.url}/health", **PLAIN).json()

    def policies(self):
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.get(f"{self.url}/v1/policies", headers=headers, **PLAIN).json()

    def decide(self, tenant="acme"):
        return httpx.post(f"{self.url}/v1/decisions", json=request_for(tenant), headers=HEADERS, **PLAIN).json()

    def kill(self):
        self.process.kill()
        self.ended()

    def ended(self):
        """Wait for the end of a process that was told to."""
        self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.ended()
        self._reserved.close()
        self.log.close()


HEADERS = {"authorization": f"Bearer {KEY}"}


def request_for(tenant):
    return {"principal": {"id": "ann", "tenant": tenant}, "action": "tool.call", "resource": "tool:search"}


@contextlib.contextmanager
def agents(count, folder, database_url, public_key, **parts):
    """`count` agents that take connections, and know what is in force."""
    running = [AgentProcess(folder / f"agent {number}", database_url, public_key, **parts) for number in range(count)]
    try:
        for agent in running:
            agent.launch()
        for agent in running:
            agent.ready()
        for agent in running:  # it takes connections before it knows what is in force, if the database is slow to say
            eventually(lambda agent=agent: agent.health()["status"] == "healthy", "an agent that is well")
        yield running
    finally:
        for agent in running:
            agent.close()


class Published:
    """Publishing into a database, each call on connections of its own."""

    def __init__(self, database_url, key):
        self._database_url = database_url
        self._key = key

    def __call__(self, scope, *documents):
        """Publish and activate; when the activation was committed, by the monotonic clock."""

        async def main():
            database = await PostgresDatabase.connect(self._database_url, PATIENT)
            try:
                newsroom = Newsroom(PostgresPolicyStore(database), self._key)
                await newsroom.activated(scope, *documents)
                return time.monotonic()
            finally:
                await database.close()

        return asyncio.run(main())


class Answered(NamedTuple):
    """One answer; seconds of the monotonic clock."""

    due_s: float
    sent_s: float
    answered_s: float
    digest: str
    policies: tuple[str, ...]


class Watched:
    """Somebody asks every agent all the time, `rate` times a second each, in a process of its own: see open_loop.
    `seen` has the answers by agent, `decision_ids` those of all, `failures` what came instead of one."""

    def __init__(self, running, tenant="acme", rate=25):
        self.seen = [[] for _ in running]
        self.decision_ids = []
        self.failures = []
        self._plan = {
            "ports": [one.settings.listeners[0].port for one in running], "rate": rate, "key": KEY,
            "body": request_for(tenant),
        }  # fmt: skip

    def _read(self):
        for line in self._process.stdout:
            number, *times_ns, digest, found, decision_id = msgspec.json.decode(line)
            if digest is None:
                self.failures.append(found)
            else:
                self.decision_ids.append(decision_id)
                self.seen[number].append(Answered(*(one / 1e9 for one in times_ns), digest, tuple(found)))

    @property
    def pid(self):
        """Of that process."""
        return self._process.pid

    def all_say(self, policies):
        """Whether the newest answer of each agent is by these policies."""
        return all(own and own[-1].policies == policies for own in self.seen)

    def kinds(self):
        """Each digest that was seen, with the policies seen under it."""
        found = {}
        for own in self.seen:
            for each in own:
                found.setdefault(each.digest, set()).add(each.policies)
        return found

    def __enter__(self):
        command = [sys.executable, "-m", "tests.open_loop"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, pipesize=PIPE_BYTES
        )
        self._process.stdin.write(msgspec.json.encode(self._plan) + b"\n")
        self._process.stdin.flush()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._thread.join(60)
        self._process.stdout.close()
