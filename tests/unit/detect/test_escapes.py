"""What stands in a string literal inside of a text is found, whatever escape stands beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect.escapes import blank_escapes, whole_escapes
from axonflow.detect.packs.pii import PII
from axonflow.detect.packs.secrets import SECRETS

ESCAPES = [
    r"\n",
    r"\t",
    r"\r",
    r"\b",
    r"\f",
    r"\"",
    r"\/",
    r"\\",
    r"\u000a",
    r"\xa0",
    r"\U0001f600",
    r"\\n",
    r"\\\\n",
    r"\r\n",
]
FOUND = [(detector.id, example) for detector in (*SECRETS, *PII) for example in detector.examples]


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("escape", ESCAPES)
def test_escape_beside_an_example_never_hides_it(scanner, escape):
    for detector_id, example in FOUND:
        bare = scanner.inspect(example).findings((detector_id,))
        inspection = scanner.inspect(f"x{escape}{example}{escape}x")
        assert inspection.any((detector_id,)), (detector_id, example)
        # At most an escaped letter may have been taken for a part of what was found, never the other way round.
        begin = 1 + len(escape)
        covered = {at for one in inspection.findings((detector_id,)) for at in range(one.start, one.end)}
        assert covered.issuperset(begin + at for one in bare for at in range(one.start, one.end)), (
            detector_id,
            example,
        )


@pytest.mark.parametrize("times", [1, 2])
def test_secret_in_json_within_json_is_masked_and_the_json_stays_json(scanner, every_id, times):
    for detector_id, example in FOUND:
        encoded = {"text": f'first "line"\n{example}\n'}
        for _ in range(times):
            encoded = json.dumps(encoded, ensure_ascii=False)
        masked = scanner.inspect(encoded).redact((detector_id,))
        assert f"[REDACTED:{detector_id}]" in masked, (detector_id, example)
        for _ in range(times):
            masked = json.loads(masked)
        assert masked["text"].startswith('first "line"')


def test_text_of_a_python_value_is_read_like_json(scanner):
    token = dict(FOUND)["secret.github_token"]
    assert token not in scanner.inspect(str({"out": f"token:\n{token}\xa0", "b": "it's"})).redact(
        ("secret.github_token",)
    )


def test_letter_that_only_looks_escaped_is_masked_with_the_rest(scanner):
    assert scanner.inspect(r"CORP\nick@example.com").redact(("pii.email",)) == "CORP[REDACTED:pii.email]"
    key = "rk_" + "live_q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3P"
    assert key not in scanner.inspect(rf"C:\keys\{key}").redact(("secret.stripe_key",))


def test_blank_escapes_of_text_without_any_is_the_text_itself():
    text = r"C:\Program \u12 \x1 \q"
    assert blank_escapes(text) is not None
    assert blank_escapes("plain") == "plain"
    assert blank_escapes(text) == text


@pytest.mark.parametrize(
    ("text", "span", "whole"),
    [
        (r"key\\nrest", (0, 3), (0, 3)),
        (r"key\\nrest", (0, 4), (0, 3)),
        (r"key\\\\rest", (0, 5), (0, 3)),
        (r"a\nick", (2, 6), (1, 6)),
        (r"a\u0041b", (4, 8), (1, 8)),
        (r"ab\u0041", (0, 5), (0, 8)),
        ("\\\\", (0, 2), (0, 2)),
    ],
)
def test_whole_escapes_leaves_a_span_that_cuts_none_in_two(text, span, whole):
    assert whole_escapes(text, *span) == whole


@given(st.text(alphabet='\\abnruxU"0f41 ', max_size=40))
def test_blank_escapes_keeps_every_backslash_and_every_place(text):
    blanked = blank_escapes(text)
    assert len(blanked) == len(text)
    assert all(b in {a, "\x1a"} and (b == a or a != "\\") for a, b in zip(text, blanked, strict=True))


@given(st.text(alphabet='\\nu004e"/ ab', max_size=30), st.data())
def test_whole_escapes_of_a_span_in_a_json_string_leaves_json(text, data):
    encoded = json.dumps(text)[1:-1]
    start = data.draw(st.integers(0, max(0, len(encoded) - 1)))
    end = data.draw(st.integers(min(start + 1, len(encoded)), len(encoded)))
    moved_start, moved_end = whole_escapes(encoded, start, end)
    assert moved_start <= start
    assert encoded[moved_end:end].strip("\\") == ""
    json.loads(f'"{encoded[:moved_start]}MASK{encoded[moved_end:]}"')
