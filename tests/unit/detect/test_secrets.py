"""Keys drawn at random are found in any text; texts that only look so have none."""

import random
import re
import re._parser as parser

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.packs.code import CODE
from axonflow.detect.packs.key_checks import looks_generated, not_longer
from axonflow.detect.packs.secrets import SECRETS
from tests.unit.detect.drawn_text import drawn
from tests.unit.detect.innocent_texts import innocent_text

DRAWS = 25
TOKENS = [
    detector for detector in SECRETS if detector.shapes[0].validate is looks_generated and not detector.shapes[0].group
]
MAX_MATCH_CHARS = 9_000


@pytest.fixture(scope="module")
def secrets_and_code():
    return Scanner((*SECRETS, *CODE), compile_pattern)


@pytest.mark.slow
@pytest.mark.parametrize("detector", TOKENS, ids=lambda d: d.id)
def test_token_drawn_at_random_is_found_in_an_innocent_text(secrets_and_code, detector):
    rng = random.Random(detector.id)
    missed = []
    for seed in range(DRAWS):
        token = drawn(detector.shapes[0].pattern, rng)
        text = f"{innocent_text(seed, 3)}\nvalue: {token}\n{innocent_text(seed + 1, 3)}"
        start = text.index(token)
        found = secrets_and_code.inspect(text).findings((detector.id,))
        if not any(one.start <= start and one.end >= start + len(token) - 2 for one in found):
            missed.append(token)
    # A place-holder's word or too few different characters come up by chance, once in thousands.
    assert len(missed) <= 1


@pytest.mark.parametrize("seed", range(60))
def test_secrets_and_code_in_innocent_text_are_none(secrets_and_code, seed):
    text = innocent_text(seed)
    ids = (*secrets_and_code.resolve("secret"), *secrets_and_code.resolve("code"))
    assert [(one.detector, text[one.start : one.end]) for one in secrets_and_code.inspect(text).findings(ids)] == []


@pytest.mark.parametrize(
    "content",
    [
        {"password": "Tr0ub4dor&3"},
        {"db": {"DB_PASSWORD": "hunter2"}},
        {"args": {"newPassword": ["s3cr3t-77"]}},
        {"apiKey": "7f3ac91e5b8d20646e1fa7c3059bd84f"},
        {"client_secret": "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3P"},
        {"aws_secret_access_key": "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2Ru7Be4Nk"},
        {"datadog_api_key": "7f3ac91e5b8d20646e1fa7c3059bd84f"},
        {"heroku": {"heroku_api_key": "3f9c2a7e-5b1d-4c86-9e04-a7d2f6b8c135"}},
    ],
)
def test_value_of_a_member_called_a_secret_is_found_whole(secrets_and_code, content):
    found = secrets_and_code.inspect(content).findings(secrets_and_code.resolve("secret"))
    assert found
    (value,) = leaf_texts(content)
    assert {(one.start, one.end) for one in found} == {(0, len(value))}


@pytest.mark.parametrize(
    "content",
    [
        {"password": "string", "passwordPolicy": "min8chars"},
        {"password": "Passwort", "token_type": "Bearer"},
        {"next_page_token": "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2"},
        {"id": "7f3ac91e5b8d20646e1fa7c3059bd84f", "secret_id": "3f9c2a7e5b1d4c869e04a7d2f6b8c135"},
        {"password": "see the vault", "secret": "projects/acme/secrets/payment"},
        {"text": "password\nhunter2"},
    ],
)
def test_value_of_a_member_that_holds_no_secret_is_left_alone(secrets_and_code, content):
    assert secrets_and_code.inspect(content).findings(secrets_and_code.resolve("secret")) == ()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"path": "../../secrets.txt"}, ["code.path_traversal"]),
        ({"fileName": "a/../../../b"}, ["code.path_traversal"]),
        ({"note": "../../secrets.txt"}, []),
        ({"path": "../core"}, []),
        ({"url": "http://127.0.0.1:8080/x"}, ["code.internal_target"]),
        ({"note": "see http://127.0.0.1:8080/x"}, []),
        (["/etc/shadow"], ["code.sensitive_file"]),
    ],
)
def test_argument_of_a_tool_is_judged_by_its_member_s_name(secrets_and_code, content, found):
    findings = secrets_and_code.inspect(content).findings(secrets_and_code.resolve("code"))
    assert [one.detector for one in findings] == found


def leaf_texts(content):
    if isinstance(content, str):
        return [content]
    return [text for item in (content.values() if isinstance(content, dict) else content) for text in leaf_texts(item)]


@pytest.mark.parametrize("detector", [*SECRETS, *CODE], ids=lambda d: d.id)
def test_patterns_of_a_detector_have_a_longest_match_within_its_span(detector):
    """Every repetition has an end: a window of known size, and a stream's hold-back, are enough to find a match."""
    for shape in detector.shapes:
        # Python wants flags at the front of their group only; for lengths they make no difference.
        tree = parser.parse(re.sub(r"\(\?(?:[ims]{1,2})(:|\))", lambda m: "(?:" if m[1] == ":" else "", shape.pattern))
        group = tree if shape.group == 0 else group_of(tree, shape.group)
        assert tree.getwidth()[1] <= MAX_MATCH_CHARS
        assert group.getwidth()[1] <= detector.max_span_chars


@pytest.mark.slow
@pytest.mark.parametrize("detector", [*SECRETS, *CODE], ids=lambda d: d.id)
def test_match_drawn_at_random_holds_a_trigger_of_its_shape(detector):
    """So a search of the windows around triggers finds as much as a search of the whole text."""
    rng = random.Random(detector.id)
    for shape in detector.shapes:
        for _ in range(DRAWS):
            text = drawn(shape.pattern, rng).lower()
            # A whole leaf may have its trigger in the member's name, which is the leaf before it.
            assert shape.pattern.startswith("(?m)^") or any(trigger in text for trigger in shape.triggers), text


def group_of(tree, number):
    for kind, value in tree:
        if kind is parser.SUBPATTERN and value[0] == number:
            return value[3]
        inner = {
            parser.SUBPATTERN: lambda v: [v[3]],
            parser.BRANCH: lambda v: v[1],
            parser.MAX_REPEAT: lambda v: [v[2]],
        }
        for branch in inner.get(kind, lambda v: [])(value):
            found = group_of(branch, number)
            if found is not None:
                return found
    return None


def test_detectors_of_secrets_and_code_have_ids_of_their_own():
    ids = [detector.id for detector in BUILTIN_DETECTORS]
    assert len(set(ids)) == len(ids)


def test_not_longer_of_a_token_with_a_word_around_it_is_false():
    assert not_longer(" ", "x", ".")
    assert not not_longer("a", "x", " ")
    assert not not_longer(" ", "x", "9")
    assert not not_longer(" ", "x", "_")


@pytest.mark.parametrize("text", ["LS0tLS1CRUdJTiB", "LS0tLS1CRUdJTi=====ab", "LS0tLS1CRUdJTi" + "QUJD" * 20 + "x"])
def test_private_key_of_a_base64_that_is_cut_off_is_none_and_no_error(scanner, text):
    assert scanner.inspect(text).findings(("secret.private_key",)) == ()
