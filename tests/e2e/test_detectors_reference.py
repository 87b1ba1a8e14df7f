"""docs/reference/detectors.md and the limits of detectors against the code they describe."""

from pathlib import Path

import pytest

from axonflow.detect import BUILTIN_DETECTORS, faults
from axonflow.detect.allowlists import MAX_ALLOWED_VALUES
from axonflow.detect.named_validators import VALIDATORS
from axonflow.policy.compiling.custom_detectors import MAX_ALLOWLISTS, MAX_DETECTORS

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGE = FOLDER / "detectors.md"


def in_cell(text):
    return text.replace("|", "\\|")


def detectors():
    lines = []
    for category in dict.fromkeys(one.category for one in BUILTIN_DETECTORS):
        lines += [f"### {category}", "", "| id | severity | finds | at most |", "|---|---|---|---|"]
        lines += [
            f"| `{one.id}` | {one.severity} | {in_cell(one.description)} | {one.max_span_chars} |"
            for one in sorted(BUILTIN_DETECTORS, key=lambda detector: detector.id)
            if one.category == category
        ]
        lines.append("")
    return "\n".join(lines)


def validators():
    rows = [f"| `{name}` | {in_cell(one.summary)} | `{one.example}` |" for name, one in sorted(VALIDATORS.items())]
    return "\n".join(["| name | confirms | such as |", "|---|---|---|", *rows, ""])


SECTIONS = {
    "detectors": ("<!-- detectors: generated from axonflow/detect/packs -->\n", detectors),
    "validators": ("<!-- validators: generated from axonflow/detect/named_validators.py -->\n", validators),
}


def renewed(text):
    """`text` with every section as the code has it; write it down with: PAGE.write_text(renewed(PAGE.read_text()))"""
    for name, (start, generated) in SECTIONS.items():
        begin, end = text.index(start) + len(start), text.index(f"<!-- end of {name} -->")
        text = text[:begin] + generated() + text[end:]
    return text


def test_detectors_page_lists_every_detector_and_validator():
    text = PAGE.read_text("utf-8")
    assert text == renewed(text), "put this there:\n" + renewed(text)


@pytest.mark.parametrize(
    "limit",
    [
        f"{MAX_DETECTORS:,} in all sets",
        f"{faults.MAX_PATTERNS} patterns of {faults.MAX_PATTERN_CHARS:,} characters",
        f"a longest match of {faults.MAX_MATCH_CHARS:,}",
        f"{faults.MAX_KEYWORDS:,} keywords of {faults.MAX_KEYWORD_CHARS} characters",
        f"{faults.MAX_CONTEXT_WORDS} context words within {faults.MAX_WINDOW_CHARS} characters",
        f"{faults.MAX_EXAMPLES} examples of {faults.MAX_EXAMPLE_CHARS:,} characters",
        f"{MAX_ALLOWLISTS:,} in a set",
        f"{MAX_ALLOWED_VALUES:,} values and {faults.MAX_PATTERNS} patterns",
    ],
)
def test_limits_page_tells_the_limits_of_detectors(limit):
    assert limit in (FOLDER / "limits.md").read_text("utf-8")
