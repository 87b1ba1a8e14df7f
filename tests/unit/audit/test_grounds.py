"""What an event keeps of its policies, reasons and errors: all of them, or the first and a digest of the rest."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.audit.grounds import MAX_ERRORS_BYTES, MAX_MATCHED_BYTES, MAX_OWN_BYTES, grounds_kept, left_out
from axonflow.policy.whatif import recorded

SPARE_BYTES = 3 * 120
"""What the last items take."""
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40) | st.sampled_from(
    ["x" * 1_000, '"' * 900, "\x01" * 900, "\U0001f600" * 1_000]
)


def told(texts):
    written = msgspec.json.encode(texts)
    return f"... {len(texts)} sha256:{hashlib.sha256(written).hexdigest()}:{len(written)}"


def named(count, chars=200):
    return tuple(f"p{number}" for number in range(count)), tuple(f"r{number} {'x' * chars}" for number in range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_grounds_that_there_is_room_for_are_kept_as_they_are(count):
    policies, reasons = named(count)
    reasons = ("No rule matches; the default is allow.", *reasons)
    assert grounds_kept(policies, reasons, ("p0: context.x is missing",)) == (
        policies, reasons, ("p0: context.x is missing",)
    )  # fmt: skip
    assert left_out(policies) is None


def test_grounds_of_thousands_of_policies_keep_the_first_and_a_digest_of_the_rest():
    policies, reasons = named(5_000)
    kept = grounds_kept(policies, ("own", *reasons), ())
    count = len(kept.policies) - 1
    assert 50 < count < 150
    assert kept.policies == (*policies[:count], told(policies[count:]))
    assert kept.reasons == ("own", *reasons[:count], told(reasons[count:]))
    assert left_out(kept.policies) == 5_000 - count


def test_grounds_with_more_reasons_of_their_own_than_there_is_room_for_say_so_beside_all_policies():
    policies, reasons = named(2)
    own = tuple(f"Approved by {number} {'x' * 1_000}." for number in range(20))
    kept = grounds_kept(policies, (*own, *reasons), ())
    most = len(kept.reasons) - 3
    assert kept.reasons == (*own[:most], *reasons, told(own[most:]))
    assert kept.policies == (*policies, told([]))
    assert (left_out(kept.policies), 0 < most < 20) == (0, True)
    assert grounds_kept((), own, ()).policies == (told([]),)


def test_grounds_of_thousands_of_errors_keep_the_first_and_a_digest_of_the_rest():
    errors = tuple(f"p{number}: context.x is missing" for number in range(3_000))
    kept = grounds_kept(("p",), ("r",), errors)
    count = len(kept.errors) - 1
    assert kept == (("p",), ("r",), (*errors[:count], told(errors[count:])))
    assert 0 < count < 300


def test_grounds_whose_first_alone_is_too_large_keep_none_and_count_all():
    kept = grounds_kept(("p",), ("x" * 30_000,), ("e" * 30_000,))
    assert kept == ((told(["p"]),), (told(["x" * 30_000]),), (told(["e" * 30_000]),))


def test_grounds_with_what_no_store_keeps_are_told_by_a_digest_all_the_same():
    kept = grounds_kept(("p",), ("\ud800\0" * 30_000,), ())
    assert kept.reasons[-1].startswith("... 1 sha256:")


@pytest.mark.parametrize(
    ("names", "count"),
    [((), None), (("p", "q"), None), (("p", "... 7 sha256:0:5"), 7), (("... x",), 0), (("... 7", "p"), None)],
)
def test_left_out_is_what_the_last_item_says(names, count):
    assert left_out(names) == count


def test_left_out_begins_as_those_say_who_compare_decisions():
    policies, reasons = named(5_000)
    assert grounds_kept(policies, reasons, ()).policies[-1].startswith(recorded.LEFT_OUT)


@given(
    own=st.lists(TEXTS, max_size=12), pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=40),
    errors=st.lists(TEXTS, max_size=20),
)  # fmt: skip
def test_grounds_are_bounded_and_what_is_kept_is_the_beginning(own, pairs, errors):
    policies, said = tuple(name for name, _ in pairs), tuple(reason for _, reason in pairs)
    reasons = (*own, *said)
    kept = grounds_kept(policies, reasons, tuple(errors))
    assert len(msgspec.json.encode(kept)) <= MAX_MATCHED_BYTES + MAX_OWN_BYTES + MAX_ERRORS_BYTES + SPARE_BYTES
    assert kept.errors == tuple(errors) or kept.errors[:-1] == tuple(errors[: len(kept.errors) - 1])
    if kept.policies == policies:
        assert kept.reasons == reasons
        return
    count = len(kept.policies) - 1
    before = len(kept.reasons) - len(kept.policies)
    assert kept.policies[:-1] == policies[:count]
    assert kept.reasons[:before] == reasons[:before]
    assert kept.reasons[before:-1] == said[:count]
    assert kept.reasons[-1] == told([*own[before:], *said[count:]])
