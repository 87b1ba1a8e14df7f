"""Analysing policies, against merely compiling the same set: rules of their own tools, and rules that crowd few tools.

All times are of the CPU, so that what else runs beside counts less. The whole command is measured in a process of its
own, from its start: reading the documents twice, compiling, costs, look-ups and the analysis.
"""

import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

from axonflow import AxonFlow
from axonflow.policy.analysis.analysing import analyse
from tests.benchmarks.policy_texts import CONDITIONS, write_folder

WANTED_S = {1_000: 2.0, 10_000: 30.0}
ENVS = ("dev", "test", "staging", "prod")
EFFECTS = ("allow", "allow", "allow", "deny", "deny", "require_approval", "redact", "limit", "warn")
ACTIONS = ("tool.call", "tool.result", "connector.query", "llm.request")
RULES_A_TOOL = 25
LIMIT = {"unit": "requests", "maximum": 600, "window_s": 60}


def crowded(count, seed=9):
    """A set of `count` rules on a few tools, as many teams write them: roles, environments, thresholds, findings."""
    draw = random.Random(seed)
    tools = [f"tool-{number}" for number in range(max(4, count // RULES_A_TOOL))]
    roles = [f"role-{number}" for number in range(20)]
    rules = []
    for number in range(count):
        effect = draw.choice(EFFECTS)
        match = {"action": draw.choice(ACTIONS), "resource.id": sorted(draw.sample(tools, draw.choice((1, 1, 2, 3))))}
        if draw.random() < 0.5:
            match["principal.roles"] = sorted(draw.sample(roles, draw.choice((1, 2))))
        if draw.random() < 0.3:
            match["context.env"] = sorted(draw.sample(ENVS, draw.choice((1, 2))))
        rule = {"id": f"r{number}", "effect": effect, "match": match, "reason": f"Rule {number} has its say."}
        if draw.random() < 0.6:
            rule["when"] = condition(draw)
        if effect == "limit":
            rule["obligations"] = [LIMIT]
        rules.append(rule)
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "crowded"}, "default": "deny"}
    return head | {"rules": rules}


def condition(draw):
    kind = draw.random()
    if kind < 0.1:
        return 'detected("pii.email")'
    if kind < 0.4:
        return f"has(context.risk) && context.risk >= {draw.randrange(100)}"
    return draw.choice(CONDITIONS).format(name=f"name-{draw.randrange(50)}", number=draw.randrange(100))


def main():
    print("Analysing policies, CPU seconds; the whole command in a process of its own")
    with tempfile.TemporaryDirectory() as place:
        for count, most_s in WANTED_S.items():
            own = write_folder(Path(place, f"own-{count}"), count)
            crowd = Path(place, f"crowd-{count}")
            crowd.mkdir()
            Path(crowd, "crowd.yaml").write_text(yaml.dump(crowded(count), Dumper=yaml.CSafeDumper), "utf-8")
            for name, folder in (("a tool each", own), (f"{RULES_A_TOOL} a tool", crowd)):
                measured(name, folder, count, most_s)


def measured(name, folder, count, most_s):
    flow, compiled_s = timed(lambda: AxonFlow.open(str(folder)))
    gc.collect()
    gc.disable()
    analysis, analysed_s = timed(lambda: analyse(flow.policies))
    gc.enable()
    whole_s = command_s(folder)
    kinds = Counter(one.kind for one in analysis.findings)
    print(f"{count:>7,} rules, {name:<11} compiled {compiled_s:.2f} s, analysed {analysed_s:.2f} s ", end="")
    print(
        f"(x{analysed_s / compiled_s:.1f} of compiling), {analysis.pairs:,} pairs compared, {analysis.left_out:,} not"
    )
    print(f"{'':7} the whole command {whole_s:.1f} s {'<=' if whole_s <= most_s else '>'} {most_s:.0f} s; ", end="")
    print(f"{len(analysis.undecided)} undecided; {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")


def timed(call):
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def command_s(folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "axonflow.cli", "policy", "check", str(folder)], check=False, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
