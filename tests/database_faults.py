"""An installation whose database fails while its agents are asked all the time: what is done to it, and what has to
hold. The tests do each fault once, ``nox -s database_faults`` all of them, at every point."""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
from msgspec.structs import replace

from axonflow.adapters.postgres import DatabaseSettings, migrate, service_login
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.app.auditing import opened_proofs, verified
from tests.agents import HEADERS, Published, Watched, agents, request_for
from tests.postgres import execute, fresh_database
from tests.postgres_relay import Relay
from tests.publishing import answering, key_pair
from tests.rough_postgres import hanging, rough_server
from tests.running import PLAIN, axonflow, commanded, eventually, have_heard

__all__ = ["FAULTS", "MOMENTS", "Installation", "installation", "migration_statements"]

IMPATIENT = DatabaseSettings(connect_timeout_s=3, statement_timeout_s=3, lock_timeout_s=3)
MOMENTS = ("before", "answered")
MADE_UP = "axf_" + "A" * 54
ALL = {"policies", "audit", "tenants"}
POLICY = {
    "name": "No searches", "type": "user", "category": "dynamic-access",
    "conditions": [{"field": "tool", "operator": "equals", "value": "search"}], "actions": [{"type": "block"}],
}  # fmt: skip


@contextlib.contextmanager
def killed(one):
    one.server.kill()
    try:
        yield
    finally:
        one.server.start()


@contextlib.contextmanager
def hung(one):
    with hanging(one.server.pid):
        yield


@contextlib.contextmanager
def slow(one, delay_s):
    one.relay.delay_s = delay_s
    try:
        yield
    finally:
        one.relay.delay_s = 0.0


@contextlib.contextmanager
def read_only(one):
    one.altered("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        one.altered("RESET default_transaction_read_only")


@contextlib.contextmanager
def out_of_connections(one):
    one.altered("CONNECTION LIMIT 0")
    try:
        yield
    finally:
        one.altered("CONNECTION LIMIT -1")


FAULTS = {
    "killed": (killed, ALL),
    "hung": (hung, ALL),
    "read-only": (read_only, {"audit"}),
    "out of connections": (out_of_connections, ALL),
}
"""What is done, and the parts that are in trouble then."""


@contextlib.contextmanager
def installation(folder, *, rate=25, rounds=1):
    """Two agents, each asked `rate` times a second, that decide by the rule `allow-0`; for so many rounds of faults."""
    key, public = key_pair(folder / "keys")
    with rough_server() as server:
        service_dsn = asyncio.run(service_login(server.dsn))
        relay = Relay(service_dsn)
        try:
            Published(server.dsn, key)("acme", answering("allow", number=0))
            parts = {"policy_key": str(key), "database_settings": IMPATIENT}
            with agents(2, folder, relay.url, public, **parts) as running, Watched(running, rate=rate) as load:
                yield Installation(folder, server, service_dsn, relay, running, load, (key, public), rounds)
        finally:
            relay.close()


class Installation:
    """`number` is that of the rule in force. `relay` is between the agents and their database alone."""

    def __init__(self, folder, server, service_dsn, relay, running, load, keys, rounds):
        self.folder, self.server, self.service_dsn = folder, server, service_dsn
        self.relay, self.running, self.load, (self.key, self.public_key) = relay, running, load, keys
        self.number = 0
        self.all_say()
        self.known = self.made_key("known")
        self.strangers = [self.made_key(f"stranger-{number}") for number in range(rounds * (len(FAULTS) + 1))]
        have_heard(server.dsn, len(running))  # of the keys of the tenant: then each is looked up again
        for agent in running:
            eventually(lambda agent=agent: self.asked(agent, self.known) == 200, "a key that is known")
        self.quiet = self.answers_from([0] * len(running))

    def altered(self, change):
        """A change of the database, and the connections of the services cut, so that it counts at once."""
        execute(
            self.server.dsn, "SET default_transaction_read_only = off", f"ALTER DATABASE axonflow {change}",
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'axonflow_service'",
        )  # fmt: skip

    # What is asked of the agents.

    def call(self, agent, method, path, **parts):
        headers = HEADERS | {"x-tenant-id": "acme"}
        return httpx.request(method, f"{agent.url}{path}", headers=headers, **PLAIN, **parts)

    def made_key(self, client_id):
        def tried():  # the agents give up soon, and this machine may be busy
            made = self.call(self.running[0], "POST", "/v1/keys", json={"client_id": client_id})
            assert made.status_code in (201, 503), made.text
            return made.json().get("key")

        return eventually(tried, "a key that is made")

    def asked(self, agent, key):
        headers = {"authorization": f"Bearer {key}"}
        url = f"{agent.url}/v1/decisions"
        return httpx.post(url, json=request_for("acme"), headers=headers, **PLAIN).status_code

    def in_trouble(self, agent):
        return {one["part"] for one in agent.health().get("degraded", [])}

    def all_say(self):
        policies = (f"allow-{self.number}",)
        eventually(lambda: self.load.all_say(policies), "the policies everywhere")

    def seen(self):
        """How many answers there are from each agent."""
        return [len(own) for own in self.load.seen]

    def answers_from(self, marks):
        return [answer for own, mark in zip(self.load.seen, marks, strict=True) for answer in own[mark:]]

    def goes_on(self):
        """Every agent still answers."""
        marks = self.seen()
        eventually(lambda: all(now > mark + 5 for now, mark in zip(self.seen(), marks, strict=True)), "more decisions")

    # What is published.

    def document(self, number):
        place = self.folder / f"allow-{number}.json"
        place.write_text(json.dumps(answering("allow", number=number)))
        return place

    def publish(self, number, dsn=None):
        """`axonflow policy publish`, in a process of its own, as it ended."""
        return axonflow(
            "policy", "publish", self.document(number), "--tenant", "acme", "--activate", "--reason", "a test",
            "--key", self.key, "--database-url", dsn or self.service_dsn, "--json",
        )  # fmt: skip

    def published(self):
        """Publish the next number, on connections without any fault, and see it in force everywhere."""
        self.number += 1
        Published(self.server.dsn, self.key)("acme", answering("allow", number=self.number))
        self.all_say()

    def publish_statements(self):
        """How many statements it takes to publish and to activate."""
        self.number += 1
        relay = Relay(self.service_dsn)
        try:
            Published(relay.url, self.key)("acme", answering("allow", number=self.number))
            self.all_say()
            return relay.statements
        finally:
            relay.close()

    def kept(self):
        """What the database has of published policies: versions, activations, and what is in force."""
        versions, activations, sets, stored = (
            execute(self.server.dsn, f"SELECT {columns} FROM axonflow.{table} WHERE tenant_id = 'acme' ORDER BY 1, 2")
            for table, columns in (
                ("policy_version", "set_name, version, digest"), ("policy_activation", "set_name, sequence, version"),
                ("policy_set", "set_name, active_sequence, active_version, active_digest"),
                ("api_policy", "policy_id, policy_id"),
            )
        )  # fmt: skip
        return versions, activations, sets, stored

    def check_whole(self):
        """No version is there twice, and what is in force is the last activation."""
        versions, activations, sets, _ = self.kept()
        digests = {(name, version): digest for name, version, digest in versions}
        assert len(set(digests.values())) == len(digests)
        for name, sequence, version, digest in sets:
            own = [one["version"] for one in activations if one["set_name"] == name]
            assert (sequence, version) == ((len(own), own[-1]) if own else (None, None))
            assert version is None or digest == digests[name, version]

    # What has to hold.

    def check_refused(self, done):
        """A command that failed, as it should: with a message for a person, and no secret in it."""
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        assert done.stderr.startswith("error: "), done.stderr
        is_of_trail = "audit records" in done.stderr  # what is to be done is recorded before it is done
        has_written = "could not keep" in done.stderr or "could not activate" in done.stderr
        assert ("as a whole or not at all" in done.stderr) == (has_written and not is_of_trail), done.stderr
        assert "PostgreSQL" in done.stderr
        assert urlsplit(self.service_dsn).password not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr

    def check_decided(self, marks, policies=None):
        """All answers since `marks` are by `policies`, and there are still more of them. How late they were."""
        self.goes_on()
        policies = policies or {(f"allow-{self.number}",)}
        answers = self.answers_from(marks)
        assert not self.load.failures, self.load.failures[:3]
        assert {answer.policies for answer in answers} <= policies
        assert all(len(kinds) == 1 for kinds in self.load.kinds().values())
        late_ms = statistics.quantiles([(answer.answered_s - answer.due_s) * 1000 for answer in answers], n=100)
        quiet_ms = statistics.quantiles([(answer.answered_s - answer.due_s) * 1000 for answer in self.quiet], n=100)
        return (f"{len(answers):,} decisions, late by p50/p95 {late_ms[49]:.1f}/{late_ms[94]:.1f} ms,"
                f" before {quiet_ms[49]:.1f}/{quiet_ms[94]:.1f} ms")  # fmt: skip

    def check_recorded(self):
        """Every decision that was answered is in the database once, and all chains verify."""
        ids = set(self.load.decision_ids)
        counted = "SELECT decision_id, count(*) FROM axonflow.audit_event GROUP BY 1"

        def missing():
            return ids - {row[0] for row in execute(self.server.dsn, counted)}

        eventually(lambda: not missing(), "all decisions in the database")
        twice = "SELECT FROM axonflow.audit_event WHERE kind = 'decision' GROUP BY decision_id HAVING count(*) > 1"
        assert execute(self.server.dsn, twice) == []
        assert not asyncio.run(what_is_verified(self.server.dsn)).broken

    def check_well(self):
        for agent in self.running:
            eventually(lambda agent=agent: agent.health()["status"] == "healthy", "the end of the trouble")
        self.published()
        self.check_whole()
        self.check_recorded()

    def check_fault(self, name):
        """One fault, from before it to after it. What was measured, in a line."""
        fault, parts = FAULTS[name]
        kept, marks, stranger = self.kept(), self.seen(), self.strangers.pop()
        with ThreadPoolExecutor() as others, fault(self):
            publishing = others.submit(self.publish, 1_000)
            asking = others.submit(self.asked, self.running[0], stranger)
            writing = others.submit(self.call, self.running[1], "POST", "/api/v1/dynamic-policies", json=POLICY)
            for agent in self.running:
                eventually(lambda agent=agent: self.in_trouble(agent) >= parts, f"{parts} in trouble")
                assert self.asked(agent, self.known) == 200
                assert self.asked(agent, MADE_UP) == 401
            assert asking.result() == (503 if "tenants" in parts else 200)
            written = writing.result()
            assert (written.status_code, "PostgreSQL" in written.text) == (503, True), written.text
            self.check_refused(publishing.result())
            said = self.check_decided(marks)
        assert self.kept() == kept
        self.check_well()
        eventually(lambda: self.asked(self.running[0], stranger) == 200, "keys are looked up again")
        return said

    def check_slow(self, delay_s):
        """Each statement of the agents takes so long: they go on, and what is published is in force."""
        marks, before = self.seen(), self.number
        with slow(self, delay_s):
            self.published()
            for agent in self.running:
                assert self.asked(agent, self.known) == 200
                assert self.asked(agent, MADE_UP) == 401
            assert self.asked(self.running[0], self.strangers.pop()) in (200, 503)
            said = self.check_decided(marks, {(f"allow-{number}",) for number in (before, self.number)})
        self.check_well()
        return said

    def check_replica(self):
        """An agent whose read replica is away says so, answers searches all the same, and says when it is back."""
        replica = Relay(self.service_dsn)
        try:
            parts = {"database_settings": replace(IMPATIENT, replica_url=replica.url, replica_check_s=0.5)}
            with agents(1, self.folder / "searching", self.service_dsn, self.public_key, **parts) as (agent,):
                assert self.in_trouble(agent) == set()
                replica.is_away = True
                eventually(lambda: self.in_trouble(agent) == {"replica"}, "the replica missed")
                assert "axonflow_replica_degraded 1.0" in self.call(agent, "GET", "/metrics").text
                found = self.call(agent, "POST", "/api/v1/audit/search", json={"limit": 1, "tenant_id": "acme"})
                assert (found.status_code, found.json()["total"] > 0) == (200, True), found.text
                replica.is_away = False
                eventually(lambda: agent.health()["status"] == "healthy", "the replica found again")
                assert "axonflow_replica_degraded 0.0" in self.call(agent, "GET", "/metrics").text
        finally:
            replica.close()

    def check_killed_publish(self, moment, statement):
        """The server dies at one statement of a publication. Whether it came to that."""
        marks, before = self.seen(), self.number
        self.number += 1
        relay = Relay(self.service_dsn)
        try:
            relay.strike(statement, moment, self.server.kill)
            done = self.publish(self.number, relay.url)
        finally:
            relay.close()
        self.server.start()
        self.check_whole()
        if done.returncode:
            self.check_refused(done)
        else:  # what it still had to do was not worth failing for
            assert self.kept()[1][-1]["sequence"] == json.loads(done.stdout)["in_force"]["sequence"]
        Published(self.service_dsn, self.key)("acme", answering("allow", number=self.number))
        self.check_whole()
        self.all_say()
        self.check_decided(marks, {(f"allow-{number}",) for number in (before, self.number)})
        return relay.has_struck

    def check_interrupted_migration(self, victim, moment, statement):
        """The command, or the server, dies at one statement of `axonflow db migrate`. Whether it came to that."""
        marks = self.seen()
        with fresh_database(self.server.dsn) as dsn:
            relay = Relay(dsn)
            try:
                process = started("db", "migrate", "--database-url", relay.url)
                relay.strike(statement, moment, process.kill if victim == "command" else self.server.kill)
                said = process.communicate(timeout=120)[1]
            finally:
                relay.close()
            self.server.start()
            if process.returncode == 0:
                assert commanded("db", "status", "--database-url", dsn).returncode == 0
            elif victim == "server":
                assert (process.returncode, "PostgreSQL" in said) == (2, True), said
            check_migrates(dsn)
        self.check_decided(marks)
        return relay.has_struck


async def what_is_verified(dsn):
    """What `axonflow audit verify` finds."""
    async with opened_proofs(dsn) as proofs:
        return await verified(proofs)


WAITING = "import sys; sys.stdin.read(); from axonflow.cli import main; main()"


def started(*arguments):
    """A command that begins when its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", WAITING, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def check_migrates(dsn):
    """`db status` says what is there, and `db migrate` makes the rest."""
    exists = execute(dsn, "SELECT to_regclass('axonflow.schema_migration') IS NOT NULL")[0][0]
    applied = execute(dsn, "SELECT name FROM axonflow.schema_migration ORDER BY version") if exists else []
    names = [migration.name for migration in migrations()]
    pending = names[len(applied) :]
    assert [row[0] for row in applied] == names[: len(applied)]
    told = commanded("db", "status", "--database-url", dsn, "--json")
    assert told.returncode == (1 if pending else 0), told.stderr
    assert json.loads(told.stdout)["pending"] == pending
    done = commanded("db", "migrate", "--database-url", dsn, "--json")
    assert (done.returncode, json.loads(done.stdout)["applied"]) == (0, pending), done.stderr
    assert [row[0] for row in execute(dsn, "SELECT name FROM axonflow.schema_migration ORDER BY version")] == names


def migration_statements(admin_dsn):
    """How many statements it takes to make the schema."""
    with fresh_database(admin_dsn) as dsn:
        relay = Relay(dsn)
        try:
            asyncio.run(migrate(relay.url))
            return relay.statements
        finally:
            relay.close()
