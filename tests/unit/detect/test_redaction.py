"""Masks keep the shape, leave the rest alone and are final."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect import Finding, redact
from axonflow.detect.content import leaves, path_of
from axonflow.errors import DetectionError

PIECES = [
    "x",
    " ",
    "ann@example.com",
    "4111 1111 1111 1111",
    "+44 20 7946 0958",
    "or 1=1",
    "\u00e9\U0001f600",
    "106.31.73.20",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
NAMES = st.sampled_from(["a", "odd key", "it's", "\u00e9"])
CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.just(4111111111111111) | st.floats(0, 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def finding(start, end, *, path="$", detector="pii.email", severity="medium", in_key=False):
    return Finding(detector, detector.partition(".")[0], severity, path, start, end, 1.0, True, in_key)


def shape(value):
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else None


@given(CONTENTS)
def test_redact_keeps_the_shape_and_the_original(scanner, every_id, content):
    before = repr(content)
    redacted = scanner.inspect(content).redact(every_id)
    assert shape(redacted) == shape(content)
    assert repr(content) == before


@given(CONTENTS)
def test_redact_twice_is_redact_once(scanner, every_id, content):
    once = scanner.inspect(content).redact(every_id)
    assert not scanner.inspect(once).any(every_id)
    assert scanner.inspect(once).redact(every_id) == once


@given(TEXTS)
def test_redact_leaves_the_text_outside_of_findings(scanner, every_id, text):
    found = scanner.inspect(text).findings(every_id)
    covered = {at for one in found for at in range(one.start, one.end)}
    redacted = redact(text, found)
    outside = "".join(char if at not in covered else "\x00" for at, char in enumerate(text)).split("\x00")
    at = 0
    for piece in filter(None, outside):
        at = redacted.index(piece, at) + len(piece)


@given(CONTENTS)
def test_redact_of_nothing_is_an_equal_copy(content):
    copy = redact(content, ())
    assert copy == content
    assert [path_of(leaf.place) for leaf in leaves(copy)] == [path_of(leaf.place) for leaf in leaves(content)]
    assert not isinstance(content, (dict, list)) or copy is not content


@pytest.mark.parametrize(
    ("findings", "redacted"),
    [
        ([finding(0, 2)], "[REDACTED:pii.email]cdefgh"),
        ([finding(0, 2), finding(4, 6)], "[REDACTED:pii.email]cd[REDACTED:pii.email]gh"),
        ([finding(2, 4), finding(0, 2, detector="pii.a", severity="low")], "[REDACTED:pii.email]efgh"),
        ([finding(0, 4), finding(1, 3, detector="secret.x", severity="critical")], "[REDACTED:secret.x]efgh"),
        ([finding(0, 3), finding(2, 6, detector="pii.longer")], "[REDACTED:pii.longer]gh"),
        ([finding(0, 3), finding(1, 4, detector="pii.a")], "[REDACTED:pii.a]efgh"),
        ([finding(0, 6), finding(1, 2), finding(5, 7)], "[REDACTED:pii.email]h"),
    ],
)
def test_redact_unites_spans_under_the_most_severe(findings, redacted):
    assert redact("abcdefgh", findings) == redacted


def test_redact_of_a_number_makes_it_the_mask():
    found = [finding(0, 3, path="$.n[1]"), finding(1, 2, path="$.n[1]", detector="pii.a")]
    assert redact({"n": [1.0, 4111.0]}, found) == {"n": [1.0, "[REDACTED:pii.email]"]}


def test_redact_in_a_members_name_is_refused_without_showing_it(scanner):
    found = scanner.inspect({"ann@example.com": 1}).findings(("pii.email",))
    with pytest.raises(DetectionError) as raised:
        redact({"ann@example.com": 1}, found)
    assert "ann@" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "path", "end"),
    [
        ("ab", "$.x", 1),
        ("ab", "$", 3),
        (None, "$", 1),
        (True, "$", 1),
        (1.5, "$", 1),
        (12, "$", 3),
        ([["ab"]], "$[0]", 1),
    ],
)
def test_redact_of_findings_of_other_content_is_refused(content, path, end):
    with pytest.raises(DetectionError, match="do not belong"):
        redact(content, [finding(0, end, path=path)])


def test_redact_of_deep_nesting_does_not_recurse():
    content = "ann@example.com"
    for _ in range(2_000):
        content = [content]
    path = "$" + "[0]" * 2_000
    redacted = redact(content, [finding(0, 15, path=path)])
    for _ in range(2_000):
        (redacted,) = redacted
    assert redacted == "[REDACTED:pii.email]"
