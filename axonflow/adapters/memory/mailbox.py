"""A mailbox in memory. A lock makes each step one, for callers in several event loops and threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from msgspec import Struct

from axonflow.errors import MailboxError
from axonflow.ids import new_id
from axonflow.ports.mailbox import AgentMessage, Delivery

__all__ = ["MailboxLimits", "MemoryMailbox"]

_US_A_MS: Final = 1_000


class MailboxLimits(Struct, frozen=True, kw_only=True):
    """How long a message stays in the hands of who received it, how often it is received, how many a recipient has at
    most (dead ones count), how many recipients a tenant has, and how long and how many of its keys are remembered."""

    visibility_ms: int = 30_000
    max_attempts: int = 5
    max_messages: int = 10_000
    max_recipients: int = 10_000
    dedup_ms: int = 24 * 3_600_000
    max_keys: int = 100_000


class _Box:
    """Of one recipient: what waits, what is in hands (by receipt, as it was received: the first is over first), and
    what is dead."""

    __slots__ = ("dead", "in_hands", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[AgentMessage, int]] = deque()
        self.in_hands: dict[str, tuple[Delivery, int]] = {}
        self.dead: dict[str, Delivery] = {}

    def __len__(self) -> int:
        return len(self.waiting) + len(self.in_hands) + len(self.dead)


class _Room:
    """Of one tenant: its recipients' boxes, and the keys that are known, each with the time at which it is
    forgotten."""

    __slots__ = ("boxes", "keys")

    def __init__(self) -> None:
        self.boxes: dict[str, _Box] = {}
        self.keys: dict[tuple[str, str, str], int] = {}

    def forget_keys(self, now_us: int) -> None:
        while self.keys:  # in the order in which they were sent, and so end
            oldest = next(iter(self.keys))
            if self.keys[oldest] > now_us:
                return
            del self.keys[oldest]


class MemoryMailbox:
    """`clock_us` gives microseconds since the Unix epoch."""

    def __init__(self, clock_us: Callable[[], int], limits: MailboxLimits | None = None) -> None:
        self._clock_us = clock_us
        self._limits = limits or MailboxLimits()
        self._rooms: dict[str, _Room] = {}  # of each tenant its own, so that none fills up another's
        self._lock = threading.Lock()

    async def send(self, message: AgentMessage) -> bool:
        with self._lock:
            now_us = self._clock_us()
            room = self._rooms.setdefault(message.tenant_id, _Room())
            key = (message.recipient, message.sender, message.dedup_key)
            room.forget_keys(now_us)
            if message.dedup_key and key in room.keys:
                return False
            box = self._box_to_fill(room, message.recipient)
            if message.dedup_key:
                if len(room.keys) >= self._limits.max_keys:  # forgetting one too early would deliver twice
                    raise _full(f"{self._limits.max_keys} keys")
                room.keys[key] = now_us + self._limits.dedup_ms * _US_A_MS
            room.boxes[message.recipient] = box
            box.waiting.append((message, 0))
            return True

    async def receive(self, tenant_id: str, recipient: str, limit: int) -> list[Delivery]:
        with self._lock:
            box = self._box(tenant_id, recipient)
            if box is None:
                return []
            now_us = self._clock_us()
            self._take_back(box, now_us)
            received: list[Delivery] = []
            while box.waiting and len(received) < limit:
                message, attempts = box.waiting.popleft()
                delivery = Delivery(message, new_id(now_us), attempts + 1)
                box.in_hands[delivery.receipt] = (delivery, now_us + self._limits.visibility_ms * _US_A_MS)
                received.append(delivery)
            return received

    async def ack(self, delivery: Delivery) -> bool:
        tenant_id, recipient = delivery.message.tenant_id, delivery.message.recipient
        with self._lock:
            box = self._box(tenant_id, recipient)
            if box is None:
                return False
            self._take_back(box, self._clock_us())
            gone = box.in_hands.pop(delivery.receipt, None) or box.dead.pop(delivery.receipt, None)
            if not len(box):
                del self._rooms[tenant_id].boxes[recipient]
            return gone is not None

    async def dead(self, tenant_id: str, recipient: str, limit: int) -> list[Delivery]:
        with self._lock:
            box = self._box(tenant_id, recipient)
            if box is None:
                return []
            self._take_back(box, self._clock_us())
            return list(islice(box.dead.values(), max(limit, 0)))

    def _take_back(self, box: _Box, now_us: int) -> None:
        """What was in hands for too long waits again, before what is younger; or is dead."""
        over: list[Delivery] = []
        for delivery, until_us in box.in_hands.values():
            if until_us > now_us:
                break
            over.append(delivery)
        for delivery in over:
            del box.in_hands[delivery.receipt]
            if delivery.attempt >= self._limits.max_attempts:
                box.dead[delivery.receipt] = delivery
        again = [one for one in over if one.attempt < self._limits.max_attempts]
        box.waiting.extendleft((one.message, one.attempt) for one in reversed(again))

    def _box(self, tenant_id: str, recipient: str) -> _Box | None:
        room = self._rooms.get(tenant_id)
        return None if room is None else room.boxes.get(recipient)

    def _box_to_fill(self, room: _Room, recipient: str) -> _Box:
        box = room.boxes.get(recipient)
        if box is None:
            if len(room.boxes) >= self._limits.max_recipients:
                raise _full(f"{self._limits.max_recipients} recipients")
            return _Box()
        if len(box) >= self._limits.max_messages:
            raise _full(f"{self._limits.max_messages} messages of a recipient")
        return box


def _full(most: str) -> MailboxError:
    return MailboxError("the memory mailbox is full", expected=f"at most {most}", found="one more")
