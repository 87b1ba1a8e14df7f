"""flow.decide at 10 to 100,000 rules, against hand-written ``if`` code and against other engines, in one run.

Requests are built outside, and so are the peers' own forms of them; no request comes twice. Everything that a caller
reads of a decision is read inside the timing. Before anything is timed, all verdicts are compared: ours with the
hand-written code's, with ids and obligations; a peer's, which says allow or deny, with the same code's.
"""

import gc
import importlib
import random
import time

from tests.benchmarks.engines import axonflow_engine, by_hand
from tests.benchmarks.engines.workload import FAMILIES, draw
from tests.benchmarks.measure import alternate

SIZES = (10, 100, 1_000, 10_000, 100_000)
REQUESTS = 6_000
VERIFIED = 1_000
PEER_FAMILY = "tool"
PEERS = ("cedar", "cel_binding", "casbin_engine", "rego")
PEER_BUDGET_S = 2.0
FEWEST = 50
"""A peer that cannot decide so often within its budget takes as long as it takes for these."""

OURS, HAND, BARE = "flow.decide", "by hand", "by hand, bare"
RATIO_TARGETS = {("cedarpy", 10): 75, ("cedarpy", 1_000): 800, ("CEL (Rust binding)", 1_000): 300}


def main():
    print(
        "flow.decide, effect, policies, obligations and decision_id read; microseconds, median of 5 alternating rounds"
    )
    print(f'"{HAND}" does the same work with dictionaries and ifs; "{BARE}" says deny or not and no more')
    for name, (meaning, rules_of) in FAMILIES.items():
        print(f"\nfamily {name}: {meaning}")
        print(f"{'rules':>9} {'':22}{'p50':>10}{'p95':>10}   p50 as a multiple of flow.decide's")
        medians = {}
        for count in SIZES:
            figures = measure(rules_of(count), peers=PEERS if name == PEER_FAMILY else ())
            medians[count] = report(count, figures)
        growth = medians[100_000] / medians[10]
        print(f"          p50 at 100,000 rules / p50 at 10: {growth:.2f} {judged(growth <= 1.6, '<= 1.6')}")


def measure(rules, peers):
    """p50 and p95 of every contender, all verified first."""
    rng = random.Random(len(rules))
    ours, hand, bare = axonflow_engine.build(rules), by_hand.build(rules), by_hand.build_bare(rules)
    samples = list(draw(rules, VERIFIED, rng))
    verify(ours, hand, bare, samples)
    requests = list(draw(rules, REQUESTS, rng))
    contenders = {OURS: (ours, requests), HAND: (hand, requests), BARE: (bare, requests)}
    for peer in peers:
        contenders |= prepare(peer, rules, bare, samples, requests)
    gc.freeze()  # or each collection between rounds would walk all the rules
    try:
        return alternate(contenders)
    finally:
        gc.unfreeze()


def verify(ours, hand, bare, samples):
    for request in samples:
        effect, policies, obligations, _ = ours(request)
        expected, ids, owed, _ = hand(request)
        assert (effect, sorted(policies)) == (expected, sorted(ids)), request
        counted = [(one.policy, (one.unit, one.maximum, one.window_s)) for one in obligations]
        assert sorted(counted) == sorted(owed), request
        assert 1 <= len(policies) <= 3, request
        assert bare(request) == ("deny" if effect == "deny" else "allow"), request


def prepare(module, rules, bare, samples, requests):
    """A peer as contender, once its verdicts are the oracle's. Where it takes no part, the reason is printed."""
    try:
        peer = importlib.import_module(f"tests.benchmarks.engines.{module}")
    except ImportError as error:
        print(f"{len(rules):>9,} {module} is left out: {error}")
        return {}
    if len(rules) > peer.LARGEST:
        print(
            f"{len(rules):>9,} {peer.NAME} is left out: it tries every rule, which takes a multiple of the time below"
        )
        return {}
    question, decide = peer.build(rules)
    asked = [question(request) for request in samples[:FEWEST]]
    started_s = time.perf_counter()
    verdicts = [decide(one) for one in asked]
    each_s = (time.perf_counter() - started_s) / FEWEST
    assert verdicts == [bare(request) for request in samples[:FEWEST]], peer.NAME
    affordable = max(FEWEST, min(len(requests), int(PEER_BUDGET_S / each_s)))
    for request in samples[FEWEST:affordable]:
        assert decide(question(request)) == bare(request), (peer.NAME, request)
    return {peer.NAME: (decide, [question(request) for request in requests[:affordable]])}


def report(count, figures):
    own, own_p95 = figures[OURS]
    for name, (p50, p95) in figures.items():
        line = f"{count:>9,} {name:22}{p50:>10.2f}{p95:>10.2f}"
        if name == OURS:
            line += f"   {judged(p50 <= 1.0 and own_p95 <= 2.0, 'p50 <= 1.0 and p95 <= 2.0 on a quiet machine')}"
        else:
            line += f"   {p50 / own:,.2f}x"
        if name == HAND:
            line += f"; ours is {own / p50:.2f}x {judged(own <= 4 * p50, '<= 4x')}"
        target = RATIO_TARGETS.get((name, count))
        if target is not None:
            line += f" {judged(p50 >= target * own, f'>= {target}x')}"
        print(line, flush=True)
    return own


def judged(met, target):
    return f"(target {target}: {'met' if met else 'not met'})"


if __name__ == "__main__":
    main()
