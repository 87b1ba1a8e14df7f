"""A domain to plan in, and plans that a model might write in it."""

import json

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TRAVEL = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "AgentConfig",
    "metadata": {"name": "travel", "description": "Trips."},
    "routing": {"words": ["trip", "hotel", "New York"]},
    "instructions": "Look before you book.",
    "tools": [
        {
            "name": "hotel_search",
            "description": "Hotels.",
            "accepts": CITY,
            "gives": {"type": "array"},
            "idempotent": True,
        },
        {"name": "flights", "takes": {"usd_micros": 5}, "labels": ["trust:untrusted"], "declassifies": ["pii:*"]},
    ],
    "agents": [{"name": "writer", "description": "Writes.", "labels": ["trust:generated"]}],
    "synthesis": {"agent": "writer", "prompt": "Answer the traveller."},
}


def step(name, target="flights", kind="tool", **parts):
    return {"name": name, "kind": kind, "target": target, "inputs": parts.pop("inputs", {}), **parts}


def written(*steps):
    return json.dumps({"steps": list(steps)})


TRIP = written(
    step("flights"),
    step("hotels", "hotel_search", inputs={"city": {"$ref": "flights.0.to"}}),
    step("offer", "writer", "agent", inputs={"hotels": {"$ref": "hotels"}, "query": {"$ref": "$.query"}}),
)
