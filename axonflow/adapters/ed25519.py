"""Ed25519 keys (RFC 8032) in PEM files, by way of the package ``cryptography``: the extra ``axonflow[bundles]``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from axonflow.errors import ConfigurationError

__all__ = ["Signer", "TrustedKeys", "keep_key_pair", "made_signature", "make_key_pair", "public_bytes_in"]

_MAX_KEY_BYTES: Final = 16_384


class Signer:
    """A private key. `key_id` names its public half: the first 16 hexadecimal digits of SHA-256 of its 32 bytes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = _key_id(key.public_key())

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Signer:
        """The key in a PEM file without a password. Raises ConfigurationError for anything else."""
        try:
            key = serialization.load_pem_private_key(_read(path), password=None)
        except (ValueError, TypeError):
            raise _no_key(path, "an Ed25519 private key in PEM, without a password") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _no_key(path, "an Ed25519 private key")
        return cls(key)

    @classmethod
    def made(cls) -> Signer:
        """A new key, kept nowhere."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public_pem(self) -> bytes:
        """The public half, to be given to whoever shall trust it."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def public_bytes(self) -> bytes:
        """The public half as it is: 32 bytes."""
        return self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`: 64 bytes."""
        return self._key.sign(message)


class TrustedKeys:
    """Public keys by id. ``verify`` is what bundles are opened with."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {_key_id(key): key for key in keys}

    @classmethod
    def from_files(cls, paths: Iterable[str | os.PathLike[str]]) -> TrustedKeys:
        """The keys in PEM files, one each. Raises ConfigurationError for a file that holds none."""
        keys = []
        for path in paths:
            try:
                key = serialization.load_pem_public_key(_read(path))
            except ValueError:
                raise _no_key(path, "an Ed25519 public key in PEM") from None
            if not isinstance(key, Ed25519PublicKey):
                raise _no_key(path, "an Ed25519 public key")
            keys.append(key)
        return cls(keys)

    def verify(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Whether the key of this id is trusted and made `signature` over `message`."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def make_key_pair(private: str | os.PathLike[str], public: str | os.PathLike[str]) -> str:
    """Write a new key to `private`, which only its owner may read, and its public half to `public`; give its id.

    Raises ConfigurationError when a file is there already or cannot be written: nothing is overwritten.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new(private, secret, 0o600)
    _write_new(public, Signer(key).public_pem, 0o644)
    return _key_id(key.public_key())


def keep_key_pair(private: str | os.PathLike[str], public: str | os.PathLike[str]) -> None:
    """Make a key pair where there is none yet, or where whoever made it was stopped in between. Both are on the disk
    when this returns. Raises ConfigurationError for a file that holds another thing."""
    if _is_begun_only(private):
        for path in (private, public):
            Path(path).unlink(missing_ok=True)
        make_key_pair(private, public)
    elif _is_begun_only(public):
        Path(public).unlink(missing_ok=True)
        _write_new(public, Signer.from_file(private).public_pem, 0o644)


def _is_begun_only(path: str | os.PathLike[str]) -> bool:
    """Whether the file is not there, or empty: a process that was killed had made it, and not written it yet."""
    place = Path(path)
    return not place.exists() or not place.stat().st_size


def _key_id(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise ConfigurationError("the key cannot be read", found=error.strerror, at=str(path)) from None


def _write_new(path: str | os.PathLike[str], data: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(Path(path).parent)
    except OSError as error:
        raise ConfigurationError(
            "the key cannot be written", expected="a file that is not there yet", found=error.strerror, at=str(path)
        ) from None


def _sync_folder(folder: Path) -> None:
    """The name is on the disk, too. A key that is registered and then lost with the power would be missed for good."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_key(path: str | os.PathLike[str], expected: str) -> ConfigurationError:
    return ConfigurationError("not a key", expected=expected, found="something else", at=str(path))


def made_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key with these 32 bytes made `signature` over `message`. About 100 us."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_bytes_in(path: str | os.PathLike[str]) -> bytes:
    """The 32 bytes of the public key in a PEM file, of which a private one has a public half. Raises
    ConfigurationError."""
    data = _read(path)
    try:
        key = (
            serialization.load_pem_private_key(data, password=None).public_key()
            if b"PRIVATE" in data
            else serialization.load_pem_public_key(data)
        )
    except (ValueError, TypeError):
        raise _no_key(path, "an Ed25519 key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "an Ed25519 key")
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
