"""An installation whose agents, database, disk and clock fail while clients ask; see `audit_history` for what has to
hold. The tests do a little of it, ``nox -s audit_faults`` much."""

import asyncio
import contextlib
import random
import re
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from axonflow.adapters.postgres import service_login
from axonflow.app.auditing import opened_proofs, trust_in, verified
from tests.agents import HEADERS, KEY, AgentProcess, Watched
from tests.audit_clients import Clients
from tests.audit_history import SHOWN, STORED, Stored, complaints
from tests.outages import IN_TIME_MS, Outage, Taken, Times, parts
from tests.postgres import execute
from tests.postgres_relay import Relay
from tests.rough_postgres import rough_server
from tests.running import PAUSE, PLAIN, eventually

__all__ = ["Audited", "Fault", "audited", "drawn", "metric"]

KINDS = ("agent", "postgres", "both")
MAX_STATEMENT = 40
MAX_AFTER_S = 1.0
MAX_DOWN_S = 0.8
MAX_START_S = 1.5
STRIKE_S = 60
GIVEN_UP_S = 600
RATE_S = 5
TRIES = 3
FEW = 20


class Fault(NamedTuple):
    """kill -9 of an agent, of PostgreSQL, or of both: `after_s` seconds after the load began; or, if there is an `aim`,
    at the statement of that number and moment from then on, which an agent sends. `gap_s` after it the second of both.
    All is away for `down_s`, then the agent comes back first, or not. `again_s` after its start it is killed once more,
    if that is not None."""

    kind: str
    agent: int
    after_s: float
    aim: tuple[int, str] | None
    gap_s: float
    down_s: float
    agent_first: bool
    again_s: float | None

    def __str__(self):
        aim = f", statement {self.aim[0]} {self.aim[1]}" if self.aim else ""
        again = f", again after {self.again_s:.2f} s" if self.again_s is not None else ""
        where = f"{self.kind} ({self.agent})"
        return f"kill of {where} after {self.after_s:.2f} s{aim}, away for {self.down_s:.2f} s{again}"


def drawn(seed, number):
    """The fault of a round: the same for the same seed and round."""
    draw = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    aim = (draw.randint(1, MAX_STATEMENT), draw.choice(["before", "answered"])) if draw.random() < 0.5 else None
    again_s = draw.uniform(0, MAX_START_S) if draw.random() < 0.3 and kind != "postgres" else None
    return Fault(
        kind, draw.randrange(2), draw.uniform(0, MAX_AFTER_S), aim, draw.uniform(0, 0.05), draw.uniform(0, MAX_DOWN_S),
        draw.random() < 0.5, again_s,
    )  # fmt: skip


def metric(agent, name):
    """One of its metrics, as a number."""
    page = httpx.get(f"{agent.url}/metrics", headers=HEADERS, **PLAIN).text
    return float(re.search(rf"^{name} (\S+)$", page, re.MULTILINE)[1])


@contextlib.contextmanager
def audited(folder):
    """Two agents on a database of their own."""
    with rough_server() as server:
        url = asyncio.run(service_login(server.dsn))
        relay = Relay(url)
        agents = [an_agent(folder / f"agent {number}", relay.url) for number in range(2)]
        try:
            for agent in agents:
                agent.launch()
            for agent in agents:
                agent.ready()
            yield Audited(folder, server, url, relay, agents)
        finally:
            for agent in agents:
                agent.close()
            relay.close()


def an_agent(folder, database_url, **parts):
    """One that decides by what comes with it: it needs no database to start."""
    usual = {"policies": "@baseline", "snapshots": "", "trusted_keys": []}
    return AgentProcess(folder, database_url, None, **usual | parts)


class Audited:
    """`agents` reach the database of `server` (`url`) through `relay`. What was asked of them is in `asked`."""

    def __init__(self, folder, server, url, relay, agents):
        self.folder, self.server, self.url, self.relay, self.agents = folder, server, url, relay, agents
        self.asked = []
        self.told = set()  # of decisions that were told to somebody who wrote down nothing more
        self._known = None
        self._keys = []
        for number, agent in enumerate(agents):
            self._keep_key(str(number), agent)
        (folder / "clients").mkdir(exist_ok=True)

    def clients(self, name, **agents):
        """Of both, unless others are named."""
        agents = agents or {str(number): agent for number, agent in enumerate(self.agents)}
        addresses = {name: agent.url for name, agent in agents.items()}
        return Clients(self.folder / "clients", name, addresses, KEY)

    @contextlib.contextmanager
    def another(self, name, program=AgentProcess.program, **parts):
        """One more agent, for a while, with a way of its own to the database."""
        agent = an_agent(self.folder / f"agent {name}", self.url, **parts)
        agent.program = program
        try:
            agent.launch()
            agent.ready()
            self._keep_key(name, agent)
            yield agent
        finally:
            agent.close()

    def _keep_key(self, name, agent):
        """Its records have to verify for as long as the installation is there, its folder need not."""
        self._keys.append(self.folder / f"{name}.pub")
        shutil.copy(Path(agent.settings.spool, "audit.pub"), self._keys[-1])

    # What is done.

    def round(self, name, fault):
        """The fault, amid load, to the end of it. How many were answered, and how many were not."""
        with self.clients(name) as clients:
            clients.go_on()
            PAUSE(fault.after_s)
            self._strike(fault)
            PAUSE(fault.down_s)
            self._restart(fault)
            clients.go_on()
        asked = self.check_asked(clients)
        answered = sum(one.decision_id is not None for one in asked)
        return answered, len(asked) - answered

    def _strike(self, fault):
        agent = self.agents[fault.agent]
        kills = {"agent": [agent.process.kill], "postgres": [self.server.kill]}
        kills["both"] = kills["agent"] + kills["postgres"]
        first, *others = kills[fault.kind]
        if fault.aim is None:
            first()
        else:
            self.relay.strike(*fault.aim, first)
            eventually(lambda: self.relay.has_struck, f"statement {fault.aim}", STRIKE_S)
        for kill in others:
            PAUSE(fault.gap_s)
            kill()

    def _restart(self, fault):
        agent = None if fault.kind == "postgres" else self.agents[fault.agent]
        starts = [] if agent is None else [lambda: self._start(agent, fault.again_s)]
        starts += [] if fault.kind == "agent" else [self.server.start]
        for start in starts if fault.agent_first else reversed(starts):
            start()
        if agent is not None:
            agent.ready()

    @staticmethod
    def _start(agent, again_s):
        agent.ended()
        agent.launch()
        if again_s is not None:
            PAUSE(again_s)
            agent.kill()
            agent.launch()

    def reachable_rate(self, rate):
        """So many decisions a second, or as many as an agent answers on this machine, with all else that is on it,
        within `IN_TIME_MS` or twice the time of some few. What somebody else did in those seconds is not the machine:
        so each rate is tried more than once."""
        with self.another("rate") as agent:
            enough_ms = max(IN_TIME_MS, 2 * self._p95_ms(agent, FEW))
            while rate > FEW and not any(self._p95_ms(agent, rate) <= enough_ms for _ in range(TRIES)):
                rate *= 0.8
            return rate

    def _p95_ms(self, agent, rate):
        with self._watched(agent, rate) as load:
            PAUSE(RATE_S)
        return Times.of(load.seen[0]).p95_ms

    @contextlib.contextmanager
    def _watched(self, agent, rate):
        with Watched([agent], rate=rate) as load:
            eventually(lambda: load.seen[0], "answers")
            yield load
        assert not load.failures, load.failures[:SHOWN]
        self.told |= (told := set(load.decision_ids))
        assert len(told) == len(load.decision_ids)

    def outage(self, rate, quiet_s, outage_s):
        """PostgreSQL is away for `outage_s` while an agent is asked `rate` times a second."""
        with self.another("outage") as agent:
            with self._watched(agent, rate) as load:
                PAUSE(quiet_s)
                killed_s = time.monotonic()
                self.server.kill()
                taken = Taken(agent.process.pid, load.pid)
                PAUSE(outage_s)
                taken.end()
                eventually(lambda: metric(agent, "axonflow_spool_records") > rate, "more than a second's worth to wait")
                waiting = metric(agent, "axonflow_spool_records")
                self.server.start()
                there_s = time.monotonic()
                # what comes meanwhile is there until the next look at the spool: that much always waits
                eventually(lambda: metric(agent, "axonflow_spool_records") <= rate / 10, "the drain", GIVEN_UP_S)
                drained_s = time.monotonic() - there_s
                PAUSE(quiet_s)
            self.check(agent)
        seen = load.seen[0]
        times = [Times.of(some) for some in parts(seen, killed_s, there_s)]
        took_s = seen[-1].answered_s - seen[0].sent_s
        return Outage(len(seen) / took_s, *times, int(waiting), drained_s, len(seen), *taken.each_us(seen))

    # What has to hold.

    def check_asked(self, clients, *others):
        """All that these asked, and all that was asked before; what `others` have is stored, too. What they asked."""
        asked = clients.asked()
        self.asked += asked
        self.check(*others)
        return asked

    def check(self, *others):
        """All that was ever asked, against all that is stored; and the whole trail verifies."""
        for agent in (*self.agents, *others):
            eventually(lambda agent=agent: metric(agent, "axonflow_spool_records") == 0, "an empty spool", GIVEN_UP_S)
        stored = [Stored(*row) for row in execute(self.server.dsn, STORED)]
        ours = [one for one in stored if one.decision_id not in self.told]
        found = complaints(self.asked, ours)
        assert not found, found[:SHOWN]
        told = [one.decision_id for one in stored if one.decision_id in self.told]
        assert len(told) == len(set(told)) == len(self.told)
        self._check_verified(len(stored))

    def _check_verified(self, count):
        report = asyncio.run(_verified(self.server.dsn, self._keys, self._known))
        self._known = report
        assert not report.broken, report.broken[:SHOWN]
        assert (report.trust, report.unsealed, report.removed) == ("named", 0, 0)
        assert report.records >= count
        assert all(one.signed == one.batches > 0 for one in report.writers)


async def _verified(dsn, keys, known):
    trust = await trust_in(keys)
    async with opened_proofs(dsn) as proofs:
        return await verified(proofs, trust=trust, known=known)
