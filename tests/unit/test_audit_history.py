"""The checker that judges the audit trail finds what is wrong with it: one that finds nothing would prove nothing."""

import pytest

from tests.audit_clients import Asked
from tests.audit_faults import drawn
from tests.audit_history import Stored, complaints


def asked(number, *, at=None, decision=True, agent="0"):
    """Sent at its number, and answered half a unit later."""
    sent_ns = 2 * (number if at is None else at)
    return Asked(f"r{number}", agent, "acme", sent_ns, sent_ns + 1, f"d{number}" if decision else None)


def stored(number, sequence=None, writer="w0", **parts):
    usual = {"request_id": f"r{number}", "decision_id": f"d{number}", "tenant_id": "acme", "writer_id": writer}
    return Stored(**usual | parts, sequence=number if sequence is None else sequence)


ASKED = [asked(number) for number in range(4)]
STORED = [stored(number) for number in range(4)]


@pytest.mark.parametrize(
    ("requests", "records"),
    [
        (ASKED, STORED),
        ([*ASKED, asked(4, decision=False)], STORED),
        ([*ASKED, asked(4, decision=False)], [*STORED, stored(4)]),
        ([*ASKED, asked(4, decision=False, at=-9)], [*STORED, stored(4)]),  # it may have waited for long
        ([*ASKED, asked(4, agent="1")], [*STORED, stored(4, 0, "w1")]),
        ([asked(0, at=0), asked(1, at=0)], [stored(1, 0), stored(0, 1)]),  # at the same time: in any order
    ],
)
def test_history_that_keeps_the_promise_gives_no_complaint(requests, records):
    assert complaints(requests, records) == []


@pytest.mark.parametrize(
    ("requests", "records", "complaint"),
    [
        (ASKED, STORED[:3], "r3 was acknowledged as d3, and nothing is stored"),
        (ASKED, [*STORED, stored(3, 4)], "r3 is stored 2 times"),
        ([*ASKED, asked(4, decision=False)], [*STORED, stored(4), stored(4, 5)], "r4 is stored 2 times"),
        (ASKED, [*STORED, stored(9, 4)], "nobody asked for r9"),
        (ASKED, [*STORED[:3], stored(3, decision_id="d9")], "r3 was acknowledged as d3, and"),
        (ASKED, [*STORED[:3], stored(3, 0, tenant_id="bolt")], "r3 was acknowledged as d3, and"),
        (ASKED, [*STORED[:2], stored(3, 2), stored(2, 3)], "r2 was acknowledged before r3 was sent"),
        (ASKED, [*STORED[:3], stored(3, 4)], "sequence 4 in place 3"),
        (ASKED, [*STORED[:3], stored(3, 0, "w1")], "agent 0 wrote as ['w0', 'w1']"),
        ([*ASKED[:3], asked(3, agent="1")], STORED, "agents share a writer"),
    ],
)
def test_history_that_breaks_the_promise_is_complained_about(requests, records, complaint):
    (found,) = complaints(requests, records)
    assert complaint in found


def test_faults_of_the_same_seed_and_round_are_the_same():
    assert drawn(7, 3) == drawn(7, 3)
    assert len({drawn(7, number) for number in range(50)}) == 50
    assert {drawn(7, number).kind for number in range(3)} == {"agent", "postgres", "both"}
