"""What an event keeps of the content that was judged: a keyed digest, a text with everything masked, or nothing."""

from __future__ import annotations

import hmac
from typing import Any, Final, Literal, get_args

import msgspec

from axonflow.audit.storable import escaped
from axonflow.detect import RedactionKey, Scanner
from axonflow.errors import ConfigurationError

__all__ = ["MAX_REDACTED_CHARS", "NOTHING_KEPT", "ContentKept", "ContentMode"]

ContentMode = Literal["digest", "redacted", "none"]

MAX_REDACTED_CHARS: Final = 4_096
"""Of one event; the rest is cut off."""


class ContentKept:
    """How much of contents is kept, as the operator chose.

    A digest is keyed: a bare hash of a short text can be guessed. So without a redaction key nothing is kept in its
    place.
    """

    __slots__ = ("_key", "_mode")

    def __init__(self, mode: ContentMode, key: RedactionKey | None) -> None:
        """Raises ConfigurationError for another mode."""
        if mode not in get_args(ContentMode):
            raise ConfigurationError(
                "unknown way to keep content", expected=" or ".join(get_args(ContentMode)), found=f"{mode!a}"[:80]
            )
        self._mode = mode
        self._key = None if key is None or mode != "digest" else key.derived("audit-content")

    def digest(self, content: Any) -> str:
        """``hmac-sha256:<64 hex digits>`` of a text, or of the JSON of another value; empty where none is kept."""
        if self._key is None or content is None:
            return ""
        data = content if isinstance(content, str) else None
        as_bytes = _json(content) if data is None else data.encode("utf-8", "surrogatepass")
        return f"hmac-sha256:{hmac.digest(self._key, as_bytes, 'sha256').hex()}"

    def redacted(self, content: Any, scanner: Scanner) -> str:
        """The text, or the JSON of another value, with all that any detector finds masked; empty where none is kept,
        and where masking fails."""
        if self._mode != "redacted" or content is None:
            return ""
        try:
            masked = scanner.inspect(content).redact(tuple(one.id for one in scanner.detectors))
            text = masked if isinstance(masked, str) else _json(masked).decode()
        except Exception:  # noqa: BLE001  a detector may be anybody's code; what it chokes on is not kept
            return ""
        return escaped(text)[:MAX_REDACTED_CHARS]


NOTHING_KEPT: Final = ContentKept("none", None)
_json: Final = msgspec.json.Encoder(order="sorted").encode
