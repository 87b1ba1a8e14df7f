"""With which key a writer signs its batches, and since when."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

__all__ = ["KEY_FORMAT", "WriterKey", "key_id_of"]

KEY_FORMAT: Final = "axonflow.audit.key.v1"


def key_id_of(public_key: bytes) -> str:
    """How a public key (32 bytes) is named: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class WriterKey(Struct, frozen=True):
    """The public half (Ed25519, 32 bytes) of what signs the batches of a writer from `number` on. All but a writer's
    first are endorsed by the one before: `endorsement` is its signature over :meth:`statement`."""

    writer_id: str
    number: int
    key_id: str
    public_key: bytes
    endorsement: bytes = b""

    def statement(self) -> bytes:
        """What the key before signs."""
        return msgspec.json.encode(
            {
                "format": KEY_FORMAT, "writer_id": self.writer_id, "number": self.number, "key_id": self.key_id,
                "public_key": self.public_key.hex(),
            }
        )  # fmt: skip
