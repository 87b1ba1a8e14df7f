"""Published policies on agents that run, with a PostgreSQL that is killed, hangs, restarts and goes away."""

import threading

import pytest

from tests.agents import AgentProcess, Published, Watched, agents
from tests.publishing import answering, key_pair
from tests.rough_postgres import hanging, rough_server
from tests.running import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def server():
    with rough_server() as server:
        yield server


@pytest.fixture
def publish(server, keys):
    return Published(server.dsn, keys[0])


def test_publish_is_in_force_on_every_agent_and_no_decision_is_mixed_or_fails(server, publish, keys, tmp_path):
    publish("acme", answering("allow", number=0))
    with agents(3, tmp_path, server.dsn, keys[1]) as running, Watched(running) as watched:
        for number in range(4):
            publish("acme", answering("allow", number=number))
            eventually(lambda number=number: watched.all_say((f"allow-{number}",)), "the new version everywhere")
        digests = {agent.policies()["tenants"]["acme"] for agent in running}
    assert len(digests) == 1
    assert not watched.failures
    kinds = watched.kinds()
    assert all(len(policies) == 1 for policies in kinds.values())
    assert len(kinds) == 4


@pytest.mark.parametrize("trouble", ["killed", "hung", "restarted"])
def test_publish_while_postgres_is_in_trouble_is_in_force_afterwards_and_no_decision_fails(
    server, publish, keys, tmp_path, trouble
):
    publish("acme", answering("allow", number=0))
    with agents(2, tmp_path, server.dsn, keys[1]) as running, Watched(running) as watched:
        eventually(lambda: watched.all_say(("allow-0",)), "answers")
        if trouble == "hung":
            with hanging(server.pid):
                publishing = threading.Thread(target=publish, args=("acme", answering("allow", number=1)))
                publishing.start()
                eventually(lambda: all(one.health()["status"] == "degraded" for one in running), "the agents to notice")
                assert watched.all_say(("allow-0",))
            publishing.join(60)
        else:
            server.kill() if trouble == "killed" else server.stop()
            eventually(lambda: all(one.health()["status"] == "degraded" for one in running), "the agents to notice")
            with pytest.raises(Exception, match="PostgreSQL"):
                publish("acme", answering("allow", number=1))
            assert watched.all_say(("allow-0",))
            server.start()
            publish("acme", answering("allow", number=1))
        eventually(lambda: watched.all_say(("allow-1",)), "the new version everywhere")
        eventually(lambda: all(one.health()["status"] == "healthy" for one in running), "the end of the trouble")
    assert not watched.failures
    assert all(len(policies) == 1 for policies in watched.kinds().values())


def test_agent_restarted_without_the_database_decides_as_before_and_says_so(server, publish, keys, tmp_path):
    publish("acme", answering("allow", number=1))
    with agents(1, tmp_path, server.dsn, keys[1]) as (agent,):
        before = agent.decide()
        agent.kill()
        server.kill()
        agent.launch()
        agent.ready()
        after = agent.decide()
        assert (after["policies"], after["policy_digest"]) == (["allow-1"], before["policy_digest"])
        health = agent.health()
        assert (health["status"], health["policies"]["as_of"]) == ("degraded", None)
        assert health["policies"]["degraded_since"]
        assert "PostgreSQL" in agent.policies()["reason"]
        server.start()
        eventually(lambda: agent.health()["status"] == "healthy", "the database to be found again")
        assert "deciding on the last policies that are known" in agent.said()


def test_agent_with_nothing_kept_and_no_database_starts_and_never_allows(keys, tmp_path):
    agent = AgentProcess(tmp_path / "new", "postgresql://nobody@127.0.0.1:1/none", keys[1])
    try:
        agent.launch()
        decision = agent.ready().decide()
        assert (decision["effect"], decision["policies"]) == ("deny", [])
        assert agent.health()["status"] == "degraded"
    finally:
        agent.close()


def test_agent_refuses_what_nobody_it_trusts_has_signed_and_says_so(server, publish, keys, tmp_path):
    publish("*", answering("allow", "*", number=1))
    other = Published(server.dsn, key_pair(tmp_path / "other")[0])
    with agents(1, tmp_path, server.dsn, keys[1]) as (agent,):
        other("*", answering("allow", "*", number=2))
        health = eventually(lambda: (found := agent.health()["policies"])["refused"] and found, "the refusal")
        assert "not signed by a key that is trusted" in health["refused_for_all"][0]["errors"][0]
        assert agent.decide()["policies"] == ["allow-1"]
        assert "not signed by a key that is trusted" in agent.said()
