"""AxonFlow: an AI control plane you can import.

>>> from axonflow import AxonFlow, Request
>>> flow = AxonFlow.open(policies="@baseline")
>>> decision = flow.decide(Request("user:ann", "tool.call", "tool:shell", context={"env": "prod"}))
>>> decision.allowed, decision.policies
(False, ('deny-shell-in-production',))
"""

from axonflow.app import AxonFlow
from axonflow.errors import AxonFlowError, Denied, PolicyError, RequestError
from axonflow.plan import Plan, Step
from axonflow.policy import Decision, Effect, Principal, Request, Resource

__all__ = [
    "AxonFlow",
    "AxonFlowError",
    "Decision",
    "Denied",
    "Effect",
    "Plan",
    "PolicyError",
    "Principal",
    "Request",
    "RequestError",
    "Resource",
    "Step",
]
__version__ = "0.1.0"
