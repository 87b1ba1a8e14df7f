"""Asks agents on a fixed schedule, whatever comes back: one process, for the load must not wait for what it measures.

python -m tests.open_loop < PLAN > ANSWERS

The plan is a line of JSON: {"ports": [...], "rate": requests a second of each, "key": ..., "body": {...}}. Each answer
is a line, an array: agent, due, sent and answered (nanoseconds of the monotonic clock), the digest and policies that it
was decided by and the decision's id, or null, what came instead and null. Requests of an agent that are under way have
a connection each, HTTP/1.1, kept and taken again. It ends when its input does, with what is under way then.

It takes little of the processor that it shares with whom it asks: requests are ready bytes, and it looks at its
schedule once a millisecond. A request goes up to so much later than it is due, which counts as time of the answer.
"""

import asyncio
import collections
import contextlib
import gc
import re
import sys
import time

import msgspec
import uvloop

FLUSH_S = 0.05
GIVEN_UP_S = 10
WAKE_S = 0.001
"""libuv counts in milliseconds: less than half of one is none, and the loop would run in circles until it is time."""
IDLE_NS = 5_000_000_000
"""A connection that was not taken for so long is let go of, before the agent does, at 10 s (its header timeout)."""
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Plan(msgspec.Struct):
    ports: list[int]
    rate: float
    key: str
    body: msgspec.Raw


class Answer(msgspec.Struct):
    decision_id: str
    policy_digest: str
    policies: tuple[str, ...]


_answer = msgspec.json.Decoder(Answer)


class Exchange(asyncio.Protocol):
    """One connection, and the request under way on it."""

    def __init__(self, agent):
        self._agent = agent
        self._transport = None
        self._received = b""
        self._due_ns = self._sent_ns = 0
        self._is_let_go = False

    def connection_made(self, transport):
        self._transport = transport

    def send(self, due_ns):
        self._due_ns, self._sent_ns = due_ns, time.monotonic_ns()
        self._transport.write(self._agent.request)

    def data_received(self, data):
        now_ns = time.monotonic_ns()
        received = self._received + data
        head, found, body = received.partition(b"\r\n\r\n")
        if not found or len(body) < int(LENGTH.search(head)[1]):
            self._received = received
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200 "):
            answer = _answer.decode(body)
            self._tell(now_ns, answer.policy_digest, answer.policies, answer.decision_id)
        else:
            self._tell(now_ns, None, (head + body).decode(errors="replace")[:500])
        self._agent.free.append(self)

    def connection_lost(self, _):
        if self in self._agent.free:
            self._agent.free.remove(self)
        elif not self._is_let_go:
            self._tell(time.monotonic_ns(), None, "the connection was closed")

    def idle_ns(self, now_ns):
        return now_ns - self._sent_ns

    def let_go(self):
        self._is_let_go = True
        self._transport.close()

    def _tell(self, now_ns, digest, found, decision_id=None):
        self._agent.tell([self._agent.number, self._due_ns, self._sent_ns, now_ns, digest, found, decision_id])


class Agent:
    """One that is asked, and the connections to it that are free."""

    def __init__(self, number, port, plan, tell):
        self.number = number
        self.free = collections.deque()
        self.idle = asyncio.Event()
        self._tell = tell
        self._under_way = 0
        self._port = port
        body = bytes(plan.body)
        self.request = (
            f"POST /v1/decisions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {plan.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._connecting = set()

    def tell(self, answer):
        self._tell(answer)
        self._under_way -= 1
        if not self._under_way:
            self.idle.set()

    def ask(self, due_ns):
        self._under_way += 1
        self.idle.clear()
        self._let_go_of_idle()
        if self.free:
            self.free.pop().send(due_ns)  # few that are warm, however many there were once
        else:
            task = asyncio.ensure_future(self._ask_anew(due_ns))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def _let_go_of_idle(self):
        now_ns = time.monotonic_ns()
        while self.free and self.free[0].idle_ns(now_ns) > IDLE_NS:
            self.free.popleft().let_go()

    async def _ask_anew(self, due_ns):
        loop = asyncio.get_running_loop()
        try:
            _, exchange = await loop.create_connection(lambda: Exchange(self), "127.0.0.1", self._port)
        except OSError as error:
            self.tell([self.number, due_ns, due_ns, time.monotonic_ns(), None, str(error), None])
        else:
            exchange.send(due_ns)


class Schedule:
    """When whom: evenly, one agent after the other."""

    def __init__(self, agents, rate):
        self._loop = asyncio.get_running_loop()
        self._agents = agents
        self._step_ns = int(1e9 / (rate * len(agents)))
        self._due_ns = time.monotonic_ns() + 100_000_000
        self._next = 0
        self._is_over = False
        self._wake()

    def end(self):
        """No more from now on."""
        self._is_over = True

    def _wake(self):
        if self._is_over:
            return
        while self._due_ns <= time.monotonic_ns():
            self._agents[self._next].ask(self._due_ns)
            self._next = (self._next + 1) % len(self._agents)
            self._due_ns += self._step_ns
        self._loop.call_later(max(WAKE_S, (self._due_ns - time.monotonic_ns()) / 1e9), self._wake)


async def main():
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    loop = asyncio.get_running_loop()
    told, encode = [], msgspec.json.Encoder().encode_lines

    def flush():
        if told:
            sys.stdout.buffer.write(encode(told))
            sys.stdout.buffer.flush()
            told.clear()
        loop.call_later(FLUSH_S, flush)

    flush()
    agents = [Agent(number, port, plan, told.append) for number, port in enumerate(plan.ports)]
    gc.collect()
    gc.freeze()
    schedule = Schedule(agents, plan.rate)
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    schedule.end()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(agent.idle.wait() for agent in agents)), GIVEN_UP_S)
    flush()


if __name__ == "__main__":
    uvloop.run(main())
