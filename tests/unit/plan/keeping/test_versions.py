"""How a plan is changed before it runs."""

import pytest

from axonflow.plan.keeping.versions import Made, first_version, next_version
from tests.postgres_stores import plan_execution

HOW = {"kind": "updated", "changed_us": 9, "changed_by": "service:crm"}


def test_first_version_of_a_plan_says_who_made_it_and_when():
    version = first_version(plan_execution("t", plan_id="p"))
    assert (version.version, version.kind, version.changed_us, version.changed_by) == (1, "created", 5, "user:ann")


@pytest.mark.parametrize(
    ("parts", "summary"),
    [
        ({}, "nothing"),
        ({"domain": "hotels"}, "domain: travel to hotels"),
        ({"execution_mode": "step", "domain": "hotels"}, "execution_mode: auto to step, domain: travel to hotels"),
        ({"metadata": {"a": 1}}, "metadata"),
    ],
)
def test_next_version_of_a_plan_tells_what_differs(parts, summary):
    execution = plan_execution("t")
    same = {"name": "trip", "domain": "travel", "execution_mode": "auto", "metadata": {}, "steps": execution.steps}
    after, version = next_version(execution, Made(**same | parts), **HOW)
    assert (after.version, version.version, version.summary) == (2, 2, summary)
    assert (after.domain, after.execution_mode) == (version.domain, version.execution_mode)


def test_next_version_of_a_plan_that_is_rolled_back_says_so():
    execution = plan_execution("t")
    made = Made("trip", "travel", "auto", {}, [], {"steps": []})
    after, version = next_version(execution, made, **HOW | {"kind": "rolled_back"}, summary="back to version 1")
    assert (version.kind, version.summary, after.definition) == ("rolled_back", "back to version 1", {"steps": []})
