"""What an event keeps of a decision's grounds: attributes made storable, findings without any part of the content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from axonflow.audit.event import Detected
from axonflow.audit.storable import EXACT, Storable, digest_of, storable
from axonflow.detect import Finding, Scanner
from axonflow.detect.secrecy import Secrecy

__all__ = ["MAX_COMPOSED_BYTES", "MAX_FINDINGS", "attributes_kept", "findings_kept"]

MAX_FINDINGS: Final = 64
"""Of one event: the first in the order of the content."""

MAX_COMPOSED_BYTES: Final = 64 << 10
"""Of the lists and objects among the attributes of an event, as JSON. Beside them 64 texts are some 100 KiB at most,
and an event may have 256."""

_SHORT_CHARS: Final = 16
_STEP: Final = re.compile(r"\.(\w+)|\[(?:'(?:[^'\\]|\\.)*'|\d+)\]", re.DOTALL)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]{1,32}", re.ASCII)
"""Names of members are content as well. One with a digit in it, or a long one, may be a value."""


def attributes_kept(read: Iterable[tuple[str, Any]], secrecy: Secrecy) -> dict[str, Storable]:
    """What is kept of the attributes that were `read`, by path: those that the request has, null among them, without
    secrets. UNSET is what it has not.

    Of lists and objects that come to more than `MAX_COMPOSED_BYTES` together, those from there on are told by a digest:
    the event of a request that is large would else be one that no store takes, and the request refused for that.
    """
    kept: dict[str, Storable] = {}
    left_bytes = MAX_COMPOSED_BYTES
    for path, value in read:
        kind = value.__class__
        if kind is str and len(value) <= _SHORT_CHARS and value.isascii() and value.isprintable():
            kept[path] = value  # as it is, like most
        elif kind is bool or (kind is int and -EXACT <= value <= EXACT):
            kept[path] = value
        elif value is None:
            kept[path] = None
        elif value is not UNSET and value != ():
            masked = secrecy.masked(path.rpartition(".")[2], storable(value))
            if isinstance(masked, (list, dict)):
                left_bytes -= len(written := msgspec.json.encode(masked))
                if left_bytes < 0:
                    left_bytes += len(written)
                    masked = digest_of(written, len(written))
            kept[path] = masked
    return kept


def findings_kept(found: Sequence[Finding], scanner: Scanner) -> tuple[Detected, ...]:
    """What is kept of what the detectors of `scanner` `found`: the first `MAX_FINDINGS`.

    The name of a member that is no plain word becomes ``*``, and so does one in which something was found.
    """
    checks = _checks(scanner, {finding.detector for finding in found if finding.validated})
    hidden = {finding.path for finding in found if finding.in_key}
    return tuple(
        Detected(one.detector, _shown(one.path, hidden), one.start, one.end, checks.get(one.detector, ""))
        if one.validated
        else Detected(one.detector, _shown(one.path, hidden), one.start, one.end)
        for one in found[:MAX_FINDINGS]
    )


def _checks(scanner: Scanner, ids: set[str]) -> dict[str, str]:
    """By the id of a detector: the checks one of which confirms what it finds; ``context`` where words around do."""
    named: dict[str, str] = {}
    for detector in scanner.detectors:
        if detector.id in ids:
            names = {_name(shape.validate) for shape in detector.shapes if shape.validate is not None}
            named[detector.id] = "|".join(sorted(names)) or "context"
    return named


def _name(check: object) -> str:
    name = getattr(check, "__name__", type(check).__name__)
    return name if name.isidentifier() else "check"  # a lambda's is not


def _shown(path: str, hidden: set[str]) -> str:
    if path == "$":
        return path
    shown, reached = ["$"], "$"
    for step in _STEP.finditer(path):
        reached += step[0]
        is_plain = step[1] and _PLAIN_NAME.fullmatch(step[1]) and reached not in hidden
        shown.append(step[0] if is_plain or step[0][1:-1].isdecimal() else ".*")
    return "".join(shown)
