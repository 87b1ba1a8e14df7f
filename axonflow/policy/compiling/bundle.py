"""A bundle: policy sets as rows in one file, signed.

Three parts, each ended by a line feed but the last::

    {"format": "axonflow-policy-bundle/1", "digest": "sha256:...", "key": "...", "sets": [...]}    the statement, JSON
    base64 of an Ed25519 signature (RFC 8032) over the first line, behind the format's name and a line feed
    the parts of each set, msgpack, in the order and of the lengths that the statement gives

The statement is short and names a digest of all the rest, so the signature covers everything. What a bundle holds is
data: its expressions are parsed, checked and compiled by whoever loads it, as those of any document.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from axonflow.errors import PolicyError
from axonflow.policy.certifying.certificate import Certificate
from axonflow.policy.compiling.program import PolicyProgram, digest_of_sets, encode_set, set_digest

__all__ = [
    "MAX_BUNDLE_BYTES",
    "BundleSource",
    "OpenedBundle",
    "Sign",
    "Statement",
    "Verify",
    "open_bundle",
    "stated",
    "write_bundle",
]

FORMAT: Final = "axonflow-policy-bundle/1"
MAX_BUNDLE_BYTES: Final = 512 * 1024 * 1024
_MAX_STATEMENT_BYTES: Final = 4 * 1024 * 1024
_SIGNATURE_BYTES: Final = 64

Sign = Callable[[bytes], bytes]
"""A message to its Ed25519 signature."""

Verify = Callable[[str, bytes, bytes], bool]
"""``(key id, message, signature)`` to whether a key that is trusted, and has this id, made the signature."""

_Length = Annotated[int, Meta(ge=1, le=MAX_BUNDLE_BYTES)]


class SetEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One set: its name, the SHA-256 of its parts (hexadecimal) and their lengths in bytes."""

    name: str
    digest: str
    parts: tuple[_Length, ...]


class Statement(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is signed. `scope`, where it is given, is whom the bundle may be in force for: see policy/compiling/scopes.
    `certificate` is what its sets cost by themselves, for the largest requests there may be; bundles from before it was
    there have none."""

    format: str
    digest: str
    key: str
    sets: tuple[SetEntry, ...]
    scope: str = ""
    certificate: Certificate | None = None


class BundleSource(NamedTuple):
    """A bundle as bytes, where they are from, and the scope they are for: that of files has no name."""

    name: str
    data: bytes
    scope: str = ""


class OpenedBundle(NamedTuple):
    """A bundle whose signature and digests hold."""

    name: str
    statement: Statement
    sets: tuple[tuple[bytes, ...], ...]


def write_bundle(
    programs: Sequence[PolicyProgram], key_id: str, sign: Sign, scope: str = "", certificate: Certificate | None = None
) -> bytes:
    """`programs` as a bundle, for `scope` alone where it is named. The same policies and key give the same bytes."""
    entries: list[SetEntry] = []
    parts: list[bytes] = []
    for program in sorted(programs, key=lambda program: (program.head.name, program.head.shadow)):
        own = encode_set(program.head, [row for row, _ in program.rules])
        entries.append(SetEntry(program.head.name, set_digest(own), tuple(len(part) for part in own)))
        parts += own
    digest = digest_of_sets((entry.name, entry.digest) for entry in entries)
    statement = msgspec.json.encode(Statement(FORMAT, digest, key_id, tuple(entries), scope, certificate))
    return b"\n".join([statement, base64.b64encode(sign(_message(statement))), b"".join(parts)])


def open_bundle(source: BundleSource, verify: Verify, pause: Callable[[], None] = lambda: None) -> OpenedBundle:
    """The sets of a bundle whose signature holds under a trusted key. Raises PolicyError for any other."""
    name, data, scope = source
    if len(data) > MAX_BUNDLE_BYTES:
        raise _refused(name, "a bundle too large", f"at most {MAX_BUNDLE_BYTES} bytes", str(len(data)))
    end = data.find(b"\n", 0, _MAX_STATEMENT_BYTES)
    end_of_signature = data.find(b"\n", end + 1, end + 2 + 2 * _SIGNATURE_BYTES)
    if end < 0 or end_of_signature < 0:
        raise _refused(name, "not a policy bundle", f"a file of format {FORMAT}", "something else")
    line = data[:end]
    statement = _statement(name, line)
    if not verify(statement.key, _message(line), _signature(name, data[end + 1 : end_of_signature])):
        raise _refused(
            name, "the bundle is not signed by a key that is trusted", "a trusted key's signature",
            f"key {statement.key[:80]!a}", "Name its public key: trusted_keys=[...], or --trust FILE.",
        )  # fmt: skip
    if statement.scope not in {"", scope}:
        raise _refused(name, "the bundle was signed for another scope", ascii(scope), f"{statement.scope[:80]!a}")
    sets = tuple(_sets(name, statement, data, end_of_signature + 1, pause))
    if digest_of_sets((entry.name, entry.digest) for entry in statement.sets) != statement.digest:
        raise _refused(name, "the bundle's digest does not fit its sets", statement.digest, "another")
    return OpenedBundle(name, statement, sets)


def stated(source: BundleSource) -> Statement:
    """What a bundle says of itself, be it true or not. Raises PolicyError for what is no bundle."""
    end = source.data.find(b"\n", 0, _MAX_STATEMENT_BYTES)
    return _statement(source.name, source.data[: max(end, 0)])


def _message(statement: bytes) -> bytes:
    return FORMAT.encode() + b"\n" + statement


def _statement(name: str, line: bytes) -> Statement:
    try:
        statement = msgspec.json.decode(line, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _refused(name, "not a policy bundle", f"a file of format {FORMAT}", "something else") from None
    if statement.format != FORMAT:
        raise _refused(name, "a bundle of another format", FORMAT, f"{statement.format[:80]!a}")
    return statement


def _signature(name: str, line: bytes) -> bytes:
    try:
        signature = base64.b64decode(line, validate=True)
    except binascii.Error:
        signature = b""
    # The last character says four bits more than 64 bytes have: with others there it would be the same signature.
    if len(signature) != _SIGNATURE_BYTES or base64.b64encode(signature) != line:
        raise _refused(name, "the bundle holds no signature", f"{_SIGNATURE_BYTES} bytes in base64", "not that")
    return signature


def _sets(
    name: str, statement: Statement, data: bytes, start: int, pause: Callable[[], None]
) -> Iterator[tuple[bytes, ...]]:
    expected = start + sum(length for entry in statement.sets for length in entry.parts)
    if len(data) != expected:
        raise _refused(name, "the bundle is cut off or has something added", f"{expected} bytes", str(len(data)))
    for entry in statement.sets:
        ends = list(accumulate(entry.parts, initial=start))
        parts = tuple([data[one:end] for one, end in pairwise(ends)])
        start = ends[-1]
        if not parts or set_digest(parts) != entry.digest:
            raise _refused(
                name, f"set {entry.name[:80]!a} of the bundle has been changed", entry.digest[:80], "another digest"
            )
        pause()
        yield parts


def _refused(name: str, message: str, expected: str, found: str, hint: str | None = None) -> PolicyError:
    return PolicyError(message, expected=expected, found=found, at=name, hint=hint)
