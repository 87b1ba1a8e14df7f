"""The names, texts and numbers of a plan: what they may be, and how a message shows them."""

from __future__ import annotations

from keyword import iskeyword
from typing import Final

from axonflow.errors import PlanError

__all__ = ["MAX_NAME_CHARS", "check_count", "check_list_of_names", "check_step_name", "check_words", "shown"]

MAX_NAME_CHARS: Final = 128


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


def check_count(value: object, what: str, at: str | None, least: int, most: int) -> None:
    """Raise PlanError unless `value`, a `what`, is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        found = str(value) if isinstance(value, (int, float)) else shown(value)
        raise PlanError(f"not a {what}", expected=f"a whole number from {least} to {most}", found=found, at=at)
