"""docs/reference/api-policies.md against the code: its examples are taken, its tables complete."""

import json
import re
from pathlib import Path

import pytest

from axonflow.policy.api.conditions import OPERATORS, expression_of
from axonflow.policy.api.policy import Condition
from tests.sidecar.policy_doors import PolicyDoors

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "api-policies.md").read_text("utf-8")
EXAMPLES = [json.loads(line) for line in re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()]


def first_column(heading):
    table = PAGE.split(f"| {heading} |")[1].split("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_api_policies_page_example_is_taken_and_in_force(example):
    doors = PolicyDoors()
    kind = "static" if "pattern" in example else "dynamic"
    assert doors.post(f"/api/v1/{kind}-policies", example).status_code == 201
    asked = {"query": "wire 4111 1111 1111 1111", "context": {"risk_score": 0.9}}
    assert doors.post("/api/v1/policies/simulate", asked).json()["required_actions"] == [
        "redact" if kind == "static" else "require_approval"
    ]


def test_api_policies_page_has_every_operator():
    assert sorted(first_column("operator")) == sorted(OPERATORS)


@pytest.mark.parametrize("field", first_column("field"))
def test_api_policies_page_field_can_be_asked_about(field):
    assert expression_of([Condition(field, "exists")])
