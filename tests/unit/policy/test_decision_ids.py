"""No two decisions have one id, whichever process made them."""

import os
import subprocess
import sys

import pytest

MANY = 2_000
ASK = f"""
import os, sys
from axonflow import AxonFlow, Request

flow = AxonFlow.open()
request = Request("user:ann", "tool.call", "tool:shell", time=0)

def ids():
    return [flow.decide(request).decision_id for _ in range({MANY})]
"""
ALONE = (
    ASK
    + """
print(*ids())
"""
)
FORKING = (
    ASK
    + """
before, readers = ids(), []
for _ in range(3):
    reader, writer = os.pipe()
    if os.fork() == 0:
        with open(writer, "w") as stream:
            stream.write(" ".join(ids()))
        os._exit(0)
    os.close(writer)
    readers.append(reader)
print(*before, *ids())
for reader in readers:
    with open(reader) as stream:
        print(stream.read())
"""
)


def started(script):
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def ids_of(process):
    ids = process.communicate()[0].split()
    assert process.returncode == 0
    return ids


@pytest.mark.slow
def test_decision_ids_of_processes_started_together_never_repeat():
    """They decide in the same milliseconds, on one and the same request."""
    ids = [one for process in [started(ALONE) for _ in range(3)] for one in ids_of(process)]
    assert len(ids) == len(set(ids)) == 3 * MANY


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_decision_ids_of_forks_of_one_flow_never_repeat():
    ids = ids_of(started(FORKING))
    assert len(ids) == len(set(ids)) == 5 * MANY
