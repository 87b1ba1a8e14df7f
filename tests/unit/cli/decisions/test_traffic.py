"""Reading traffic: lines are numbered, bounded and decoded, whatever is in the file."""

import io
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Effect, RequestError
from axonflow.cli.decisions import traffic
from axonflow.cli.decisions.traffic import decode_line, numbered_lines
from tests.strategies import requests

GOOD = b'{"request": {"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}}'


def lines(data):
    return list(numbered_lines(io.BytesIO(data)))


def test_lines_without_a_final_newline_are_all_read():
    assert lines(b"a\nb") == [(1, b"a\n"), (2, b"b")]


def test_lines_with_carriage_returns_decode_as_without():
    numbered = lines(GOOD + b"\r\n" + GOOD + b"\r\n")
    assert [number for number, _ in numbered] == [1, 2]
    assert decode_line(numbered[0][1]) == decode_line(GOOD)


def test_lines_that_are_blank_are_skipped_and_keep_their_numbers():
    assert [number for number, _ in lines(b"\n  \na\n\t\r\nb\n\n")] == [3, 5]


def test_lines_after_a_byte_order_mark_start_without_it():
    assert lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n") == [(1, b"a\n"), (2, b"\xef\xbb\xbfb\n")]
    assert lines(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_lines_at_the_limit_are_read_and_above_it_are_not(monkeypatch, ending):
    monkeypatch.setattr(traffic, "MAX_LINE_BYTES", 8)
    monkeypatch.setattr(traffic, "_SKIP_BYTES", 3)
    assert lines(b"12345678" + ending) == [(1, b"12345678" + ending)]
    assert lines(b"123456789" + ending) == [(1, None)]


@given(st.lists(st.integers(0, 30), max_size=12))
def test_lines_around_a_long_one_keep_their_numbers(lengths):
    old, traffic.MAX_LINE_BYTES = traffic.MAX_LINE_BYTES, 10
    try:
        numbered = lines(b"".join(b"x" * length + b"\n" for length in lengths))
    finally:
        traffic.MAX_LINE_BYTES = old
    wanted = [
        (number, b"x" * length + b"\n" if length <= 10 else None)
        for number, length in enumerate(lengths, start=1)
        if length
    ]
    assert numbered == wanted


def test_long_line_is_never_read_whole():
    class Counting(io.RawIOBase):
        """Endless, and without a newline for 100 MB."""

        def __init__(self):
            self.left = 100_000_000
            self.largest = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            size = min(len(buffer), self.left)
            self.largest = max(self.largest, len(buffer))
            buffer[:size] = b"x" * size
            self.left -= size
            return size

    raw = Counting()
    assert list(numbered_lines(io.BufferedReader(raw))) == [(1, None)]
    assert raw.largest <= traffic.MAX_LINE_BYTES + 1


@given(requests())
def test_line_of_any_request_decodes_to_it(request):
    assert decode_line(b'{"request": ' + request.to_json() + b"}").request == request


def test_line_with_an_expectation_names_what_to_compare():
    line = decode_line(GOOD[:-1] + b', "expect": {"effect": "deny", "policies": ["a"]}, "note": "why"}')
    assert line.expect.effect is Effect.DENY
    assert line.expect.policies == ("a",)
    assert line.note == "why"
    assert decode_line(GOOD).expect is None


def test_line_with_null_as_redacted_differs_from_one_without():
    with_null = decode_line(GOOD[:-1] + b', "expect": {"effect": "allow", "redacted": null}}')
    without = decode_line(GOOD[:-1] + b', "expect": {"effect": "allow"}}')
    assert with_null.expect != without.expect


def request_line(**changes):
    parts = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search"} | changes
    return json.dumps({"request": parts}).encode()


@given(st.integers(0, len(GOOD)), st.binary(max_size=3), st.integers(0, 3))
def test_line_with_any_damage_is_a_request_or_a_request_error(position, patch, cut):
    damaged = GOOD[:position] + patch + GOOD[position + cut :]
    with suppress(RequestError):
        assert decode_line(damaged).request is not None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (None, "too long"),
        (b"not json", "not JSON"),
        (b'{"request": ', "not JSON"),
        (GOOD + b" {}", "trailing"),
        (b"[]", "Expected 'object', got 'array'"),
        (b"{}", "missing required field 'request'"),
        (b'{"request": {}}', "principal"),
        (GOOD[:-1] + b', "extra": 1}', "unknown field 'extra'"),
        (GOOD[:-1] + b', "expect": "deny"}', "$.expect"),
        (GOOD[:-1] + b', "expect": {"effect": "maybe"}}', "$.expect.effect"),
        (GOOD[:-1] + b', "expect": {"policies": []}}', "effect"),
        (GOOD[:-1] + b', "expect": {"effect": "deny", "policy": []}}', "unknown field 'policy'"),
        (GOOD[:-1] + b', "note": 1}', "$.note"),
        (GOOD.replace(b"ann", b"\xff\xfe"), "not UTF-8"),
        (GOOD.decode().encode("utf-16"), "not JSON"),
        (request_line(content="a").replace(b'"a"', b"[" * 100_000 + b"]" * 100_000), "nested too deep"),
        (request_line(content="a").replace(b'"a"', b"[" * 80 + b"]" * 80), "nested too deep"),
        (request_line(principal="ann"), "$.request.principal"),
        (request_line(principal="user:a\x00b"), "NUL"),
        (request_line(action="Tool Call"), "$.request.action"),
        (request_line(time=-1), "$.request.time"),
        (request_line(content=2**70), "out of range"),
        (request_line(content={"a": 1}).replace(b'"a"', b'"a": 2, "a"'), "$.request.content.a: repeated member"),
        (request_line(content="a").replace(b'"a"', b"NaN"), "neither NaN nor infinity"),
    ],
)
def test_line_that_is_malformed_says_what_is_wrong(line, message):
    with pytest.raises(RequestError) as caught:
        decode_line(line)
    assert message in str(caught.value)
