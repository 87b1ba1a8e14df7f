"""Who writes what administrators do by command: the machine that runs the command, by a key of its own.

A command has no spool and no process that stays. So each machine is a writer that is named after the first of its keys,
and the first batch of such a writer names, as the one before it, the newest of those that commands of earlier releases
left, who all wrote as one and signed nothing. So that one, and by its predecessors all before it, is signed for as it
was then, and whatever comes behind it was put in.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from axonflow.audit.batch import NO_BATCH, BatchStatement, batch_hash
from axonflow.audit.stored import Finding, StoredBatch, StoredWriter
from axonflow.errors import AuditError

__all__ = ["UNSIGNED_COMMANDS", "HandOver", "command_writer", "is_command_writer"]

UNSIGNED_COMMANDS: Final = "axonflow-cli"
"""The writer of all commands, before they signed."""
_PREFIX: Final = "cli-"


def command_writer(key_id: str) -> str:
    """The id of the writer whose first key is `key_id`."""
    return _PREFIX + key_id


def is_command_writer(writer_id: str) -> bool:
    """Whether this is a machine that runs commands: it signs, and records administration alone."""
    return writer_id.startswith(_PREFIX)


class HandOver:
    """Where commands began to sign, by the word of all who did; and what is there of the time before."""

    def __init__(self) -> None:
        self._unsigned = {NO_BATCH: -1}
        self._last = -1
        self._begun: dict[str, bytes] = {}

    def saw(self, batch: StoredBatch) -> None:
        """A batch of UNSIGNED_COMMANDS, in the order of their numbers."""
        self._unsigned[batch_hash(batch.statement)] = batch.number
        self._last = batch.number

    def begun(self, writer: StoredWriter, first: StoredBatch | None) -> StoredWriter:
        """`writer`, one of commands, behind what its `first` batch names as the one before it."""
        try:
            said = BatchStatement.from_bytes(first.statement) if first is not None and first.number == 0 else None
            previous = bytes.fromhex(said.previous) if said is not None else NO_BATCH
        except (AuditError, ValueError):
            return writer  # whoever walks along its batches says so
        if said is not None:
            self._begun[writer.writer_id] = previous
        return replace(writer, previous=previous)

    @property
    def findings(self) -> list[Finding]:
        """What is not as it was when commands began to sign."""
        found = [
            Finding(
                kind="batch_unlinked", writer_id=writer_id, number=0,
                what=f"it begins behind a batch of {UNSIGNED_COMMANDS} that is not there: the unsigned ones are gone,"
                " or were written anew",
            )
            for writer_id, previous in self._begun.items() if previous not in self._unsigned
        ]  # fmt: skip
        ends = [
            (self._unsigned[previous], name) for name, previous in self._begun.items() if previous in self._unsigned
        ]
        end, witness = min(ends, default=(self._last, ""))
        if end < self._last:
            said = f"batches {end + 1} to {self._last} were put in: by the word of {witness}, commands signed by then"
            found.append(Finding(kind="unsigned", what=said, writer_id=UNSIGNED_COMMANDS, number=end + 1))
        return found
