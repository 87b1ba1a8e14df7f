"""A running `axonflow up`, as somebody would start it."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import asyncpg
import httpx
from click.testing import CliRunner

from axonflow.cli import commands
from tests.postgres import fresh_database, given_server

PAUSE = threading.Event().wait
DATABASES = {}
PLAIN = {"trust_env": False, "verify": False, "timeout": 60}
"""For httpx without TLS: to load certificates that nobody looks at takes .1 to .4 s of processor time, each time."""
FREE_PORTS = ("--port", "0", "--tls-port", "0", "--orchestrator-port", "0")
LISTENING = """
SELECT pid, query_start, query LIKE '%FROM axonflow.tenant %' AS is_of_tenants FROM pg_stat_activity
WHERE application_name = 'axonflow listener' AND datname = current_database()"""
REQUEST = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search", "context": {"env": "dev"}}


def axonflow(*arguments, **options):
    """A command of the command line, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "axonflow.cli", *map(str, arguments)], capture_output=True, text=True, timeout=120,
        check=False, **options,
    )  # fmt: skip


def commanded(*arguments):
    """A command of the command line, in this process: one of its own takes a second to import what it needs. Not for
    threads, since it takes standard output for itself."""
    done = CliRunner().invoke(commands, [*map(str, arguments)], prog_name="axonflow", catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@contextlib.contextmanager
def data_folder():
    """A folder, not made yet, that the account of PostgreSQL can get to when root runs the tests."""
    parent = Path(tempfile.mkdtemp(prefix="axonflow up é "))
    parent.chmod(0o711)
    try:
        with _database_of(parent / "data"):
            yield parent / "data"
    finally:
        shutil.rmtree(parent, ignore_errors=True)


@contextlib.contextmanager
def _database_of(folder):
    """While it lasts, what is started in `folder` uses a database of its own on the server of the tests, if that is
    not the embedded one."""
    if not (given := given_server()):
        yield
        return
    with fresh_database(given) as dsn:
        DATABASES[folder] = dsn
        try:
            yield
        finally:
            del DATABASES[folder]


class Up:
    """One start of `axonflow up` in `folder`; `options` go to the command."""

    def __init__(self, folder, *options, policies="@baseline"):
        self.folder = folder
        if folder in DATABASES and "--database-url" not in options:
            options = (*options, "--database-url", DATABASES[folder])
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "axonflow.cli", "up", "--json", "--data", str(folder),
             *(["--policies", str(policies)] if policies else []), *FREE_PORTS, *map(str, options)],
            stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        try:
            assert line, self.said()
            self.endpoints = json.loads(line)
        except BaseException:
            self.close()
            raise

    def said(self):
        """All that it logged."""
        self.log.seek(0)
        return self.log.read().decode()

    def now(self):
        """Where everything is at the moment."""
        return json.loads((self.folder / "endpoints.json").read_text())

    @property
    def key(self):
        return (self.folder / "api-key").read_text().strip()

    def client(self, cls=httpx.Client, **parts):
        trust = ssl.create_default_context(cafile=self.endpoints["authority_file"])
        options = {"http1": False, "http2": True, "timeout": 30, "trust_env": False} | parts
        headers = {"authorization": f"Bearer {self.key}"}
        return cls(base_url=self.endpoints["agent_tls"], verify=trust, headers=headers, **options)

    def stop(self, number=signal.SIGTERM):
        """Its exit code after an orderly end."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self):
        """kill -9, of the supervisor alone."""
        self.process.kill()
        self.process.wait(60)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


@contextlib.contextmanager
def up(folder, *options, **parts):
    running = Up(folder, *options, **parts)
    try:
        yield running
    finally:
        running.close()


def eventually(condition, what, timeout_s=60):
    """The first true value of `condition`."""
    for _ in range(int(timeout_s / 0.05)):
        value = condition()
        if value:
            return value
        PAUSE(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def query(dsn, sql, *values):
    async def run():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


def have_heard(dsn, services):
    """Wait until each of so many services has heard what was announced up to now: it has asked twice for the tenants.
    Before it asks again it has done what it heard the last time."""
    before = {(row["pid"], row["query_start"]) for row in query(dsn, LISTENING)}
    asked = {}

    def have_asked():
        rows = query(dsn, LISTENING)
        for row in rows:
            if row["is_of_tenants"] and (row["pid"], row["query_start"]) not in before:
                asked.setdefault(row["pid"], set()).add(row["query_start"])
        return len(rows) == services and all(len(asked.get(row["pid"], ())) > 1 for row in rows)

    eventually(have_asked, f"{services} services to look at the tenants")


def verified(folder):
    """The report of `axonflow audit verify`."""
    done = commanded("audit", "verify", "--data", folder, "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


class Load:
    """Clients that ask without pause, in a thread; `answered` are the ids of all decisions they got."""

    def __init__(self, running, clients=8):
        self._running = running
        self._clients = clients
        self._stop = threading.Event()
        self.answered = []
        self.failures = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    async def _main(self):
        await asyncio.gather(*(self._ask() for _ in range(self._clients)))

    async def _ask(self):
        while not self._stop.is_set():
            async with self._running.client(httpx.AsyncClient) as client:
                with contextlib.suppress(httpx.HTTPError):
                    await self._ask_until_it_fails(client)
            self.failures += 1
            await asyncio.to_thread(PAUSE, 0.02)

    async def _ask_until_it_fails(self, client):
        while not self._stop.is_set():
            response = await client.post("/v1/decisions", json=REQUEST)
            if response.status_code == 200:
                self.answered.append(response.json()["decision_id"])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)


def kill_agent_under_load(folder, rounds, seed):
    """Kill the agent at `rounds` random moments under load; then everything answered is in PostgreSQL, once."""
    moments = random.Random(seed)
    with up(folder, "--log-level", "ERROR") as running:
        with Load(running) as load:
            for _ in range(rounds):
                seen = len(load.answered)
                eventually(lambda seen=seen: len(load.answered) > seen + 5, "answers")
                PAUSE(moments.uniform(0, 0.5))
                before = running.now()["agent_pid"]
                os.kill(before, signal.SIGKILL)
                eventually(lambda before=before: running.now()["agent_pid"] != before, "a new agent")
            seen = len(load.answered)
            eventually(lambda: len(load.answered) > seen + 5, "answers after the last one")
        with running.client() as client:
            assert client.post("/api/v1/audit/search", json={}).status_code == 200  # drains what was answered before
        dsn = (folder / "database-url").read_text().strip()
        rows = query(dsn, "SELECT decision_id, count(*) AS times FROM axonflow.audit_event GROUP BY decision_id")
        times = {row["decision_id"]: row["times"] for row in rows}
        report = verified(folder)
        assert running.stop() == 0, running.said()
    lost = [one for one in load.answered if one not in times]
    doubled = [one for one, count in times.items() if count != 1]
    assert not lost, f"seed {seed}: {len(lost)} of {len(load.answered)} answered decisions are not in the database"
    assert not doubled, f"seed {seed}: {len(doubled)} decisions are there more than once"
    assert not report["broken"], f"seed {seed}: {report['broken']}"
    assert report["records"] == len(times)
    return len(load.answered), load.failures
