"""Small signed statements: what one of our own processes said, and until when it holds.

``base64url(payload) "." base64url(HMAC-SHA-256(key, purpose NUL payload))``. Not a JWT: nobody else reads them, and so
there is no algorithm to negotiate.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

__all__ = ["Signer"]

MAX_TOKEN_CHARS: Final = 16 * 1024
S = TypeVar("S", bound=Struct)


class Signer:
    """Signs and checks with `key` (32 random bytes, shared by the processes of one installation)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, purpose: str, statement: Struct) -> str:
        """`statement` as a token for `purpose`. Its field `expires_us` says until when it holds."""
        payload = msgspec.json.encode(statement)
        return f"{_text(payload)}.{_text(self._mac(purpose, payload))}"

    def check(self, purpose: str, token: str, kind: type[S], now_us: int) -> S | None:
        """The statement in `token`; None when it is not of this purpose and key, or has expired."""
        body, _, mark = token.partition(".")
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            return None
        try:
            payload, mac = _bytes(body), _bytes(mark)
            if not hmac.compare_digest(mac, self._mac(purpose, payload)):
                return None
            statement = msgspec.json.decode(payload, type=kind)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            return None
        expires_us: Any = getattr(statement, "expires_us", 0)
        return statement if expires_us > now_us else None

    def pseudonym(self, text: str) -> str:
        """A name for `text` that always is the same and tells nothing about it: 16 hex digits."""
        return self._mac("pseudonym", text.encode("utf-8", "surrogatepass")).hex()[:16]

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + payload, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
