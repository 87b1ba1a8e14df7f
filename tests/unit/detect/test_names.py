"""Detectors of names around a recogniser; the fake knows a list."""

import re

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.names import MAX_LINE_CHARS, NameSpan, name_detectors

KNOWN = {"Ann Lee": "person", "Zurich": "place", "Acme": "organisation", "Jose": "person"}


class ListedNames:
    """A recogniser that knows a list, and counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def find(self, text):
        self.asked.append(text)
        for name, kind in KNOWN.items():
            for match in re.finditer(re.escape(name), text):
                yield NameSpan(match.start(), match.end(), kind)


def scanner_of(recogniser):
    return Scanner((*BUILTIN_DETECTORS, *name_detectors(recogniser)), compile_pattern)


def test_names_in_a_text_are_found_by_kind():
    text = "Ann Lee of Acme\nlives in Zurich"
    found = scanner_of(ListedNames()).inspect(text).findings(("pii.person", "pii.place", "pii.organisation"))
    assert [(one.detector, text[one.start : one.end]) for one in found] == [
        ("pii.person", "Ann Lee"),
        ("pii.organisation", "Acme"),
        ("pii.place", "Zurich"),
    ]


def test_names_with_marks_are_recognised_without_them_at_their_characters():
    text = {"to": "f\u00fcr Jos\u00e9"}
    found = scanner_of(ListedNames()).inspect(text).findings(("pii.person",))
    assert [(one.path, one.start, one.end) for one in found] == [("$.to", 4, 8)]


def test_names_are_part_of_the_category_and_are_redacted():
    scanner = scanner_of(ListedNames())
    assert scanner.inspect("Ann Lee: ann@example.com").redact(scanner.resolve("pii")) == (
        "[REDACTED:pii.person]: [REDACTED:pii.email]"
    )


def test_one_line_is_asked_for_once_by_all_detectors():
    recogniser = ListedNames()
    scanner_of(recogniser).inspect("Ann Lee of Acme").findings(("pii.person", "pii.place", "pii.organisation"))
    assert len(recogniser.asked) == 1


def test_long_line_is_given_in_pieces():
    recogniser = ListedNames()
    scanner_of(recogniser).inspect("x" * MAX_LINE_CHARS + "y" * MAX_LINE_CHARS + "z").findings(("pii.person",))
    assert [len(piece) for piece in recogniser.asked] == [MAX_LINE_CHARS, MAX_LINE_CHARS, 1]
