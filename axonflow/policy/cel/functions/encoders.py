"""The extension for encoders. Source: RFC 4648, section 4."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from axonflow.policy.cel.functions.limits import check_chars
from axonflow.policy.cel.values import CelError

__all__ = ["base64_decode", "base64_encode"]


def base64_encode(data: bytes) -> str:
    check_chars(-(-len(data) // 3) * 4)
    return b2a_base64(data, newline=False).decode("ascii")


def base64_decode(text: str) -> bytes:
    """Strict: nothing but the alphabet, and padding only where it belongs."""
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise CelError("not base 64") from None
