"""The live tail with agents as processes on one PostgreSQL, which die: each acknowledged decision is told once."""

import threading

import pytest

from axonflow.adapters.remote_agent import RemoteAgent
from axonflow.audit import AuditEvent
from axonflow.audit.tail import TailPosition
from axonflow.errors import AxonFlowError
from axonflow.ids import now_us
from tests.agents import KEY, Watched, agents
from tests.publishing import key_pair
from tests.rough_postgres import rough_server
from tests.running import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with rough_server() as server:
        yield server


class Tailing(threading.Thread):
    """Somebody who follows the decisions of a tenant, through whichever agent answers, from where they were."""

    def __init__(self, urls, tenant="acme"):
        super().__init__()
        self.seen, self.resumed = [], 0
        self._urls, self._tenant = urls, tenant
        self._ended = threading.Event()
        self._after = TailPosition.at(now_us()).token

    def run(self):
        while not self._ended.is_set():
            agent = RemoteAgent(self._urls[self.resumed % len(self._urls)], KEY)
            try:
                self._read(agent)
            except AxonFlowError:
                self._ended.wait(0.05)
            finally:
                agent.close()
            self.resumed += 1

    def _read(self, agent):
        for position, data in agent.tail({"kind": "decision"}, self._after, self._tenant):
            self._after = position
            if data:
                self.seen.append(AuditEvent.from_canonical(data).decision_id)
            if self._ended.is_set():
                return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()


def test_tail_over_agents_that_die_has_each_acknowledged_decision_once(server, tmp_path):
    _, public = key_pair(tmp_path)
    with agents(2, tmp_path, server.dsn, public) as running, Tailing([one.url for one in running]) as tailing:
        with Watched(running) as watched:
            eventually(lambda: len(tailing.seen) > 20, "the first decisions in the tail")
            for agent in running:
                before = len(watched.decision_ids)
                agent.kill()
                eventually(lambda before=before: len(watched.decision_ids) > before + 30, "decisions of the other")
                agent.launch()
                agent.ready()
            eventually(lambda: len(tailing.seen) > 100, "the tail to go on")
        acknowledged = set(watched.decision_ids)
        eventually(lambda: acknowledged <= set(tailing.seen), "all that was acknowledged in the tail")
        last = running[0].decide()["decision_id"]  # so that the tail hears that it is over
        eventually(lambda: last in tailing.seen, "one more")
    tailing.join(60)
    assert len(tailing.seen) == len(set(tailing.seen))
    assert tailing.resumed >= 1


def test_tail_tells_what_an_agent_brings_after_postgres_was_away(server, tmp_path):
    _, public = key_pair(tmp_path)
    with agents(1, tmp_path, server.dsn, public) as (agent,), Tailing([agent.url]) as tailing:
        first = agent.decide()["decision_id"]
        eventually(lambda: first in tailing.seen, "a decision in the tail")
        server.kill()
        meanwhile = [agent.decide()["decision_id"] for _ in range(5)]
        server.start()
        eventually(lambda: set(meanwhile) <= set(tailing.seen), "what was decided meanwhile")
        last = agent.decide()["decision_id"]
        eventually(lambda: last in tailing.seen, "one more")
    tailing.join(60)
    assert tailing.seen == [first, *meanwhile, last]
