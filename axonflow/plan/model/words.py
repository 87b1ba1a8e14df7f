"""The names, texts and numbers of a plan: what they may be, and how a message shows them."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Final

from axonflow.errors import PlanError

__all__ = [
    "MAX_NAME_CHARS",
    "check_count",
    "check_label",
    "check_labels",
    "check_list_of_names",
    "check_step_name",
    "check_words",
    "shown",
]

MAX_NAME_CHARS: Final = 128
MAX_LABELS: Final = 64
"""That one step declares."""
MAX_LABEL_CHARS: Final = 576
"""A kind, a colon, and a value as long as a target may be."""
_LABEL_KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}:", re.ASCII)


def shown(value: object) -> str:
    """`value` as a message may show it: a short text in quotes, of anything else its type."""
    return f"{value[:64]!a}" if isinstance(value, str) else type(value).__name__


def check_words(text: object, what: str, at: str | None, max_chars: int) -> None:
    """Raise PlanError unless `text`, a `what`, is printable words of at most `max_chars`."""
    # isprintable() refuses NUL, control characters and lone surrogates, none of which could be recorded.
    if not isinstance(text, str) or not text.isprintable() or text != text.strip():
        raise PlanError(f"not a {what}", expected='printable words such as "book a trip"', found=shown(text), at=at)
    if not 0 < len(text) <= max_chars:
        raise PlanError(f"not a {what}", expected=f"1 to {max_chars} characters", found=str(len(text)), at=at)


def check_step_name(name: object) -> None:
    """Raise PlanError unless `name` can be the keyword argument that holds the step's result."""
    # ASCII only: Python folds other letters (NFKC) in `def`, but not in keyword arguments given as a dictionary.
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or iskeyword(name):
        raise PlanError(
            "not a step name",
            expected="a Python identifier in ASCII, no keyword",
            found=shown(name),
            hint="Dependent steps receive the result as the keyword argument of this name.",
        )
    if len(name) > MAX_NAME_CHARS:
        raise PlanError("not a step name", expected=f"at most {MAX_NAME_CHARS} characters", found=str(len(name)))


def check_list_of_names(names: object, what: str, at: str | None) -> None:
    """Raise PlanError unless `names`, a step's `what`, is a list of different step names."""
    if names == ():
        return
    if isinstance(names, str) or not isinstance(names, (list, tuple)):
        raise PlanError("wrong type", expected=f"{what}: a list of step names", found=shown(names), at=at)
    for name in names:
        if not isinstance(name, str):
            raise PlanError("wrong type", expected=f"step names in {what}", found=type(name).__name__, at=at)
    if len(set(names)) < len(names):
        word = "a need" if what == "needs" else f"a step in {what}"
        raise PlanError(f"{word} is named twice", expected="each once", found=str(len(names)), at=at)


def check_label(label: object, at: str | None) -> None:
    """Raise PlanError unless `label` is a kind and a value: ``pii:email``."""
    check_words(label, "label", at, MAX_LABEL_CHARS)
    kind = _LABEL_KIND.match(label) if isinstance(label, str) else None
    if kind is None or kind.end() == len(kind.string):
        expected = 'a kind in lower case and a value, such as "pii:email" or "trust:untrusted"'
        raise PlanError("not a label", expected=expected, found=shown(label), at=at)


def check_labels(labels: object, what: str, at: str) -> None:
    """Raise PlanError unless `labels`, a step's `what`, is a list of labels, each once."""
    if isinstance(labels, str) or not isinstance(labels, (list, tuple)):
        raise PlanError("wrong type", expected=f"{what}: a list of labels", found=shown(labels), at=at)
    if len(labels) > MAX_LABELS:
        raise PlanError("too many labels", expected=f"at most {MAX_LABELS}", found=str(len(labels)), at=f"{at}, {what}")
    for label in labels:
        check_label(label, f"{at}, {what}")
    if len(set(labels)) < len(labels):
        raise PlanError("a label is named twice", expected="each once", found=str(len(labels)), at=f"{at}, {what}")


def check_count(value: object, what: str, at: str | None, least: int, most: int) -> None:
    """Raise PlanError unless `value`, a `what`, is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        found = str(value) if isinstance(value, (int, float)) else shown(value)
        raise PlanError(f"not a {what}", expected=f"a whole number from {least} to {most}", found=found, at=at)
