"""Quality on public research data that lies beside the repository and is no part of it."""

import json
from collections import Counter
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
IDS = {
    "EMAIL_ADDRESS": "pii.email",
    "CREDIT_CARD": "pii.credit_card",
    "US_SSN": "pii.us_ssn",
    "IBAN_CODE": "pii.iban",
    "PHONE_NUMBER": "pii.phone",
    "IP_ADDRESS": "pii.ip_address",
    "US_DRIVER_LICENSE": "pii.driver_license",
}


def rows(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{path} is absent: the research data is not part of the repository")
    return [json.loads(line) for line in path.read_text("utf-8").strip().split("\n")]


@pytest.mark.parametrize(
    ("kind", "recall", "precision"),
    [
        ("EMAIL_ADDRESS", 1.0, 1.0),
        ("CREDIT_CARD", 0.95, 1.0),
        ("US_SSN", 1.0, 1.0),
        ("IBAN_CODE", 1.0, 1.0),
        ("PHONE_NUMBER", 0.95, 0.98),
        ("US_DRIVER_LICENSE", 0.95, 0.98),
        ("IP_ADDRESS", 1.0, 1.0),
    ],
)
def test_pii_detector_on_labelled_texts_keeps_its_quality(scanner, kind, recall, precision):
    counts = Counter()
    for row in rows("pii_spans.jsonl"):
        found = {(one.start, one.end) for one in scanner.inspect(row["text"]).findings((IDS[kind],))}
        wanted = {(span["start"], span["end"]) for span in row["spans"] if span["type"] == kind}
        counts.update(hits=len(found & wanted), misses=len(wanted - found), false=len(found - wanted))
    assert counts["hits"] >= recall * (counts["hits"] + counts["misses"])
    assert counts["hits"] >= precision * (counts["hits"] + counts["false"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "detector_id", "recall", "false_rate"),
    [("sqli.jsonl", "injection.sql", 0.98, 0.01), ("prompt_injection.jsonl", "injection.prompt", 0.88, 0.04)],
)
def test_injection_detector_on_labelled_texts_keeps_its_quality(scanner, name, detector_id, recall, false_rate):
    counts = Counter((row["attack"], scanner.inspect(row["text"]).any((detector_id,))) for row in rows(name))
    assert counts[True, True] >= recall * (counts[True, True] + counts[True, False])
    assert counts[False, True] <= false_rate * (counts[False, True] + counts[False, False])
