"""A decision as it was recorded: what it was asked, as far as the policies in force read it, and what it came to.

Decoded from the bytes of an audit event, of which it takes no more than is needed here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

__all__ = [
    "LEFT_OUT",
    "MOST_FINDINGS",
    "NOTHING_TOLD",
    "Found",
    "Recorded",
    "Told",
    "is_exact",
    "is_of_texts",
    "is_plain",
]

MOST_FINDINGS: Final = 64
"""Of one event: where there are so many, there may have been more, and of those nothing is known."""
LEFT_OUT: Final = "... "
"""How the last of the policies, or of the errors, of an event begins where there were more: no id of one does."""
_ID_OF_A_MOMENT: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7")
_MOST_ITEMS: Final = 64
_MOST_LEVELS: Final = 4
_NOT_AS_IT_WAS: Final = re.compile(
    r"\[REDACTED"
    r"|\\u(?:0000|d[89a-f][0-9a-f]{2})"
    r"|\A(?:sha256:[0-9a-f]{64}:\d+|-?\d{16,}|-?inf|nan|<.*>|\.\.\.(?: \d+)?)\Z",
    re.DOTALL,
)
"""What may stand for something else: what is masked, escaped, hashed, a number that is no double, a type, what is too
deep. A value that only looks so is not taken for what it is either: nothing tells it from the others."""


class Found(Struct, gc=False):
    """That a detector found something, whatever it was. `path` ends in a star where that may be a member's name."""

    detector: str
    path: str = ""

    @property
    def may_be_name(self) -> bool:
        """Whether it may be in the name of a member, which nothing can redact."""
        return self.path.endswith(".*")


class Told(Struct, frozen=True, gc=False):
    """Of the further facts, whether the content was yet to come when it was decided on; and what policies came to,
    where something else became of it, such as a denial because a limit was used up."""

    streamed: Any = False
    decided: Any = ""


NOTHING_TOLD: Final = Told()


class Recorded(Struct, gc=False):
    """Fields as those of an audit event; what is left out here is passed over when it is decoded.

    `principal` and those it acts for, nearest first, and `resource` are in short form. `attributes` are what the
    policies then in force read of the request, by path: null is a value, and what the request had not is left out.
    """

    tenant_id: str
    time_us: int
    kind: str
    decision_id: str
    policy_digest: str
    principal: str
    action: str
    resource: str
    effect: str
    policies: tuple[str, ...]
    errors: tuple[str, ...] = ()
    on_behalf_of: tuple[str, ...] = ()
    content_chars: int = 0
    duration_us: int | None = None
    attributes: dict[str, Any] = {}
    findings: tuple[Found, ...] = ()
    details: Told = NOTHING_TOLD
    sealed: dict[str, str] = {}

    @property
    def decided(self) -> str:
        """The effect that the policies then in force came to, whatever became of it."""
        decided = self.details.decided
        return decided if decided and isinstance(decided, str) else self.effect

    @property
    def left_out(self) -> bool:
        """Whether more policies matched than are named."""
        return bool(self.policies) and self.policies[-1].startswith(LEFT_OUT)

    @property
    def errors_left_out(self) -> bool:
        """Whether more of them failed than are named."""
        return bool(self.errors) and self.errors[-1].startswith(LEFT_OUT)

    @property
    def moments(self) -> tuple[int, int]:
        """The first and the last moment at which it may have been decided, in microseconds since the Unix epoch: it was
        written down at most its duration later, and its id tells the millisecond (RFC 9562, section 5.7)."""
        end_us = self.time_us
        start_us = max(end_us - (self.duration_us or 0) - 1, 0)
        found = _ID_OF_A_MOMENT.match(self.decision_id)
        if found is not None:
            id_us = int(found[1] + found[2], 16) * 1000
            if start_us < id_us + 1000 and id_us <= end_us:
                return max(start_us, id_us), min(end_us, id_us + 999)
        return start_us, end_us

    @property
    def has_content(self) -> bool:
        """Whether anything was there to be inspected, or was yet to come."""
        return self.content_chars > 0 or bool(self.findings) or bool(self.details.streamed)


def _may_be_exact(value: list[Any] | dict[str, Any], depth: int) -> bool:
    return depth > 0 and len(value) <= _MOST_ITEMS


@lru_cache(maxsize=1 << 16)
def is_plain(text: str) -> bool:
    """Whether a recorded text is what the request had."""
    return _NOT_AS_IT_WAS.search(text) is None


def is_of_texts(value: Any) -> bool:
    """Whether `value` is what roles and groups are."""
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def is_exact(value: Any, depth: int = _MOST_LEVELS) -> bool:
    """Whether a recorded value is what the request had, and not what is kept of it."""
    if isinstance(value, str):
        return is_plain(value)
    if isinstance(value, list):
        return _may_be_exact(value, depth) and all(is_exact(item, depth - 1) for item in value)
    if isinstance(value, dict):
        items = value.items()
        return _may_be_exact(value, depth) and all(is_plain(name) and is_exact(item, depth - 1) for name, item in items)
    return True
