"""The document of a plan as a JSON Schema, for editors that complete and underline; `document` is what decides.

Source: JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12/json-schema-core.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from axonflow.plan.model.document import API_VERSION, KIND
from axonflow.plan.model.graph import MAX_STEPS
from axonflow.plan.model.options import MAX_ATTEMPTS, MAX_MS, OnFailure, PlanMode
from axonflow.plan.model.schemas import TYPES
from axonflow.plan.model.step import MAX_BRANCHES, MAX_PRIORITY, StepKind
from axonflow.plan.model.words import MAX_NAME_CHARS

__all__ = ["DOCUMENT_SCHEMA"]

_Schema = dict[str, Any]

_TEXT: Final[_Schema] = {"type": "string", "minLength": 1}
_NAME: Final[_Schema] = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": MAX_NAME_CHARS}
_NAMES: Final[_Schema] = {"type": "array", "items": _NAME, "uniqueItems": True}
_MS: Final[_Schema] = {"type": "integer", "minimum": 1, "maximum": MAX_MS}
_PAUSE: Final[_Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_MS}
_COUNT: Final[_Schema] = {"type": "integer", "minimum": 0}
_LABELS: Final[_Schema] = {
    "type": "array", "items": {"type": "string", "pattern": "^[a-z][a-z0-9_-]*:.+$"}, "uniqueItems": True,
}  # fmt: skip
_FLAG: Final[_Schema] = {"type": "boolean"}
_VALUES: Final[_Schema] = {"type": "object"}


def _object(properties: dict[str, Any], *required: str) -> _Schema:
    return {
        "type": "object", "properties": properties, "required": list(required), "additionalProperties": False,
    }  # fmt: skip


def _of(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}


_REFERENCE: Final = _object({"$ref": _TEXT}, "$ref")
_KEY: Final[_Schema] = {"anyOf": [_TEXT, _REFERENCE]}
_ON_FAILURE: Final[_Schema] = {"enum": list(get_args(OnFailure))}
_RETRY: Final = _object({
    "attempts": {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS}, "first_ms": _PAUSE, "max_ms": _PAUSE,
    "factor": {"type": "number", "minimum": 1}, "jitter": {"type": "number", "minimum": 0, "maximum": 1},
    "on": {"type": "array", "items": _TEXT},
})  # fmt: skip
_TAKES: Final = _object({
    "tokens": _COUNT, "usd_micros": _COUNT,
    "slots": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
})  # fmt: skip
_COMPENSATION: Final = _object({
    "kind": {"enum": ["function", "tool", "connector", "agent"]}, "target": _TEXT, "inputs": _VALUES,
})  # fmt: skip
_PLAN: Final[_Schema] = {
    "inputs": _VALUES, "deadline_ms": _MS, "budget": _of("takes"), "mode": {"enum": list(get_args(PlanMode))},
    "on_failure": _ON_FAILURE,
    "steps": {"type": "array", "items": _of("step"), "minItems": 1, "maxItems": MAX_STEPS},
}  # fmt: skip
_STEP: Final = _object({
    "name": _NAME, "kind": {"enum": list(get_args(StepKind))}, "target": _TEXT, "needs": _NAMES, "after": _NAMES,
    "inputs": _VALUES, "context": _VALUES, "retry": _RETRY, "timeout_ms": _MS, "idempotent": _FLAG,
    "hedge": _object({"after_ms": _MS}, "after_ms"), "cache_key": _KEY, "cache_ttl_ms": _MS, "idempotency_key": _KEY,
    "compensate": _COMPENSATION, "takes": _of("takes"),
    "priority": {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY}, "optional": _FLAG,
    "on_failure": _ON_FAILURE, "gives": _of("type"), "accepts": _of("type"),
    "labels": _LABELS, "declassifies": _LABELS, "body": _of("body"), "over": _TEXT,
    "max_parallel": {"type": "integer", "minimum": 1}, "when": _TEXT,
    "branches": {"type": "object", "additionalProperties": _NAMES, "minProperties": 1, "maxProperties": MAX_BRANCHES},
    "wait_for": {"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]},
}, "name")  # fmt: skip
_TYPE: Final = _object({
    "type": {"anyOf": [{"enum": list(TYPES)}, {"type": "array", "items": {"enum": list(TYPES)}}]},
    "properties": {"type": "object", "additionalProperties": _of("type")},
    "required": {"type": "array", "items": _TEXT},
    "items": _of("type"), "enum": {"type": "array"}, "title": {}, "description": {},
})  # fmt: skip

DOCUMENT_SCHEMA: Final[_Schema] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A plan of AxonFlow",
    **_object(
        {
            "apiVersion": {"const": API_VERSION}, "kind": {"const": KIND},
            "metadata": _object({"name": _TEXT, "description": {}}, "name"), **_PLAN,
        },
        "apiVersion", "kind", "metadata", "steps",
    ),
    "$defs": {"step": _STEP, "takes": _TAKES, "type": _TYPE, "body": _object({"name": _TEXT, **_PLAN}, "steps")},
}  # fmt: skip
"""What ``axonflow plan schema`` prints."""
