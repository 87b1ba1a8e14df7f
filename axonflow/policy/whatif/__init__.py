"""Other policies against decisions that were recorded: which verdicts would be others, by which rule, and which of them
cannot be told by what was recorded."""

from axonflow.policy.whatif.comparing import Comparison
from axonflow.policy.whatif.recorded import Recorded
from axonflow.policy.whatif.tally import ALLOWED, Outcome, Tally

__all__ = ["ALLOWED", "Comparison", "Outcome", "Recorded", "Tally"]
