"""Replace what was found by masks; the shape of the content stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from axonflow.detect.content import JsonValue, number_text, step_text
from axonflow.detect.finding import SEVERITIES, Finding
from axonflow.errors import DetectionError

__all__ = ["mask_of", "redact"]


def mask_of(detector_id: str) -> str:
    """What stands in place of a finding."""
    return f"[REDACTED:{detector_id}]"


def redact(content: JsonValue, findings: Iterable[Finding]) -> JsonValue:
    """A copy of `content` in which every finding is a mask.

    Overlapping and touching spans become one mask, named after the most severe finding in it (then the longest,
    then by id). A number with a finding becomes a string: the mask. `content` is not changed.

    Raises DetectionError for a finding in a member's name (masking it would change the shape) and for findings
    that do not belong to `content`.
    """
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.in_key:
            raise DetectionError(
                "a finding in the name of an object member cannot be redacted",
                expected="findings in values",
                found=finding.detector,
                # The path ends in the name, which is the very thing that must not be shown.
                hint="Deny the request, or send the value as a value.",
            )
        by_path.setdefault(finding.path, []).append(finding)
    redacted = _copied(content, by_path)
    if by_path:
        raise DetectionError(
            "findings do not belong to this content",
            expected="findings of an inspection of the same content",
            found=f"{len(by_path)} at places that it does not have",
        )
    return redacted


def _copied(content: JsonValue, by_path: dict[str, list[Finding]]) -> JsonValue:
    """A copy with masks; takes what it used out of `by_path`."""
    root: list[Any] = [None]
    stack: list[tuple[Any, Any, Any, str]] = [(content, root, 0, "$")]
    while stack:
        value, parent, step, path = stack.pop()
        if isinstance(value, dict):
            parent[step] = copy = dict.fromkeys(value)
            stack.extend((item, copy, name, path + step_text(name)) for name, item in value.items())
        elif isinstance(value, list):
            parent[step] = copied = [None] * len(value)
            stack.extend((item, copied, at, f"{path}[{at}]") for at, item in enumerate(value))
        else:
            found = by_path.pop(path, None)
            parent[step] = _masked_leaf(value, found) if found else value
    return root[0]


def _masked_leaf(value: Any, findings: Sequence[Finding]) -> str:
    if isinstance(value, str):
        return _masked(value, findings)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = number_text(value)
        if text is not None:
            _check_spans(text, findings)
            return mask_of(_worst(findings).detector)
    raise DetectionError("findings do not belong to this content", expected="text to mask", found=type(value).__name__)


def _check_spans(text: str, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not 0 <= finding.start < finding.end <= len(text):
            raise DetectionError(
                "findings do not belong to this content",
                expected=f"spans within {len(text)} characters",
                found=f"{finding.start} to {finding.end}",
            )


def _masked(text: str, findings: Sequence[Finding]) -> str:
    _check_spans(text, findings)
    pieces: list[str] = []
    at = 0
    for cluster in _clusters(findings):
        pieces.append(text[at : cluster[0].start])
        pieces.append(mask_of(_worst(cluster).detector))
        at = max(finding.end for finding in cluster)
    pieces.append(text[at:])
    return "".join(pieces)


def _clusters(findings: Sequence[Finding]) -> list[list[Finding]]:
    clusters: list[list[Finding]] = []
    end = -1
    for finding in sorted(findings, key=lambda found: found.start):
        if finding.start > end:
            clusters.append([])
        clusters[-1].append(finding)
        end = max(end, finding.end)
    return clusters


def _worst(findings: Iterable[Finding]) -> Finding:
    return min(findings, key=lambda f: (-SEVERITIES.index(f.severity), f.start - f.end, f.detector))
