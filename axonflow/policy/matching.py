"""`match`: plain filters on a request. An absent attribute is no match, so a filter never fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.cel.compiler import Condition, Filters
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.cel.syntax import Binary, Constant, ListLiteral, Logical, Name, Node, Select
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["MATCH_FUNCTIONS", "equality_keys", "match_filters", "reader"]

MatchValue = str | bool | int | float | list[Any]

_STRING_FIELDS: Final = {
    f"{record}.{name}": f"request.{record}.{field.attribute}"
    for record in ("principal", "resource")
    for name, field in FIELDS[record].items()
    if field.kind == "string"
}
_LIST_FIELDS: Final = {"principal.roles": "request.principal.roles", "principal.groups": "request.principal.groups"}


def reach(value: Any, names: tuple[str, ...]) -> Any:
    """What `names` lead to from `value`, or None."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, (Principal, Resource)):
            declared = FIELDS["principal" if isinstance(value, Principal) else "resource"].get(name)
            value = getattr(value, declared.attribute) if declared else value.attributes.get(name)
        else:
            return None
    return value


def among(value: Any, wanted: frozenset[Any]) -> bool:
    """Whether `value`, or a member of it when it is a list, is one of `wanted`."""
    if value.__class__ is str:
        return value in wanted
    if isinstance(value, (list, tuple)):
        return any(among(item, wanted) for item in value if not isinstance(item, (list, tuple)))
    if value is True or value is False:
        return ("bool", value) in wanted  # to Python True is 1, to a policy it is not
    return isinstance(value, (int, float)) and value in wanted


MATCH_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {"reach": reach, "among": among}


def _wanted(value: MatchValue) -> frozenset[Any]:
    values = value if isinstance(value, list) else [value]
    return frozenset(("bool", item) if isinstance(item, bool) else item for item in values)


def reader(path: str) -> Callable[[Request], Any]:
    """A function that reads `path` (``content`` or a dotted path) from a request; None when it is absent."""
    if path == "content":
        return lambda request: request.content
    root, *rest = path.split(".")
    names = tuple(rest)
    return lambda request: reach(getattr(request, root), names)


def match_filters(match: Mapping[str, MatchValue]) -> Filters:
    """One conjunct for each key of `match` but the action, which the index has looked up already."""
    form: list[tuple[str, bool]] = []
    values: list[Any] = []
    for path, value in match.items():
        if path == "action":
            continue
        wanted = _wanted(value)
        is_one = len(wanted) == 1 and (path in _STRING_FIELDS or path in _LIST_FIELDS)
        form.append((path, is_one))
        values.append(next(iter(wanted)) if is_one else wanted)
    paths = tuple(form)

    def emit(names: Sequence[str]) -> list[str]:
        return [_filter(path, name, is_one=is_one) for (path, is_one), name in zip(paths, names, strict=True)]

    return Filters(paths, tuple(values), emit)


def _filter(path: str, name: str, *, is_one: bool) -> str:
    if path in _STRING_FIELDS:
        return f"{_STRING_FIELDS[path]} == {name}" if is_one else f"{_STRING_FIELDS[path]} in {name}"
    if path in _LIST_FIELDS:
        return f"{name} in {_LIST_FIELDS[path]}" if is_one else f"not {name}.isdisjoint({_LIST_FIELDS[path]})"
    return f"among({_attribute(path)}, {name})"


def _attribute(path: str) -> str:
    # repr() of names that the document's own pattern bounds to letters, digits, - and _.
    root, *names = path.split(".")
    if len(names) == 1:
        container = "request.context" if root == "context" else f"request.{root}.attributes"
        if root == "context" or names[0] not in FIELDS[root]:
            return f"{container}.get({names[0]!r})"
    return f"reach(request.{root}, {tuple(names)!r})"


def equality_keys(match: Mapping[str, MatchValue], condition: Condition) -> dict[str, frozenset[str]]:
    """Paths that must equal one of some strings for the rule to match: what an index can look up.

    From `match`, and from those top-level conjuncts of the condition that cannot fail to evaluate: were a missing
    attribute possible, skipping the rule would skip its error, and errors count.
    """
    keys: dict[str, frozenset[str]] = {}
    for path, value in match.items():
        wanted = _wanted(value)
        if path != "action" and all(isinstance(item, str) for item in wanted):
            keys[path] = wanted
    for conjunct in _conjuncts(condition.shape.node):
        found = _equality(conjunct, condition.literals)
        if found is not None and found[0] not in keys:
            keys[found[0]] = found[1]
    return keys


def _conjuncts(node: Node | None) -> tuple[Node, ...]:
    if node is None:
        return ()
    return node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)


def _equality(node: Node, literals: Sequence[Any]) -> tuple[str, frozenset[str]] | None:
    if not isinstance(node, Binary):
        return None
    if node.operator == "==":
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, Constant) and isinstance(other.value, str) and (path := _declared_string(side)):
                return path, frozenset({_value(other, literals)})
    if node.operator == "in" and isinstance(node.right, ListLiteral) and (path := _declared_string(node.left)):
        values = [_value(item, literals) for item in node.right.items if isinstance(item, Constant)]
        if values and len(values) == len(node.right.items) and all(isinstance(value, str) for value in values):
            return path, frozenset(values)
    return None


def _value(constant: Constant, literals: Sequence[Any]) -> Any:
    return constant.value if constant.slot is None else literals[constant.slot]


def _declared_string(node: Node) -> str | None:
    if isinstance(node, Select) and isinstance(node.operand, Name):
        path = f"{node.operand.name}.{node.field}"
        return path if path in _STRING_FIELDS else None
    return None
