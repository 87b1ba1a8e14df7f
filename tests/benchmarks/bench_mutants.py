"""Mutants tried on small engines and the nearest tests, against loading the whole mutated policies and running every
test until one fails; 500 rules with three tests each. Both must find the same."""

import random
import time

from axonflow.app import policy_sources
from axonflow.app.policy_tests import compiled_for_tests, pattern_of
from axonflow.errors import PolicyError
from axonflow.policy import PolicySource
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.testing.cases import inline_cases, run_case
from axonflow.policy.testing.coverage import Coverage
from axonflow.policy.testing.mutants import edited, mutants_of
from axonflow.policy.testing.mutation import Bench, report_of
from tests.strategies import policy_set

RULES = 500
SAMPLE = 60
NOW_S = 1_800_000_000.0


def rule(number):
    def test(tool, env, over, expect):
        context = {"env": env, "risk": number + over, "x": 1}
        request = {"principal": "user:a", "action": "tool.call", "resource": f"tool:{tool}{number}", "context": context}
        return {"request": request, "expect": expect}

    return {
        "id": f"r{number}",
        "effect": "deny",
        "match": {"action": "tool.call", "resource.id": [f"t{number}", f"u{number}"], "context.env": ["prod", "live"]},
        "when": f'context.risk > {number} && (has(context.x) || principal.level in ["a", "b"])',
        "tests": [test("t", "prod", 1, "deny"), test("u", "live", 0, "allow"), test("t", "dev", 5, "allow")],
    }


def whole(mutant, loaded, cases, compiled):
    """What the mutant comes to when nothing is left out."""
    data = [one.source.data for one in loaded]
    for edit in mutant.edits:
        data[edit.set_number] = edited(data[edit.set_number], edit.path, edit.value)
    try:
        engine = compiled([PolicySource("x", one, lambda *_: "x") for one in data])
    except PolicyError:
        return "invalid"
    return "survived" if all(run_case(case, engine, NOW_S).passed for case in cases) else "killed"


def main():
    document = policy_set([rule(number) for number in range(RULES)], default="allow")
    sources = policy_sources(document)
    loaded, _ = load_sets(sources)
    cases = tuple(inline_cases(loaded))
    compiled = compiled_for_tests()
    start = time.process_time()
    coverage = Coverage(loaded, compiled(sources), pattern_of)
    for case in cases:
        coverage.add(case, NOW_S)
    covered_s = time.process_time() - start
    every = list(mutants_of(loaded))
    sample = random.Random(1).sample(every, SAMPLE)
    place = Bench(sources, loaded, cases, coverage, compiled, NOW_S)
    start = time.process_time()
    results = [place.tried(mutant) for mutant in sample]
    tried_s = (time.process_time() - start) / SAMPLE
    start = time.process_time()
    states = [whole(mutant, loaded, cases, compiled) for mutant in sample]
    whole_s = (time.process_time() - start) / SAMPLE
    assert states == [one.state for one in results]
    print(f"coverage of {RULES} rules by {len(cases)} tests: {covered_s:.1f} s")
    print(f"a mutant: {tried_s * 1e3:.1f} ms, on whole policies {whole_s * 1e3:.1f} ms, {whole_s / tried_s:.1f} times")
    print(
        f"all {len(every):,} would take {tried_s * len(every):.0f} s; score of the sample {report_of(results).score} %"
    )


if __name__ == "__main__":
    main()
