"""What the tests of labels share: policies about mail, steps, and runs through the library's own door."""

import asyncio
from typing import Any

from axonflow import AxonFlow, Plan
from axonflow.plan import PlanResult
from tests.strategies import policy_set

ADDRESS = "write to ann@example.com"
NO_MAIL = {
    "id": "no-mail", "effect": "deny", "reason": "Mail takes no addresses.",
    "match": {"action": "tool.call", "resource.id": "mail", "context.labels": "pii:email"},
}  # fmt: skip
MAY_MASK = {
    "id": "may-mask", "effect": "allow",
    "match": {"action": "label.declassify", "resource.type": "function", "resource.id": "mask"},
}  # fmt: skip


def masking(*actions: str) -> dict[str, Any]:
    return {
        "id": "masks", "effect": "redact", "match": {"action": list(actions)}, "when": 'detected("pii.email")',
        "obligations": [{"detectors": ["pii.email"]}],
    }  # fmt: skip


def opened(*rules: dict[str, Any], default: str = "allow", **parts: Any) -> AxonFlow:
    return AxonFlow.open(policy_set(list(rules), default=default, **parts))


def ran(flow: AxonFlow, plan: Plan, **options: Any) -> PlanResult:
    return asyncio.run(asyncio.wait_for(flow.run(plan, principal="user:ann", **options), 30))


async def echo(**arguments: Any) -> dict[str, Any]:
    return arguments


async def address(**_arguments: Any) -> list[str]:
    return [ADDRESS]


async def words(**_arguments: Any) -> str:
    return "nothing of interest"


def events(flow: AxonFlow) -> list[Any]:
    return [record.event for record in asyncio.run(flow.audit.oldest(1_000))]  # type: ignore[attr-defined]  # in memory


def asked(flow: AxonFlow, action: str) -> list[Any]:
    return [event for event in events(flow) if event.kind == "decision" and event.action == action]
