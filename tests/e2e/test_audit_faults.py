"""The audit trail while agents, PostgreSQL, disks and clocks fail: what was answered is stored, once, in order."""

import itertools
import os
import random
import signal
import subprocess

import pytest

from tests.audit_faults import audited, drawn, metric
from tests.postgres import execute
from tests.running import eventually
from tests.stepping_clock import STEP_S

pytestmark = pytest.mark.slow
TIMES = """
SELECT tenant_id, time_us FROM axonflow.audit_event WHERE request_id LIKE 'clock-%' AND kind = 'decision'
ORDER BY tenant_id, sequence"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    with audited(tmp_path_factory.mktemp("audited")) as installed:
        yield installed


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 3 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "axonflow-test", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_trail_through_kills_at_random_moments_holds_what_was_acknowledged_once_and_in_order(installed):
    seed = random.SystemRandom().randrange(2**32)
    for number in range(3):
        fault = drawn(seed, number)
        print(f"seed {seed}, round {number}: {fault}")  # shown when it fails
        print(installed.round(f"r{number}", fault))


def test_outage_of_the_database_loses_nothing_and_is_caught_up_with(installed):
    seen = installed.outage(rate=50, quiet_s=1, outage_s=3)
    print(seen)
    assert seen.waiting > 50
    assert min(seen.agent_us, seen.asking_us) > 0


def test_agent_whose_clock_steps_back_an_hour_keeps_order_and_loses_nothing(installed):
    with installed.another("clock", program="tests.stepping_clock") as agent:
        with installed.clients("clock", clock=agent) as clients:
            clients.go_on()
            agent.process.send_signal(signal.SIGUSR1)
            clients.go_on()
            agent.kill()
            agent.launch()  # with a clock that is right: an hour ahead of what it last wrote
            agent.ready()
            clients.go_on()
        installed.check_asked(clients, agent)
        assert agent.health()["status"] == "healthy"
    rows = execute(installed.server.dsn, TIMES)
    for _, chain in itertools.groupby(rows, key=lambda row: row["tenant_id"]):
        steps_s = [(late["time_us"] - early["time_us"]) / 1e6 for early, late in itertools.pairwise(chain)]
        assert min(steps_s) < 60 - STEP_S
        assert max(steps_s) > STEP_S - 60


def test_agent_whose_disk_is_full_refuses_until_there_is_room_and_loses_nothing(installed, tiny_disk):
    with installed.another("disk", spool=str(tiny_disk / "spool")) as agent:
        with installed.clients("disk", disk=agent) as clients:
            clients.go_on()
            installed.server.kill()
            eventually(lambda: any(one.said == "503" for one in clients.asked()), "a disk that is full", 600)
            assert agent.health()["status"] == "unhealthy"
            assert metric(agent, "axonflow_spool_records") > 100
            installed.server.start()
            clients.go_on()
        installed.check_asked(clients, agent)
        assert agent.health()["status"] == "healthy"
    assert {one.said for one in clients.asked()} == {"200", "503"}
