"""Every style: nothing of the value leaks, the shape stays, and what is redacted stays as it is."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect import BUILTIN_DETECTORS, RedactionKey, RedactionMeans, Redactor
from axonflow.detect.styles import KEYED, STYLES, Replacing, partial, strictest
from axonflow.errors import ConfigurationError, DetectionError
from tests.unit.detect.test_redaction import CONTENTS, finding, shape

KEY = RedactionKey(b"k" * 32)
CARD, CARD_TOO = "4111 1111 1111 1111", "4111-1111-1111-1111"
VALUES = ["ann@example.com", CARD, "+44 20 7946 0958", "106.31.73.20", "536-22-8765", "GB82 WEST 1234 5698 7654 32"]
ANY_STYLE = st.sampled_from(STYLES)
TENANTS = st.sampled_from(["acme", "beta", "\u00e9", ""])


@pytest.fixture(scope="module")
def redactor(scanner):
    return Redactor(scanner, RedactionMeans(KEY, has_vault=True))


@pytest.fixture(scope="module")
def redacted(scanner, redactor, every_id):
    def run(content, style, tenant_id="acme"):
        replacing = redactor.replacing(dict.fromkeys(every_id, style), tenant_id)
        return scanner.inspect(content).redact(every_id, replacing), replacing

    return run


@given(CONTENTS, ANY_STYLE)
def test_redact_in_any_style_keeps_the_shape(redacted, content, style):
    before = repr(content)
    assert shape(redacted(content, style)[0]) == shape(content)
    assert repr(content) == before


@given(CONTENTS, ANY_STYLE, TENANTS)
def test_redact_twice_in_any_style_is_redact_once(redacted, content, style, tenant_id):
    once, _ = redacted(content, style, tenant_id)
    twice, replacing = redacted(once, style, tenant_id)
    assert (twice, replacing.done) == (once, {})


@given(st.sampled_from(STYLES), st.sampled_from(STYLES), CONTENTS)
def test_redact_in_one_style_leaves_nothing_for_another_to_mask_but_what_shows(redacted, first, second, content):
    if first not in {"partial", "format"}:
        once, _ = redacted(content, first)
        assert redacted(once, second)[0] == once


@pytest.mark.parametrize("style", STYLES)
@given(st.sampled_from(VALUES))
def test_redact_in_any_style_shows_at_most_four_characters_of_a_value(redacted, style, value):
    left, replacing = redacted(f"it is {value}, she said", style)
    assert value not in left
    assert replacing.changes
    if style == "partial":
        shown = left[len("it is ") : -len(", she said")]
        assert sum(char.isalnum() for char in shown) <= min(4, len(value) // 4)
    elif style not in {"format", "drop"}:
        rest = re.sub(r"\[REDACTED:[a-z_.]+(:[a-z]+:[a-p]{24})?\]", "", left)
        assert rest == "it is , she said"


@pytest.mark.slow
@pytest.mark.parametrize("style", sorted(KEYED))
@given(st.sampled_from(VALUES), TENANTS)
def test_redact_in_a_keyed_style_is_the_same_wherever_it_stands(redacted, style, value, tenant_id):
    assert redacted(value, style, tenant_id)[0] == redacted([{"at": value}], style, tenant_id)[0][0]["at"]


@pytest.mark.parametrize("style", sorted(KEYED))
def test_redact_in_a_keyed_style_differs_between_tenants_but_for_a_hash(redacted, style):
    assert (redacted(CARD, style, "acme")[0] == redacted(CARD, style, "beta")[0]) is (style == "hash")


def test_pseudonyms_of_one_value_in_several_spellings_are_one(redacted):
    for spellings in ([CARD, CARD_TOO, CARD.replace(" ", "")], ["Ann@Example.com", "ann@example.COM"]):
        assert len({redacted(f"so: {one} ", "pseudonym")[0] for one in spellings}) == 1


@pytest.mark.parametrize(
    "spellings",
    [
        ("4111.1111.1111.1111", CARD),
        ("(415) 555-2671", "415.555.2671", "415-555-2671"),
        ("+44 20 7946 0958", "+44 (20) 7946-0958"),
        ("cpf 529.982.247-25", "cpf 52998224725"),
    ],
)
def test_pseudonyms_of_a_number_whatever_its_marks_are_one(scanner, redacted, every_id, spellings):
    labels = {redacted(one, "pseudonym")[0].removeprefix("cpf ") for one in spellings}
    assert len(labels) == 1, labels


@pytest.mark.parametrize(
    "values", [("11.12.113.114", "111.21.131.14"), ("a.1234567890@b.example", "a1234567890@b.example")]
)
def test_pseudonyms_of_addresses_that_differ_in_their_marks_differ(redacted, values):
    assert len({redacted(value, "pseudonym")[0] for value in values}) == len(values)


def test_pseudonyms_of_two_detectors_differ_for_one_text():
    replacing = Redactor(None, RedactionMeans(KEY)).replacing({"pii.a": "pseudonym", "pii.b": "pseudonym"}, "acme")
    codes = {replacing.replacement([finding(0, 3, detector=f"pii.{name}")], "abc")[-25:] for name in "ab"}
    assert len(codes) == 2


def test_hash_is_what_the_documentation_says(redacted):
    import hashlib
    import hmac

    parts = [b"axonflow-redaction/1", b"hash"]
    key = hmac.digest(b"k" * 32, b"".join(len(part).to_bytes(4, "big") + part for part in parts), hashlib.sha256)
    code = hmac.digest(key, b"ann@example.com", hashlib.sha256).hex()[:24]
    letters = code.translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop"))
    assert redacted("Ann@example.com", "hash", "any")[0] == f"[REDACTED:pii.email:hash:{letters}]"


@pytest.mark.parametrize("serial", range(2_000, 2_040))
def test_format_of_a_number_is_no_number_of_another_kind_to_be_masked(scanner, redactor, serial):
    ids = scanner.resolve("pii")
    styles = {**dict.fromkeys(ids, "mask"), "pii.us_ssn": "format"}
    left = scanner.inspect(f"SSN 536-22-{serial}").redact(ids, redactor.replacing(styles, "acme"))
    assert re.fullmatch(r"SSN \d{3}-\d{2}-\d{4}", left)


@pytest.mark.parametrize(
    ("text", "is_secret", "left"),
    [
        (CARD, False, "**** **** **** 1111"),
        ("ann@example.com", False, "***@*******.com"),
        ("536-22-8765", False, "***-**-**65"),
        ("1234", False, "***4"),
        ("123", False, "***"),
        ("", False, ""),
        ("a b", False, "* *"),
        ("a/b+c-d=", True, "******d="),
        ("\u00e9" * 20, False, "*" * 16 + "\u00e9" * 4),
        ("line\nline", False, "*******ne"),
        ('pass\\"word and more', False, "********** *** ****"),
    ],
)
def test_partial_shows_the_last_characters_and_the_separators_of_no_secret(text, is_secret, left):
    assert partial(text, is_secret=is_secret) == left


@given(st.text(max_size=40), st.booleans())
def test_partial_shows_at_most_four_and_at_most_a_quarter_and_is_final(text, is_secret):
    left = partial(text, is_secret=is_secret)
    counted = [at for at, char in enumerate(text) if is_secret or char not in " -./:@()+,"]
    assert len(left) == len(text)
    assert sum(left[at] != "*" for at in counted) <= min(4, len(counted) // 4)
    assert partial(left, is_secret=is_secret) == left


def test_partial_of_a_secret_that_is_found_again_ends(scanner, redactor):
    text = "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzTESTKEYa"
    ids = ("secret.aws_secret_key",)
    replacing = redactor.replacing(dict.fromkeys(ids, "partial"), "acme")
    left = scanner.inspect(text).redact(ids, replacing)
    assert left.count("*") >= 30
    assert left.startswith("aws_secret_access_key = ")


def test_drop_empties_the_leaf_and_nothing_else(redacted):
    content = {"to": f"write to {VALUES[0]} or {CARD}", "card": 4111111111111111, "note": "hello", "n": 7}
    left, replacing = redacted(content, "drop")
    assert left == {"to": "", "card": None, "note": "hello", "n": 7}
    assert replacing.done == {"pii.email": {"drop": 1}, "pii.credit_card": {"drop": 2}}


@pytest.mark.parametrize("style", STYLES)
def test_redact_of_a_members_name_is_refused_in_every_style(redacted, style):
    with pytest.raises(DetectionError) as raised:
        redacted({VALUES[0]: 1}, style)
    assert "ann@" not in str(raised.value)


def test_spans_that_overlap_take_the_strictest_style_and_are_nobodys_format():
    def replaced(one, other):
        replacing = Replacing({"pii.email": one, "pii.a": other})
        return replacing.replacement([finding(0, 6), finding(4, 8, detector="pii.a")], "abcdefgh"), replacing.done

    assert replaced("partial", "mask")[0] == "[REDACTED:pii.email]"
    assert replaced("partial", "partial") == ("[REDACTED:pii.email]", {"pii.email": {"mask": 1}, "pii.a": {"mask": 1}})
    assert strictest(["partial", "vault", "drop", "mask"]) == "drop"


def test_replacing_without_what_a_style_needs_masks():
    for style in sorted(KEYED):
        assert Replacing({"pii.email": style}).replacement([finding(0, 3)], "abc") == "[REDACTED:pii.email]"


def test_replacing_keeps_for_the_vault_what_was_written(redacted):
    left, replacing = redacted({"a": "Ann@Example.com", "b": ["ann@example.com"]}, "vault")
    assert replacing.kept == {left["a"]: "Ann@Example.com", left["b"][0]: "ann@example.com"}


def test_label_of_an_unknown_detector_or_with_a_code_of_digits_hides_nothing(scanner, every_id):
    for text in (
        "[REDACTED:pii.email:hash:4111111111111111]",
        f"[REDACTED:pii.nobody:hash:{'a' * 24}] {CARD}",
        f"[REDACTED:pii.email:other:{'a' * 24}] {CARD}",
    ):
        assert scanner.inspect(text).any(("pii.credit_card",))


def test_labels_are_no_context_for_the_number_beside_them(scanner, redacted, every_id):
    for detector in BUILTIN_DETECTORS:
        text = f"[REDACTED:{detector.id}:pseudonym:{'abcdefghijklmnopabcdefgh'}] 123456789"
        assert not scanner.inspect(text).any(every_id)


@pytest.mark.parametrize("secret", [b"short", b"", "x" * 64, None, bytearray(32)])
def test_redaction_key_of_another_kind_is_refused_without_showing_it(secret):
    with pytest.raises(ConfigurationError, match="32 random bytes") as raised:
        RedactionKey(secret)
    assert "x" * 64 not in str(raised.value)
    assert "short" not in str(raised.value)


def test_redaction_key_never_shows_itself():
    assert repr(KEY) == "RedactionKey(...)"
    assert "kkk" not in f"{KEY!s} {RedactionMeans(KEY)}"


@pytest.mark.parametrize(
    ("style", "means", "needs"),
    [
        *[(style, RedactionMeans(), "needs a key") for style in sorted(KEYED)],
        ("vault", RedactionMeans(KEY), "needs a vault"),
        ("format", RedactionMeans(KEY), "would be found again"),
    ],
)
def test_redactor_without_what_a_style_needs_refuses_it(scanner, style, means, needs):
    with pytest.raises(ConfigurationError, match=needs):
        Redactor(scanner, means).check(style, ("pii.credit_card", "pii.email"))


@pytest.mark.parametrize("style", STYLES)
def test_redactor_with_all_it_needs_takes_every_style(redactor, style):
    redactor.check(style, ("pii.credit_card",))
    redactor.check(style, ("pii.credit_card", "pii.us_ssn"))


@pytest.mark.slow
@pytest.mark.parametrize("detector", BUILTIN_DETECTORS, ids=lambda detector: detector.id)
def test_redact_of_every_example_in_any_style_is_final(redacted, scanner, detector):
    for example, style in product(detector.examples, STYLES):
        once, first = redacted(example, style)
        assert detector.id in first.done
        found = scanner.inspect(example).findings((detector.id,))
        values = [example[one.start : one.end] for one in found if one.end - one.start > 4]
        assert not [value for value in values if value in once]
        twice, second = redacted(once, style)
        assert (twice, second.done) == (once, {})


def test_replacement_that_changes_nothing_is_not_counted():
    replacing = Replacing({"secret.x": "partial"})
    found = [finding(0, 16, detector="secret.x")]
    once = replacing.replacement(found, "abcdefghijklmnop")
    assert replacing.replacement(found, once) == once == "************mnop"
    assert replacing.done == {"secret.x": {"partial": 1}}


@pytest.mark.parametrize("category", ["code", "injection"])
def test_attack_is_masked_whole_where_the_last_characters_of_others_stay(category):
    replacing = Replacing({f"{category}.x": "partial", "pii.x": "partial"})
    attack = finding(0, 16, detector=f"{category}.x")
    assert replacing.replacement([attack], "1' or 'a'='a' --") == f"[REDACTED:{category}.x]"
    assert replacing.replacement([finding(0, 16, detector="pii.x")], "4111111111111111").endswith("1111")
    assert replacing.done == {f"{category}.x": {"mask": 1}, "pii.x": {"partial": 1}}


def test_secrets_that_differ_in_their_spelling_alone_are_others_and_names_are_not():
    replacing = Redactor(None, RedactionMeans(KEY)).replacing({"secret.x": "pseudonym", "pii.x": "pseudonym"}, "acme")

    def label(detector, text):
        return replacing.replacement([finding(0, len(text), detector=detector)], text)

    assert label("secret.x", "Hunter2 hunter") != label("secret.x", "hunter2 hunter")
    assert label("secret.x", "Hunter2 hunter") == label("secret.x", "Hunter2 hunter")
    assert label("pii.x", "ANN@example.com") == label("pii.x", "ann@example.com")
