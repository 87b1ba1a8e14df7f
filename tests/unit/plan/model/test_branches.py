import pytest

from axonflow.errors import PlanError
from axonflow.plan import Step
from axonflow.plan.model.branches import not_chosen

CHOICE = Step(
    name="c", kind="condition", when="n", inputs={"n": 1}, branches={"x": ["a", "b"], "y": ["b", "d"], "z": []}
)


@pytest.mark.parametrize(("result", "left"), [("x", ["d"]), ("y", ["a"]), ("z", ["a", "b", "d"])])
def test_result_of_a_condition_leaves_out_what_only_others_name(result, left):
    assert not_chosen(CHOICE, result) == left


@pytest.mark.parametrize("result", ["w", 1, None, ["x"]])
def test_result_that_a_condition_has_no_branch_for_is_refused(result):
    with pytest.raises(PlanError, match="the condition has no branch: expected x or y or z"):
        not_chosen(CHOICE, result)
