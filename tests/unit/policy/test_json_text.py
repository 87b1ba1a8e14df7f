"""Members that are there twice, and numbers that JSON does not have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Request
from axonflow.errors import RequestError
from axonflow.policy.json_text import check_members

REQUEST = '"principal": "user:a", "action": "tool.call", "resource": "tool:x"'


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ('"action": "tool.call"', r"\$\.action"),
        ('"context": {"n": 900, "n": 1}', r"\$\.context\.n"),
        ('"context": {"n": 900, "\\u006e": 1}', r"\$\.context\.n"),
        ('"content": [1, {"a": [{"b": 1}, {"b": 1, "a-b": 2, "a-b": 1}]}]', r"\$\.content\[1\]\.a\[1\]\.'a-b'"),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_request_with_a_member_twice_is_refused_with_its_place(members, place, encoded):
    text = f" \n{{{REQUEST}, {members}}}"
    with pytest.raises(RequestError, match=f"{place}: repeated member"):
        Request.from_json(text.encode() if encoded else text)


def test_request_whose_texts_look_like_members_is_read():
    content = '{"a": 1, "a": 1}'
    assert Request.from_json(f'{{{REQUEST}, "content": {json.dumps(content)}}}').content == content


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES, st.booleans())
def test_text_with_each_member_once_is_let_through(value, ascii_only):
    check_members(json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@given(VALUES, st.text(), st.integers(0, 3))
def test_text_with_a_member_twice_is_refused_however_deep(value, name, depth):
    name = json.dumps(name)
    text = f"{{{name}: {json.dumps(value)}, {name}: 1}}"
    for _ in range(depth):
        text = f'[0, {{"x": {text}}}]'
    with pytest.raises(RequestError, match="repeated member"):
        check_members(text)


def test_text_nested_too_deep_for_the_scanner_is_refused():
    with pytest.raises(RequestError, match="nested too deep"):
        check_members("[" * 100_000 + "]" * 100_000)


def test_integer_of_thousands_of_digits_is_no_member():
    check_members('{"n": ' + "9" * 10_000 + "}")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("encoded", [False, True])
def test_request_with_a_number_that_json_has_not_says_so(word, encoded):
    text = f'{{{REQUEST}, "content": {{"n": {word}}}}}'
    with pytest.raises(RequestError, match="JSON has neither NaN nor infinity"):
        Request.from_json(text.encode() if encoded else text)


@pytest.mark.parametrize("text", ['{"a"', "{NoN}", '"NaN'])
def test_request_that_is_no_json_for_another_reason_blames_no_number(text):
    with pytest.raises(RequestError) as raised:
        Request.from_json(text)
    assert raised.value.hint is None


HALF_PAIRS = [
    r'{"action": "\ud800"}',
    r'{"action": "\ud83d\u0041", "resource": 1}',
    r'{"action": "\uDE00", "resource": 1}',
]


@pytest.mark.parametrize("text", HALF_PAIRS)
def test_request_with_half_a_surrogate_pair_says_so(text):
    with pytest.raises(RequestError, match="lone surrogate"):
        Request.from_json(text)


@pytest.mark.parametrize("text", [r'{"action": "\ud83d\ude00"', r'{"action": "\\ud800"', r'{"action": "\n'])
def test_request_that_is_cut_off_blames_no_surrogate(text):
    with pytest.raises(RequestError, match="truncated") as raised:
        Request.from_json(text)
    assert raised.value.hint is None


@pytest.mark.parametrize("text", ["", " \n"])
def test_request_of_nothing_says_so(text):
    with pytest.raises(RequestError, match="nothing at all"):
        Request.from_json(text)
