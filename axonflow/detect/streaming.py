"""Redact a text while it arrives: for every way of cutting it, what comes out is what redacting the whole gives.

A place of the text is let go as soon as nothing that is still to come can change what is found up to there: no pattern
in force may have begun a match before it that more text could complete, and no check may look beyond what has arrived.
What a match looks like is known of every pattern (`axonflow.detect.open_patterns`); what is found is left to the same
inspection that whole texts have, of a stretch that begins where the search of the whole text would have begun anew.

The whole is redacted in rounds, since a mask may lay open what the text under it hid. So is a stream: each round takes
what the one before it lets go. Where a round changes nothing and leaves nothing open, those after it would not either,
so they exist only around the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from axonflow.detect.encodings import MAX_OPEN_CHARS
from axonflow.detect.scanner import MAX_ROUNDS, Scanner
from axonflow.detect.stream_round import Setting, StreamRound
from axonflow.detect.stream_shapes import CompileStreamPattern, StreamShapes, unbounded
from axonflow.detect.styles import Replacing
from axonflow.errors import DetectionError

__all__ = ["MAX_BUFFERED_CHARS", "STRIDE_CHARS", "StreamRedaction", "StreamRedactor"]

MAX_BUFFERED_CHARS: Final = 262_144
"""Most that is kept of one stream. A text that would need more is refused."""
STRIDE_CHARS: Final = 60
"""A look costs the same for 6 characters as for 60: some 20 us. So many are held back by half on average."""


class StreamRedaction:
    """What redacting streams with certain detectors takes, compiled once. Immutable: share one among all streams."""

    def __init__(
        self,
        scanner: Scanner,
        detector_ids: Sequence[str],
        compile_pattern: CompileStreamPattern,
        max_buffered_chars: int = MAX_BUFFERED_CHARS,
        stride_chars: int = STRIDE_CHARS,
    ) -> None:
        """A stream is looked at whenever `stride_chars` came. Raises DetectionError for an id that is not known."""
        self.scanner = scanner
        self.ids = tuple(dict.fromkeys(detector_ids))
        self.max_buffered_chars = max_buffered_chars
        by_id = {detector.id: detector for detector in scanner.detectors}
        scanner.inspect(None).findings(self.ids)
        detectors = [by_id[detector_id] for detector_id in self.ids]
        self.batch_only = tuple(unbounded(detectors))
        """Ids of the detectors that need the whole text. If there are any, a stream comes out when it has ended."""
        shapes = StreamShapes([] if self.batch_only else detectors, compile_pattern)
        self.setting = Setting(scanner, self.ids, shapes, stride_chars)

    @property
    def hold_back_chars(self) -> int:
        """Most characters that are held back: the longest match, the text that its check sees after it and a sequence
        that may encode something, in every round. Text that cannot be the beginning of any is held until the next look.

        Of a text with encodings it counts the characters that are read, of which each may be written as several.
        """
        if self.batch_only:
            return self.max_buffered_chars
        shapes = self.setting.shapes
        reach = shapes.longest_chars + shapes.after_chars + self.setting.longest_mask_chars + MAX_OPEN_CHARS
        return min(MAX_ROUNDS * reach + self.setting.stride_chars, self.max_buffered_chars)

    def begin(self, replacing: Replacing | None = None) -> StreamRedactor:
        """A redactor for one stream, by masks unless `replacing` says how: if that needs the whole text, it waits."""
        return StreamRedactor(self, Replacing() if replacing is None else replacing)


class StreamRedactor:
    """One stream: :meth:`feed` it each chunk, then :meth:`finish`; what they return is the redacted text, in order.

    Raises DetectionError when the text would have to be held back beyond the limit or cannot be redacted; after that
    nothing more comes out.
    """

    def __init__(self, redaction: StreamRedaction, replacing: Replacing) -> None:
        self._redaction = redaction
        waits = redaction.batch_only or replacing.needs_whole
        self._round: StreamRound | _Whole | None = (
            _Whole(redaction, replacing) if waits else StreamRound(redaction.setting, replacing)
        )

    def feed(self, chunk: str) -> str:
        """What can be let go now that `chunk` has arrived; often less than that, and sometimes more."""
        return self._take(chunk, is_last=False)

    def finish(self) -> str:
        """What was held back. Nothing may be fed after that."""
        rest = self._take("", is_last=True)
        self._round = None
        return rest

    @property
    def held_chars(self) -> int:
        """How much of what was fed is held back now."""
        return 0 if self._round is None else self._round.held_chars

    def _take(self, chunk: str, *, is_last: bool) -> str:
        current = self._round
        if current is None:
            raise DetectionError("the stream has ended", expected="a redactor that goes on", found="one that does not")
        self._round = None
        text = current.feed(chunk, is_last=is_last)
        _check_held(current.held_chars, self._redaction)
        self._round = current
        return text


class _Whole:
    """Keeps the text until it is complete."""

    def __init__(self, redaction: StreamRedaction, replacing: Replacing) -> None:
        self._redaction = redaction
        self._replacing = replacing
        self._chunks: list[str] = []
        self.held_chars = 0

    def feed(self, chunk: str, *, is_last: bool) -> str:
        self._chunks.append(chunk)
        self.held_chars += len(chunk)
        if not is_last:
            return ""
        whole = self._redaction.scanner.inspect("".join(self._chunks))
        text: str = whole.redact(self._redaction.ids, self._replacing)
        return text


def _check_held(held_chars: int, redaction: StreamRedaction) -> None:
    if held_chars > redaction.max_buffered_chars:
        raise DetectionError(
            "too much of a stream would have to be held back",
            expected=f"at most {redaction.max_buffered_chars} characters",
            found=f"{held_chars}",
            hint=f"These detectors need the whole text: {', '.join(redaction.batch_only)}."
            if redaction.batch_only
            else "The text has no place at which it could be cut.",
        )
