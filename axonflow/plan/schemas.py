"""What comes out of a step and what goes in, as a subset of JSON Schema: type, properties, required, items and enum.

Source: JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12/json-schema-validation, sections 6.1 and 6.5,
and ``properties`` and ``items`` of the core's section 10.3. `title` and `description` are kept and not looked at;
any other keyword is refused: one that nobody looks at would promise what does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from axonflow.errors import PlanError
from axonflow.plan.values import json_object
from axonflow.plan.words import shown

__all__ = ["TYPES", "checked_schema"]

TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
MAX_DEPTH: Final = 32
MAX_MEMBERS: Final = 1_000
"""Properties, required names or values of an enum, in one place."""
_KEYWORDS: Final = ("type", "properties", "required", "items", "enum", "title", "description")


def checked_schema(schema: object, at: str) -> dict[str, Any]:
    """A copy of `schema`. Raises PlanError, naming the place below `at`, when it is none of this subset."""
    copy = json_object(schema, at)
    waiting: list[tuple[Any, str, int]] = [(copy, at, 0)]
    while waiting:
        one, where, depth = waiting.pop()
        if not isinstance(one, dict):
            raise PlanError("not a schema", expected="an object of JSON Schema", found=shown(one), at=where)
        if depth > MAX_DEPTH:
            raise PlanError("nested too deep", expected=f"at most {MAX_DEPTH} levels of a schema", found="more", at=at)
        _check_keywords(one, where)
        waiting += [(item, f"{where}.{name[:64]}", depth + 1) for name, item in one.get("properties", {}).items()]
        if "items" in one:
            waiting.append((one["items"], f"{where}.items", depth + 1))
    return copy


def _check_keywords(schema: Mapping[str, Any], at: str) -> None:
    unknown = next((name for name in schema if name not in _KEYWORDS), None)
    if unknown is not None:
        raise PlanError(
            "a keyword that is not looked at", expected=f"one of {', '.join(_KEYWORDS)}", found=shown(unknown), at=at
        )
    types = schema.get("type", [])
    for name in [types] if isinstance(types, str) else types if isinstance(types, list) else [None]:
        if name not in TYPES:
            raise PlanError("not a type", expected=f"one of {', '.join(TYPES)}", found=shown(name), at=at)
    if not isinstance(schema.get("properties", {}), dict):
        raise PlanError("not properties", expected="an object", found=type(schema["properties"]).__name__, at=at)
    for keyword in ("required", "enum"):
        if not isinstance(schema.get(keyword, []), list):
            raise PlanError(f"not {keyword}", expected="a list", found=type(schema[keyword]).__name__, at=at)
        if len(schema.get(keyword, [])) > MAX_MEMBERS:
            raise PlanError("too large", expected=f"at most {MAX_MEMBERS} of {keyword}", found="more", at=at)
    for name in schema.get("required", []):
        if not isinstance(name, str):
            raise PlanError("not a name", expected="names in required", found=type(name).__name__, at=at)
