"""Policies of ``apiVersion: axonflow.io/v1``, an older format in YAML, to a policy set.

Of its types ``access-control`` (who may not, or may, do something with a resource) and ``rate-limit`` have a
counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from axonflow.errors import PolicyError
from axonflow.policy.api.conditions import expression_of
from axonflow.policy.api.policy import Condition
from axonflow.policy.importing.expressions import ALL, RELATION, Cel, joined, text_literal
from axonflow.policy.importing.report import Finding, ImportedRule

__all__ = ["API_VERSION", "import_legacy", "is_legacy"]

API_VERSION: Final = "axonflow.io/v1"
_MAX_RULES: Final = 1_000

Path = tuple[str | int, ...]
At = Callable[[Path], str]

_EFFECTS: Final = {"deny": "deny", "block": "deny", "allow": "allow", "require_approval": "require_approval"}
_FIELDS: Final = frozenset({"user_role", "user_id", "tenant_id", "client_id"})
"""Those that the wire contract's conditions have too; ``resource`` is apart."""
_REQUESTS: Final = ["agent.message", "connector.query", "llm.request", "plan.start", "tool.call"]
"""What a rate of requests counts: no answers."""
_KEYS: Final = {"user": ["principal.tenant", "principal.id"], "tenant": ["principal.tenant"]}
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WINDOW: Final = re.compile(r"([0-9]{1,8})([smhd])")
_MAX_WINDOW_S: Final = 366 * 86_400
_RESOURCE: Final = re.compile(r"([a-z][a-z0-9_.-]*):(.+)", re.DOTALL)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")
_SPEC: Final = frozenset({"type", "priority", "enabled", "rules"})
_MAX_TEXT_CHARS: Final = 512


class _CannotError(Exception):
    """Why a part of a rule has no counterpart, and where it is."""

    def __init__(self, path: Path, found: object, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.found = f"{found!a}"[:80] if isinstance(found, (str, bool, int, float)) else type(found).__name__
        self.why = why


def is_legacy(data: Any) -> bool:
    """Whether `data` is a document of this version, of whichever kind."""
    return isinstance(data, dict) and data.get("apiVersion") == API_VERSION


def import_legacy(data: dict[str, Any], at: At, *, widen: bool) -> tuple[list[ImportedRule], list[Finding]]:
    """The rules of one document, and what they do not say as it was. `widen` has requests refused that would only be
    slowed down. Raises PolicyError for what is no policy of this version.
    """
    spec = data.get("spec")
    name = data["metadata"].get("name") if isinstance(data.get("metadata"), dict) else None
    if not isinstance(spec, dict) or not isinstance(name, str) or not _ID.fullmatch(name):
        raise PolicyError(
            "not a policy of this version", expected="metadata.name, and a spec with type and rules",
            found="a name that is none" if isinstance(spec, dict) else "no spec", at=at(()),
        )  # fmt: skip
    return _Document(data, name, spec, at, widen=widen).made()


class _Faults(list[_CannotError]):
    """All that has no counterpart in one rule."""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after a part that has none, to name what else there is."""
        try:
            yield
        except _CannotError as error:
            self.append(error)


_Make = Callable[[dict[str, Any], Path, _Faults], dict[str, Any]]


class _Document:
    def __init__(self, data: Mapping[str, Any], name: str, spec: dict[str, Any], at: At, *, widen: bool) -> None:
        self._data = data
        self._name = name
        self._spec = spec
        self._at = at
        self._widen = widen
        self._findings: list[Finding] = []
        self._makers: Final[dict[Any, _Make]] = {
            "access-control": self._access,
            "rate-limit": self._rate,
        }

    def made(self) -> tuple[list[ImportedRule], list[Finding]]:
        rules = self._spec.get("rules", [])
        kind = self._spec.get("type")
        if self._data.get("kind") != "Policy":
            why, is_odd = "it is no policy: kind is not Policy", self._spec.get("rules") not in (None, [])
            self._note(("kind",), self._data.get("kind"), why, "the document is left out", loosens=is_odd)
            return [], self._findings
        if not isinstance(self._spec.get("enabled", True), bool):
            why, done = "expected true or false", "the document is left out"
            self._note(("spec", "enabled"), self._spec["enabled"], why, done, loosens=True)
            return [], self._findings
        if self._spec.get("enabled", True) is False:
            self._note(("spec", "enabled"), False, "it is not in force", "the document is left out", loosens=False)  # noqa: FBT003  what was found
            return [], self._findings
        for field in self._spec:
            if field not in _SPEC:
                self._note(("spec", field), field, "nothing is known of such a field", "it is left out", loosens=True)
        make = self._makers.get(kind if isinstance(kind, str) else None)
        if make is None or not isinstance(rules, list) or len(rules) > _MAX_RULES:
            why = (
                "only access-control and rate-limit have a counterpart" if make is None else "expected a list of rules"
            )
            self._note(("spec", "type" if make is None else "rules"), kind, why, "the policy is left out", loosens=True)
            return [], self._findings
        made = [self._rule(make, rule, position) for position, rule in enumerate(rules)]
        return [rule for rule in made if rule is not None], self._findings

    def _rule(self, make: _Make, rule: Any, position: int) -> ImportedRule | None:
        path: Path = ("spec", "rules", position)
        faults = _Faults()
        made: dict[str, Any] = {}
        with faults.noted():
            made = make(_mapping(rule, path), path, faults)
        for fault in faults:
            allows = isinstance(rule, dict) and rule.get("action") == "allow"
            self._note(fault.path, fault.found, fault.why, "the rule is left out", loosens=not allows)
        if faults:
            return None
        message = rule.get("message")
        if isinstance(message, str) and 0 < len(message) <= 1_000 and "\0" not in message:
            made["reason"] = message
        elif message is not None:
            self._note((*path, "message"), message, "it is no message", "the rule has none", loosens=False)
        comment = f"{self._spec['type']} policy {self._name} at {self._at(path)}"
        return ImportedRule({"id": f"{self._name}/{position}", **made}, comment, self._at(path))

    def _note(self, path: Path, found: object, why: str, done: str, *, loosens: bool) -> None:
        shown = found if isinstance(found, str) else f"{found!a}"[:80]
        kind: Any = "left out" if loosens or done.startswith("the rule") else "ignored"
        self._findings.append(Finding(self._at(path), self._name, kind, shown[:80], why, done, loosens))

    # -- access-control

    def _access(self, rule: dict[str, Any], path: Path, faults: _Faults) -> dict[str, Any]:
        _check_fields(rule, {"action", "conditions", "message"}, path, faults)
        action = rule.get("action")
        effect = _EFFECTS.get(action) if isinstance(action, str) else None
        if effect is None:
            why = f"the actions with a counterpart are {', '.join(_EFFECTS)}"
            faults.append(_CannotError((*path, "action"), action, why))
        parts: list[Cel] = []
        for name, value in _mapping(rule.get("conditions", {}), (*path, "conditions")).items():
            with faults.noted():
                parts.append(_condition(name, value, (*path, "conditions", name)))
        when = joined("&&", parts)
        return {"effect": effect} if when.text == "true" else {"effect": effect, "when": when.text}

    # -- rate-limit

    def _rate(self, rule: dict[str, Any], path: Path, faults: _Faults) -> dict[str, Any]:
        action = rule.get("action", "block")
        if action == "throttle" and self._widen:
            self._findings.append(
                Finding(
                    self._at((*path, "action")), self._name, "widened", "throttle", "nothing here slows requests down",
                    "the requests are refused",
                )
            )  # fmt: skip
        elif action != "block":
            why = "nothing here does that; --widen refuses what is throttled"
            faults.append(_CannotError((*path, "action"), action, why))
        _check_fields(rule, {"action", "limit", "window", "scope", "message", "delay"}, path, faults)
        limit, scope = rule.get("limit"), rule.get("scope")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= 2**53:
            faults.append(_CannotError((*path, "limit"), limit, "expected a number of requests"))
        key = _KEYS.get(scope) if isinstance(scope, str) else None
        if key is None:
            faults.append(_CannotError((*path, "scope"), scope, "requests are counted by user or by tenant here"))
        window_s = _window_s(rule.get("window"), (*path, "window"))
        obligation = {"unit": "requests", "maximum": limit, "window_s": window_s, "key": key}
        return {"effect": "limit", "match": {"action": _REQUESTS}, "obligations": [obligation]}


def _mapping(value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _CannotError(path, value, "expected a mapping")
    return value


def _check_fields(rule: Mapping[str, Any], known: set[str], path: Path, faults: _Faults) -> None:
    for name in rule:
        if name not in known:
            faults.append(_CannotError((*path, name), name, "nothing is known of such a field"))


def _window_s(value: object, path: Path) -> int:
    match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    window_s = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if not 1 <= window_s <= _MAX_WINDOW_S:
        raise _CannotError(path, value, "expected a time such as 60s or 1h")
    return window_s


def _condition(name: str, value: object, path: Path) -> Cel:
    """One condition: a text or one of several, all of which may begin with ``not:``."""
    values = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str) and 0 < len(one) <= _MAX_TEXT_CHARS]
    if not texts or len(texts) < len(values):
        raise _CannotError(path, value, "expected text, or a list of texts")
    if name != "resource" and name not in _FIELDS:
        raise _CannotError(path, name, f"the conditions with a counterpart are resource, {', '.join(sorted(_FIELDS))}")
    negative = [text.startswith("not:") for text in texts]
    if len(texts) > 1 and any(negative):
        raise _CannotError(path, value, "what a list with not: in it means is not known")
    of_one = _resource if name == "resource" else _field
    said = joined("||", [of_one(name, text.removeprefix("not:"), path) for text in texts])
    return Cel(f"!({said.text})") if negative[0] else said


def _field(name: str, text: str, path: Path) -> Cel:
    if "*" in text or not text:
        raise _CannotError(path, text, "only a resource has patterns here")
    return Cel(expression_of([Condition(name, "equals", text)]))


def _resource(_name: str, text: str, path: Path) -> Cel:
    """``type:id``, in which a star is any text."""
    if text == "*":
        return Cel("true")
    match = _RESOURCE.fullmatch(text)
    if match is None:
        raise _CannotError(path, text, "a resource is a type and an id, such as database:customers")
    kind = f"resource.type == {text_literal(match[1])}"
    if match[2] == "*":
        return Cel(kind, RELATION)
    pattern = "".join([f"\\{character}" if character in "?\\" else character for character in match[2]])
    if "*" in text:
        return Cel(f"{kind} && resource.id.glob({text_literal(pattern)})", ALL)
    return Cel(f"{kind} && resource.id == {text_literal(match[2])}", ALL)
