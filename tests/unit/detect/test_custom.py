"""Detectors and allowlists that users write: what is refused and why, and what is found."""

import msgspec
import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import Detector, Scanner, Shape, with_given
from axonflow.detect.allowlists import Allowlist, faults_of_allowlist, never_of
from axonflow.detect.custom import CustomDetector, detector_of, unproved
from axonflow.detect.faults import faults_of
from axonflow.errors import ConfigurationError

BADGE = CustomDetector(
    "custom.badge", "A badge.", ("EMP-123456",), patterns=(r"\bEMP-\d{6}\b",), counter_examples=("EMP-12",)
)


def changed(**parts):
    return msgspec.structs.replace(BADGE, **parts)


def faults(custom):
    return [(fault.path, fault.message, fault.found) for fault in faults_of(custom, compile_pattern)]


def found(custom, content, **options):
    scanner = Scanner([detector_of(custom)], compile_pattern, **options)
    return [(one.path, one.start, one.end) for one in scanner.inspect(content).findings((custom.id,))]


@pytest.mark.parametrize(
    ("parts", "path", "message", "found"),
    [
        ({"id": "pii.badge"}, ("id",), "not an id for a detector", "'pii.badge'"),
        ({"id": "custom."}, ("id",), "not an id for a detector", "'custom.'"),
        ({"patterns": ()}, (), "a detector has nothing to look for", "neither"),
        ({"patterns": ("a",) * 33}, ("patterns",), "patterns: how many", "33"),
        ({"patterns": ("(a",)}, ("patterns", 0), "not an RE2 expression", "missing ): (a"),
        ({"patterns": ("a" * 4_097,)}, ("patterns", 0), "a pattern too long", "4097"),
        ({"patterns": ("(a)" * 201,)}, ("patterns", 0), "a pattern with too many groups", "201"),
        ({"patterns": (r"[0-9]\Q-",)}, ("patterns", 0), "a pattern with an open quotation", "none"),
        ({"patterns": ("ab", "a+")}, ("patterns", 1), "a pattern whose matches can be too long", "none"),
        ({"patterns": ("a{999}(?:bc){3}",)}, ("patterns", 0), "a pattern whose matches can be too long", "1005"),
        ({"patterns": ("a?",)}, ("patterns", 0), "a pattern that matches nothing at all", "the empty text"),
        ({"patterns": ("^a",)}, ("patterns", 0), "a pattern that asks where a text begins or ends", "one"),
        ({"patterns": ("\u673a",)}, ("patterns", 0), "a pattern that content never matches", r"'\u673a'"),
        ({"keywords": ("\u673a",)}, ("keywords", 0), "a keyword that content never shows", r"'\u673a'"),
        ({"keywords": ("ok", "+")}, ("keywords", 1), "a keyword without a word", "'+'"),
        ({"keywords": ("a" * 129,)}, ("keywords", 0), "a keyword too long", "129"),
        ({"keywords": ("a",) * 20_001}, ("keywords",), "keywords: how many", "20001"),
        ({"validators": ("luhn", "lunh")}, ("validators", 1), "no such validator", "'lunh'"),
        ({"validators": ("luhn",) * 9}, ("validators",), "validators: how many", "9"),
        ({"required": ("7",)}, ("context", "required", 0), "not a word", "'7'"),
        ({"forbidden": ("ok", "")}, ("context", "forbidden", 1), "not a word", "''"),
        ({"required": ("a",) * 201}, ("context", "required"), "required: how many", "201"),
        ({"window_chars": 0}, ("context", "window_chars"), "how much is near", "0"),
        ({"window_chars": 257}, ("context", "window_chars"), "how much is near", "257"),
        ({"confidence": 1.5}, ("confidence",), "how sure a finding is", "1.5"),
        ({"examples": ()}, ("examples",), "examples: how many", "0"),
        ({"counter_examples": ("x" * 4_097,)}, ("counter_examples", 0), "an example too long", "4097"),
        ({"description": ""}, ("description",), "a detector says what it finds", "0"),
    ],
)
def test_custom_detector_with_a_fault_says_where_and_what(parts, path, message, found):
    assert faults(changed(**parts)) == [(path, message, found)]


def test_custom_detector_without_a_fault_has_none():
    assert faults(BADGE) == []
    assert faults(changed(patterns=(), keywords=("Blue Falcon", "caf\u00e9"), confidence=1, validators=("luhn",))) == []


def test_custom_detector_is_found_by_any_of_its_patterns_and_keywords():
    custom = changed(patterns=("(?i)emp-[0-9]{2}", r"no\.\d"), keywords=("badge",))
    assert found(custom, {"a": "Emp-12 no.7", "b": ["the badge"]}) == [("$.a", 0, 6), ("$.a", 7, 11), ("$.b[0]", 4, 9)]
    assert detector_of(custom).max_span_chars == 6


def test_custom_detector_with_an_accent_in_its_pattern_finds_it_folded():
    assert found(changed(patterns=("caf\u00e9 [0-9]",)), "CAF caf\u00e9 7 cafe 8") == [("$", 4, 10), ("$", 11, 17)]


def test_custom_detector_with_validators_finds_what_all_confirm():
    custom = changed(patterns=(r"\b[0-9]{11}\b",), validators=("luhn", "entropy>=1"))
    assert found(custom, "79927398713 79927398714 00000000000") == [("$", 0, 11)]


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        ("the badge is 123456", True),
        ("123456 (Employee-ID)", True),
        ("nothing near 123456", False),
        ("badges 123456", False),
        ("badge, order 123456", False),
        ("badge 123456 in purchase_order", False),
        ("badge" + " " * 20 + "123456", False),
        ({"badgeNumber": "123456"}, True),
        ({"employee_id": ["x", "123456"]}, True),
        ({"order": "badge 123456"}, False),
    ],
)
def test_custom_detector_with_context_finds_what_stands_near_its_words(content, is_found):
    custom = changed(
        patterns=(r"\b\d{6}\b",), required=("Badge", "employee id"), forbidden=("order", "purchase"), window_chars=20
    )
    assert bool(found(custom, content)) is is_found


def test_custom_detector_with_forbidden_words_only_needs_no_others():
    custom = changed(patterns=(r"\b\d{6}\b",), forbidden=("order",))
    assert [found(custom, text) for text in ("123456", "order 123456")] == [[("$", 0, 6)], []]


def test_examples_that_do_not_hold_are_named_with_their_places():
    detector = detector_of(changed(examples=("EMP-123456", "none"), counter_examples=("EMP-12", "an EMP-123456")))
    assert [(fault.path, fault.found) for fault in unproved(detector, Scanner([detector], compile_pattern))] == [
        (("examples", 1), "none"),
        (("counter_examples", 1), "one at characters 3 to 13"),
    ]


@pytest.mark.parametrize(
    ("allowlist", "path", "message"),
    [
        (Allowlist(("pii",)), (), "an allowlist that lists nothing"),
        (Allowlist(("pii",), ("v",) * 10_001), (), "an allowlist too long"),
        (Allowlist(("pii",), (), ("ok", "(")), ("patterns", 1), "not an RE2 expression"),
        (Allowlist(("pii",), (), (r"\Qa.c",)), ("patterns", 0), "a pattern with an open quotation"),
    ],
)
def test_allowlist_with_a_fault_says_where_and_what(allowlist, path, message):
    assert [fault[:2] for fault in faults_of_allowlist(allowlist, compile_pattern)] == [(path, message)]


def test_allowlist_holds_of_whole_values_in_any_case():
    lists = [Allowlist(("x",), ("A.b", "caf\u00e9")), Allowlist(("x",), (), ("[0-9]+|no", "\u00e9{2}"))]
    assert not [fault for one in lists for fault in faults_of_allowlist(one, compile_pattern)]
    never = never_of(lists, compile_pattern)
    assert all(map(never, ("a.B", "cafe", "17", "no", "ee")))
    assert not any(map(never, ("axb", "a.b ", "17x", "note", "eee", "")))


ONE = detector_of(BADGE)
OTHER = Detector(
    id="custom.tag",
    category="pii",
    severity="low",
    description="A tag.",
    shapes=(Shape(pattern=r"\bTAG-\d{4}\b", triggers=("tag-",)),),
    max_span_chars=8,
    examples=("TAG-1234",),
    counter_examples=("TAG-12",),
)


def test_scanner_extended_knows_more_and_leaves_the_first_as_it_was():
    first = Scanner([ONE], compile_pattern)
    second = first.extended([OTHER])
    assert (first.resolve("custom"), second.resolve("custom")) == (("custom.badge",), ("custom.badge", "custom.tag"))
    assert second.resolve("pii") == ("custom.tag",)
    assert second.inspect("TAG-1234 EMP-123456").redact(second.resolve("custom")) == (
        "[REDACTED:custom.tag] [REDACTED:custom.badge]"
    )


def test_scanner_extended_by_a_known_id_has_the_new_one_in_its_place():
    many = detector_of(changed(patterns=("aa1", "bb2", "cc3", "dd4")))
    scanner = Scanner([many], compile_pattern).extended([ONE])
    assert [one.id for one in scanner.detectors] == ["custom.badge"]
    assert [scanner.inspect(text).any(("custom.badge",)) for text in ("aa1", "EMP-123456")] == [False, True]


def test_scanner_extended_with_what_is_never_a_finding_adds_it_up():
    first = Scanner([ONE, OTHER], compile_pattern)
    scanner = first.extended((), {"custom.badge": lambda span: span.endswith("1")})
    scanner = scanner.extended((), {"custom.badge": lambda span: span.endswith("2")})
    content = ["EMP-000001 EMP-000002 EMP-000003", "TAG-0001"]
    spans = [(one.path, one.start) for one in scanner.inspect(content).findings(scanner.resolve("custom"))]
    assert spans == [("$[0]", 22), ("$[1]", 0)]
    assert len(first.inspect(content).findings(first.resolve("custom"))) == 4


def test_given_detectors_are_known_beside_the_others():
    scanner = with_given(Scanner([ONE], compile_pattern), [OTHER], compile_pattern)
    assert scanner.resolve("custom") == ("custom.badge", "custom.tag")
    assert with_given(scanner, (), compile_pattern) is scanner


def given(**parts):
    return msgspec.structs.replace(OTHER, **parts)


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        ([OTHER, "x"], r"detectors\[1\]: not a detector: expected axonflow.detect.Detector, found str"),
        ([OTHER, OTHER], "two detectors of one id"),
        ([given(id="custom.badge")], "two detectors of one id.*custom.badge"),
        ([given(id="pii.")], "a detector's id names its category"),
        ([given(id="secret.x")], "a detector's id names its category.*pii.<name> or custom.<name>, found secret.x"),
        ([given(examples=())], r"detectors\[0\].examples: custom.tag has no examples"),
        ([given(examples=("no",))], r"detectors\[0\].examples\[0\]: custom.tag does not find its example"),
        ([given(shapes=(Shape(pattern="a+"),))], r"detectors\[0\].shapes\[0\].pattern: a pattern whose matches can be"),
        ([given(shapes=(Shape(pattern="caf\u00e9"),))], "a pattern that content never matches: expected ASCII"),
    ],
)
def test_given_detectors_with_a_fault_are_refused_with_its_place(detectors, message):
    with pytest.raises(ConfigurationError, match=message):
        with_given(Scanner([ONE], compile_pattern), detectors, compile_pattern)


@pytest.mark.parametrize("word", ["id", "badge"])
def test_custom_detector_in_camel_case_of_a_text_is_near_its_word(word):
    custom = changed(patterns=(r"\b\d{6}\b",), required=(word,))
    assert found(custom, f'{{"{word}Number": "123456"}}')
    assert not found(custom, '{"number": "123456"}')
