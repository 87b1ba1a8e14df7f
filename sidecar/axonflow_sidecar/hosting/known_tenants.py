"""What a service knows of tenants and their keys, and what keeps that fresh while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from axonflow.app.durable import Durable, Trouble
from axonflow.app.peppers import parse_peppers
from axonflow.errors import TenancyUnavailable
from axonflow.tenancy import TenantStatus
from axonflow_sidecar.hosting.atomic_files import write_atomically
from axonflow_sidecar.hosting.settings import ServiceSettings
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import KeyRing
from axonflow_sidecar.http.stored_keys import StoredKeys

__all__ = ["Known", "inactive_tenants"]

NOTE_S: Final = 10.0
_log = logging.getLogger("axonflow.tenants")


@asynccontextmanager
async def inactive_tenants(settings: ServiceSettings, durable: Durable) -> AsyncIterator[Mapping[str, TenantStatus]]:
    """Who may do nothing at present, kept fresh for as long as the block lasts. The agent remembers it on disk for both
    services."""
    known = _read(Path(settings.inactive_file)) if settings.inactive_file else {}
    watch = durable.watch_tenants(lambda _: None, _report, known)
    task = asyncio.create_task(watch.run())
    try:
        yield watch.inactive
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Known:
    """Of one service with a database."""

    def __init__(self, settings: ServiceSettings, durable: Durable) -> None:
        self.tenancy = durable.tenancy(parse_peppers(settings.peppers, "the peppers of the installation"))
        self._file = Path(settings.inactive_file)
        self._kept = _read(self._file)
        self._watch = durable.watch_tenants(self._changed, _report, self._kept)
        self._stored = StoredKeys(self.tenancy.recognised, self.tenancy.holder, lambda: self._watch.hears)
        self._identities = Identities(KeyRing(settings.keys), self._stored, self._watch.inactive)

    @property
    def troubles(self) -> list[Trouble]:
        """What does not work of it."""
        since_us = self._watch.unheard_since_us
        reason = "changes of tenants and keys are not heard: what is known of them holds"
        return [] if since_us is None else [Trouble("tenants", since_us, reason)]

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[Identities]:
        """Who may call, for as long as the block lasts."""
        tasks = [asyncio.create_task(self._watch.run()), asyncio.create_task(self._note())]
        try:
            yield self._identities
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._note_uses()

    def _changed(self, tenant_id: str | None) -> None:
        self._stored.forget(tenant_id)

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(NOTE_S)
            await self._note_uses()
            self._keep_inactive()

    async def _note_uses(self) -> None:
        """A use that cannot be noted is not worth waiting for."""
        with suppress(TenancyUnavailable):
            for used in self._stored.take_used():
                await self.tenancy.key_used(used.tenant_id, used.key_id, used.used_us)

    def _keep_inactive(self) -> None:
        """For a start without a database: who was suspended then still is."""
        if self._kept == self._watch.inactive:
            return
        kept = dict(self._watch.inactive)
        try:
            write_atomically(self._file, msgspec.json.encode(kept), 0o600)
            self._kept = kept
        except OSError as error:
            _log.warning("suspended tenants cannot be remembered", extra={"facts": {"reason": str(error.strerror)}})


def _read(file: Path) -> dict[str, TenantStatus]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, TenantStatus])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("suspended tenants are not remembered", extra={"facts": {"reason": type(error).__name__}})
        return {}


def _report(trouble: str | None) -> None:
    if trouble is None:
        _log.info("changes of tenants and keys are heard again")
    else:
        _log.warning("changes of tenants and keys are not heard", extra={"facts": {"reason": trouble}})
