"""The keys that a writer of the audit trail signs with: made, kept beside its spool, rotated.

    FOLDER/audit.key, .pub    what signs at present, and its public half
    FOLDER/audit.next.key     what is to sign from the next start on; there while a rotation is asked for
    FOLDER/audit.keys.json    the public halves of all keys so far, each endorsed by the one before

Needs ``cryptography``: the extra ``axonflow[bundles]``.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec

from axonflow.adapters.ed25519 import Signer, keep_key_pair, make_key_pair
from axonflow.audit import WriterKey
from axonflow.errors import ConfigurationError

__all__ = ["ask_for_rotation", "first_key_id", "kept_keys", "rotation_waits", "signing_keys"]

_KEY: Final = "audit.key"
_PUBLIC: Final = "audit.pub"
_NEXT: Final = "audit.next.key"
_NEXT_PUBLIC: Final = "audit.next.pub"
_ALL: Final = "audit.keys.json"
_decode: Final = msgspec.json.Decoder(list[WriterKey]).decode


def ask_for_rotation(folder: str | os.PathLike[str]) -> str:
    """Make the key that the writer whose spool is in `folder` signs with from its next start on; give its id.

    Raises ConfigurationError when the folder holds no writer's key, or one to come is there already.
    """
    place = Path(folder)
    if not (place / _KEY).is_file():
        raise ConfigurationError("no key of the audit trail", expected=f"the folder of a spool, with {_KEY}",
                                 found="none", at=str(place))  # fmt: skip
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # as commands do: none of them finishes what is only being made
        if rotation_waits(place):
            raise ConfigurationError("a rotation was asked for already", expected="one at a time", at=str(place),
                                     hint="The writer takes its new key at its next start.")  # fmt: skip
        return make_key_pair(place / _NEXT, place / _NEXT_PUBLIC)
    finally:
        os.close(descriptor)


def rotation_waits(folder: Path) -> bool:
    """Whether a key is there that the writer is to sign with from a later start on."""
    return (folder / _NEXT).exists()


def first_key_id(folder: Path) -> str:
    """The id of the first key of the writer in `folder`; it is made when there is none. Raises ConfigurationError, also
    for a present key that is not the one the writer signed with."""
    keep_key_pair(folder / _KEY, folder / _PUBLIC)
    signer = Signer.from_file(folder / _KEY)
    keys = _read(folder / _ALL)
    if not keys:
        return signer.key_id
    _check(folder, signer, keys)
    return keys[0].key_id


def signing_keys(
    folder: Path, writer_id: str, next_number: int, *, may_rotate: bool = True
) -> tuple[Signer, tuple[WriterKey, ...]]:
    """What signs the batches of `writer_id` from `next_number` on, and the public halves of all its keys so far, which
    a store has to know. A rotation that was asked for is done first; killed in between, it is finished the next time.
    It waits for a later start where it may not be begun: a batch before `next_number` may have to be signed again.

    Raises ConfigurationError for a key that is not the one the writer signed with.
    """
    keep_key_pair(folder / _KEY, folder / _PUBLIC)
    signer = Signer.from_file(folder / _KEY)
    keys = _read(folder / _ALL, writer_id)
    if not keys:
        keys = [WriterKey(writer_id, next_number, signer.key_id, signer.public_bytes)]
        _write(folder / _ALL, keys)
    _check(folder, signer, keys)
    if (folder / _NEXT).exists():
        signer, keys = _rotated(folder, signer, keys, next_number if may_rotate else 0)
    return signer, tuple(keys)


def _check(folder: Path, signer: Signer, keys: list[WriterKey]) -> None:
    """Before it endorses another: what a key endorses that was never the writer's is trusted by nobody."""
    known = {signer.key_id}
    if (folder / _NEXT).exists():
        keep_key_pair(folder / _NEXT, folder / _NEXT_PUBLIC)  # of who was killed while it was made, or put in its place
        known.add(Signer.from_file(folder / _NEXT).key_id)
    if keys[-1].key_id not in known:
        raise ConfigurationError(
            "the key of the audit trail is not the one that its writer signs with", expected=keys[-1].key_id,
            found=signer.key_id, at=str(folder / _KEY),
            hint="Put it back from where you keep it. To change it: axonflow audit rotate-key.",
        )  # fmt: skip


def kept_keys(folder: Path, writer_id: str) -> tuple[WriterKey, ...]:
    """The public halves of all keys so far of the writer whose spool is in `folder`; none before its first start.

    Raises ConfigurationError for those of another writer.
    """
    return tuple(_read(folder / _ALL, writer_id))


def _rotated(folder: Path, old: Signer, keys: list[WriterKey], next_number: int) -> tuple[Signer, list[WriterKey]]:
    new = Signer.from_file(folder / _NEXT)
    if keys[-1].key_id != new.key_id:  # else it was endorsed, and then the process ended
        if keys[-1].number >= next_number:
            return old, keys  # it has signed nothing yet, so there is nothing to change from; a later start will
        key = WriterKey(keys[-1].writer_id, next_number, new.key_id, new.public_bytes)
        keys = [*keys, msgspec.structs.replace(key, endorsement=old.sign(key.statement()))]
        _write(folder / _ALL, keys)
    (folder / _NEXT_PUBLIC).replace(folder / _PUBLIC)
    (folder / _NEXT).replace(folder / _KEY)
    _sync(folder)
    return new, keys


def _read(path: Path, writer_id: str | None = None) -> list[WriterKey]:
    try:
        keys = _decode(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError):
        keys = []
    if not keys or {key.writer_id for key in keys} != {writer_id or keys[0].writer_id}:
        raise ConfigurationError(
            "not the keys of this writer of the audit trail", expected=f"those of {writer_id or 'one writer'}",
            found="something else", at=str(path),
            hint="Put the file back, or move it away: then the present key is registered as a new one.",
        )  # fmt: skip
    return keys


def _write(path: Path, keys: list[WriterKey]) -> None:
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(keys))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
