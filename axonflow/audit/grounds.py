"""What an event keeps of why it was decided so: the policies that matched, what they say, and which of them failed.

Thousands of rules may match one request. Of those the strongest are kept, as many as there is room for, and the last
item of each list that was cut says how many more there were: ``... <how many> sha256:<64 hex digits>:<bytes>``, with
the digest of these as a JSON list of texts, in their order, without white space. No id of a policy begins so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from axonflow.audit.storable import digest_of, escaped

__all__ = ["MAX_ERRORS_BYTES", "MAX_MATCHED_BYTES", "MAX_OWN_BYTES", "GroundsKept", "grounds_kept", "left_out"]

MAX_MATCHED_BYTES: Final = 20 << 10
"""Of policies with what they say, as JSON. Together with what an event may hold besides, it stays below what a store
takes of one."""
MAX_OWN_BYTES: Final = 6 << 10
"""Of reasons that are of no policy: a limit that is used up, who approved."""
MAX_ERRORS_BYTES: Final = 6 << 10

_SURELY_FIT_CHARS: Final = 600
"""Of everything together: as of most events. A character is six bytes at most, and each text has a few of its own."""
_LEFT_OUT: Final = "... "


class GroundsKept(NamedTuple):
    """Fields as of an AuditEvent. Of its `reasons` the last ones are those of its `policies`, one for each."""

    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    errors: tuple[str, ...]


def grounds_kept(policies: tuple[str, ...], reasons: tuple[str, ...], errors: tuple[str, ...]) -> GroundsKept:
    """What is kept of these: as they are, or the first ones and how many were left out. Each policy is kept together
    with its reason; where some of either are left out, both lists say so."""
    if len("".join((*policies, *reasons, *errors))) <= _SURELY_FIT_CHARS:  # less than half the time of counting each
        return GroundsKept(policies, reasons, errors)
    own, said = reasons[: -len(policies) or None], reasons[-len(policies) :] if policies else ()
    most_own = _fitting(map(_bytes, own), MAX_OWN_BYTES)
    most = _fitting(
        (_bytes(name) + _bytes(reason) for name, reason in zip(policies, said, strict=False)), MAX_MATCHED_BYTES
    )
    if most_own < len(own) or most < len(policies):
        reasons = (*own[:most_own], *said[:most], _told([*own[most_own:], *said[most:]]))
        policies = (*policies[:most], _told(policies[most:]))
    most = _fitting(map(_bytes, errors), MAX_ERRORS_BYTES)
    return GroundsKept(policies, reasons, errors if most == len(errors) else (*errors[:most], _told(errors[most:])))


def left_out(names: Sequence[str]) -> int | None:
    """How many were left out of the policies or the errors of an event; None where they are all there."""
    if not names or not names[-1].startswith(_LEFT_OUT):
        return None
    count = names[-1].split(" ")[1]
    return int(count) if count.isdecimal() else 0


def _fitting(sizes: Iterable[int], most_bytes: int) -> int:
    """How many of the first ones there is room for."""
    count = 0
    for size_bytes in sizes:
        most_bytes -= size_bytes
        if most_bytes < 0:
            break
        count += 1
    return count


def _bytes(text: str) -> int:
    """What it takes as JSON, at most."""
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if text.isprintable():
        return size_bytes + text.count('"') + text.count("\\") + 3
    return 6 * size_bytes + 3


def _told(texts: Sequence[str]) -> str:
    written = msgspec.json.encode([escaped(text) for text in texts])
    return f"{_LEFT_OUT}{len(texts)} {digest_of(written, len(written))}"
