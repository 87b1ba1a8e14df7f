"""What the wire contract asks of a simulation, as a request of ours. Nobody proved who they are: it is only what if."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from axonflow.policy.request import ACTIONS, Principal, Request, Resource

__all__ = ["Simulated", "resource_type_of", "simulated_request"]

_ACTIONS: Final = {
    "sql": "connector.query",
    "mcp-query": "connector.query",
    "mcp_query": "connector.query",
    "tool": "tool.call",
    "tool_call": "tool.call",
    "agent": "agent.message",
    "response": "llm.response",
    "llm_response": "llm.response",
}
"""By request type; one of our actions is itself, and anything else is a question to a model."""
_RESOURCES: Final = {"llm": "model", "tool": "tool", "connector": "connector", "agent": "agent", "plan": "plan"}
"""By the first word of the action."""


class Simulated(Struct, kw_only=True):
    """Of ``/api/v1/policies/simulate``, and an input of an impact report."""

    query: str
    request_type: str | None = None
    user: dict[str, Any] | None = None
    client: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


def simulated_request(asked: Simulated, tenant_id: str, client_id: str) -> Request:
    """The request that `asked` stands for, in this tenant. Raises RequestError for what is none."""
    kind = asked.request_type or "chat"
    action = kind if kind in ACTIONS else _ACTIONS.get(kind, "llm.request")
    resource_type = resource_type_of(action)
    context = {"request_type": kind, **(asked.context or {})}
    name = context.get(resource_type)
    resource = Resource(resource_type, name if isinstance(name, str) and name else "unspecified")
    client = (asked.client or {}).get("id")
    principal = Principal(
        client if isinstance(client, str) and client else client_id, "service", tenant_id,
        on_behalf_of=_user(asked.user or {}, tenant_id),
    )  # fmt: skip
    return Request(principal, action, resource, context, asked.query)


def resource_type_of(action: str) -> str:
    """The type of the resource of one of our actions; the context names the resource by it."""
    return _RESOURCES[action.partition(".")[0]]


def _user(told: dict[str, Any], tenant_id: str) -> Principal:
    attributes = dict(told)
    user_id = attributes.pop("id", None) or attributes.pop("user_id", None) or "anonymous"
    roles = [*_texts(attributes.pop("roles", None)), *_texts(attributes.pop("role", None))]
    groups = _texts(attributes.pop("groups", None))
    return Principal(str(user_id), "user", tenant_id, tuple(roles), tuple(groups), attributes)


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, str) and one]
