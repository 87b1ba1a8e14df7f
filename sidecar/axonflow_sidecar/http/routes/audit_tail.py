"""``GET /v1/audit/tail``: what is recorded, as it comes, from this agent and all others, as Server-Sent Events.

The format is that of the HTML standard, section 9.2. The id of an event is a position in the trail, so whoever connects
again with ``Last-Event-ID``, as browsers do by themselves, gets what came meanwhile. The store is the buffer: nothing
is read from it before the client has taken what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError
from axonflow.app.tailing import Tailing, TailLook
from axonflow.audit import AuditQuery
from axonflow.audit.query import check_short_form, check_words
from axonflow.audit.tail import TailPosition
from axonflow_sidecar.http.administration import tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.places import RETRY_S, Places
from axonflow_sidecar.http.services import AgentServices, check_known, check_tenant
from axonflow_sidecar.http.translate import parse_time_us

__all__ = ["MAX_TAILS", "MAX_TAILS_OF_TENANT", "TailTimes", "audit_tail"]

MAX_TAILS_OF_TENANT: Final = 8
MAX_TAILS: Final = 64
_PERMISSION: Final = "audit.read"
_FILTERS: Final = (
    "kind", "principal", "client_id", "action", "resource", "effect", "decision_id", "policy_name",
)  # fmt: skip

_NAMES: Final = {"policy_name": "policy"}


class TailTimes(Struct, frozen=True):
    """In seconds: between looks where nothing of this agent came, and after something did, for more to come along;
    until something is sent although nothing comes, and whose key it is is looked at again; and how long a client may
    take for what one look gave."""

    poll_s: float = 1.0
    gather_s: float = 0.1
    heartbeat_s: float = 15.0
    slow_s: float = 10.0


_USUAL: Final = TailTimes()


def audit_tail(services: AgentServices, times: TailTimes = _USUAL) -> Handler:
    """The handler. It begins now, or behind what the caller names."""
    places = Places("tails", "End one, or search.", MAX_TAILS, MAX_TAILS_OF_TENANT)

    async def handler(call: Call) -> Reply:
        if services.tail is None:
            raise Refused(503, AxonFlowError("no database", hint="Events are kept in the spool until there is one."))
        told = call.query("after", "since", "user_email", *_FILTERS)
        tenant_id = tenant_named(call)
        check_tenant(call, tenant_id)
        query = _query(tenant_id, told)
        position = _position(call, told, services.clock_us())
        await check_known(services, call, tenant_id)
        pieces = _kept(places, _Stream(call, services.tail, query, position, times))
        return Reply(await anext(pieces), content_type=b"text/event-stream", rest=pieces)

    return handler


def _query(tenant_id: str, told: dict[str, str]) -> AuditQuery:
    if email := told.get("user_email"):
        told["principal"] = f"user:{email}"
    filters = {_NAMES.get(name, name): told[name] for name in _FILTERS if told.get(name)}
    check_words(filters.get("kind"), filters.get("effect"), at="")
    check_short_form(filters.get("principal"), "principal")
    check_short_form(filters.get("resource"), "resource")
    return AuditQuery(tenant_id=tenant_id, **filters)  # type: ignore[arg-type]  # all of these are text


def _position(call: Call, told: dict[str, str], now_us: int) -> TailPosition:
    """Where the tail begins; what a client that comes back says of itself goes before what its address says."""
    after = call.header(b"last-event-id") or told.get("after")
    if after:
        return TailPosition.parse(after)
    return TailPosition.at(parse_time_us(told["since"], "since") if told.get("since") else now_us)


async def _kept(places: Places, stream: _Stream) -> AsyncGenerator[bytes, None]:
    with places.one_of(stream.query.tenant_id):
        ends: _Ends = {
            asyncio.create_task(stream.call.left()): "",
            asyncio.create_task(stream.call.stopping.wait()): "stopping",
        }
        try:
            yield b"retry: %d\n\n" % (RETRY_S * 1000)
            async with aclosing(stream.pieces(ends)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


_Ends = dict["asyncio.Task[Any]", str]
"""What ends a stream, and the reason to tell; none to tell to one that has gone."""


class _Stream:
    def __init__(
        self, call: Call, tailing: Tailing, query: AuditQuery, position: TailPosition, times: TailTimes
    ) -> None:
        self.call = call
        self.query = query
        self._tailing = tailing
        self._position = position
        self._times = times
        self._said_s = self._checked_s = monotonic()

    async def pieces(self, ends: _Ends) -> AsyncGenerator[bytes, None]:
        """What is sent, until something ends it."""
        reason: str | None = None
        while reason is None:
            arrival = self._tailing.arrival
            try:
                if not await self._may_still():
                    reason = "forbidden"
                    break
                look = await self._tailing.look(self.query, self._position)
            except AxonFlowError:
                reason = "unavailable"
                break
            if piece := self._shown(look):
                self._said_s = monotonic()
                yield piece
                if monotonic() - self._said_s > self._times.slow_s:
                    reason = "slow"
                    break
            reason = await self._pause(arrival, ends) if look.is_last else _ended(ends)
        if reason:
            yield b"event: end\ndata: %b\n\n" % msgspec.json.encode({"reason": reason})

    async def _may_still(self) -> bool:
        """Keys are looked at again now and then: a tail may last longer than they do."""
        if monotonic() - self._checked_s < self._times.heartbeat_s:
            return True
        self._checked_s = monotonic()
        return await self.call.may_still(_PERMISSION, self.query.tenant_id)

    def _shown(self, look: TailLook) -> bytes:
        """What is to be sent: events, or that there are none, once in a while, and how far was looked."""
        self._position = look.position
        if not look.events:
            is_due = monotonic() - self._said_s >= self._times.heartbeat_s
            return b"id: %b\n: nothing new\n\n" % look.position.token.encode() if is_due else b""
        return b"".join(
            b"id: %b\ndata: %b\n\n" % (position.token.encode(), event.canonical()) for position, event in look.events
        )

    async def _pause(self, arrival: asyncio.Event, ends: _Ends) -> str | None:
        """Until it may be worth to look again, or the reason to end."""
        waking = asyncio.create_task(arrival.wait())
        try:
            await asyncio.wait({waking, *ends}, timeout=self._times.poll_s, return_when=asyncio.FIRST_COMPLETED)
            if waking.done():
                await asyncio.wait(ends, timeout=self._times.gather_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
        return _ended(ends)


def _ended(ends: _Ends) -> str | None:
    return next((reason for task, reason in ends.items() if task.done()), None)
