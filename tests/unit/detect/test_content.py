"""Walking JSON."""

from array import array

import pytest

from axonflow.detect.content import MAX_VISITS, leaves, name_at, path_of, readings_of
from axonflow.detect.encodings import Decoded
from axonflow.errors import DetectionError


def walked(content):
    return [(leaf.text, leaf.kind, path_of(leaf.place)) for leaf in leaves(content)]


def test_leaves_are_strings_names_and_whole_numbers_in_order():
    content = {"a": [True, None, "x", 1.5, 7], "odd key": {"it's": 4111111111111111.0, "b\\": -3}}
    assert walked(content) == [
        ("a", "key", "$.a"),
        ("x", "string", "$.a[2]"),
        ("7", "number", "$.a[4]"),
        ("odd key", "key", "$['odd key']"),
        ("it's", "key", "$['odd key']['it\\'s']"),
        ("4111111111111111", "number", "$['odd key']['it\\'s']"),
        ("b\\", "key", "$['odd key']['b\\\\']"),
        ("-3", "number", "$['odd key']['b\\\\']"),
    ]


@pytest.mark.parametrize("content", [None, True, 1.5, float("inf"), [], {}])
def test_content_without_text_has_no_leaves(content):
    assert walked(content) == []


def test_nesting_of_any_depth_is_walked_without_recursion():
    content = "x"
    for _ in range(5_000):
        content = [content]
    assert [leaf.text for leaf in leaves(content)] == ["x"]


def test_container_that_holds_itself_is_refused():
    content = ["x"]
    content.extend([content, content])
    with pytest.raises(DetectionError, match=f"at most {MAX_VISITS} values"):
        list(leaves(content))


@pytest.mark.parametrize(("content", "at"), [({"a": [b"x"]}, r"\$\.a\[0\]"), ({"a": {1: 2}}, r"\$\.a")])
def test_content_that_is_not_json_is_refused_with_its_place(content, at):
    with pytest.raises(DetectionError, match=at):
        list(leaves(content))


def test_name_at_a_list_item_is_the_name_of_the_list():
    assert name_at(((None, "to"), 3)) == "to"
    assert name_at((None, 3)) == ""


def test_document_finds_the_leaf_of_every_offset():
    (document,) = readings_of(["ab", "", "c"], ())
    assert document.text == "ab\n\nc"
    assert [document.leaf_at(offset) for offset in range(5)] == [0, 0, 0, 1, 2]
    assert [document.extent(index) for index in range(3)] == [(0, 2), (3, 3), (4, 5)]
    assert [document.start_of(index) for index in range(3)] == [0, 3, 4]


def test_document_blanks_known_masks_and_keeps_offsets():
    (document,) = readings_of("a [REDACTED:pii.x] b [REDACTED:other]", ("[REDACTED:pii.x]",))
    assert document.text == "a " + "\x1a" * 16 + " b [REDACTED:other]"


def test_content_with_escapes_is_read_as_it_is_and_with_them_blanked():
    as_it_is, blanked = readings_of(["a\\nb", "\u00e9"], ())
    assert (as_it_is.text, blanked.text) == ("a\\nb\ne", "a\\\x1ab\ne")
    assert as_it_is.leaves == blanked.leaves


def undotted(text):
    """`text` without its dots."""
    kept = [at for at, char in enumerate(text) if char != "."]
    if len(kept) == len(text):
        return None
    return Decoded("".join(text[at] for at in kept), array("I", kept), array("I", [at + 1 for at in kept]))


def test_reading_that_decodes_knows_where_its_characters_come_from():
    plain, decoded = readings_of(["abc", "a.[REDACTED:pii.x]b.", "c", "..d"], ("[REDACTED:pii.x]",), [undotted])
    assert plain.text.startswith("abc\na.\x1a")
    assert decoded.text == "a" + "\x1a" * 16 + "b\nd"
    assert decoded.original(0, 0, 18) == (1, 0, 19)
    assert decoded.original(1, 0, 1) == (3, 2, 3)
    assert plain.original(1, 2, 3) == (1, 2, 3)


def test_reading_that_decodes_nothing_is_none():
    whole_only = lambda text: undotted(text) if "\n" in text else None  # noqa: E731  a decoder for this test alone
    assert len(readings_of(["a", "b."], (), [whole_only])) == 1
    assert len(readings_of("a", (), [undotted])) == 1
