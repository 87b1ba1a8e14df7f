"""`match`: plain filters on a request. An absent attribute is no match, so a filter never fails."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.cel.compiler import Filters
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.request import Principal, Request, Resource

__all__ = [
    "LIST_FIELDS",
    "MATCH_FUNCTIONS",
    "STRING_FIELDS",
    "FilterMaker",
    "MatchValue",
    "NotTextError",
    "filtered_paths",
    "reach",
    "reader",
    "source_of",
    "wanted_values",
]

MatchValue = str | bool | int | float | list[Any]

STRING_FIELDS: Final = {
    f"{record}.{name}": f"request.{record}.{field.attribute}"
    for record in ("principal", "resource")
    for name, field in FIELDS[record].items()
    if field.kind == "string"
}
LIST_FIELDS: Final = {"principal.roles": "request.principal.roles", "principal.groups": "request.principal.groups"}


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


def entirely_among(value: Any, wanted: frozenset[Any]) -> bool:
    """Whether `value`, or each member of it when it is a list of some, is one of `wanted`.

    For what loosens: ``match: {context.env: dev}`` allows no request whose env is ``["dev", "prod"]``.
    """
    if isinstance(value, (list, tuple)):
        return bool(value) and all(
            not isinstance(item, (list, tuple)) and entirely_among(item, wanted) for item in value
        )
    return among(value, wanted)


MATCH_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "reach": reach,
    "among": among,
    "entirely_among": entirely_among,
}


def wanted_values(value: MatchValue) -> frozenset[Any]:
    """The values of one key of `match`, such that True is not 1."""
    values = value if isinstance(value, list) else [value]
    return frozenset([("bool", item) if isinstance(item, bool) else item for item in values])


def reader(path: str) -> Callable[[Request], Any]:
    """A function that reads `path` (``content`` or a dotted path) from a request; None when it is absent."""
    if path == "content":
        return lambda request: request.content
    root, *rest = path.split(".")
    names = tuple(rest)
    return lambda request: reach(getattr(request, root), names)


_TEXT: Final = frozenset({"action", *STRING_FIELDS, *LIST_FIELDS})


class NotTextError(ValueError):
    """A value at a path where only text can stand."""

    def __init__(self, path: str, found: object) -> None:
        super().__init__(path)
        self.path = path
        self.found = found


def _check_text(path: str, value: MatchValue) -> None:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, str):
            raise NotTextError(path, item)


class FilterMaker:
    """Makes the filters of rules. What it learns of a form of `match` holds for all of that form."""

    def __init__(self) -> None:
        self._emitters: dict[Hashable, tuple[Callable[[Sequence[str]], list[str]], tuple[str, ...]]] = {}

    def filters(self, match: Mapping[str, MatchValue], *, loosens: bool, passed: str | None = None) -> Filters:
        """One conjunct for each key of `match` but the action and the path `passed`, which were looked up already.

        `loosens`: whether they belong to an allow rule or an exception. Raises NotTextError.
        """
        form: list[tuple[str, bool]] = []
        values: list[Any] = []
        for path, value in match.items():
            if path == passed:
                continue
            is_text = path in _TEXT
            if value.__class__ is str:
                if path != "action":
                    form.append((path, is_text))
                    values.append(value if is_text else wanted_values(value))
                continue
            if is_text:
                _check_text(path, value)
            if path != "action":
                form.append((path, False))
                values.append(wanted_values(value))
        if not form:
            return _NONE
        key = (loosens, *form)
        known = self._emitters.get(key)
        if known is None:
            known = self._emitters[key] = _emitter(form, loosens=loosens), tuple([path for path, _ in form])
        return Filters(key, tuple(values), *known)


_NONE: Final = Filters((), (), lambda _names: [])


def filtered_paths(form: Hashable) -> tuple[str, ...]:
    """The paths that filters of this form look at."""
    return tuple([path for path, _ in form[1:]]) if isinstance(form, tuple) else ()


def _emitter(form: Sequence[tuple[str, bool]], *, loosens: bool) -> Callable[[Sequence[str]], list[str]]:
    def emit(names: Sequence[str]) -> list[str]:
        return [
            _filter(path, name, is_one=is_one, loosens=loosens)
            for (path, is_one), name in zip(form, names, strict=True)
        ]

    return emit


def _filter(path: str, name: str, *, is_one: bool, loosens: bool) -> str:
    if path in STRING_FIELDS:
        return f"{STRING_FIELDS[path]} == {name}" if is_one else f"{STRING_FIELDS[path]} in {name}"
    if path in LIST_FIELDS:
        return f"{name} in {LIST_FIELDS[path]}" if is_one else f"not {name}.isdisjoint({LIST_FIELDS[path]})"
    return f"{'entirely_among' if loosens else 'among'}({source_of(path)}, {name})"


def source_of(path: str) -> str:
    """Python source that reads a dotted `path` from `request`: None when it is absent."""
    declared = STRING_FIELDS.get(path) or LIST_FIELDS.get(path)
    if declared is not None:
        return declared
    root, *names = path.split(".")
    if len(names) == 1:
        container = "request.context" if root == "context" else f"request.{root}.attributes"
        if root == "context" or names[0] not in FIELDS[root]:
            return f"{container}.get({names[0]!r})"  # repr() of a string is one literal, whatever is in it
    return f"reach(request.{root}, {tuple(names)!r})"
