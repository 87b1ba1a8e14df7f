"""The policy engine: requests and decisions, policy documents, the expression language, and the decision point."""

from axonflow.policy.compiling.bundle import BundleSource
from axonflow.policy.compiling.compiling import compile_policies
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.decision import Approval, Decision, Effect, Limit, Redact, Replaced, RuleError, ShadowVerdict
from axonflow.policy.documents.reading import PolicySource
from axonflow.policy.request import ACTIONS, Principal, Request, Resource

__all__ = [
    "ACTIONS",
    "Approval",
    "BundleSource",
    "Decision",
    "Effect",
    "Limit",
    "PolicyEngine",
    "PolicySource",
    "Principal",
    "Redact",
    "Replaced",
    "Request",
    "Resource",
    "RuleError",
    "ShadowVerdict",
    "compile_policies",
]
