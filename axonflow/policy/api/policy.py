"""Policies as the wire contract's routes take them: a pattern and what to do, or conditions and what to do.

They are what people edit; what is enforced is the rules that `api.rules` makes of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from axonflow.detect.finding import Severity
from axonflow.errors import PolicyError

__all__ = [
    "ACTION_STRENGTH",
    "MAX_PAGE",
    "SORT_FIELDS",
    "ApiPolicy",
    "ApiPolicyPage",
    "ApiPolicyQuery",
    "ApiPolicyVersion",
    "Change",
    "Condition",
    "ConditionAction",
    "Conditions",
    "Override",
    "OverrideAction",
    "Pattern",
    "PatternAction",
    "Tier",
    "tier_of",
]

MAX_PAGE: Final = 1_000
SORT_FIELDS: Final = ("created_at", "updated_at", "name", "priority", "severity", "category")
_SYSTEM: Final = "*"
_ORGANIZATION: Final = "@"

Tier = Literal["system", "organization", "tenant"]
"""The contract's word for a layer."""
PatternAction = Literal["block", "require_approval", "redact", "warn", "log", "allow"]
OverrideAction = Literal["block", "require_approval", "redact", "warn", "log", "allow", "disable"]
Change = Literal["created", "updated", "enabled", "disabled", "deleted"]

ACTION_STRENGTH: Final[dict[str, int]] = {
    name: strength
    for strength, name in enumerate(["disable", "allow", "log", "warn", "redact", "require_approval", "block"])
}
"""The strictest has the highest number."""

_Word = Annotated[str, Meta(min_length=1, max_length=128)]


class Pattern(Struct, frozen=True, forbid_unknown_fields=True, tag="static", tag_field="kind"):
    """Of a static policy: what is looked for in the content, in RE2 syntax."""

    pattern: Annotated[str, Meta(min_length=1, max_length=4_096)]
    action: PatternAction = "block"


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """One comparison: ``{"field": "user.role", "operator": "equals", "value": "analyst"}``."""

    field: Annotated[str, Meta(min_length=1, max_length=256)]
    operator: _Word
    value: Any = None


class ConditionAction(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done where the conditions hold."""

    type: _Word
    config: dict[str, Any] = {}


class Conditions(Struct, frozen=True, forbid_unknown_fields=True, tag="dynamic", tag_field="kind"):
    """Of a dynamic policy: all conditions have to hold, and then all actions are done."""

    conditions: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=32)]
    actions: Annotated[tuple[ConditionAction, ...], Meta(min_length=1, max_length=8)]
    type: Literal["risk", "content", "user", "cost"] = "risk"


class ApiPolicy(Struct, frozen=True, kw_only=True):
    """A stored policy. `id` is ours, `policy_id` what its owner calls it; each is unique within the scope `tenant_id`:
    a tenant, an organization (``@name``) or the system (``*``)."""

    tenant_id: str
    id: str
    policy_id: str
    name: Annotated[str, Meta(min_length=1, max_length=256)]
    description: Annotated[str, Meta(max_length=1_000)] = ""
    category: _Word
    severity: Severity = "medium"
    definition: Pattern | Conditions
    priority: Annotated[int, Meta(ge=-(2**31), lt=2**31)] = 0
    tags: Annotated[tuple[_Word, ...], Meta(max_length=32)] = ()
    enabled: bool = True
    version: int = 1
    created_us: int
    created_by: str
    updated_us: int
    updated_by: str
    schema_version: int = 1

    @property
    def kind(self) -> Literal["static", "dynamic"]:
        """Which routes it is of."""
        return "static" if isinstance(self.definition, Pattern) else "dynamic"


class ApiPolicyVersion(Struct, frozen=True, kw_only=True):
    """What a policy was from one change on. `snapshot` is the policy as JSON values."""

    tenant_id: str
    id: str
    version: int
    change: Change
    summary: str
    snapshot: dict[str, Any]
    changed_us: int
    changed_by: str


class Override(Struct, frozen=True, kw_only=True):
    """Another action for one policy, of the tenant's own or of a layer above, for this tenant alone and for a while."""

    tenant_id: str
    override_id: str
    policy_id: str
    action: OverrideAction
    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    created_us: int
    created_by: str
    expires_us: int
    revoked_us: int | None = None
    revoked_by: str | None = None


class ApiPolicyQuery(Struct, frozen=True, kw_only=True):
    """Which policies of those that apply to a tenant; None asks for any. Raises PolicyError for what is out of range.

    `search` is text of the name, the description or the policy_id, in any case of ASCII letters.
    """

    tenant_id: str
    kind: Literal["static", "dynamic"]
    category: str | None = None
    tier: Tier | None = None
    organization_id: str | None = None
    type: str | None = None
    enabled: bool | None = None
    search: str | None = None
    sort_by: str = "created_at"
    descending: bool = True
    limit: int = 100
    offset: int = 0

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("limit", self.limit, 1, MAX_PAGE),
            ("offset", self.offset, 0, 10**9),
        ):
            if not least <= value <= most:
                raise PolicyError("out of range", expected=f"{least} to {most}", found=str(value)[:40], at=name)
        if self.sort_by not in SORT_FIELDS:
            raise PolicyError(
                "cannot be sorted by", expected=", ".join(SORT_FIELDS), found=f"{self.sort_by!a}"[:80], at="sort_by"
            )


class ApiPolicyPage(Struct, frozen=True):
    """Some of the policies that were asked for, and how many there are."""

    policies: tuple[ApiPolicy, ...]
    total: int


def tier_of(scope: str) -> Tier:
    """The layer of what is stored for `scope`: see `ApiPolicy`."""
    if scope == _SYSTEM:
        return "system"
    return "organization" if scope.startswith(_ORGANIZATION) else "tenant"
