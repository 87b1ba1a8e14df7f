"""Replace what was found; the shape of the content stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from axonflow.detect.content import JsonValue, number_text, step_text
from axonflow.detect.finding import Finding
from axonflow.detect.labels import mask_of
from axonflow.detect.styles import Replacing
from axonflow.errors import DetectionError

__all__ = ["mask_of", "redact"]


def redact(content: JsonValue, findings: Iterable[Finding], replacing: Replacing | None = None) -> JsonValue:
    """A copy of `content` in which `replacing` replaces every finding; without it, by masks.

    Overlapping and touching spans are replaced as one. A number with a finding becomes a string. A leaf with a finding
    to drop is emptied: a string to ``""``, a number to null. `content` is not changed.

    Raises DetectionError for a finding in a member's name (replacing it would change the shape) and for findings
    that do not belong to `content`.
    """
    replacing = Replacing() if replacing is None else replacing
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
    redacted = _copied(content, by_path, replacing)
    if by_path:
        raise DetectionError(
            "findings do not belong to this content",
            expected="findings of an inspection of the same content",
            found=f"{len(by_path)} at places that it does not have",
        )
    return redacted


def _copied(content: JsonValue, by_path: dict[str, list[Finding]], replacing: Replacing) -> JsonValue:
    """A redacted copy; takes what it used out of `by_path`."""
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
            parent[step] = _redacted_leaf(value, found, replacing) if found else value
    return root[0]


def _redacted_leaf(value: Any, findings: Sequence[Finding], replacing: Replacing) -> str | None:
    if isinstance(value, str):
        _check_spans(value, findings)
        return "" if replacing.drops(findings) else _replaced(value, findings, replacing)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = number_text(value)
        if text is not None:
            _check_spans(text, findings)
            return None if replacing.drops(findings) else replacing.replacement(findings, text)
    raise DetectionError("findings do not belong to this content", expected="text to mask", found=type(value).__name__)


def _check_spans(text: str, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not 0 <= finding.start < finding.end <= len(text):
            raise DetectionError(
                "findings do not belong to this content",
                expected=f"spans within {len(text)} characters",
                found=f"{finding.start} to {finding.end}",
            )


def _replaced(text: str, findings: Sequence[Finding], replacing: Replacing) -> str:
    pieces: list[str] = []
    at = 0
    for cluster in _clusters(findings):
        start, end = cluster[0].start, max(finding.end for finding in cluster)
        pieces += (text[at:start], replacing.replacement(cluster, text[start:end]))
        at = end
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
