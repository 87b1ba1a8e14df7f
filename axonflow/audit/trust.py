"""Whose signature under a batch counts: the keys that are trusted, and those that they endorsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from axonflow.audit.batch import BatchStatement
from axonflow.audit.commands import command_writer, is_command_writer
from axonflow.audit.stored import FindingKind
from axonflow.audit.writer_key import WriterKey, key_id_of

__all__ = ["AnchoredWriter", "KeyCheck", "SignatureCheck", "Trust"]

SignatureCheck = Callable[[bytes, bytes, bytes], bool]
"""Whether the Ed25519 key (32 bytes) made, of this message, this signature."""


class AnchoredWriter(Struct, frozen=True):
    """What an anchor says of a writer: its first public key (empty: it signs nothing), and its newest statement (empty:
    none yet)."""

    writer_id: str
    public_key: bytes
    statement: bytes = b""


class Trust(Struct, frozen=True):
    """Which public keys are trusted, and what an anchor has of each writer. None: no key was named, there is no anchor.

    Without either, the first key that the store has of a writer is taken, which is worth nothing against whoever may
    write to the store. `unsigned_writers` sign nothing and are in no anchor, as is known of them: their chains
    are verified, and nobody says whose they are.
    """

    public_keys: frozenset[bytes] | None = None
    writers: Mapping[str, AnchoredWriter] | None = None
    unsigned_writers: frozenset[str] = frozenset()

    def administers(self, writer_id: str) -> bool:
        """Whether this writer records administration (events of kind `admin`) alone: those that sign nothing, and the
        machines that run commands, of which whoever may write to the store can make more."""
        return writer_id in self.unsigned_writers or is_command_writer(writer_id)

    @property
    def is_of_the_store(self) -> bool:
        """Whether the store itself has to be believed which keys are right."""
        return self.public_keys is None and self.writers is None

    def expects(self, writer_id: str) -> bool:
        """Whether this writer has to sign what it writes, even if the store has no key of it."""
        return not self.is_of_the_store and writer_id not in self.unsigned_writers

    def anchored(self, writer_id: str) -> AnchoredWriter | None:
        """What the anchor says of this writer; None when it says nothing, or there is none."""
        return (self.writers or {}).get(writer_id)

    def roots(self, writer_id: str, keys: Sequence[WriterKey]) -> frozenset[bytes]:
        """The public keys from which the trust in those of a writer comes."""
        if self.is_of_the_store:
            return frozenset(key.public_key for key in keys[:1])
        anchored = self.anchored(writer_id)
        return (self.public_keys or frozenset()) | ({anchored.public_key} if anchored else frozenset())


class KeyCheck:
    """Checks who signed the batches of one writer, whose registered keys are `keys`.

    `verify` None: signatures cannot be checked here. `signed` counts those that are good. `problems` are what is wrong
    with the keys themselves: each a kind, words, and the number of the batch that the key is for.
    """

    def __init__(self, writer_id: str, keys: Sequence[WriterKey], trust: Trust, verify: SignatureCheck | None) -> None:
        self._writer_id = writer_id
        self._keys = sorted(keys, key=lambda key: key.number)
        self._verify = verify
        self._has_to_be_signed = bool(keys) or trust.expects(writer_id) or is_command_writer(writer_id)
        self._told: set[tuple[FindingKind, str]] = set()
        self.signed = 0
        self.problems: list[tuple[FindingKind, str, int]] = []
        self._trusted: set[bytes] = set()
        self._trust_from(trust.roots(writer_id, self._keys))

    def problem(self, said: BatchStatement, statement: bytes, signature: bytes) -> tuple[FindingKind, str] | None:
        """What is the matter with the signature under a batch; None when nothing is, or it was told of one before."""
        found = self._problem(said, statement, signature)
        if found is None or found[0] == "bad_signature":
            return found
        if (found[0], said.key_id) in self._told:
            return None
        self._told.add((found[0], said.key_id))
        return found

    def _problem(self, said: BatchStatement, statement: bytes, signature: bytes) -> tuple[FindingKind, str] | None:
        if not said.key_id:
            return ("unsigned", "from here on, batches are not signed") if self._has_to_be_signed else None
        key = next((key for key in reversed(self._keys) if key.number <= said.number), None)
        if key is None or key.key_id != said.key_id:
            what = f"from here on, batches name the key {said.key_id[:64]!a}, which the writer did not have then"
            return "unknown_key", what
        if key.public_key not in self._trusted:
            return "untrusted_key", f"from here on, the writer signs with the key {key.key_id}, which nobody trusts"
        if self._verify is None:
            return None
        if not self._verify(key.public_key, statement, signature):
            return "bad_signature", f"the key {key.key_id} did not sign this"
        self.signed += 1
        return None

    def _trust_from(self, roots: frozenset[bytes]) -> None:
        before: WriterKey | None = None
        for key in self._keys:
            if key.key_id != key_id_of(key.public_key):
                what = f"a key is registered as {key.key_id[:64]!a}, which is the id of another"
                self.problems.append(("unknown_key", what, key.number))
            elif before is None and not self._may_begin(key):
                what = f"the first key is {key.key_id}, and not the one that the writer is named after"
                self.problems.append(("unknown_key", what, key.number))
            elif key.public_key in roots:
                self._trusted.add(key.public_key)
            elif before is not None and before.public_key in self._trusted and self._verify is not None:
                if self._verify(before.public_key, key.statement(), key.endorsement):
                    self._trusted.add(key.public_key)
                else:
                    what = f"from here on, the key {key.key_id} signs, which the one before did not endorse"
                    self.problems.append(("unendorsed_key", what, key.number))
            before = key

    def _may_begin(self, key: WriterKey) -> bool:
        return not is_command_writer(self._writer_id) or command_writer(key.key_id) == self._writer_id
