"""flow.enforce against flow.decide on the same requests, with an audit log that only queues: what recording costs.

The log does what an asynchronous one has to before it lets the caller go on: the event's bytes are made and queued.
Processor time of this thread, in short rounds by turns; what enforce takes more is the median of the differences within
a round, since a minute in which others work slows both. No request comes twice; each decision is awaited on a loop.

Behind a scan of the content everything costs more, for the scan has filled the processor's caches: the bytes of one and
the same event took 2.1 us by themselves, and 6.3 us after a decision of 95 us. The target is for rules without a scan.
"""

import asyncio
import statistics
import time

from axonflow import AxonFlow, Request
from axonflow.ids import new_id, now_us

ROUNDS = 60
CALLS = 100
TARGET_US = 10

PLAIN = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "plain"},
    "default": "deny",
    "rules": [
        {"id": "tools", "effect": "allow", "match": {"action": "tool.call", "context.env": ["dev", "prod"]}},
        {"id": "models", "effect": "allow", "match": {"action": "llm.request"}},
        {"id": "dear", "effect": "deny", "when": "has(context.amount_usd) && context.amount_usd > 1000000000"},
        {"id": "outside", "effect": "deny", "when": 'has(context.path) && !context.path.startsWith("/srv/")'},
    ],
}

TOOL_CALL = ("agent:planner", "tool.call", "tool:search")
CASES = {
    "plain rules": (
        PLAIN, lambda one: Request(*TOOL_CALL, {"env": "dev", "path": f"/srv/{one}", "amount_usd": one}),
    ),
    "plain rules, delegated": (
        PLAIN,
        lambda one: Request(
            {"id": "bot", "type": "agent", "on_behalf_of": f"user:u{one}"}, *TOOL_CALL[1:], {"env": "dev"}
        ),
    ),
    "plain rules, a prompt": (
        PLAIN, lambda one: Request("user:ann", "llm.request", "model:m", content=f"Summarise ticket {one}, please."),
    ),
    "baseline, a prompt": (
        "@baseline",
        lambda one: Request("user:ann", "llm.request", "model:m", content=f"Summarise ticket {one}, please."),
    ),
    "baseline, findings": (
        "@baseline",
        lambda one: Request("user:ann", "llm.request", "model:m", content=f"Write to ann{one}@example.com, please."),
    ),
    "baseline, with a limit": ("@baseline", lambda one: Request(*TOOL_CALL, {"env": "dev", "amount_usd": one})),
}  # fmt: skip
"""What a limit takes is no cost of the record either: the target is for the plain ones."""


class Queueing:
    """An AuditLog that makes an event's bytes, and forgets them."""

    def __init__(self):
        self.writer_id = new_id(now_us())
        self.queued = 0

    def append_later(self, event):
        self.queued += len(event.recordable()) > 0
        return True


class Discarding(Queueing):
    """One that does not even look at the event."""

    def append_later(self, event):
        self.queued += 1
        return True


async def decided(flow, requests):
    for request in requests:
        flow.decide(request)


async def enforced(flow, requests):
    for request in requests:
        await flow.enforce(request)


def spent_us(verb, flow, requests):
    async def timed():
        start_ns = time.thread_time_ns()
        await verb(flow, requests)
        return (time.thread_time_ns() - start_ns) / len(requests) / 1_000

    return asyncio.run(timed())


def main():
    print(f"flow.enforce and flow.decide; processor microseconds a call, median of {ROUNDS} alternating rounds")
    print(f"{'':<24}{'decide':>8}{'enforce':>9}{'more':>8}{'without bytes':>15}")
    for name, (policies, request) in CASES.items():
        queueing, discarding = (AxonFlow.open(policies, audit=log()) for log in (Queueing, Discarding))
        contenders = {
            "decide": (decided, queueing), "enforce": (enforced, queueing), "no bytes": (enforced, discarding),
        }  # fmt: skip
        rounds = {contender: [] for contender in contenders}
        for number in range(ROUNDS + 1):  # the first is thrown away
            for contender, (verb, flow) in contenders.items():
                requests = [request(one) for one in range(number * CALLS, (number + 1) * CALLS)]
                rounds[contender].append(spent_us(verb, flow, requests))
        decide, enforce = (statistics.median(rounds[contender][1:]) for contender in ("decide", "enforce"))
        more, without_bytes = (
            statistics.median(one - other for one, other in zip(rounds[contender], rounds["decide"], strict=True))
            for contender in ("enforce", "no bytes")
        )
        verdict = "met" if more <= TARGET_US else "MISSED"
        judged = f"   target <= {TARGET_US}: {verdict}" if name.startswith("plain") else ""
        print(f"{name:<24}{decide:>8.2f}{enforce:>9.2f}{more:>8.2f}{without_bytes:>15.2f}{judged}")


if __name__ == "__main__":
    main()
