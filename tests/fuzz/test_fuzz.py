"""A small part of ``nox -s fuzz``, always the same; and that fuzzing finds what there is to find."""

import pytest

from tests.fuzz import planted_faults, run_all

SEED = 20261121
CASES = 500


@pytest.mark.slow
def test_fuzzing_a_little_finds_no_fault():
    print(f"seed {SEED}")
    count, faults = run_all.fuzz(SEED, cases=CASES)
    assert not faults, "\n".join(faults)
    assert count == CASES


def test_fuzzing_planted_faults_finds_each_and_goes_on_behind_it():
    count, faults = run_all.fuzz(7, cases=planted_faults.CRASHES + 2, program="tests.fuzz.planted_faults")
    assert count == planted_faults.CRASHES + 2
    found = {}
    for fault in faults:
        case, _, text = fault.removeprefix("--seed 7 --case ").partition(": ")
        found[int(case)] = text
    assert sorted(found) == list(range(planted_faults.RAISES, planted_faults.CRASHES + 1))
    assert "ValueError: planted" in found[planted_faults.RAISES]
    assert "processor time" in found[planted_faults.HANGS]
    assert "processor time" in found[planted_faults.HANGS_IN_C]
    assert "MemoryError" in found[planted_faults.HOARDS]
    assert "ended with -6" in found[planted_faults.CRASHES]
