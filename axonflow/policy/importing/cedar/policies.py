"""Cedar policies to a policy set: a permit is an allow, a forbid a deny, and what neither allows is denied."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from axonflow.policy.cel.lexer import MAX_EXPRESSION_CHARS
from axonflow.policy.importing.cedar.conditions import Conditions
from axonflow.policy.importing.cedar.entities import Entities
from axonflow.policy.importing.cedar.naming import CedarNames, Names
from axonflow.policy.importing.cedar.operands import too_long
from axonflow.policy.importing.cedar.parser import parse_policies
from axonflow.policy.importing.cedar.syntax import ActionScope, Clause, EntityRef, EntityScope, Policy, Slot
from axonflow.policy.importing.expressions import Cel, joined
from axonflow.policy.importing.places import Places
from axonflow.policy.importing.report import Finding, ImportedRule, ImportedSet, UnsupportedError

__all__ = ["import_cedar", "rules_of"]

_NO_ID: Final = re.compile(r"[^A-Za-z0-9_.:/-]+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_MAX_ID_CHARS: Final = 110
_MAX_ACTIONS: Final = 1_000
_REASONS: Final = ("reason", "advice", "description")
_MAX_REASON_CHARS: Final = 1_000
_JOINT_CHARS: Final = len(" && ()")

Found = Callable[[Finding], None]


def import_cedar(
    text: str, name: str, set_name: str, names: Names, *, widen: bool
) -> tuple[ImportedSet, list[Finding]]:
    """The policies in `text`, which messages call `name`, as a set called `set_name`, and what it does not say as they
    do. `widen` lets a forbid forbid more where it cannot be said exactly. Raises PolicyError for what is not Cedar.
    """
    at = Places(name, text).at
    return rules_of(parse_policies(text, at), at, set_name, names, widen=widen)


def rules_of(
    policies: Sequence[Policy], at: Callable[[int], str], set_name: str, names: Names, *, widen: bool
) -> tuple[ImportedSet, list[Finding]]:
    """The same of syntax trees."""
    findings: list[Finding] = []
    known = CedarNames(policies, names)
    ids = _Ids(set_name)
    rules: list[ImportedRule] = []
    for number, policy in enumerate(policies):
        rule_id = ids.of(policy, number)
        made = _Rule(policy, rule_id, known, at, findings.append, widen=widen).made()
        if made is not None:
            rules.append(made)
    head: dict[str, Any] = {
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": set_name}, "default": "deny",
    }  # fmt: skip
    if known.own_actions:
        head["actions"] = known.own_actions[:_MAX_ACTIONS]
    if len(known.own_actions) > _MAX_ACTIONS:
        why = f"a set declares at most {_MAX_ACTIONS} actions"
        done = "those after it by name are known where a rule names them"
        findings.append(Finding(at(0), set_name, "ignored", known.own_actions[_MAX_ACTIONS], why, done))
    if names.types:
        head["attributes"] = names.declared
    return ImportedSet((), head, tuple(rules)), findings


class _Ids:
    """Ids of rules: what ``@id`` says, else the number that Cedar gives a policy; each once."""

    def __init__(self, set_name: str) -> None:
        self._set_name = set_name
        self._given: set[str] = set()

    def of(self, policy: Policy, number: int) -> str:
        said = next((one.text for one in policy.annotations if one.name == "id"), None) or ""
        rule_id = said if _IDENTIFIER.fullmatch(said) else _NO_ID.sub("-", said).strip("-_.:/")
        rule_id = rule_id[:_MAX_ID_CHARS] or f"{self._set_name}/policy{number}"
        if rule_id in self._given:
            rule_id = f"{rule_id}/policy{number}"
        self._given.add(rule_id)
        return rule_id


class _Rule:
    """One policy on its way to a rule."""

    def __init__(
        self, policy: Policy, rule_id: str, names: CedarNames, at: Callable[[int], str], found: Found, *, widen: bool
    ) -> None:
        self._policy = policy
        self._id = rule_id
        self._names = names
        self._at = at
        self._found = found
        self._forbids = policy.effect == "forbid"
        self._widened: list[UnsupportedError] = []
        self._widen = self._widened.append if widen and self._forbids else None
        self._refused: list[UnsupportedError] = []
        self._conditions = Conditions(names, permits=not self._forbids, refuse=self._refused.append, widen=self._widen)
        self._entities = Entities(names)
        self._match: dict[str, Any] = {}
        self._when: list[Cel] = []

    def made(self) -> ImportedRule | None:
        """The rule, or None where it is left out; findings say what is not as it was."""
        self._note_annotations()
        self._scope(lambda: self._entity("principal", self._policy.principal))
        self._scope(lambda: self._action(self._policy.action))
        self._scope(lambda: self._entity("resource", self._policy.resource))
        room = MAX_EXPRESSION_CHARS + _JOINT_CHARS - sum(_JOINT_CHARS + len(one.text) for one in self._when)
        for clause in self._policy.clauses:
            room = self._clause(clause, room)
        if self._refused:
            self._leave_out()
            return None
        for wider in self._widened:
            self._note(wider, "widened", "the rule denies more than the policy forbids")
        return ImportedRule(self._rule(), self._comment(), self._at(self._policy.offset))

    def _rule(self) -> dict[str, Any]:
        rule: dict[str, Any] = {"id": self._id, "effect": "deny" if self._forbids else "allow"}
        if self._match:
            rule["match"] = self._match
        when = joined("&&", self._when)
        if when.text != "true":
            rule["when"] = when.text
        texts = {one.name: one.text for one in self._policy.annotations}
        reason = next((texts[name] for name in _REASONS if texts.get(name)), None)
        if reason:
            rule["reason"] = reason[:_MAX_REASON_CHARS].replace("\0", " ")
        return rule

    def _comment(self) -> str:
        said = [f"{self._policy.effect} at {self._at(self._policy.offset)}"]
        if self._widened:
            said.append("widened: it denies more than that forbids")
        return ", ".join(said)

    # -- what is not as it was

    def _leave_out(self) -> None:
        done = "the forbid is left out: what it forbids may be allowed" if self._forbids else "the permit is left out"
        named = {(error.offset, error.found, error.why): error for error in self._refused}  # some are looked at twice
        for error in sorted(named.values(), key=lambda one: one.offset):
            self._note(error, "left out", done, loosens=self._forbids)

    def _note(self, error: UnsupportedError, kind: Any, done: str, *, loosens: bool = False) -> None:
        at = self._at(error.offset)
        self._found(Finding(at, self._id, kind, error.found, error.why, done, loosens, error.hint))

    def _note_annotations(self) -> None:
        for one in self._policy.annotations:
            if one.name == "id" and one.text != self._id:
                error = UnsupportedError(one.offset, f"@id({one.text or ''})", "it is no id here, or is there twice")
                self._note(error, "ignored", f"the rule is {self._id}")
            elif one.name not in {"id", *_REASONS}:
                error = UnsupportedError(one.offset, f"@{one.name}", "rules have no annotations")
                self._note(error, "ignored", "it is left out; it decides nothing")

    # -- scopes and clauses

    def _scope(self, said: Callable[[], None]) -> None:
        try:
            said()
        except UnsupportedError as error:
            (self._widen or self._refused.append)(error)

    def _clause(self, clause: Clause, room: int) -> int:
        """What is left of `room`, in characters: each clause fits into an expression, and all together may not."""
        said = self._conditions.holds if clause.kind == "when" else self._conditions.fails
        made = said(clause.condition)
        left = room - _JOINT_CHARS - len(made.text)
        if left < 0:
            (self._widen or self._refused.append)(too_long(clause.condition))
            return room
        self._when.append(made)
        return left

    def _entity(self, variable: str, scope: EntityScope) -> None:
        if isinstance(scope.entity, Slot):
            raise UnsupportedError(
                scope.entity.offset, scope.entity.name, "it is a template, and what is linked to it is not in the file",
                "Write out the policies that are linked to it.",
            )  # fmt: skip
        if scope.type is not None:
            named = self._names.principal_type if variable == "principal" else self._names.resource_type
            self._match[f"{variable}.type"] = named(scope.type, scope.offset)
        if scope.entity is None:
            return
        if scope.operator == "==":
            self._equal(variable, scope.entity)
            return
        path = self._names.membership(scope.entity.type, variable)
        if path in {"principal.roles", "principal.groups"} and not self._names.is_principal(scope.entity.type):
            self._match[path] = scope.entity.id
        else:
            self._when.append(self._entities.member(variable, (scope.entity,)))
            if path is None:
                self._assume_alone(scope.entity)

    def _equal(self, variable: str, entity: EntityRef) -> None:
        named = self._names.principal_type if variable == "principal" else self._names.resource_type
        self._match[f"{variable}.type"] = named(entity.type, entity.offset)
        self._match[f"{variable}.id"] = entity.id

    def _action(self, scope: ActionScope) -> None:
        if scope.operator is None:
            return
        actions: dict[str, None] = {}
        said = True
        for ref in scope.actions:
            refs, is_said = self._names.members(ref) if scope.operator == "in" else ([ref], True)
            actions.update(dict.fromkeys([self._names.action(one) for one in refs]))
            said &= is_said
        if not actions:
            raise UnsupportedError(scope.offset, "action in []", "it matches nothing, as no rule here can")
        if not said:
            self._assume(scope)
        names = list(actions)
        self._match = {"action": names[0] if len(names) == 1 else names, **self._match}

    def _assume_alone(self, entity: EntityRef) -> None:
        error = UnsupportedError(
            entity.offset, f'principal in {entity.type}::"{entity.id}"'[:80],
            "others may be in a principal, and nothing says in which list requests name it",
            "Say in the mapping file what names those it is in: memberships.",
        )  # fmt: skip
        self._note(error, "assumed", "the rule is for this principal alone", loosens=self._forbids)

    def _assume(self, scope: ActionScope) -> None:
        error = UnsupportedError(
            scope.offset, f"action in {', '.join([ref.id for ref in scope.actions])}"[:80],
            "an action may be a group of actions, and nothing says whether it is",
            "Say in the mapping file which are, and {} if none is: action_groups: {}.",
        )  # fmt: skip
        self._note(error, "assumed", "the rule is for these actions alone", loosens=self._forbids)
