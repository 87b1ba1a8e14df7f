"""Keys that tenants made: looked up in the database once in a while, and remembered in between.

A key that was revoked is refused within a second: the database announces the change, and where nobody listens at the
moment, what is remembered holds for half a second only. While the database is away, what was known an hour ago at most
goes on to hold: callers would else be locked out by a fault that is none of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from cachetools import TTLCache
from msgspec import Struct

from axonflow.errors import AxonFlowError, TenancyUnavailable
from axonflow.ids import now_us
from axonflow.tenancy import KeyHolder
from axonflow_sidecar.http.keys import Client

__all__ = ["StoredKeys", "Used"]

MAX_KEYS: Final = 10_000
FRESH_S: Final = 30.0
UNHEARD_FRESH_S: Final = 0.5
KEPT_S: Final = 3600.0
WAIT_S: Final = 0.3
"""For an answer of the database about a key that is known: then what is known holds, for this call."""
UNKNOWN_WAIT_S: Final = 5.0
BACK_OFF_S: Final = 1.0
MAX_AGAIN: Final = 1_000
USED_EVERY_S: Final = 600.0
"""How often the last use of a key is noted, at most."""


class _Entry(Struct):
    key_hmac: bytes
    holder: KeyHolder | None
    client: Client | None
    at_s: float
    used_s: float


def _client(holder: KeyHolder) -> Client:
    return Client(
        holder.client_id, holder.tenant_id, holder.permissions, holder.max_requests_per_minute, holder.status,
        holder.roles,
    )  # fmt: skip


class Used(Struct, frozen=True):
    """When a key was last used."""

    tenant_id: str
    key_id: str
    used_us: int


class StoredKeys:
    """`recognised` gives the hash of what is one of our keys, by arithmetic alone; `find` whose it is, and raises
    TenancyUnavailable when it cannot tell. `hears` says whether changes are announced at present: whoever listens calls
    `forget`. Bound to one event loop."""

    def __init__(
        self,
        recognised: Callable[[str], bytes | None],
        find: Callable[[bytes], Awaitable[KeyHolder | None]],
        hears: Callable[[], bool],
        *,
        clock_s: Callable[[], float] = monotonic,
        clock_us: Callable[[], int] = now_us,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._recognised = recognised
        self._find = find
        self._hears = hears
        self._clock_s = clock_s
        self._clock_us = clock_us
        self._known: TTLCache[bytes, _Entry] = TTLCache(max_keys, KEPT_S, timer=clock_s)
        self._asking: dict[bytes, asyncio.Task[_Entry]] = {}
        self._forgotten = 0
        self._doubted = 0
        self._again: dict[bytes, bytes] = {}
        self._looking: asyncio.Task[None] | None = None
        self._slow_until_s = float("-inf")
        self._used: dict[tuple[str, str], Used] = {}

    async def client(self, digest: bytes, key: str) -> Client | None:
        """Who holds `key`, which `digest` stands for. Raises TenancyUnavailable when nobody can tell.

        What was made up never gets into memory or to the database: it could else push out what is known.
        """
        entry = self._known.get(digest)
        if entry is None:
            key_hmac = self._recognised(key)
            if key_hmac is None:
                return None
            entry = await self._looked_up(digest, key_hmac)
        elif self._has_ended(entry):  # a role or the key itself: what is left, the database has to say
            entry = await self._looked_up(digest, entry.key_hmac)
        elif not self._is_fresh(entry):
            entry = await self._renewed(digest, entry)
        if entry.holder is not None:
            self._note_use(entry, entry.holder)
        return entry.client

    def forget(self, tenant_id: str | None = None) -> None:
        """Something of this tenant has changed: its keys are not known any more, and are looked up again, for the
        database may be away when they are presented. Without a tenant, anything may have changed: each key is to be
        looked up before it is taken, if the database answers."""
        if tenant_id is None:
            self._doubted += 1
        else:
            self._forgotten += 1
        for digest, entry in list(self._known.items()):
            if tenant_id is None:
                entry.at_s = float("-inf")
            elif entry.holder is not None and entry.holder.tenant_id == tenant_id:
                del self._known[digest]
                if len(self._again) < MAX_AGAIN:
                    self._again[digest] = entry.key_hmac
        if self._again and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_again())

    def take_used(self) -> list[Used]:
        """The uses that are to be noted in the database."""
        used, self._used = list(self._used.values()), {}
        return used

    async def _look_again(self) -> None:
        """One after the other: who calls meanwhile comes first."""
        while self._again:
            digest = next(iter(self._again))
            key_hmac = self._again.pop(digest)
            if digest not in self._known:
                with suppress(TenancyUnavailable):
                    await asyncio.shield(self._asked(digest, key_hmac))

    def _is_fresh(self, entry: _Entry) -> bool:
        return self._clock_s() - entry.at_s < (FRESH_S if self._hears() else UNHEARD_FRESH_S)

    def _has_ended(self, entry: _Entry) -> bool:
        until_us = entry.holder.until_us if entry.holder is not None else None
        return until_us is not None and until_us <= self._clock_us()

    async def _looked_up(self, digest: bytes, key_hmac: bytes) -> _Entry:
        try:
            async with asyncio.timeout(UNKNOWN_WAIT_S):
                return await asyncio.shield(self._asked(digest, key_hmac))
        except TimeoutError:
            raise TenancyUnavailable("the database does not say whose the key is", hint="Try again.") from None

    async def _renewed(self, digest: bytes, known: _Entry) -> _Entry:
        if self._clock_s() < self._slow_until_s:
            return known
        asked = self._asked(digest, known.key_hmac)
        await asyncio.wait([asked], timeout=WAIT_S)
        if asked.done() and not asked.cancelled() and asked.exception() is None:
            return asked.result()
        self._slow_until_s = self._clock_s() + BACK_OFF_S
        return known

    def _asked(self, digest: bytes, key_hmac: bytes) -> asyncio.Task[_Entry]:
        """The look-up of this key that is under way: one for all who wait."""
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, key_hmac))
            task.add_done_callback(lambda done: self._answered(digest, done))
        return task

    def _answered(self, digest: bytes, task: asyncio.Task[_Entry]) -> None:
        del self._asking[digest]
        if not task.cancelled():
            task.exception()  # taken by whoever waits, and there may be nobody any more

    async def _ask(self, digest: bytes, key_hmac: bytes) -> _Entry:
        forgotten, doubted = self._forgotten, self._doubted
        try:
            holder = await self._find(key_hmac)
        except AxonFlowError:
            raise
        except Exception as error:  # noqa: BLE001  an adapter that keeps to no contract
            raise TenancyUnavailable("keys cannot be looked up", found=type(error).__name__) from None
        client = None if holder is None else _client(holder)
        before = self._known.get(digest)
        used_s = float("-inf") if before is None else before.used_s
        # One that hears nothing now and then while it asks must not forget whom it knows: it is to be asked for again.
        at_s = self._clock_s() if doubted == self._doubted else float("-inf")
        entry = _Entry(key_hmac, holder, client, at_s, used_s)
        if forgotten == self._forgotten:
            self._known[digest] = entry
        else:  # what changed while we asked may be news of this key: it is taken once, and asked for again
            self._known.pop(digest, None)
        return entry

    def _note_use(self, entry: _Entry, holder: KeyHolder) -> None:
        now_s = self._clock_s()
        if now_s - entry.used_s >= USED_EVERY_S:
            entry.used_s = now_s
            place = (holder.tenant_id, holder.key_id)
            self._used[place] = Used(*place, self._clock_us())
