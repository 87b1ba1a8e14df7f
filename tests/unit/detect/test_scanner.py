"""Scanner and Inspection, with a small engine of its own so that the seam is tested too."""

import re

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import Detector, Finding, Scanner
from axonflow.detect.detector import Shape
from axonflow.errors import ConfigurationError, DetectionError, PolicyError


class CountingPattern:
    def __init__(self, pattern):
        self.compiled = re.compile(pattern.encode())
        self.searched = []

    def spans(self, text, group, start, end):
        self.searched.append(end - start)
        return [
            match.span(group)
            for match in self.compiled.finditer(text, start, end)
            if match.start(group) < match.end(group)
        ]


def detector(id_, *shapes, severity="low", max_span_chars=100):
    return Detector(
        id=id_,
        category=id_.partition(".")[0],
        severity=severity,
        description="A test.",
        shapes=shapes,
        max_span_chars=max_span_chars,
        examples=(),
        counter_examples=(),
    )


def scanner_of(*detectors):
    patterns = {}

    def compile_counting(pattern):
        return patterns.setdefault(pattern, CountingPattern(pattern))

    return Scanner(detectors, compile_counting), patterns


CAT = detector("pii.cat", Shape(pattern="cat+"))
DOG = detector("secret.dog", Shape(pattern=r"\bdog"), severity="critical")


def test_scanner_with_two_detectors_of_one_id_is_refused():
    with pytest.raises(ConfigurationError, match=r"two detectors of one id.*pii\.cat"):
        scanner_of(CAT, CAT)


def test_scanner_with_an_id_outside_of_its_category_is_refused():
    wrong = Detector(
        id="cat",
        category="pii",
        severity="low",
        description="",
        shapes=(),
        max_span_chars=1,
        examples=(),
        counter_examples=(),
    )
    with pytest.raises(ConfigurationError, match="names its category"):
        scanner_of(wrong)


def test_resolve_of_a_category_gives_its_ids_sorted():
    scanner, _ = scanner_of(detector("pii.z"), CAT, DOG)
    assert scanner.resolve("pii") == ("pii.cat", "pii.z")
    assert scanner.resolve("secret.dog") == ("secret.dog",)
    assert [one.id for one in scanner.detectors] == ["pii.z", "pii.cat", "secret.dog"]


def test_resolve_of_a_misspelt_id_names_the_closest():
    scanner, _ = scanner_of(CAT, DOG)
    with pytest.raises(DetectionError, match=r"Did you mean pii\.cat"):
        scanner.resolve("pii.cart")


def test_resolve_of_something_else_names_the_categories():
    scanner, _ = scanner_of(CAT)
    with pytest.raises(DetectionError, match="There are pii, and the detectors in them"):
        scanner.resolve("#")


@pytest.mark.parametrize("wrong", ["pii", "pii.cot"])
def test_findings_of_what_is_no_id_are_refused(wrong):
    scanner, _ = scanner_of(CAT)
    with pytest.raises(DetectionError):
        scanner.inspect("x").findings((wrong,))


def test_inspection_runs_a_detector_once_and_only_when_asked():
    scanner, patterns = scanner_of(CAT, DOG)
    inspection = scanner.inspect("a cat, a dog")
    assert inspection.any(("pii.cat",))
    assert r"\bdog" not in patterns
    inspection.findings(("pii.cat", "secret.dog", "pii.cat"))
    assert len(patterns["cat+"].searched) == len(patterns[r"\bdog"].searched) == 1


def test_inspection_looks_for_what_each_has_a_rule_of_its_own_in_one_pass():
    cow = detector("custom.api_cow", Shape(pattern=r"\bcow"))
    hen = detector("custom.api_hen", Shape(pattern=r"\bhen"))
    scanner, patterns = scanner_of(CAT, cow, hen)
    inspection = scanner.inspect("a cat, a hen")
    assert inspection.any(("pii.cat",))
    assert r"\bhen" not in patterns
    assert not inspection.any(("custom.api_cow",))
    assert inspection.any(("custom.api_hen",))
    assert [one.detector for one in inspection.findings(("pii.cat", "custom.api_hen"))] == ["pii.cat", "custom.api_hen"]
    assert r"\bcow" not in patterns
    assert len(patterns[r"\bhen"].searched) == 1


def test_inspection_of_none_has_no_findings():
    scanner, _ = scanner_of(CAT)
    inspection = scanner.inspect(None)
    assert inspection.findings(("pii.cat",)) == ()
    assert not inspection.any(("pii.cat",))
    assert inspection.redact(("pii.cat",)) is None


def test_findings_are_in_the_order_of_the_document_then_of_the_text():
    scanner, _ = scanner_of(DOG, CAT)
    content = {"b": ["dog cat", 1.5], "a": "cat", "dog": 0}
    found = scanner.inspect(content).findings(("secret.dog", "pii.cat"))
    assert [(one.detector, one.path, one.start, one.in_key) for one in found] == [
        ("secret.dog", "$.b[0]", 0, False),
        ("pii.cat", "$.b[0]", 4, False),
        ("pii.cat", "$.a", 0, False),
        ("secret.dog", "$.dog", 0, True),
    ]


def test_finding_holds_no_part_of_the_content():
    scanner, _ = scanner_of(CAT)
    (found,) = scanner.inspect("a cattt").findings(("pii.cat",))
    assert found == Finding("pii.cat", "pii", "low", "$", 2, 7, 0.9, False)


def test_match_longer_than_the_limit_is_found_from_its_start():
    scanner, _ = scanner_of(detector("pii.cat", Shape(pattern="cat+"), max_span_chars=4))
    found = scanner.inspect("cattt catt").findings(("pii.cat",))
    assert [(one.start, one.end) for one in found] == [(0, 4), (4, 5), (6, 10)]


def test_detector_whose_pattern_matches_nothing_at_all_is_refused():
    with pytest.raises(ConfigurationError, match=r"detector pii\.cat.*matches nothing at all.*'\(\?: \)\?'"):
        scanner_of(detector("pii.cat", Shape(pattern="(?: )?")))


def test_overlapping_matches_of_one_detector_are_one_finding_that_covers_both():
    both = detector(
        "pii.x", Shape(pattern="abc", confidence=0.2), Shape(pattern="bcd", confidence=0.8), Shape(pattern="ef")
    )
    scanner, _ = scanner_of(both)
    found = scanner.inspect("abcdef").findings(("pii.x",))
    assert [(one.start, one.end, one.confidence) for one in found] == [(0, 4, 0.8), (4, 6, 0.9)]


def test_trigger_that_is_absent_spares_the_pattern():
    scanner, patterns = scanner_of(detector("pii.x", Shape(pattern="(?i)x1", triggers=("x1",))))
    assert not scanner.inspect("x 1").any(("pii.x",))
    assert patterns == {}
    assert scanner.inspect("X1").any(("pii.x",))


def test_triggers_say_which_detectors_are_worth_running():
    many = [detector(f"pii.{name}", Shape(pattern=name, triggers=(f"{name}_",))) for name in "abcd"]
    scanner, patterns = scanner_of(*many)
    assert scanner.inspect("x C_").may_find(scanner.resolve("pii")) == {"pii.c"}
    assert patterns == {}
    assert [one.detector for one in scanner.inspect("A_ a_ c_").findings(scanner.resolve("pii"))] == ["pii.a", "pii.c"]


def test_digit_run_that_is_too_short_spares_the_pattern():
    scanner, patterns = scanner_of(detector("pii.x", Shape(pattern=r"\d{3}-\d{3}", min_digit_run=6)))
    assert not scanner.inspect("12-3 x 4567").any(("pii.x",))
    assert r"\d{3}-\d{3}" not in patterns
    assert scanner.inspect("123-456").any(("pii.x",))
    assert scanner.inspect(["1", "12-3 x 1 2(3)/456"]).may_find(("pii.x",)) == {"pii.x"}
    assert scanner.inspect("12 34").may_find(("pii.x",)) == set()


def test_pattern_is_run_around_its_triggers_only():
    scanner, patterns = scanner_of(detector("pii.x", Shape(pattern="x[0-9]{1,9}", triggers=("x1",)), max_span_chars=10))
    text = "a" * 500 + " x12 " + "b" * 500 + " X1" + "c" * 50 + " x1 " + "d" * 5_000
    found = scanner.inspect(text).findings(("pii.x",))
    assert [text[one.start : one.end] for one in found] == ["x12", "x1"]
    assert sum(patterns["x[0-9]{1,9}"].searched) < 1_000


def test_digits_with_more_than_a_reach_between_are_looked_at_apart():
    scanner, patterns = scanner_of(detector("pii.x", Shape(pattern="[0-9]{5}", min_digit_run=5), max_span_chars=10))
    text = "12345" + "." * 50 + "x56789" + "a" * 5_000 + "12 34 " + "a" * 5_000 + "90123"
    assert [one.start for one in scanner.inspect(text).findings(("pii.x",))] == [0, 56, len(text) - 5]
    assert sum(patterns["[0-9]{5}"].searched) < 500


def test_words_at_the_edge_of_a_window_are_seen_whole():
    scanner, _ = scanner_of(
        detector("pii.x", Shape(pattern=r"\bq+x1", triggers=("x1",), window_chars=0), max_span_chars=5)
    )
    assert scanner.inspect("z qqx1").any(("pii.x",))
    found = scanner.inspect("z " + "q" * 40 + "x1").findings(("pii.x",))
    assert (found[0].start, found[-1].end, len(found)) == (2, 44, 9)
    assert not scanner.inspect("z" + "q" * 40 + "x1").any(("pii.x",))


def test_checks_decide_on_a_candidate_and_see_the_text_around():
    seen = []

    def in_context(before, span, after):
        seen.append((before, span, after))
        return after != "!"

    shape = Shape(
        pattern=r"\d+",
        carve=lambda run: [(0, 1), (1, len(run))],
        validate=lambda span: span != "9",
        in_context=in_context,
        window_chars=4,
    )
    scanner, _ = scanner_of(detector("pii.x", shape))
    found = scanner.inspect({"k": "abcdef912!"}).findings(("pii.x",))
    assert found == ()
    assert seen == [("def9", "12", "!")]
    found = scanner.inspect({"k": "a12"}).findings(("pii.x",))
    assert [(one.start, one.end, one.validated) for one in found] == [(1, 2, True), (2, 3, True)]
    assert seen[1:] == [("k: a", "1", "2"), ("k: a1", "2", "")]


def test_name_of_a_member_is_not_context_of_itself():
    seen = []
    shape = Shape(pattern="cat", in_context=lambda before, _span, _after: seen.append(before) or True)
    scanner, _ = scanner_of(detector("pii.x", shape))
    scanner.inspect({"cat": ["cat"]}).findings(("pii.x",))
    scanner.inspect("cat").findings(("pii.x",))
    assert seen == ["", "cat: ", ""]


def test_redact_finds_what_the_first_mask_lays_open():
    hidden = detector("pii.x", Shape(pattern="x", in_context=lambda before, _span, _after: "y" not in before))
    shown = detector("pii.y", Shape(pattern="y"))
    scanner, _ = scanner_of(hidden, shown)
    assert scanner.inspect("y x").redact(("pii.x", "pii.y")) == "[REDACTED:pii.y] [REDACTED:pii.x]"


def test_redact_gives_up_after_some_rounds():
    first_only = Shape(pattern="a", in_context=lambda before, _span, _after: "a" not in before, window_chars=1000)
    scanner, _ = scanner_of(detector("pii.x", first_only))
    assert scanner.inspect("aaa").redact(("pii.x",)) == "[REDACTED:pii.x]" * 3
    with pytest.raises(DetectionError, match="could not be redacted"):
        scanner.inspect("a" * 40).redact(("pii.x",))


def test_mask_of_an_unknown_detector_does_not_hide_its_text():
    scanner, _ = scanner_of(CAT)
    assert scanner.inspect("[REDACTED:cat]").any(("pii.cat",))
    assert not scanner.inspect("[REDACTED:pii.cat]").any(("pii.cat",))


def test_span_far_behind_the_trigger_of_its_match_is_found_whole():
    shape = Shape(pattern="x1 [a-z]{0,200}=([0-9]{1,40})", triggers=("x1",), group=1, window_chars=1)
    unbounded = Shape(pattern="x2 [a-z]*=([0-9]{1,40})", triggers=("x2",), group=1, window_chars=1)
    scanner, _ = scanner_of(detector("pii.x", shape, unbounded, max_span_chars=40))
    for name, options in (("x1", "a" * 200), ("x2", "a" * 900)):
        text = f"{'-' * 3_000} {name} {options}={'7' * 40} {'-' * 3_000}"
        (found,) = scanner.inspect(text).findings(("pii.x",))
        assert text[found.start : found.end] == "7" * 40


def test_patterns_that_need_nothing_are_found_wherever_a_long_text_is_cut():
    many = [detector(f"pii.{name}", Shape(pattern=rf"{name}[a-y]{{3}}[a-z]\b"), max_span_chars=10) for name in "abc"]
    scanner, _ = scanner_of(*many)
    for at in range(8_180, 8_290):
        found = scanner.inspect("-" * at + "bxxxy" + "-" * 20_000).findings(scanner.resolve("pii"))
        assert [(one.detector, one.start) for one in found] == [("pii.b", at)]


def test_patterns_that_are_too_large_together_are_looked_for_apart():
    large = [
        detector("pii.ab", Shape(pattern=r"[ab]\pL{400}[a-z]"), max_span_chars=500),
        detector("pii.bc", Shape(pattern=r"[bc]\pL{400}[a-z]"), max_span_chars=500),
    ]
    with pytest.raises(PolicyError, match="too large"):
        compile_pattern("|".join(one.shapes[0].pattern for one in large))
    scanner = Scanner(large, compile_pattern)
    assert [one.detector for one in scanner.inspect("c" + "x" * 401).findings(("pii.ab", "pii.bc"))] == ["pii.bc"]


def test_number_of_thousands_of_digits_cannot_be_inspected():
    scanner, _ = scanner_of(CAT)
    with pytest.raises(DetectionError, match="number too long"):
        scanner.inspect([10**5000]).any(("pii.cat",))


def test_check_that_gives_a_fraction_says_how_sure_it_is():
    shape = Shape(pattern="cat", in_context=lambda before, _span, _after: before == "a " and 0.25, confidence=0.9)
    scanner, _ = scanner_of(detector("pii.cat", shape))
    (found,) = scanner.inspect(["a cat", "b cat"]).findings(("pii.cat",))
    assert (found.path, found.confidence) == ("$[0]", 0.25)


def test_findings_asked_for_again_are_not_put_together_again(monkeypatch):
    """A loop of a condition may ask for each element: 800 times for 2,400 findings took half a second."""
    inspection = Scanner([detector("pii.a", Shape(pattern="a{5}"))], compile_pattern).inspect(["aaaaa"] * 3)
    first = inspection.findings(("pii.a",))
    monkeypatch.setattr("axonflow.detect.scanner._in_order", None)
    assert inspection.findings(("pii.a",)) is first
    assert len(first) == 3


def test_detectors_of_policies_that_have_looked_do_not_look_again(monkeypatch):
    own = [detector(f"custom.{name}", Shape(pattern=f"{name}{{5}}")) for name in "ab"]
    inspection = Scanner(own, compile_pattern).inspect(["aaaaa"])
    assert inspection.any(("custom.a", "custom.b"))
    monkeypatch.setattr("axonflow.detect.matching.CompiledDetectors.scan", None)
    assert inspection.any(("custom.a", "custom.b"))
    assert not inspection.any(("custom.b",))


def test_selections_of_detectors_are_kept_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("axonflow.detect.matching._MAX_SELECTIONS", 2)
    scanner, _ = scanner_of(CAT, DOG)
    for _ in range(2):
        for ids, found in (
            (("pii.cat",), {"pii.cat"}),
            (("secret.dog",), {"secret.dog"}),
            (("pii.cat", "secret.dog"), {"pii.cat", "secret.dog"}),
        ):
            assert {one.detector for one in scanner.inspect("a cat, a dog").findings(ids)} == found
    assert len(scanner._compiled._selections) <= 2
