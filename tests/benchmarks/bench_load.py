"""Loading policies: from YAML, against the bare parse of the same text; from a bundle; and what a rule takes in memory.

Rounds alternate, medians are printed. What loading leaves in memory is measured in a process of its own.
"""

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from axonflow import AxonFlow
from axonflow.adapters.yaml_text import parse_yaml
from tests.benchmarks.policy_texts import SHAPES, build_bundle, write_folder

ROUNDS = 3
RULES, MANY_RULES = 10_000, 100_000
MEMORY = """
import gc, json, resource, sys, tracemalloc
from axonflow import AxonFlow

def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()

first, policies, traced, *keys = sys.argv[1:]
AxonFlow.open(first)  # what is loaded once, whatever the number of rules
gc.collect()
before = resident()
if traced == "traced":
    tracemalloc.start()
flow = AxonFlow.open(policies, trusted_keys=keys)
gc.collect()
held = tracemalloc.get_traced_memory()[0] if traced == "traced" else resident() - before
print(json.dumps({"rules": len(flow.policies.rules), "bytes": held}))
"""


def main():
    print(f"Loading policies of {SHAPES} shapes; median of {ROUNDS} alternating rounds")
    with tempfile.TemporaryDirectory() as place:
        few = write_folder(Path(place, "few"), RULES)
        many = write_folder(Path(place, "many"), MANY_RULES)
        one = write_folder(Path(place, "one"), 1)
        from_yaml(few)
        for folder, rules, at_most_s in ((few, RULES, 0.3), (many, MANY_RULES, 3.0)):
            bundle = Path(place, f"{folder.name}.axb")
            key = build_bundle(folder, bundle)
            from_bundle(bundle, key, rules, at_most_s)
        memory(one, few, RULES, "YAML")
        memory(one, bundle, MANY_RULES, "a bundle", key)


def from_yaml(folder):
    text = next(folder.iterdir()).read_text("utf-8")
    took_s = alternate_s(
        {
            "AxonFlow.open": lambda: AxonFlow.open(folder),
            "our reader alone": lambda: parse_yaml(text, "bench.yaml"),
            "bare yaml.load": lambda: yaml.load(text, yaml.CSafeLoader),
        }
    )
    ours, reader, bare = took_s.values()
    print(f"{RULES:>9,} rules from YAML ({len(text) / 1e6:.1f} MB): AxonFlow.open {ours:.2f} s, ", end="")
    print(f"of which our reader of YAML {reader:.2f} s; yaml.load with CSafeLoader {bare:.2f} s")
    print(f"{'':9} AxonFlow.open / yaml.load: {ours / bare:.2f} {judged(ours <= 3 * bare, '<= 3')}")


def from_bundle(bundle, key, rules, at_most_s):
    ours, floor = alternate_s(
        {"open": lambda: AxonFlow.open(bundle, trusted_keys=[key]), "read": bundle.read_bytes}
    ).values()
    print(f"{rules:>9,} rules from a bundle ({bundle.stat().st_size / 1e6:.1f} MB): {ours * 1e3:,.0f} ms", end=" ")
    print(
        f"{judged(ours <= at_most_s, f'<= {at_most_s * 1e3:,.0f} ms')}; merely reading the file {floor * 1e3:,.1f} ms"
    )


def memory(one, policies, rules, source, *keys):
    """Bytes a rule: what Python holds, as tracemalloc counts, and by how much the process has grown."""
    held = {}
    for way in ("traced", "grown"):
        command = [sys.executable, "-c", MEMORY, str(one), str(policies), way, *map(str, keys)]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert answer["rules"] == rules
        held[way] = answer["bytes"] / rules
    print(f"{rules:>9,} rules from {source}: {held['traced']:,.0f} bytes a rule are held", end=" ")
    print(f"{judged(held['traced'] <= 2_048, '<= 2,048')}; the process grew by {held['grown']:,.0f} bytes a rule")


def alternate_s(contenders):
    """The median seconds of each of the calls, in turns; collecting what they leave is not part of them."""
    took_s = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            gc.collect()
            started_s = time.perf_counter()
            made = call()
            took_s[name].append(time.perf_counter() - started_s)
            del made
    return {name: statistics.median(each) for name, each in took_s.items()}


def judged(met, target):
    return f"(target {target}: {'met' if met else 'not met'})"


if __name__ == "__main__":
    main()
