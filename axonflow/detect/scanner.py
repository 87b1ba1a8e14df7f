"""Run detectors over a content, each at most once, and only those that someone asks for."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow.detect.content import Document, JsonValue, readings_of
from axonflow.detect.detector import Detector
from axonflow.detect.finding import Finding
from axonflow.detect.matching import CompiledDetectors, CompilePattern, Pattern
from axonflow.detect.redaction import mask_of, redact
from axonflow.errors import DetectionError

__all__ = ["MAX_ROUNDS", "CompilePattern", "Inspection", "Pattern", "Scanner"]

MAX_ROUNDS = 4
"""Times a content is redacted and looked at again; what is still found then is an error. Each holds a stream back by
what may still match at its end, so they are few."""


class Scanner:
    """Detectors, compiled. Immutable: share one among all requests."""

    __slots__ = ("_compiled", "_masks", "detectors")

    def __init__(self, detectors: Sequence[Detector], compile_pattern: CompilePattern) -> None:
        """Raises ConfigurationError for two detectors of one id or an id outside of its category."""
        self.detectors = tuple(detectors)
        self._compiled = CompiledDetectors(self.detectors, compile_pattern)
        self._masks = tuple(mask_of(detector.id) for detector in self.detectors)

    def resolve(self, selector: str) -> tuple[str, ...]:
        """The sorted ids that `selector` means: a category (``pii``) or a detector's id (``pii.email``).

        Raises DetectionError when it is neither.
        """
        return self._compiled.resolve(selector)

    def inspect(self, content: JsonValue) -> Inspection:
        """A lazy look at `content`, which must not change while it is used. None has no findings."""
        return Inspection(self._compiled, self._masks, content)


class Inspection:
    """What is in one content: each detector runs when it is first asked for, and only once."""

    __slots__ = ("_compiled", "_found", "_masks", "_open_gates", "_readings", "content")

    def __init__(self, compiled: CompiledDetectors, masks: tuple[str, ...], content: JsonValue) -> None:
        self.content = content
        self._compiled = compiled
        self._masks = masks
        self._readings: tuple[Document, ...] = ()
        self._found: dict[str, list[tuple[int, Finding]]] = {}
        self._open_gates: dict[str, bool] = {}

    def findings(self, detector_ids: tuple[str, ...]) -> tuple[Finding, ...]:
        """What these detectors find, in the order of the document, then by start, then by id.

        Raises DetectionError for an id that is not known and for content that is not JSON.
        """
        found = [entry for detector_id in dict.fromkeys(detector_ids) for entry in self._of(detector_id)]
        if len(found) > 1:
            found.sort(key=lambda entry: (entry[0], entry[1].start, entry[1].end, entry[1].detector))
        return tuple(finding for _, finding in found)

    def any(self, detector_ids: tuple[str, ...]) -> bool:
        """Whether any of these detectors finds something; stops at the first that does. Raises as `findings`."""
        return any(self._of(detector_id) for detector_id in detector_ids)

    def redact(self, detector_ids: tuple[str, ...]) -> JsonValue:
        """The content with masks in place of what these detectors find; the content itself when that is nothing.

        Inspects the result again until nothing is found: a mask ends the longer match that hid another.
        Raises DetectionError as `findings` and `axonflow.detect.redaction.redact` do.
        """
        inspection = self
        for _ in range(MAX_ROUNDS):
            found = inspection.findings(detector_ids)
            if not found:
                return inspection.content
            inspection = Inspection(self._compiled, self._masks, redact(inspection.content, found))
        raise DetectionError(
            "content could not be redacted",
            expected=f"nothing left to find after {MAX_ROUNDS} rounds",
            found="more findings",
        )

    def _of(self, detector_id: str) -> list[tuple[int, Finding]]:
        found = self._found.get(detector_id)
        if found is None:
            self._readings = self._readings or readings_of(self.content, self._masks)
            found = self._found[detector_id] = self._compiled.scan(detector_id, self._readings, self._open_gates)
        return found
