"""Reloading: the old policies until the new ones are complete, and after a fault."""

import gc
import json
import threading

import pytest

from axonflow import AxonFlow, PolicyError, Request
from tests.running import eventually
from tests.strategies import policy_set

REQUEST = Request("user:ann", "tool.call", "tool:shell", context={"risk": 1})


def policies(effect, count=0):
    rules = [{"id": f"r{n}", "effect": "deny", "match": {"resource.id": f"t{n}"}} for n in range(count)]
    return policy_set([{"id": "all", "effect": effect, "match": {"action": "tool.call"}}, *rules])


def test_reload_puts_other_policies_in_force_and_gives_their_digest():
    flow = AxonFlow.open(policies("deny"))
    assert not flow.decide(REQUEST).allowed
    digest = flow.reload(policies("allow"))
    decision = flow.decide(REQUEST)
    assert decision.allowed
    assert decision.policy_digest == digest == flow.policy_digest


def test_reload_without_arguments_reads_the_same_place_again(tmp_path):
    place = tmp_path / "p.json"
    place.write_text(json.dumps(policies("deny")))
    flow = AxonFlow.open(place)
    place.write_text(json.dumps(policies("allow")))
    flow.reload()
    assert flow.decide(REQUEST).allowed


def test_reload_of_what_does_not_load_leaves_the_old_policies_in_force():
    flow = AxonFlow.open(policies("allow"))
    digest = flow.policy_digest
    with pytest.raises(PolicyError):
        flow.reload(policies("explode"))
    assert flow.decide(REQUEST).allowed
    assert flow.policy_digest == digest
    assert flow.reload() == digest


def test_reload_leaves_the_collector_as_it_was():
    flow = AxonFlow.open(policies("allow"))
    assert gc.isenabled()
    gc.disable()
    try:
        flow.reload()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.slow
def test_decisions_beside_a_reload_are_of_the_old_or_the_new_policies_and_never_mixed():
    old, new = policies("allow", 500), policies("deny", 501)
    flow = AxonFlow.open(old)
    expected = {flow.policy_digest: True, AxonFlow.open(new).policy_digest: False}
    seen, stop = set(), threading.Event()

    def ask():
        while not stop.is_set():
            decision = flow.decide(REQUEST)
            seen.add((decision.policy_digest, decision.allowed, decision.policies))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(2):
            for documents in (new, old):
                digest = flow.reload(documents)
                eventually(lambda digest=digest: digest in {one[0] for one in list(seen)}, "a decision by these")
    finally:
        stop.set()
        asking.join()
    assert {digest for digest, _, _ in seen} == set(expected)
    assert all(allowed is expected[digest] and names == ("all",) for digest, allowed, names in seen)
