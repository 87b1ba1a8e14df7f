"""AxonFlow: an AI control plane you can import.

>>> from axonflow import AxonFlow, Request
>>> flow = AxonFlow.open(policies="@baseline")
>>> decision = flow.decide(Request("user:ann", "tool.call", "tool:shell", context={"env": "prod"}))
>>> decision.allowed, decision.policies
(False, ('deny-shell-in-production',))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from axonflow.lazy_names import names_from

if TYPE_CHECKING:
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

# Names are imported when they are first used (PEP 562): `axonflow --help` should not wait for pydantic and RE2.
_HOMES: Final = {
    "AxonFlow": "axonflow.app",
    **dict.fromkeys(("AxonFlowError", "Denied", "PolicyError", "RequestError"), "axonflow.errors"),
    **dict.fromkeys(("Plan", "Step"), "axonflow.plan"),
    **dict.fromkeys(("Decision", "Effect", "Principal", "Request", "Resource"), "axonflow.policy"),
}

__getattr__ = names_from(_HOMES, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
