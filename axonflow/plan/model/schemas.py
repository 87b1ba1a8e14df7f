"""What comes out of a step and what goes in, as a subset of JSON Schema: type, properties, required, items and enum.

Source: JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12/json-schema-validation, sections 6.1 and 6.5,
and ``properties`` and ``items`` of the core's section 10.3. `title` and `description` are kept and not looked at;
any other keyword is refused: one that nobody looks at would promise what does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan.model.references import Place
from axonflow.plan.model.values import json_object
from axonflow.plan.model.words import shown

__all__ = ["TYPES", "Described", "Misfit", "check_fits", "checked_schema", "misfit", "part_of", "violation"]

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


class Misfit(Struct, frozen=True):
    """What stands at the place `at` of a value, or may stand there, is not what is expected."""

    at: Place
    expected: str
    found: str


class Described(Struct, frozen=True):
    """In a value, a part of which only the schema is known; None when nothing is."""

    schema: Mapping[str, Any] | None


def violation(value: object, schema: Mapping[str, Any], at: Place = ()) -> Misfit | None:
    """The first part of `value` that `schema` does not allow; None when it allows all of it.

    `value` is JSON, in which parts may be Described.
    """
    return _violation(value, schema, at, {})


def check_fits(value: object, schema: Mapping[str, Any], what: str) -> None:
    """Raise PlanError, naming `what` and the place in it, unless `value` is what `schema` allows.

    Objects that msgspec writes as JSON (dataclasses, Structs, ...) are looked at as what they are there.
    """
    try:
        plain = msgspec.to_builtins(value, str_keys=True)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        raise PlanError("a value does not fit", expected="JSON", found=type(value).__name__, at=what) from None
    found = violation(plain, schema)
    if found is not None:
        at = ".".join(map(str, (what, *found.at)))
        raise PlanError("a value does not fit", expected=found.expected, found=found.found, at=at)


def _violation(
    value: object, schema: Mapping[str, Any], at: Place, enums: dict[int, frozenset[object]]
) -> Misfit | None:
    """`enums` holds what was made of the enums met so far: a list of many is looked up in one of many but once."""
    if isinstance(value, Described):
        return None if value.schema is None else misfit(value.schema, schema, at)
    wanted = _types(schema) if "type" in schema else ()
    if wanted and not any(_is_a(value, name) for name in wanted):
        return Misfit(at, _either(wanted), _type_of(value))
    if "enum" in schema:
        allowed = enums.get(id(schema)) or enums.setdefault(id(schema), frozenset(map(_key, schema["enum"])))
        if _key(value) not in allowed:
            return Misfit(at, "one of the values of the enum", "another one")
    inner: list[tuple[Any, Any, str | int]] = []
    if isinstance(value, Mapping):
        missing = next((name for name in schema.get("required", ()) if name not in value), None)
        if missing is not None:
            return Misfit(at, f"a member {missing[:64]!a}", "none")
        properties = schema.get("properties", {})
        inner = [(item, properties[name], name) for name, item in value.items() if name in properties]
    elif isinstance(value, (list, tuple)) and "items" in schema:
        inner = [(item, schema["items"], index) for index, item in enumerate(value)]
    found = (_violation(item, one, (*at, key), enums) for item, one, key in inner)
    return next((each for each in found if each), None)


def misfit(gives: Mapping[str, Any], accepts: Mapping[str, Any], at: Place = ()) -> Misfit | None:
    """Where what `gives` describes may be something that `accepts` does not allow, as far as both say.

    What one of them leaves open is left to the run; so is whether a string is one of an enum's.
    """
    wanted, given = _types(accepts), _types(gives)
    if wanted and given and not all(_is_within(name, wanted) for name in given):
        return Misfit(at, _either(wanted), _either(given))
    for value in gives.get("enum", ()):
        found = violation(value, accepts, at)
        if found is not None:
            return found
    have: Mapping[str, Any] = gives.get("properties", {})
    for name in accepts.get("required", ()) if "properties" in gives else ():
        if name not in have and name not in gives.get("required", ()):
            return Misfit(at, f"a member {name[:64]!a}", ", ".join(have)[:200] or "an object without members")
    pairs = [(have.get(name), one, name) for name, one in accepts.get("properties", {}).items()]
    pairs.append((gives.get("items"), accepts.get("items"), "*"))
    below = (misfit(one, other, (*at, key)) for one, other, key in pairs if one is not None and other is not None)
    return next((each for each in below if each), None)


def part_of(schema: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any] | None:
    """What is known of the part `path` of what `schema` describes; None when nothing is.

    Raises PlanError where there can be no such part.
    """
    one: Mapping[str, Any] | None = schema
    for depth, name in enumerate(path):
        if one is None:
            return None
        types = _types(one)
        if types and not {"object", "array"} & set(types):
            raise _no_part(path, depth, _either(types))
        if name.isdecimal() and "object" not in types:
            one = one.get("items")
        elif types == ("array",):
            raise _no_part(path, depth, "a list")
        else:
            properties = one.get("properties")
            if properties is not None and name not in properties and name not in one.get("required", ()):
                raise _no_part(path, depth, ", ".join(properties)[:200] or "an object without members")
            one = (properties or {}).get(name)
    return one


def _no_part(path: Sequence[str], depth: int, found: str) -> PlanError:
    return PlanError("the reference leads nowhere", expected=f"a part {path[depth][:64]!a}", found=found)


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that it allows; empty when it does not say."""
    types = schema.get("type")
    if types is None and schema.get("enum"):
        return tuple(dict.fromkeys(_type_of(value) for value in schema["enum"]))
    return (types,) if isinstance(types, str) else tuple(types or ())


def _is_within(name: str, wanted: Sequence[str]) -> bool:
    return name in wanted or (name == "integer" and "number" in wanted)


def _is_a(value: object, name: str) -> bool:
    found = _type_of(value)
    return found == name or (name == "number" and found == "integer")


def _type_of(value: object) -> str:
    if isinstance(value, float):  # JSON Schema, section 6.1.1: any number without a fraction is an integer
        return "integer" if value.is_integer() else "number"
    return next((name for kind, name in _NAMES if isinstance(value, kind)), type(value).__name__)


_NAMES: Final[tuple[tuple[Any, str], ...]] = (
    (type(None), "null"), (bool, "boolean"), (int, "integer"), (str, "string"), ((list, tuple), "array"),
    (Mapping, "object"),
)  # fmt: skip


def _key(value: object) -> object:
    """What is equal for values that are equal as JSON: to Python, true and 1 are equal as well."""
    return value if _is_a(value, "number") else _encoded(value, order="sorted")


_encoded = msgspec.json.encode


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)
