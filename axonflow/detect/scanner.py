"""Run detectors over a content, each at most once, and only those that someone asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from msgspec.structs import replace

from axonflow.detect.content import Document, JsonValue, readings_of
from axonflow.detect.detector import Detector, Shape, Validate
from axonflow.detect.effort import Effort
from axonflow.detect.encodings import decoded
from axonflow.detect.finding import Finding
from axonflow.detect.labels import mask_of
from axonflow.detect.marks import ByGrams, CompileMarks
from axonflow.detect.matching import CompiledDetectors
from axonflow.detect.patterns import CompilePattern, Pattern
from axonflow.detect.redaction import redact
from axonflow.detect.styles import Replacing
from axonflow.errors import DetectionError

__all__ = ["MAX_ROUNDS", "CompilePattern", "Inspection", "Pattern", "Scanner"]

MAX_ROUNDS = 4
"""Times a content is redacted and looked at again; what is still found then is an error. Each holds a stream back by
what may still match at its end, so they are few."""


class Scanner:
    """Detectors, compiled. Immutable: share one among all requests."""

    __slots__ = ("_compile_pattern", "_compiled", "_masks", "detectors")

    def __init__(
        self,
        detectors: Iterable[Detector],
        compile_pattern: CompilePattern,
        compile_marks: CompileMarks | None = None,
        *,
        compiled: CompiledDetectors | None = None,
    ) -> None:
        """`compile_marks` is the engine that looks for marks; the one for patterns does where there is none. `compiled`
        are `detectors` where they have been compiled already.

        Raises ConfigurationError for two detectors of one id or an id outside of its category.
        """
        self._compiled = compiled or CompiledDetectors.of(
            detectors, compile_pattern, compile_marks or partial(ByGrams, compile_pattern)
        )
        self._compile_pattern = compile_pattern
        self.detectors = self._compiled.detectors
        self._masks = frozenset([mask_of(detector.id) for detector in self.detectors])

    def extended(self, detectors: Iterable[Detector], never: Mapping[str, Validate] | None = None) -> Scanner:
        """A scanner of these detectors and more; one replaces the one of its id. This one stays as it is.

        `never` tells, by the id of a detector, which of its spans (folded) are no findings. Raises as the maker.
        """
        compiled = self._compiled.extended(detectors, never or {})
        return Scanner(compiled.detectors, self._compile_pattern, compiled=compiled)

    def resolve(self, selector: str) -> tuple[str, ...]:
        """The sorted ids that `selector` means: a category (``pii``) or a detector's id (``pii.email``).

        Raises DetectionError when it is neither.
        """
        return self._compiled.resolve(selector)

    def out_of_context(self, detector_id: str) -> Scanner:
        """One of these detectors alone, that finds what it finds whatever stands around it."""
        bare = [
            replace(detector, shapes=tuple(_out_of_context(shape) for shape in detector.shapes))
            for detector in self.detectors
            if detector.id == detector_id
        ]
        return Scanner(bare, self._compile_pattern)

    def effort(self) -> Effort:
        """What looking through a content takes at most, in units."""
        return self._compiled.effort()

    def inspect(self, content: JsonValue) -> Inspection:
        """A lazy look at `content`, which must not change while it is used. None has no findings."""
        return Inspection(self._compiled, self._masks, content)


def _out_of_context(shape: Shape) -> Shape:
    return replace(shape, in_context=None, context_literals=())


class Inspection:
    """What is in one content: each detector runs when it is first asked for, and only once."""

    __slots__ = ("_compiled", "_found", "_looked_for", "_masks", "_readings", "_told", "content")

    def __init__(self, compiled: CompiledDetectors, masks: frozenset[str], content: JsonValue) -> None:
        self.content = content
        self._compiled = compiled
        self._masks = masks
        self._readings: tuple[Document, ...] = ()
        self._found: dict[str, list[tuple[int, Finding]]] = {}
        self._looked_for: frozenset[str] = frozenset()
        self._told: dict[tuple[str, ...], tuple[Finding, ...]] = {}

    def findings(self, detector_ids: tuple[str, ...]) -> tuple[Finding, ...]:
        """What these detectors find, in the order of the document, then by start, then by id.

        Raises DetectionError for an id that is not known and for content that is not JSON.
        """
        told = self._told.get(detector_ids)
        if told is None:  # a loop of a condition may ask for each element
            wanted = self._look_for(detector_ids)
            told = _in_order(entries for detector_id, entries in self._found.items() if detector_id in wanted)
            self._told[detector_ids] = told
        return told

    def found(self) -> tuple[Finding, ...]:
        """What all detectors have found that were asked for so far, in the same order. Looks for nothing more."""
        return _in_order(self._found.values())

    def any(self, detector_ids: tuple[str, ...]) -> bool:
        """Whether any of these detectors finds something. Raises as `findings`."""
        return not self._look_for(detector_ids).isdisjoint(self._found)

    def may_find(self, detector_ids: tuple[str, ...]) -> set[str]:
        """Those of these detectors that are worth running: no others find anything. Raises as `findings`."""
        selection = self._compiled.selection(detector_ids)
        return set().union(*[self._compiled.may_find(selection, reading) for reading in self._read()])

    def redact(self, detector_ids: tuple[str, ...], replacing: Replacing | None = None) -> JsonValue:
        """The content with all that these detectors find replaced, by masks unless `replacing` says how; the content
        itself when that is nothing.

        Inspects the result again until nothing changes: a mask ends the longer match that hid another.
        Raises DetectionError as `findings` and `axonflow.detect.redaction.redact` do.
        """
        replacing = Replacing() if replacing is None else replacing
        inspection = self
        for _ in range(MAX_ROUNDS):
            found = inspection.findings(detector_ids)
            before = replacing.changes
            content = redact(inspection.content, found, replacing) if found else inspection.content
            if replacing.changes == before:
                return inspection.content
            inspection = Inspection(self._compiled, self._masks, content)
        raise DetectionError(
            "content could not be redacted",
            expected=f"nothing left to find after {MAX_ROUNDS} rounds",
            found="more findings",
        )

    def _look_for(self, detector_ids: tuple[str, ...]) -> frozenset[str]:
        looked_for = self._looked_for
        if len(detector_ids) == 1 and detector_ids[0] in looked_for:
            return frozenset(detector_ids)
        selection = self._compiled.selection(detector_ids)
        if selection.ids <= looked_for:
            return selection.ids
        if not selection.ids.isdisjoint(self._compiled.together):
            ids = (selection.ids | self._compiled.together) - looked_for
            self._found |= self._compiled.scan(self._compiled.selection(tuple(sorted(ids))), self._read())
            self._looked_for = looked_for | ids
        elif not looked_for:
            self._found = self._compiled.scan(selection, self._read())
            self._looked_for = selection.ids
        else:
            rest = self._compiled.selection(tuple(sorted(selection.ids - looked_for)))
            self._found |= self._compiled.scan(rest, self._read())
            self._looked_for = looked_for | selection.ids
        return selection.ids

    def _read(self) -> tuple[Document, ...]:
        self._readings = self._readings or readings_of(self.content, self._masks, [decoded])
        return self._readings


def _in_order(found: Iterable[list[tuple[int, Finding]]]) -> tuple[Finding, ...]:
    every = [entry for entries in found for entry in entries]
    if len(every) > 1:
        every.sort(key=lambda entry: (entry[0], entry[1].start, entry[1].end, entry[1].detector))
    return tuple(finding for _, finding in every)
