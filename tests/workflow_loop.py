"""An orchestrator that is not ours, for tests: it asks at the gates of its steps over HTTP."""

from tests.sidecar.doors import HEADERS, Doors
from tests.strategies import policy_set

__all__ = ["MAIL", "PLACE", "POLICIES", "REFUND", "SEARCH", "Loop"]

POLICIES = policy_set(
    [
        {"id": "no-shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}, "reason": "No."},
        {
            "id": "ask", "effect": "require_approval", "match": {"action": "tool.call", "resource.id": "refund"},
            "reason": "Money.", "obligations": [{"approvers": ["finance-lead", "owner"]}],
        },
        {"id": "large", "effect": "deny", "match": {"action": "tool.call"}, "when": "content.usd > 100"},
        {"id": "mail", "effect": "redact", "match": {"action": "llm.request"}, "obligations": [{"detectors": ["pii"]}]},
        {"id": "prod", "effect": "deny", "match": {"action": "plan.step", "context.env": "prod"}},
    ],
    default="allow",
)  # fmt: skip
PLACE = "/api/v1/workflows"
SEARCH = {"step_type": "tool_call", "tool_context": {"tool_name": "search", "tool_input": {"usd": 1}}}
REFUND = {"step_type": "tool_call", "tool_context": {"tool_name": "refund", "tool_input": {"usd": 10}}}
MAIL = {"step_type": "llm_call", "model": "gpt", "step_input": {"prompt": "write to ann@example.com"}}


class Loop:
    """An outside orchestrator with a workflow of its own."""

    def __init__(self, doors=None, headers=HEADERS, **parts):
        self.doors = doors or Doors(POLICIES)
        self.headers = headers
        made = self.doors.post(PLACE, {"workflow_name": "Refunds", "source": "langgraph"} | parts, headers)
        assert made.status_code == 201, made.text
        self.id = made.json()["workflow_id"]
        self.path = f"{PLACE}/{self.id}"

    def post(self, path, body=None, headers=None):
        return self.doors.post(f"{self.path}/{path}", {} if body is None else body, headers or self.headers)

    def get(self, path="", headers=None):
        return self.doors.call("GET", self.path + path, headers=headers or self.headers)

    def gate(self, step="s", body=SEARCH, query="", **parts):
        response = self.post(f"steps/{step}/gate{query}", body | parts)
        assert response.status_code == 200, response.text
        return response.json()

    def key_of(self, client_id, *roles):
        """A new key of the tenant ``default``."""
        self.doors.post("/v1/tenants", {"tenant_id": "default"})
        body = {"client_id": client_id, "roles": list(roles)}
        made = self.doors.post("/v1/keys", body, HEADERS | {"x-tenant-id": "default"})
        assert made.status_code == 201, made.text
        return {"authorization": f"Bearer {made.json()['key']}"}
