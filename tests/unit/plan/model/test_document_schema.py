"""The schema for editors names what the reader takes, no more and no less, and holds for what is written."""

from typing import Any

import pytest
from msgspec.structs import fields

from axonflow.adapters.yaml_text import parse_yaml
from axonflow.plan import Compensation, Hedge, Retry, Takes
from axonflow.plan.model.document import PLAN_FIELDS, STEP_FIELDS
from axonflow.plan.model.document_schema import DOCUMENT_SCHEMA
from tests.unit.plan.model.test_document import TRIP

STEP = DOCUMENT_SCHEMA["$defs"]["step"]["properties"]


def faults_of(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Where `value` breaks `schema`, by the keywords that tell most: members, required ones, enums and constants."""
    schema = DOCUMENT_SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "anyOf" in schema:
        found = [faults_of(value, one, at) for one in schema["anyOf"]]
        return [] if [] in found else found[0]
    faults = [at] if "enum" in schema and value not in schema["enum"] else []
    faults += [at] if "const" in schema and value != schema["const"] else []
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return [*faults, at]
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        faults += [f"{at}.{name}" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in known or others is not False:
                faults += faults_of(item, known.get(name, others), f"{at}.{name}")
            else:
                faults.append(f"{at}.{name}")
    if isinstance(value, list):
        faults += [fault for item in value for fault in faults_of(item, schema.get("items", {}), f"{at}[]")]
    return faults


def test_schema_of_a_step_has_every_field_and_no_other() -> None:
    assert set(STEP) == set(STEP_FIELDS)
    assert set(DOCUMENT_SCHEMA["properties"]) == {"apiVersion", "kind", "metadata", *PLAN_FIELDS}
    assert set(DOCUMENT_SCHEMA["$defs"]["body"]["properties"]) == {"name", *PLAN_FIELDS}


@pytest.mark.parametrize(
    ("schema", "kind", "computed"),
    [
        (STEP["retry"], Retry, set()),
        (STEP["hedge"], Hedge, set()),
        (DOCUMENT_SCHEMA["$defs"]["takes"], Takes, set()),
        (STEP["compensate"], Compensation, {"run", "holes"}),
    ],
)
def test_schema_of_an_option_has_every_field_and_no_other(schema, kind, computed) -> None:
    assert set(schema["properties"]) == {field.name for field in fields(kind)} - computed
    assert set(schema["required"]) == {field.name for field in fields(kind) if field.required}


def test_schema_holds_for_a_document_with_everything() -> None:
    document = parse_yaml(TRIP, "trip.yaml")[0]
    assert faults_of(document, DOCUMENT_SCHEMA) == []
    document["steps"][0]["kind"] = "robot"
    document["steps"][1]["body"]["steps"][0]["need"] = []
    assert faults_of(document, DOCUMENT_SCHEMA) == ["$.steps[].kind", "$.steps[].body.steps[].need"]
