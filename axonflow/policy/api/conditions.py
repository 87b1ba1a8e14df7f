"""The conditions of the wire contract's dynamic policies, as expressions of our language.

A field is text of the content, a list (roles, groups), or one value. An attribute that a request does not carry makes
the expression fail, which closes: a rule that restricts counts as matching then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from axonflow.errors import PolicyError
from axonflow.policy.api.policy import Condition
from axonflow.policy.cel.literals import quoted

__all__ = ["CONTENT_FIELDS", "OPERATORS", "RESULT_FIELDS", "expression_of"]

_MAX_VALUES: Final = 1_000
_MAX_TEXT_CHARS: Final = 4_096
_SEGMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_MAX_SEGMENTS: Final = 16

CONTENT_FIELDS: Final = frozenset({"query", "content", "input", "prompt"})
RESULT_FIELDS: Final = frozenset({"response", "output"})
_RESULTS: Final = 'action in ["llm.response", "tool.result", "connector.result"]'


def _of_user(rest: str) -> str:
    """On the contract's routes a service asks on behalf of a user; on our own the user may ask directly."""
    return f"(has(principal.on_behalf_of) ? principal.on_behalf_of.{rest} : principal.{rest})"


class _Field(NamedTuple):
    """How a field is read. `guard` has to hold for the condition to be about the request at all."""

    value: str
    kind: str
    """``texts``, ``list``, ``text`` or ``any``."""
    guard: str = ""
    present: str = "true"
    """Whether the request carries it."""


_FIELDS: Final = {
    **{name: _Field("texts(content)", "texts", f"!({_RESULTS})", "content != null") for name in CONTENT_FIELDS},
    **{name: _Field("texts(content)", "texts", _RESULTS, "content != null") for name in RESULT_FIELDS},
    **{name: _Field(_of_user("id"), "text") for name in ("user", "user_id", "user.id")},
    **{name: _Field(_of_user("roles"), "list") for name in ("user_role", "user.role", "user.roles")},
    **{name: _Field(_of_user("groups"), "list") for name in ("user.group", "user.groups")},
    "user.type": _Field(_of_user("type"), "text"),
    **{name: _Field("principal.tenant", "text") for name in ("tenant", "tenant_id", "user.tenant_id")},
    **{name: _Field("principal.id", "text") for name in ("client", "client_id")},
    "action": _Field("action", "text"),
    "resource.type": _Field("resource.type", "text"),
    "resource.id": _Field("resource.id", "text"),
    **{
        name: _Field("resource.id", "text", f'resource.type == "{name}"')
        for name in ("model", "tool", "agent", "connector", "plan")
    },
}


def _refusal(message: str, expected: str, found: object, at: str) -> PolicyError:
    return PolicyError(message, expected=expected, found=f"{found!a}"[:80], at=at)


def expression_of(conditions: Sequence[Condition]) -> str:
    """The expression that holds where all of `conditions` do. Raises PolicyError for the first that cannot be said."""
    return " && ".join([_condition(one, f"$.conditions[{position}]") for position, one in enumerate(conditions)])


def _condition(condition: Condition, at: str) -> str:
    field = _field(condition.field, f"{at}.field")
    make = OPERATORS.get(condition.operator)
    if make is None:
        raise _refusal("no such operator", ", ".join(OPERATORS), condition.operator, f"{at}.operator")
    text = make(field, condition.value, f"{at}.value")
    return f"({field.guard} && {text})" if field.guard else f"({text})"


def _field(name: str, at: str) -> _Field:
    known = _FIELDS.get(name)
    if known is not None:
        return known
    root, _, rest = name.partition(".")
    segments = (rest if root in {"user", "resource", "context"} and rest else name).split(".")
    if len(segments) > _MAX_SEGMENTS or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise _refusal("no such field", "a name or a dotted path, such as query, user.role or context.risk", name, at)
    path = "".join([f"[{quoted(segment)}]" for segment in segments])
    optional = "".join([f"[?{quoted(segment)}]" for segment in segments]) + ".hasValue()"
    if root == "user" and rest:
        return _Field(_of_user(f"attributes{path}"), "any", present=_of_user(f"attributes{optional}"))
    place = "resource.attributes" if root == "resource" and rest else "context"
    return _Field(f"{place}{path}", "any", present=f"{place}{optional}")


_Make = Callable[[_Field, Any, str], str]
_Test = Callable[[str, str], str]
"""The text of a value and that of a literal to the text of a comparison."""


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARS:
        raise _refusal("wrong value", f"text of 1 to {_MAX_TEXT_CHARS} characters", value, at)
    return value


def _scalar(value: Any, at: str) -> bool | int | float | str:
    if not isinstance(value, (bool, int, float, str)) or (isinstance(value, str) and len(value) > _MAX_TEXT_CHARS):
        raise _refusal("wrong value", f"text (at most {_MAX_TEXT_CHARS} characters), a number or a boolean", value, at)
    return value


def _scalars(value: Any, at: str) -> list[bool | int | float | str]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_VALUES:
        raise _refusal("wrong value", f"a list of 1 to {_MAX_VALUES} values", type(value).__name__, at)
    return [_scalar(one, f"{at}[{position}]") for position, one in enumerate(value)]


def _over(field: _Field, of_one: Callable[[str], str], of_member: Callable[[str], str] | None = None) -> str:
    """The test of a field: for a text of the content or a member of a list one that passes is enough."""
    member = of_member or of_one
    if field.kind == "texts":
        return f"{field.value}.exists(t, {of_one('t')})"
    if field.kind == "list":
        return f"{field.value}.exists(t, {member('t')})"
    if field.kind == "text":
        return of_one(field.value)
    return f"cel.bind(v, {field.value}, type(v) == list ? v.exists(t, {member('t')}) : {of_one('v')})"


def _equals(field: _Field, value: Any, at: str) -> str:
    literal = quoted(_scalar(value, at))
    return _over(field, lambda each: f"{each} == {literal}")


def _among(field: _Field, value: Any, at: str) -> str:
    literals = "[" + ", ".join([quoted(one) for one in _scalars(value, at)]) + "]"
    return _over(field, lambda each: f"{each} in {literals}")


def _contains(field: _Field, value: Any, at: str) -> str:
    """Of text: as a part, in any case; of a list: as a member."""
    text = _text(value, at)
    return _over(
        field,
        lambda each: f"{each}.lowerAscii().contains({quoted(text)}.lowerAscii())",
        lambda each: f"{each} == {quoted(text)}",
    )


def _contains_any(field: _Field, value: Any, at: str) -> str:
    texts = [_text(one, f"{at}[{position}]") for position, one in enumerate(_scalars(value, at))]
    return "(" + " || ".join([_contains(field, text, at) for text in texts]) + ")"


def _of_text(make: _Test) -> _Make:
    return lambda field, value, at: _over(field, lambda each: make(each, quoted(_text(value, at))))


def _ordered(operator: str) -> _Make:
    def make(field: _Field, value: Any, at: str) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _refusal("wrong value", "a number", value, at)
        if field.kind != "any":
            raise _refusal("a field that is no number", "an attribute, such as context.risk", operator, at)
        return f"{field.value} {operator} {quoted(value)}"

    return make


def _exists(field: _Field, value: Any, at: str) -> str:
    if value not in (None, True, ""):
        raise _refusal("wrong value", "none", value, at)
    return field.present


def _not(make: _Make) -> _Make:
    return lambda field, value, at: f"!({make(field, value, at)})"


_matches: Final = _of_text(lambda each, literal: f"{each}.matches({literal})")
OPERATORS: Final[dict[str, _Make]] = {
    "equals": _equals,
    "not_equals": _not(_equals),
    "in": _among,
    "not_in": _not(_among),
    "contains": _contains,
    "not_contains": _not(_contains),
    "contains_any": _contains_any,
    "regex": _matches,
    "matches": _matches,
    "starts_with": _of_text(lambda each, literal: f"{each}.startsWith({literal})"),
    "ends_with": _of_text(lambda each, literal: f"{each}.endsWith({literal})"),
    "greater_than": _ordered(">"),
    "greater_than_or_equal": _ordered(">="),
    "less_than": _ordered("<"),
    "less_than_or_equal": _ordered("<="),
    "exists": _exists,
    "not_exists": _not(_exists),
}
