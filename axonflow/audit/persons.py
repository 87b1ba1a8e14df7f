"""What of an event tells of persons, sealed under keys of theirs: so it ends with these, and the chain goes on.

A person is who is named ``user:<id>``: as principal, among those it acts for, or as what is acted upon. In their place
stands ``user:~<key id>``, which tells whose it is while the key is there, and nothing afterwards. What was recorded of
them besides (the values that policies read, redacted content, details, errors) is sealed under the keys of all persons
of the event together, so the first that is destroyed ends it. Of an administrator's action and of a log-in only the
names are sealed: what was changed is others' business too.

Keys, ciphers and randomness come from outside.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow.audit.event import SEALED_VERSION, AuditEvent
from axonflow.audit.storable import Storable

__all__ = [
    "KeptKey",
    "Opens",
    "PersonKey",
    "Seals",
    "is_person",
    "is_pseudonym",
    "key_ids_of",
    "opened",
    "persons_of",
    "pseudonym",
    "sealed",
]

_PERSON: Final = "user:"
_PSEUDONYM: Final = "user:~"
_IS_PSEUDONYM: Final = re.compile(r"user:~[0-9a-f]{32}")
_NAMES_ONLY: Final = frozenset({"admin", "login"})
_ABOUT: Final = "axonflow.audit.person.v1"


Seals = Callable[[bytes, bytes], bytes]
"""Seals data with one key, about something: it opens together with that alone."""
Opens = Callable[[bytes, bytes], bytes | None]
"""Opens it again; None for what was sealed with another key, about something else, or is not as it was."""


class KeptKey(Struct, frozen=True, gc=False):
    """A person's key as it is kept: `wrapped` under the key of the installation, and found by its `tag`, which only
    who has that can compute of a person. Both are gone once it is destroyed. `created_us` is in microseconds since the
    Unix epoch."""

    tenant_id: str
    key_id: str
    tag: bytes
    wrapped: bytes
    created_us: int


class PersonKey:
    """A key in use. `unkept` has to be on the disk before anything is that was sealed with it; None once it is."""

    __slots__ = ("key_id", "seal", "unkept")

    def __init__(self, key_id: str, seal: Seals, unkept: KeptKey | None) -> None:
        self.key_id = key_id
        self.seal = seal
        self.unkept = unkept


class _Told(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is sealed: the person's id, and what was recorded of them."""

    name: str = ""
    errors: tuple[str, ...] = ()
    content_redacted: str = ""
    attributes: dict[str, Storable] = {}
    details: dict[str, Storable] = {}


_NOTHING: Final = _Told()
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(_Told).decode


def is_person(name: str) -> bool:
    """Whether the short form names one."""
    return name.startswith(_PERSON)


def is_pseudonym(name: str) -> bool:
    """Whether the short form is what stands for a person whose names are sealed."""
    return _IS_PSEUDONYM.fullmatch(name) is not None


def pseudonym(key_id: str) -> str:
    """What stands in the place of the person whose key that is."""
    return _PSEUDONYM + key_id


def persons_of(event: AuditEvent) -> tuple[str, ...]:
    """The persons that `event` names, each once, in short form: who acted first."""
    if not event.on_behalf_of and not event.resource.startswith(_PERSON):  # as most
        return (event.principal,) if event.principal.startswith(_PERSON) else ()
    names = dict.fromkeys((event.principal, *event.on_behalf_of, event.resource))
    return tuple(name for name in names if name.startswith(_PERSON))


def sealed(event: AuditEvent, key_of: Callable[[str, str], PersonKey]) -> tuple[AuditEvent, Sequence[PersonKey]]:
    """`event` with what tells of persons sealed, and the keys that it is sealed with, which `key_of` gives for a tenant
    and a person. As it is, where nothing does. Of fields of other types than they should be, what they are written as
    counts: bytes may become the name of a person.

    Raises AuditError, which names the field, for what could not be recorded unsealed either.
    """
    try:
        persons = persons_of(event)
        is_as_written = not persons or _is_well_formed(event)
    except (AttributeError, TypeError):
        is_as_written = False
    if not is_as_written:
        event = AuditEvent.from_canonical(event.recordable())
        persons = persons_of(event)
    if not persons:
        return event, ()
    keys = [key_of(event.tenant_id, person) for person in persons]
    names_only = event.kind in _NAMES_ONLY
    if len(keys) == 1:
        key_id, name = keys[0].key_id, persons[0][len(_PERSON) :]
        parts = {key_id: _sealed(event, keys, key_id, _Told(name) if names_only else _told_of(event, name))}
    else:
        parts = {
            key.key_id: _sealed(event, [key], key.key_id, _Told(person[len(_PERSON) :]))
            for person, key in zip(persons, keys, strict=True)
        }
        told = _NOTHING if names_only else _told_of(event)
        if told != _NOTHING:
            together = " ".join([key.key_id for key in keys])
            parts[together] = _sealed(event, keys, together, told)
    names = {person: _PSEUDONYM + key.key_id for person, key in zip(persons, keys, strict=True)}
    left = _told_of(event) if names_only else _NOTHING
    return _with(event, names, left, parts, SEALED_VERSION), keys


def key_ids_of(events: Iterable[AuditEvent]) -> set[str]:
    """The ids of all keys that something of `events` is sealed with."""
    return {key_id for event in events for names in event.sealed for key_id in names.split(" ")}


def opened(event: AuditEvent, keys: Mapping[str, Opens]) -> AuditEvent:
    """`event` with everything opened that `keys`, by their ids, open. What stays in `sealed` is of persons whose keys
    are not there: destroyed, or not this reader's."""
    names: dict[str, str] = {}
    told = _NOTHING
    left: dict[str, str] = {}
    for key_ids, text in event.sealed.items():
        part = _opened(event, key_ids, text, keys)
        if part is None:
            left[key_ids] = text
            continue
        if " " not in key_ids:
            names[_PSEUDONYM + key_ids] = _PERSON + part.name
        if " " in key_ids or len(event.sealed) == 1:
            told = replace(part, name="")
    if len(left) == len(event.sealed):
        return event
    told = told if told != _NOTHING else _told_of(event)
    return _with(event, names, told, left, event.schema_version)


def _with(event: AuditEvent, names: Mapping[str, str], told: _Told, parts: dict[str, str], version: int) -> AuditEvent:
    """`event` with these names in place of those that they are of, what is `told`, and sealed `parts`."""
    others = event.on_behalf_of
    return replace(
        event, principal=names.get(event.principal, event.principal),
        resource=names.get(event.resource, event.resource),
        on_behalf_of=tuple([names.get(name, name) for name in others]) if others else (), errors=told.errors,
        content_redacted=told.content_redacted, attributes=told.attributes, details=told.details, sealed=parts,
        schema_version=version,
    )  # fmt: skip


def _is_well_formed(event: AuditEvent) -> bool:
    """Whether what is to be sealed can be read back: nobody sees its types any more afterwards."""
    return (
        isinstance(event.tenant_id, str) and isinstance(event.kind, str)
        and isinstance(event.attributes, dict) and isinstance(event.details, dict)
        and isinstance(event.content_redacted, str) and isinstance(event.errors, tuple)
        and all(isinstance(error, str) for error in event.errors)
    )  # fmt: skip


def _told_of(event: AuditEvent, name: str = "") -> _Told:
    return _Told(name, event.errors, event.content_redacted, event.attributes, event.details)


def _sealed(event: AuditEvent, keys: Sequence[PersonKey], key_ids: str, part: _Told) -> str:
    try:
        data = _encode(part)
    except Exception:  # noqa: BLE001  what it is that cannot be written, the event says in its own words
        data = event.encoded()
    event.check_values(data)
    about = _about(event, key_ids)
    for key in keys:
        data = key.seal(data, about)
    return binascii.b2a_base64(data, newline=False).decode()


def _opened(event: AuditEvent, key_ids: str, text: str, keys: Mapping[str, Opens]) -> _Told | None:
    try:
        data: bytes | None = binascii.a2b_base64(text, strict_mode=True)
        for key_id in reversed(key_ids.split(" ")):
            opens = keys.get(key_id)
            data = None if opens is None or data is None else opens(data, _about(event, key_ids))
        return None if data is None else _decode(data)
    except (binascii.Error, ValueError, msgspec.MsgspecError):  # nothing that was ever sealed
        return None


def _about(event: AuditEvent, key_ids: str) -> bytes:
    """What a sealed part belongs to: in another event it does not open."""
    return f"{_ABOUT}\0{event.tenant_id}\0{event.event_id}\0{key_ids}".encode("utf-8", "surrogatepass")
