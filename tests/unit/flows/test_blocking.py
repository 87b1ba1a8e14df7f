"""Waiting for coroutines from plain code."""

import asyncio
import os
import threading

import pytest

from axonflow import AxonFlow, Request
from axonflow.flows.blocking import wait
from tests.strategies import policy_set

REQUEST = Request("user:ann", "tool.call", "tool:x")


def flow():
    return AxonFlow.open(policy_set([{"id": "yes", "effect": "allow"}]))


def test_wait_gives_the_result_of_a_coroutine():
    own = flow()
    assert own.wait(own.enforce(REQUEST)).allowed


def test_wait_inside_a_running_loop_works_too():
    own = flow()

    async def run():
        return own.wait(own.enforce(REQUEST)).allowed

    assert asyncio.run(run())


def test_wait_raises_what_the_coroutine_raises():
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        wait(fail())


def test_wait_from_its_own_loop_is_refused_instead_of_hanging():
    async def inner():
        return 1

    async def outer():
        return wait(inner())

    with pytest.raises(RuntimeError, match="await instead"):
        wait(outer())


def test_wait_of_many_threads_shares_one_loop():
    async def which():
        return threading.get_ident()

    seen = []
    threads = [threading.Thread(target=lambda: seen.append(wait(which()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_wait_in_a_forked_child_has_a_loop_of_its_own():
    own = flow()
    own.wait(own.enforce(REQUEST))
    child = os.fork()
    if child == 0:
        os._exit(0 if own.wait(own.enforce(REQUEST)).allowed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
