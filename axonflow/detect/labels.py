"""What stands in place of a finding: a label with the detector's id, such as ``[REDACTED:pii.email]``.

Labels are ours and never findings themselves, nor context for the number beside them. But text that merely looks like
one must not hide anything: only those of known detectors count, and the code that some styles put behind the id is of
the letters a to p alone, so that no number and no key can be written as one.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

__all__ = ["CODE_LETTERS", "LABEL", "LABEL_START", "blank_labels", "label_of", "longest_label_chars", "mask_of"]

CODE_LETTERS: Final = 24
"""96 bits, four a letter: among 10**9 values, one chance in 10**11 that two have the same code."""

LABEL: Final = re.compile(rf"\[REDACTED:([^\[\]:\s]{{1,128}})(?::(hash|pseudonym|vault):[a-p]{{{CODE_LETTERS}}})?\]")
"""Its groups: the detector's id and, where the label has a code, the style."""

LABEL_START: Final = "[REDACTED:"
_STAND_IN: Final = "\x1a"


def mask_of(detector_id: str) -> str:
    """The label that tells nothing but the kind of what was found."""
    return f"{LABEL_START}{detector_id}]"


def label_of(detector_id: str, style: str, code: str) -> str:
    """The label that tells one value from another; `code` is of `CODE_LETTERS` letters from a to p."""
    return f"{LABEL_START}{detector_id}:{style}:{code}]"


def longest_label_chars(detector_id: str) -> int:
    return len(label_of(detector_id, "pseudonym", "p" * CODE_LETTERS))


def blank_labels(text: str, masks: Container[str]) -> str:
    """`text`, as long as it is, with the labels of those detectors blanked whose mask is among `masks`."""
    if LABEL_START not in text:
        return text
    return LABEL.sub(lambda found: _STAND_IN * len(found[0]) if mask_of(found[1]) in masks else found[0], text)
