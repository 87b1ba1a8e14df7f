"""Who signs what is recorded by command."""

from __future__ import annotations

from typing import Protocol

from axonflow.audit import BatchSigner, WriterKey

__all__ = ["CommandWriter"]


class CommandWriter(Protocol):
    """The machine that runs a command, by its key. All may wait for a disk, and raise ConfigurationError when there is
    no key, and none can be made."""

    @property
    def writer_id(self) -> str:
        """Names its chains."""

    def signing(self, next_number: int) -> tuple[BatchSigner, tuple[WriterKey, ...]]:
        """What signs its batches from `next_number` on, and the public halves of all its keys so far."""

    @property
    def newest(self) -> tuple[int, bytes] | None:
        """The number of the newest batch that it knows to have signed, and the hash of its statement."""

    def signed(self, number: int, digest: bytes) -> None:
        """The store has its batch `number`, whose statement has this hash."""
