"""What mutations start from: the shipped policies, those of the cookbook, and requests."""

import re
from functools import cache
from pathlib import Path

from axonflow.adapters.yaml_text import parse_yaml

ROOT = Path(__file__).parents[2]
REQUESTS = [
    {
        "principal": {
            "id": "ann", "type": "agent", "tenant": "acme", "roles": ["analyst", "ops"], "groups": ["staff"],
            "attributes": {"level": 3, "tags": ["a", "b"]}, "on_behalf_of": "user:bob",
        },
        "action": "tool.call",
        "resource": {"type": "tool", "id": "shell", "attributes": {"owner": {"id": "bob"}}},
        "context": {
            "env": "prod", "risk": 95, "ratio": 0.5, "flag": True, "none": None, "ticket": "OPS-7",
            "deep": {"er": [1, 2, 3]}, "items": ["a", 1, 2.5, None, {"x": [True]}], "at": "2026-11-21T09:30:05Z",
        },
        "content": {"to": "ann@example.com", "body": ["hi", {"x": "card 4111 1111 1111 1111"}]},
        "time": 1_795_000_000_000_000,
    },
    {"principal": "user:bob", "action": "llm.request", "resource": "model:gpt-5", "content": "ssn 536-22-8765"},
    {"principal": "service:x", "action": "fuzz.unknown", "resource": "tool:y", "context": {"risk": -(2**63)}},
]  # fmt: skip


@cache
def policy_texts():
    """YAML of whole policy sets, one to a text."""
    files = sorted((ROOT / "axonflow/samples/policies").glob("*.yaml"))
    texts = [text for text in (path.read_text("utf-8") for path in files) if "kind: PolicySet" in text]
    for page in sorted((ROOT / "docs/how-to/cookbook").glob("*.md")):
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        texts.extend(block for block in blocks if "kind: PolicySet" in block)
    return tuple(texts)


@cache
def policy_documents():
    """The same as plain values."""
    return tuple(document for text in policy_texts() for document in parse_yaml(text, "corpus.yaml") if document)


@cache
def expressions():
    """Every `when` in them."""
    parts = [part for doc in policy_documents() for part in (*doc.get("rules", ()), *doc.get("exceptions", ()))]
    return tuple(part["when"] for part in parts if "when" in part)
