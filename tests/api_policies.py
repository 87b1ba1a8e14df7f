"""Stored policies of the wire contract, for tests."""

from hypothesis import strategies as st

from axonflow.ids import new_id
from axonflow.policy.api.conditions import OPERATORS
from axonflow.policy.api.policy import ApiPolicy, Condition, ConditionAction, Conditions, Override, Pattern

__all__ = ["api_policies", "api_policy", "conditions", "override", "pattern"]


def api_policy(definition=None, tenant_id="default", **parts):
    id_ = parts.pop("id", None) or new_id(1)
    usual = {
        "policy_id": f"pol_{id_}", "name": "A policy", "category": "security-sqli", "created_us": 5,
        "created_by": "service:c", "updated_us": 5, "updated_by": "service:c",
    }  # fmt: skip
    return ApiPolicy(tenant_id=tenant_id, id=id_, definition=definition or pattern(), **usual | parts)


def pattern(text="secret-[0-9]{4}", action="block", **parts):
    return Pattern(text, action, **parts)


def conditions(field="context.risk", operator="greater_than", value=80, actions=("block",), **parts):
    made = tuple(one if isinstance(one, ConditionAction) else ConditionAction(one) for one in actions)
    return Conditions((Condition(field, operator, value),), made, **parts)


def override(policy, action="log", tenant_id=None, **parts):
    usual = {
        "override_id": new_id(1), "reason": "An exercise.", "created_us": 6, "created_by": "service:c",
        "expires_us": 1_900_000_000_000_000,
    }  # fmt: skip
    return Override(tenant_id=tenant_id or policy.tenant_id, policy_id=policy.id, action=action, **usual | parts)


PATTERNS = st.sampled_from([
    r"\b\d{3}-\d{2}-\d{4}\b", r"(?i)\bunion\s+select\b", "drop table", "[a", "(?=x)", "a{1,2000}", "^x$", "", ".*",
    r"(\w+)\1", "é+", "日本", r"\bEMP-[0-9]{4,8}\b", "a" * 5000, "(?i)or 1=1", r"[^\x00-\x7f]",
]) | st.text(max_size=12)  # fmt: skip
FIELDS = st.sampled_from([
    "query", "response", "user.id", "user.role", "user.email", "user", "context.risk", "risk_score", "model", "tool",
    "resource.owner", "action", "tenant_id", "context.a.b", "context.", "a b", "user.", "x" * 300, "__class__",
]) | st.text(max_size=10)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8)
    | st.sampled_from(["admin", "[", "a+", '"; true || "']),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
)  # fmt: skip
ACTION_TYPES = st.sampled_from(
    ["block", "alert", "redact", "log", "warn", "require_approval", "route", "modify_risk", "explode"]
)
CONFIGS = st.dictionaries(
    st.sampled_from(["message", "reason", "detectors", "style", "approvers", "url"]),
    st.text(max_size=5) | st.lists(st.sampled_from(["pii", "pii.email", "secret", "nonsense", "ops"]), max_size=2),
    max_size=2,
)


@st.composite
def api_policies(draw):
    """Any policy that has the contract's shape, whether or not it can be enforced."""
    if draw(st.booleans()):
        definition = Pattern(draw(PATTERNS), draw(st.sampled_from(["block", "redact", "warn", "log", "allow"])))
    else:
        fields = st.builds(Condition, FIELDS, st.sampled_from([*OPERATORS, "like"]), VALUES)
        actions = st.builds(ConditionAction, ACTION_TYPES, CONFIGS)
        definition = Conditions(
            tuple(draw(st.lists(fields, min_size=1, max_size=3))),
            tuple(draw(st.lists(actions, min_size=1, max_size=2))),
        )
    return api_policy(definition, tenant_id=draw(st.sampled_from(["default", "*", "@group"])))
