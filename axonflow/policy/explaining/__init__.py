"""Why a request was decided as it was, and what would have had to be different."""

from axonflow.policy.explaining.counterfactual import Change, Counterfactual, counterfactual
from axonflow.policy.explaining.edits import Changeable, Edit, applied
from axonflow.policy.explaining.explaining import explain
from axonflow.policy.explaining.explanation import Explanation, Part

__all__ = [
    "Change",
    "Changeable",
    "Counterfactual",
    "Edit",
    "Explanation",
    "Part",
    "applied",
    "counterfactual",
    "explain",
]
