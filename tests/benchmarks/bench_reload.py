"""Reloading 10,000 rules while 1,000 decisions a second are asked for.

The load is open: each decision has a moment at which it is due, and its latency counts from that moment whether or not
an earlier one held it up. The control runs the same load beside a thread that only sleeps; what the machine and its
timer add is in both. Rounds alternate; the median round is printed.
"""

import gc
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

from axonflow import AxonFlow, Request
from tests.benchmarks.measure import percentile
from tests.benchmarks.policy_texts import build_bundle, write_folder

RULES = 10_000
RATE_PER_S = 1_000
PHASE_S = 4.0
ROUNDS = 3
AT_MOST_US = 1_000


def main():
    print(f"{RATE_PER_S:,} decisions a second while {RULES:,} rules are reloaded over and over; microseconds from when")
    print(f"each was due, phases of at least {PHASE_S:.0f} s, median of {ROUNDS} alternating rounds")
    with tempfile.TemporaryDirectory() as place:
        folder, bundle = write_folder(Path(place, "policies"), RULES), Path(place, "policies.axb")
        flow = AxonFlow.open(folder, trusted_keys=[build_bundle(folder, bundle)])
        phases = {
            "quiet": None,
            "AxonFlow.open in a thread": lambda: AxonFlow.open(folder),
            "reload from YAML": lambda: flow.reload(folder),
            "reload from a bundle": lambda: flow.reload(bundle),
        }
        report(measure(flow, phases))


def measure(flow, phases):
    """For each phase a list of rounds: (p50, p99, longest, times loaded)."""
    requests = list(draw(int(RATE_PER_S * PHASE_S * 4)))
    flow.decide(requests[0])
    gc.collect()
    gc.freeze()
    rounds = {name: [] for name in phases}
    for _ in range(ROUNDS):
        for name, load in phases.items():
            rounds[name].append(phase(flow, load, requests))
    gc.unfreeze()
    return rounds


def draw(how_many):
    rng = random.Random(20261121)
    for number in range(how_many):
        yield Request(
            {"id": f"user-{number}", "roles": [f"name-{rng.randrange(RULES)}"]},
            "tool.call",
            {"type": "tool", "id": f"tool-{rng.randrange(RULES)}"},
            context={"risk": rng.randrange(100), "env": "staging", "path": "/tmp/", "arguments": [], "region": "eu"},
        )


def phase(flow, load, requests):
    """The load, for PHASE_S and until what runs beside it is through."""
    ended, loads = threading.Event(), []
    beside = threading.Thread(target=idle if load is None else again_and_again, args=(load, ended, loads))
    late_us = []
    not_yet = threading.Event()  # which nobody sets: its wait() ends when the time is up
    beside.start()
    start = time.perf_counter()
    for number, request in enumerate(requests):
        due = start + number / RATE_PER_S
        while (now := time.perf_counter()) < due:
            not_yet.wait(due - now)
        flow.decide(request)
        late_us.append((time.perf_counter() - due) * 1e6)
        if now - start > PHASE_S:
            ended.set()
            if load is None or loads:
                break
    ended.set()
    beside.join()
    late_us.sort()
    return percentile(late_us, 0.5), percentile(late_us, 0.99), late_us[-1], len(loads)


def idle(_load, ended, _loads):
    while not ended.wait(0.01):
        pass


def again_and_again(load, ended, loads):
    while not ended.is_set():
        load()
        loads.append(time.perf_counter())


def report(rounds):
    quiet = 0.0
    for name, figures in rounds.items():
        p50, p99, longest, loads = (statistics.median(column) for column in zip(*figures, strict=True))
        line = f"  {name:26} p50 {p50:>9,.0f}  p99 {p99:>9,.0f}  longest {longest:>9,.0f}"
        if name == "quiet":
            quiet = p99
        else:
            met = "met" if p99 - quiet <= AT_MOST_US else "not met"
            line += f"  p99 {p99 - quiet:+,.0f}, loaded {loads:.0f} times"
            line += f" (target <= {AT_MOST_US:,} above quiet: {met})" if name.startswith("reload") else ""
        print(line)


if __name__ == "__main__":
    main()
