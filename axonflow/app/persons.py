"""Persons in the audit trail, put together: sealed by who writes, opened for who reads, and erased.

Needs ``cryptography``: ``pip install '.[bundles]'``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from axonflow.adapters.person_keys import InstallationKey, WriterKeys
from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase
from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.person_keys import PostgresPersonKeys
from axonflow.app.changes import change_by
from axonflow.app.command_keys import PassingCommandKey
from axonflow.app.commands import Commands, opened_log
from axonflow.audit import AuditEvent, AuditPage, AuditQuery
from axonflow.errors import ConfigurationError
from axonflow.flows.erase_person import ErasedPerson, erase_person
from axonflow.flows.read_persons import PersonLookup, asked_for, opened_for
from axonflow.ports import AuditLog, AuditStore, PersonKeyStore
from axonflow.tenancy import Actor

__all__ = ["AuditPersons", "ErasedPerson", "WriterKeys", "opened_persons", "persons_in", "read_persons_key"]

_MAX_BYTES: Final = 4_096
_MIN_BYTES: Final = 32


class AuditPersons:
    """The persons of a trail whose keys are wrapped under the key of one installation. Methods raise AuditError."""

    def __init__(
        self,
        secret: bytes,
        keys: PersonKeyStore,
        store: AuditStore,
        audit: AuditLog,
        settled: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`settled` is waited for before anybody is erased: what this process records has keys of its own, which are
        in the store then. Raises ConfigurationError for a `secret` of less than 32 bytes."""
        self._installation = InstallationKey(secret)
        self._lookup = PersonLookup(keys, self._installation.tag, self._installation.opens)
        self._store = store
        self._audit = audit
        self._settled = settled

    def writer_keys(self) -> WriterKeys:
        """For one writer, to seal with."""
        return WriterKeys(self._installation)

    async def asked(self, query: AuditQuery) -> AuditQuery:
        """See :func:`axonflow.flows.read_persons.asked_for`."""
        return await asked_for(self._lookup, query)

    async def opened(self, tenant_id: str, events: Sequence[AuditEvent]) -> tuple[AuditEvent, ...]:
        """See :func:`axonflow.flows.read_persons.opened_for`."""
        return await opened_for(self._lookup, tenant_id, events)

    async def search(self, query: AuditQuery) -> AuditPage:
        """What is found in the store, opened."""
        page = await self._store.search(await self.asked(query))
        return AuditPage(await self.opened(query.tenant_id, page.events), page.total)

    async def erase(self, tenant_id: str, person: str, *, actor: Actor, reason: str = "") -> ErasedPerson:
        """See :func:`axonflow.flows.erase_person.erase_person`."""
        if self._settled is not None:
            await self._settled()
        change = change_by(actor, tenant_id, "person.erase", f"audit:{tenant_id}", reason)
        return await erase_person(self._lookup, self._store, self._audit, person, change)


def persons_in(
    database: PostgresDatabase,
    secret: bytes,
    audit: AuditLog | None = None,
    settled: Callable[[], Awaitable[None]] | None = None,
) -> AuditPersons:
    """Those of the trail in `database`. What is erased is recorded in `audit`; or else there, at once, signed with a
    key that is kept nowhere."""
    log = PostgresAuditLog(database, PassingCommandKey()) if audit is None else audit
    return AuditPersons(secret, PostgresPersonKeys(database), PostgresAuditStore(database), log, settled)


@asynccontextmanager
async def opened_persons(database_url: str, secret: bytes, commands: Commands) -> AsyncIterator[AuditPersons]:
    """Those of the trail in the database, for a command, which signs as `commands` say. Raises ConfigurationError."""
    database = await PostgresDatabase.connect(database_url)
    try:
        async with opened_log(database, commands) as audit:
            yield persons_in(database, secret, audit)
    finally:
        await database.close()


def read_persons_key(path: str | os.PathLike[str]) -> bytes:
    """The key in the file `path`: hexadecimal digits, at least 64. Raises ConfigurationError, which shows nothing of
    it."""
    try:
        with Path(path).open("rb") as file:
            secret = bytes.fromhex(file.read(_MAX_BYTES).decode("ascii"))
    except OSError as error:
        raise ConfigurationError("the key for persons cannot be read", found=error.strerror, at=str(path)) from None
    except ValueError:
        secret = b""
    if len(secret) < _MIN_BYTES:
        raise ConfigurationError(
            "not a key for persons", expected="at least 64 hexadecimal digits", found="something else", at=str(path),
            hint="Make one with: openssl rand -hex 32",
        )  # fmt: skip
    return secret
