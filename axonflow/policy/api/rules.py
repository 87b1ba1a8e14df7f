"""Stored policies of the wire contract to rules of ours: one document a scope, for the one engine there is.

A pattern whose longest match is known becomes a detector: it sees through disguises and can be redacted. Any other is
matched on the texts of the content as they are, which RE2 does in linear time whatever the pattern.

What an override changes it changes until it expires: an exception suspends the rule until then, and a rule of the
override's action stands in its place as long. So nothing has to be loaded anew when the time comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from axonflow.detect.faults import MAX_MATCH_CHARS, faults_of_pattern
from axonflow.detect.matching import TOGETHER
from axonflow.detect.patterns import CompilePattern
from axonflow.errors import PolicyError
from axonflow.policy.api.conditions import expression_of
from axonflow.policy.api.policy import (
    ACTION_STRENGTH,
    ApiPolicy,
    ConditionAction,
    Conditions,
    Override,
    Pattern,
    tier_of,
)
from axonflow.policy.cel.literals import quoted

__all__ = ["SET_NAME", "document_alone", "document_of", "is_rule_of", "may_override", "policy_of_rule", "strength_of"]

SET_NAME: Final = "api-policies"
"""Of the policy set that the stored policies of a scope become, and under which it is published there."""

_EFFECTS: Final = {
    "block": "deny",
    "require_approval": "require_approval",
    "redact": "redact",
    "warn": "warn",
    "alert": "warn",
    "log": "log",
    # The contract's allow is "seen, and let pass": a pattern grants nothing here.
    "allow": "log",
}
_UNSAID: Final = {
    "route": "where a request goes is the caller's choice; deny the others with conditions on model or tool",
    "modify_risk": "there is no score to change; put the condition into the policy that would read it",
}
_CONFIG: Final[dict[str, frozenset[str]]] = {
    "redact": frozenset({"message", "reason", "detectors", "style"}),
    "require_approval": frozenset({"message", "reason", "approvers"}),
}
_MESSAGE: Final = frozenset({"message", "reason"})
_MAX_REASON_CHARS: Final = 1_000
_PATTERNS_KNOWN: Final = 8_192
"""More than a scope may have, for each of its changes asks of all of them again."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Said(NamedTuple):
    """What one policy adds to the document of its scope."""

    rules: list[dict[str, Any]]
    detectors: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]


_NOTHING: Final = _Said([], [], [])


def is_rule_of(rule_id: str, policy_id: str) -> bool:
    """Whether decisions name a rule of this policy by `rule_id`."""
    prefix = _rule_id(policy_id)
    return rule_id == prefix or rule_id.startswith(f"{prefix}:")


def policy_of_rule(rule_id: str) -> str | None:
    """The id of the policy whose rule decisions name by `rule_id`; None for the rule of a policy set."""
    prefix = _rule_id("")
    return rule_id.removeprefix(prefix).partition(":")[0] if rule_id.startswith(prefix) else None


def strength_of(policy: ApiPolicy) -> int:
    """How strict its strictest action is: see ACTION_STRENGTH."""
    if isinstance(policy.definition, Pattern):
        return ACTION_STRENGTH[policy.definition.action]
    return max(ACTION_STRENGTH["warn" if one.type == "alert" else one.type] for one in policy.definition.actions)


def may_override(policy: ApiPolicy, override: Override) -> bool:
    """Whether who wrote `override` may: one's own policy is one's own, and one of a layer above may be made stricter.
    No layer loosens one above it; see the exceptions in docs/reference/policies.md."""
    return policy.tenant_id == override.tenant_id or ACTION_STRENGTH[override.action] >= strength_of(policy)


def document_of(
    scope: str, policies: Iterable[ApiPolicy], overrides: Iterable[Override], compile_pattern: CompilePattern
) -> dict[str, Any] | None:
    """The policy set that `scope` adds to what is in force: its own of `policies` (all that apply to it) that are
    enabled, with its `overrides`, also those that make policies of layers above stricter. None where that is nothing.

    It leaves the default of its layer to others. Raises PolicyError for a policy that cannot be enforced.
    """
    own = [override for override in overrides if override.tenant_id == scope and override.revoked_us is None]
    standing = {override.policy_id: override for override in own}
    said = [
        _said(policy, standing.get(policy.id), compile_pattern, is_own=policy.tenant_id == scope)
        for policy in sorted(policies, key=lambda one: one.id)
        if policy.enabled
    ]
    said = [one for one in said if one.rules]
    return _set(scope, said, "inherit") if said else None


def document_alone(policy: ApiPolicy, compile_pattern: CompilePattern, default: str = "inherit") -> dict[str, Any]:
    """The policy set of `policy` by itself, enabled or not. Raises PolicyError when it cannot be enforced."""
    return _set(policy.tenant_id, [_said(policy, None, compile_pattern, is_own=True)], default)


def _set(scope: str, said: Sequence[_Said], default: str) -> dict[str, Any]:
    return {
        "apiVersion": "axonflow.dev/v1",
        "kind": "PolicySet",
        "metadata": {"name": SET_NAME},
        "layer": tier_of(scope),
        "default": default,
        "detectors": [detector for part in said for detector in part.detectors],
        "rules": [rule for part in said for rule in part.rules],
        "exceptions": [exception for part in said for exception in part.exceptions],
    }


def _said(policy: ApiPolicy, override: Override | None, compile_pattern: CompilePattern, *, is_own: bool) -> _Said:
    """Of a policy of a layer above, what its override says: it has its rules there already."""
    if override is None and not is_own:
        return _NOTHING
    definition = policy.definition
    if isinstance(definition, Pattern):
        detectors = _detectors(policy, definition, compile_pattern)
        when = _finds(definition.pattern, detectors)
        rules = [_rule(policy, "", definition.action, when, _redaction(definition.action, policy, detectors))]
    else:
        detectors = []
        when = expression_of(definition.conditions)
        rules = _rules_of_actions(policy, definition, when)
    said = _Said(rules, detectors, []) if is_own else _NOTHING
    if override is None or not may_override(policy, override):
        return said
    try:
        instead = _rules_instead(policy, override, when, detectors)
    except PolicyError:  # written for what the policy was before: what it is now stands
        return said
    if not is_own:
        return _Said(instead, detectors, [])
    return _Said([*rules, *instead], detectors, [_exception(override, rules)])


def _rules_instead(
    policy: ApiPolicy, override: Override, when: str, detectors: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if override.action == "disable":
        return []
    obligations = _redaction(override.action, policy, detectors)
    limited = f"({when}) && time < timestamp({quoted(_rfc3339(override.expires_us))})"
    return [_rule(policy, ":override", override.action, limited, obligations)]


def _exception(override: Override, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"api:{override.override_id}",
        "rules": [rule["id"] for rule in rules],
        "reason": override.reason,
        "expires": _rfc3339(override.expires_us),
    }


def _rfc3339(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _rule_id(policy_id: str, suffix: str = "") -> str:
    return f"api:{policy_id}{suffix}"


# -- patterns


@lru_cache(maxsize=_PATTERNS_KNOWN)
def _can_be_detector(pattern: str, compile_pattern: CompilePattern) -> bool:
    """Whether `pattern` has a longest match and all else that a detector needs. Raises PolicyError for no pattern."""
    if next(faults_of_pattern(pattern, compile_pattern, MAX_MATCH_CHARS), None) is None:
        return True
    try:
        compile_pattern(pattern)
    except PolicyError as error:
        raise PolicyError(
            error.message, expected="RE2 syntax", found=error.found, at="$.pattern", hint=error.hint
        ) from None
    return False


def _detectors(policy: ApiPolicy, definition: Pattern, compile_pattern: CompilePattern) -> list[dict[str, Any]]:
    """The detector for the pattern, if there can be one. Raises PolicyError for what is no pattern."""
    if not _can_be_detector(definition.pattern, compile_pattern):
        return []
    return [
        {
            "id": f"{TOGETHER}{policy.id.replace('-', '_').lower()}",
            "severity": policy.severity,
            "description": policy.name,
            "patterns": [definition.pattern],
            "examples": [],
        }
    ]


def _finds(pattern: str, detectors: list[dict[str, Any]]) -> str:
    if detectors:
        return f"detected({quoted(detectors[0]['id'])})"
    return f"texts(content).exists(t, t.matches({quoted(pattern)}))"


def _redaction(action: str, policy: ApiPolicy, detectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The obligations of `action`. Raises PolicyError when what is to be redacted has no longest match."""
    if action != "redact" or isinstance(policy.definition, Conditions):
        return []
    if not detectors:
        raise PolicyError(
            "what is found by this pattern cannot be redacted", at="$.pattern", found="another",
            expected=f"a pattern of ASCII whose longest match has at most {MAX_MATCH_CHARS} characters",
            hint="Write {1,64} for +, {0,64} for *, and no ^ and $.",
        )  # fmt: skip
    return [{"detectors": [detectors[0]["id"]]}]


# -- conditions


def _rules_of_actions(policy: ApiPolicy, definition: Conditions, when: str) -> list[dict[str, Any]]:
    seen: set[str] = set()
    rules = []
    for position, action in enumerate(definition.actions):
        at = f"$.actions[{position}]"
        _check_action(action, at)
        if action.type in seen:
            raise PolicyError("an action is there twice", expected="each once", found=action.type, at=f"{at}.type")
        seen.add(action.type)
        config = {name: value for name, value in action.config.items() if name not in _MESSAGE}
        rules.append(_rule(policy, f":{action.type}", action.type, when, [config] if config else [], _message(action)))
    return rules


def _check_action(action: ConditionAction, at: str) -> None:
    if action.type not in _EFFECTS:
        raise PolicyError(
            "an action that cannot be enforced" if action.type in _UNSAID else "no such action",
            expected=", ".join(sorted(_EFFECTS)), found=f"{action.type!a}"[:80], at=f"{at}.type",
            hint=_UNSAID.get(action.type, "See docs/reference/api-policies.md.").capitalize().rstrip(".") + ".",
        )  # fmt: skip
    known = _CONFIG.get(action.type, _MESSAGE)
    for name in action.config:
        if name not in known:
            raise PolicyError(
                f"nothing is done with this of a {action.type} action", expected=", ".join(sorted(known)),
                found=f"{name!a}"[:80], at=f"{at}.config",
            )  # fmt: skip


def _message(action: ConditionAction) -> str:
    message = action.config.get("message", action.config.get("reason", ""))
    return message if isinstance(message, str) else str(message)


def _rule(
    policy: ApiPolicy, suffix: str, action: str, when: str, obligations: list[dict[str, Any]], reason: str = ""
) -> dict[str, Any]:
    return {
        "id": _rule_id(policy.id, suffix),
        "effect": _EFFECTS[action],
        "when": when,
        "reason": (reason or policy.description or policy.name)[:_MAX_REASON_CHARS],
        "obligations": obligations,
    }
