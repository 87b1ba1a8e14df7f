"""What is shipped is well tested: a part of all changes of one thing in it is noticed, and who survives is known.

All of them are tried by ``nox -s mutants``; here a sample, with a seed of its own in each run of the tests.
"""

import random

from axonflow.app.policy_tests import compiled_for_tests
from axonflow.policy.testing.cases import run_case
from axonflow.policy.testing.mutation import report_of
from tests.policy_mutants import bench_of, changes, key_of, known_survivors, shipped

NOW_S = 1_800_000_000.0
SAMPLE = 150


def test_shipped_scenarios_pass_and_each_recipe_has_some():
    compiled = compiled_for_tests()
    for name, tests in shipped().items():
        engine = compiled(tests.sources)
        assert [outcome for case in tests.cases if not (outcome := run_case(case, engine, NOW_S)).passed] == []
        assert any(case.rule is None for case in tests.cases), f"{name} has no scenarios beside its page"


def test_shipped_policies_changed_in_one_thing_are_noticed_by_their_tests():
    known = known_survivors()
    for name, mutant in random.sample(changes(), SAMPLE):
        result = bench_of(name).tried(mutant)
        assert result.state != "survived" or key_of(name, result) in known, (name, result)


def test_shipped_policies_have_few_survivors_and_each_is_there_with_its_reason():
    every = changes()
    known = known_survivors()
    results = [
        (name, bench_of(name).tried(mutant))
        for name, mutant in every
        if (name, mutant.rule, mutant.kind, mutant.change) in known
    ]
    assert {key_of(name, result) for name, result in results if result.state == "survived"} == set(known)
    assert report_of([result for _, result in results]).score == 0
    assert len(known) <= 0.05 * len(every)
