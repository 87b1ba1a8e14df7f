"""Precision and recall of the detectors of personal data on labelled texts, with examples of each miss.

    python tests/benchmarks/quality_pii.py [FILE] [--examples N]

FILE holds one JSON object a line: ``{"text": ..., "spans": [{"type", "start", "end"}, ...]}``. A finding is right when
both ends are. Findings of detectors that no label stands for are listed below the table.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "pii_spans.jsonl"
DETECTORS = {
    "EMAIL_ADDRESS": "pii.email",
    "CREDIT_CARD": "pii.credit_card",
    "US_SSN": "pii.us_ssn",
    "IBAN_CODE": "pii.iban",
    "PHONE_NUMBER": "pii.phone",
    "IP_ADDRESS": "pii.ip_address",
    "US_DRIVER_LICENSE": "pii.driver_license",
}


def measured(rows, scanner):
    """By label: hits, misses and false findings, each as texts; and what the other detectors find."""
    ids = scanner.resolve("pii")
    table = {label: {"hits": [], "misses": [], "false": []} for label in DETECTORS}
    others = defaultdict(list)
    for row in rows:
        text = row["text"]
        found = defaultdict(set)
        for one in scanner.inspect(text).findings(ids):
            found[one.detector].add((one.start, one.end))
        for label, detector in DETECTORS.items():
            spans = found.pop(detector, set())
            wanted = {(span["start"], span["end"]) for span in row["spans"] if span["type"] == label}
            for name, which in (("hits", spans & wanted), ("misses", wanted - spans), ("false", spans - wanted)):
                table[label][name] += [shown(text, start, end) for start, end in sorted(which)]
        for detector, spans in found.items():
            others[detector] += [shown(text, start, end) for start, end in sorted(spans)]
    return table, others


def shown(text, start, end):
    around = text[max(0, start - 30) : start] + "[" + text[start:end] + "]" + text[end : end + 20]
    return around.replace("\n", " ")


def ratio(part, rest):
    return f"{len(part) / (len(part) + len(rest)):.3f}" if part or rest else "    -"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--examples", type=int, default=5)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text("utf-8").strip().split("\n")]
    table, others = measured(rows, Scanner(BUILTIN_DETECTORS, compile_pattern))
    print(f"{len(rows)} texts of {options.file}")
    print(f"{'label':20} {'detector':20} {'labelled':>8} {'precision':>9} {'recall':>7}")
    for label, counts in table.items():
        hits, misses, false = counts["hits"], counts["misses"], counts["false"]
        labelled = len(hits) + len(misses)
        print(f"{label:20} {DETECTORS[label]:20} {labelled:8} {ratio(hits, false):>9} {ratio(hits, misses):>7}")
        for name, texts in (("missed", misses), ("false", false)):
            for text in texts[: options.examples]:
                print(f"    {name}: {text}")
    for detector, texts in sorted(others.items()):
        print(f"without a label: {detector} {len(texts)}")
        for text in texts[: options.examples]:
            print(f"    {text}")


if __name__ == "__main__":
    main()
