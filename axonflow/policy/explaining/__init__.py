"""Why a request was decided as it was, and what would have had to be different."""

from axonflow.policy.explaining.explaining import explain
from axonflow.policy.explaining.explanation import Explanation, Part

__all__ = ["Explanation", "Part", "explain"]
