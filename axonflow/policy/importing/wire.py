"""Static and dynamic policies of the wire contract, as its routes return or accept them, to policy sets.

They become what `api.rules` makes of them where they are created over HTTP, so both come to the same decisions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from axonflow.detect.patterns import CompilePattern
from axonflow.errors import PolicyError, RequestError
from axonflow.policy.api.policy import ApiPolicy, Condition, ConditionAction, Conditions, Override, Pattern, tier_of
from axonflow.policy.api.rules import document_of, may_override
from axonflow.policy.cel.values import kind_of
from axonflow.policy.importing.report import Finding, ImportedRule, ImportedSet
from axonflow.policy.importing.wire_faults import condition_faults, field_faults, moved
from axonflow.policy.json_value import check_text

__all__ = ["MAX_WIRE_POLICIES", "import_wire", "is_wire"]

MAX_WIRE_POLICIES: Final = 5_000
"""As many detectors as an engine takes of a scope."""

Path = tuple[str | int, ...]
At = Callable[[Path], str]

_LISTS: Final = ("policies", "static", "dynamic", "data", "policy")
_FACTS: Final = frozenset(
    {"created_at", "created_by", "updated_at", "updated_by", "version", "has_override", "id", "policy_id", "tier"}
    | {"organization_id", "tenant_id", "override", "org_id", "effective_action"}
)
"""What is said of a policy, and not by it."""
_SAID: Final = ("name", "description", "category", "severity", "priority", "tags", "enabled")
_DEFINITIONS: Final = {"static": ("pattern", "action"), "dynamic": ("type", "conditions", "actions")}
_OWNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_NO_ID: Final = re.compile(r"[^a-z0-9]+")
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
_MAX_ID_CHARS: Final = 48
_MAX_REASON_CHARS: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_TENANT: Final = "default"
_SOUND: Final = Condition("query", "contains", "x")


def is_wire(data: Any) -> bool:
    """Whether `data` looks like policies of these routes."""
    return any(isinstance(item, dict) for _, item in _policies(data, ()))


def import_wire(
    data: Any, at: At, set_name: str, compile_pattern: CompilePattern, ids: set[str], *, widen: bool
) -> tuple[list[ImportedSet], list[Finding]]:
    """The policies in `data`, one set for each scope, and what they do not say as it was. `at` is where a path is;
    `ids` are those that policies have already, and grows; `widen` blocks what could only be redacted and is not.
    Raises PolicyError for what holds no policies.
    """
    found = list(_policies(data, ()))
    if not found or len(found) > MAX_WIRE_POLICIES:
        raise PolicyError(
            "no policies of the wire contract" if not found else "too many policies",
            expected=f"1 to {MAX_WIRE_POLICIES} objects with a pattern or conditions", found=str(len(found)), at=at(()),
        )  # fmt: skip
    importing = _Importing(at, compile_pattern, ids, widen=widen)
    importing.note_pages(data, (), set_name)
    for path, value in found:
        importing.add(path, value)
    return importing.sets(set_name), importing.findings


def _policies(data: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The policies in one object, in a list with whatever else is in it, or in an envelope; those that two lists of it
    hold, once."""
    if isinstance(data, list):
        for position, item in enumerate(data):
            yield (*path, position), item
    elif isinstance(data, dict) and ("pattern" in data or "conditions" in data):
        yield path, data
    elif isinstance(data, dict) and len(path) < 2:
        held: set[str] = set()
        for name in _LISTS:
            found = [(place, item, repr(item)) for place, item in _policies(data.get(name), (*path, name))]
            yield from [(place, item) for place, item, shown in found if shown not in held]
            held.update(shown for _, _, shown in found)


class _Scope(NamedTuple):
    rules: list[ImportedRule]
    detectors: list[Any]
    exceptions: list[Any]


class _Importing:
    def __init__(self, at: At, compile_pattern: CompilePattern, ids: set[str], *, widen: bool) -> None:
        self._at = at
        self._compile_pattern = compile_pattern
        self._widen = widen
        self._ids = ids
        self._scopes: dict[str, _Scope] = {}
        self.findings: list[Finding] = []

    def sets(self, set_name: str) -> list[ImportedSet]:
        return [self._set(scope, said, set_name) for scope, said in sorted(self._scopes.items())]

    def _set(self, scope: str, said: _Scope, set_name: str) -> ImportedSet:
        tier = tier_of(scope)
        own = "" if tier == "system" else f"-{_slug(scope)}"
        name = set_name if len(self._scopes) == 1 else f"{set_name}-{tier}{own}"
        head: dict[str, Any] = {
            "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": name}, "layer": tier,
            "default": "inherit",
        }  # fmt: skip
        head |= {
            field: list(part)
            for field, part in (("detectors", said.detectors), ("exceptions", said.exceptions))
            if part
        }
        whose = {
            "system": "everybody",
            "organization": f"the organization {scope[1:]}",
            "tenant": f"the tenant {scope}",
        }
        return ImportedSet((f"For {whose[tier]}.",), head, tuple(said.rules))

    # --

    def add(self, path: Path, value: Any) -> None:
        """The rules of one policy, or findings."""
        if not isinstance(value, dict):
            self._plain(path, "", kind_of(value), "a policy is an object", "it is left out", loosens=True)
            return
        kind = "static" if "pattern" in value else "dynamic"
        label = str(value.get("name") or value.get("policy_id") or value.get("id") or "")[:80]
        try:
            policy = self._policy(value, kind, len(self._ids))
        except PolicyError as error:
            self._note_faults(error, path, value, kind, label)
            return
        self._note_unknown(path, value, kind, policy.id)
        if not policy.enabled:
            self._plain(path, policy.id, "enabled: false", "it is not in force where it comes from", "it is left out")
            return
        said = self._enforceable(policy, path)
        if said is None:
            return
        override = self._override(said, value.get("override"), path)
        self._keep(said, said.tenant_id, [override] if override and override.tenant_id == said.tenant_id else [], path)
        if override and override.tenant_id != said.tenant_id:
            self._keep(said, override.tenant_id, [override], path)

    def note_pages(self, data: Any, path: Path, set_name: str) -> None:
        """A finding where an envelope says itself that it holds some of the policies, and not all."""
        if not isinstance(data, dict) or len(path) > 1:
            return
        pages = data.get("pagination")
        listed = next((data[name] for name in _LISTS if isinstance(data.get(name), list)), ())
        if isinstance(pages, dict):
            total, offset = pages.get("total"), pages.get("offset")
            some = pages.get("has_more") is True or (isinstance(offset, int) and offset > 0)
            if some or (isinstance(total, int) and total > len(listed)):
                why = f"it is one page, of {len(listed)} policies of {total if isinstance(total, int) else 'more'}"
                done = "the others are not here: put the policies of all pages into one list"
                self._plain((*path, "pagination"), set_name, "pagination", why, done, loosens=True)
        self.note_pages(data.get("data"), (*path, "data"), set_name)

    def _note_faults(self, first: PolicyError, path: Path, value: dict[str, Any], kind: str, label: str) -> None:
        """What else is wrong with it, too: who mends it would else be told one fault at a time."""
        fields = (*_SAID, *_DEFINITIONS[kind])
        told = {(first.at, first.message)}
        self._note(first, path, label, "left out", "the policy is left out", loosens=True)
        for fault in field_faults(value, kind, fields, lambda part: _converted(part, kind, "-"), self._compile_pattern):
            if (fault.at, fault.message) not in told:
                told.add((fault.at, fault.message))
                self._note(fault, path, label, "left out", "the policy is left out", loosens=True)
        self._note_unknown(path, value, kind, label)

    def _policy(self, value: Mapping[str, Any], kind: str, number: int) -> ApiPolicy:
        policy = _converted(value, kind, "-")
        return replace(policy, id=self._id_of(value, number))

    def _id_of(self, value: Mapping[str, Any], number: int) -> str:
        said = next((value[name] for name in ("policy_id", "id", "name") if isinstance(value.get(name), str)), "")
        slug = _slug(said) or f"policy-{number}"
        free = slug
        while free in self._ids:
            free = f"{slug}-{number}"
            number += 1
        self._ids.add(free)
        return free

    def _enforceable(self, policy: ApiPolicy, path: Path) -> ApiPolicy | None:
        """`policy` without the actions that nothing here would do; None where none is left."""
        definition = policy.definition
        if isinstance(definition, Pattern):
            return self._enforceable_pattern(policy, definition, path)
        faults = list(condition_faults(definition.conditions, self._compile_pattern))
        for fault in faults:
            self._note(fault, path, policy.id, "left out", "the policy is left out", loosens=True)
        if faults:  # its actions are looked at all the same, to name theirs
            definition = replace(definition, conditions=(_SOUND,))
        kept: dict[str, ConditionAction] = {}
        for position, action in enumerate(definition.actions):
            if action.type in kept:
                place = (*path, "actions", position)
                self._plain(place, policy.id, action.type, "the policy has such an action already", "it is left out")
            elif self._can_do(policy, definition, position, path):
                kept[action.type] = action
        if faults or not kept:
            return None
        return replace(policy, definition=replace(definition, actions=tuple(kept.values())))

    def _can_do(self, policy: ApiPolicy, definition: Conditions, position: int, path: Path) -> bool:
        """Whether there is a rule for one of its actions; if not, a finding says so."""
        alone = replace(policy, definition=replace(definition, actions=(definition.actions[position],)))
        try:
            document_of(policy.tenant_id, [replace(alone, enabled=True)], [], self._compile_pattern)
        except PolicyError as error:
            self._note(moved(error, position), path, policy.id, "left out", "the action is left out", loosens=True)
            return False
        return True

    def _enforceable_pattern(self, policy: ApiPolicy, definition: Pattern, path: Path) -> ApiPolicy | None:
        try:
            document_of(policy.tenant_id, [policy], [], self._compile_pattern)
        except PolicyError as error:
            if definition.action == "redact" and self._widen:
                blocking = replace(policy, definition=Pattern(definition.pattern, "block"))
                self._note(error, path, policy.id, "widened", "what it finds is denied instead of redacted")
                return self._enforceable_pattern(blocking, Pattern(definition.pattern, "block"), path)
            self._note(error, path, policy.id, "left out", "the policy is left out", loosens=True)
            return None
        return policy

    def _override(self, policy: ApiPolicy, value: Any, path: Path) -> Override | None:
        """The override that is shown with a policy. Of a layer above, a tenant's that loosens never counted."""
        if not isinstance(value, dict):
            return None
        facts = {
            "tenant_id": policy.tenant_id, "policy_id": policy.id, "override_id": f"{policy.id}-override",
            "action": value.get("action_override"), "reason": value.get("override_reason") or "An override.",
            "created_us": 0, "created_by": "-", "expires_us": _time_us(value.get("expires_at")),
        }  # fmt: skip
        try:
            if tier_of(policy.tenant_id) != "tenant":
                facts["tenant_id"] = _owner(value, "tenant_id")
            override = msgspec.convert(facts, Override)
            check_text(override.reason, "$.override_reason", _MAX_REASON_CHARS)
        except (msgspec.ValidationError, PolicyError, RequestError):
            why = "expected action_override, override_reason and expires_at with an offset"
            done = "it is left out: the policy stands as it is"
            self._plain((*path, "override"), policy.id, "override", why, done, loosens=True)
            return None
        if value.get("active") is False or not may_override(policy, override):
            why = "it loosens a policy of a layer above, or is over; no such counts"
            self._plain((*path, "override"), policy.id, override.action, why, "it is left out")
            return None
        return override

    def _keep(self, policy: ApiPolicy, scope: str, overrides: Sequence[Override], path: Path) -> None:
        document = document_of(scope, [policy], overrides, self._compile_pattern)
        said = (
            [] if document is None else [rule["id"] for rule in document["rules"] if rule["id"].endswith(":override")]
        )
        if overrides and not said and not (document and document["exceptions"]):
            why = "what the policy finds cannot be redacted, so it stands as it is"
            self._plain((*path, "override"), policy.id, overrides[0].action, why, "it is left out", loosens=True)
        if document is None:
            return
        kept = self._scopes.setdefault(scope, _Scope([], [], []))
        kept.detectors.extend(document["detectors"])
        kept.exceptions.extend(document["exceptions"])
        comment = f"{policy.kind} policy {policy.name!r} at {self._at(path)}, {policy.category}, {policy.severity}"
        for rule in document["rules"]:
            plain = {name: value for name, value in rule.items() if value not in ([], "")}
            kept.rules.append(ImportedRule(plain, comment, self._at(path)))

    # -- findings

    def _note(
        self, error: PolicyError, path: Path, policy: str, kind: Any, done: str, *, loosens: bool = False
    ) -> None:
        steps = tuple([name or int(number) for name, number in _STEP.findall(error.at or "")])
        why = error.message + (f": expected {error.expected}" if error.expected else "")
        found = error.found or str(error.at or "").removeprefix("$").removeprefix(".") or "the policy"
        self.findings.append(Finding(self._at((*path, *steps)), policy, kind, found, why, done, loosens, error.hint))

    def _plain(self, path: Path, policy: str, found: str, why: str, done: str, *, loosens: bool = False) -> None:
        kind: Any = "left out" if loosens else "ignored"
        self.findings.append(Finding(self._at(path), policy, kind, found, why, done, loosens))

    def _note_unknown(self, path: Path, value: Mapping[str, Any], kind: str, policy: str) -> None:
        for name in value:
            if name not in _FACTS and name not in _SAID and name not in _DEFINITIONS[kind] and value[name]:
                why = "the contract has no such field, so what it changes is not known"
                self._plain((*path, name), policy, str(name)[:80], why, "it is left out", loosens=True)


def _converted(value: Mapping[str, Any], kind: str, policy_id: str) -> ApiPolicy:
    """The policy that `value` is. Raises PolicyError."""
    given = {name: value[name] for name in _SAID if value.get(name) is not None}
    definition = {name: value[name] for name in _DEFINITIONS[kind] if value.get(name) is not None}
    if "name" not in given:
        raise PolicyError("name is missing", expected="the field", found="none", at="$.name")
    facts = {
        "category": kind, **given, "tenant_id": _scope_of(value), "id": policy_id,
        "policy_id": "-", "created_us": 0, "created_by": "-", "updated_us": 0, "updated_by": "-",
        "definition": {**definition, "kind": kind},
    }  # fmt: skip
    try:
        return msgspec.convert(facts, ApiPolicy)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at ")
        place = where.strip("`").replace("$.definition", "$") or "$"
        raise PolicyError("a field is not valid", expected=message.replace("`", "'"), at=place) from None


def _scope_of(value: Mapping[str, Any]) -> str:
    tier = value.get("tier") or "tenant"
    if tier == "system":
        return "*"
    if tier == "organization":
        return f"@{_owner(value, 'organization_id')}"
    if tier != "tenant":
        raise PolicyError(
            "no such tier", expected="system, organization or tenant", found=f"{tier!a}"[:80], at="$.tier"
        )
    return _owner(value, "tenant_id")


def _owner(value: Mapping[str, Any], field: str) -> str:
    """Whose it is: a name that is no other scope's. Raises PolicyError."""
    owner = value.get(field) or _DEFAULT_TENANT
    if not isinstance(owner, str) or not _OWNER.fullmatch(owner):
        raise PolicyError(
            "not a name", expected="letters, digits and . _ : -", found=f"{owner!a}"[:80], at=f"$.{field}"
        )
    return owner


def _slug(text: str) -> str:
    return _NO_ID.sub("-", text.lower()).strip("-")[:_MAX_ID_CHARS]


def _time_us(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
