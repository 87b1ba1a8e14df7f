"""Server-Sent Events, taken apart as bytes come.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream", https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from typing import Final

from axonflow.errors import ModelReplyMalformed

__all__ = ["MAX_EVENT_BYTES", "ServerSentEvents"]

MAX_EVENT_BYTES: Final = 1024 * 1024
_END_OF_LINE: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class ServerSentEvents:
    """Feed it bytes, however they are cut; it gives the complete events. An event that never ends is refused."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = bytearray()
        self._looked_at = 0
        self._is_first_line = True
        self._data: list[bytes] = []
        self._size_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that is complete now. Raises ModelReplyMalformed for one that is too large."""
        self._rest += chunk
        events: list[bytes] = []
        start = 0
        while True:
            end = _END_OF_LINE.search(self._rest, max(start, self._looked_at))
            if end is None or (end[0] == b"\r" and end.end() == len(self._rest)):  # a \n may follow, and belong to it
                break
            self._line(bytes(self._rest[start : end.start()]), events)
            start = end.end()
        del self._rest[:start]
        self._looked_at = max(len(self._rest) - 1, 0)
        if self._size_bytes + len(self._rest) > self._max_event_bytes:
            raise ModelReplyMalformed(
                "an event without an end", expected=f"at most {self._max_event_bytes} bytes", found="more"
            )
        return events

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        self._size_bytes += len(line) + 1
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
            self._data, self._size_bytes = [], 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
