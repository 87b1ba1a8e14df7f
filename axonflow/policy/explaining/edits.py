"""Edits of a request: what would have to be different in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from axonflow.errors import RequestError
from axonflow.policy.analysis.places import place_of_path, unpacked
from axonflow.policy.analysis.worlds import ABSENT, is_same
from axonflow.policy.cel.scope import FIELDS, RECORDS
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["Changeable", "Edit", "applied", "as_json", "names_to"]

DEFAULT_FIXED = (
    "action", "content", "time", "resource.type", "resource.id", "principal.id", "principal.type", "principal.tenant",
    "principal.on_behalf_of",
)  # fmt: skip
"""Who asks, what for and when. With another of these it would be another question."""


class Edit(Struct, frozen=True):
    """One attribute is ``set`` to `value` or left out (``remove``), or `value` is added to a list (``add``) or taken
    out of it (``drop``). `variable` is a field or an attribute, such as ``context.env``; `inside` are the names that
    lead on from there. `example`: no policy names the value, and others like it would do. `like` is the path of another
    attribute whose value it is.
    """

    op: Literal["set", "remove", "add", "drop"]
    variable: str
    inside: tuple[str, ...] = ()
    value: Any = None
    example: bool = False
    like: str = ""

    @property
    def path(self) -> str:
        """Where it is, as policies write it."""
        return ".".join((self.variable, *self.inside))

    def beside(self, other: Edit) -> bool:
        """Whether both can be made: of one place only members of a list can be changed more than once."""
        shorter = min(len(self.inside), len(other.inside))
        if self.variable != other.variable or self.inside[:shorter] != other.inside[:shorter]:
            return True
        members = {"add", "drop"}
        return self.inside == other.inside and self.op in members and other.op in members


class Changeable(Struct, frozen=True):
    """What may be changed: paths, each with all that is below it. With `only`, nothing else; without, all but
    `DEFAULT_FIXED`. `fixed` may not be, in any case."""

    only: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    @classmethod
    def of(cls, only: Iterable[str] = (), fixed: Iterable[str] = ()) -> Changeable:
        """Of paths as policies write them. Raises RequestError for one that leads into no request."""
        return cls(tuple(map(_canonical, only)), tuple(map(_canonical, fixed)))

    def allows(self, path: str) -> bool:
        """Whether what is at `path` may be changed as a whole."""
        if any(_covers(one, path) or _covers(path, one) for one in self.fixed):
            return False
        if self.only:
            return any(_covers(one, path) for one in self.only)
        return not any(_covers(one, path) for one in DEFAULT_FIXED)

    def touches(self, variable: str) -> bool:
        """Whether something of a variable may be changed."""
        if any(_covers(one, variable) for one in self.fixed):
            return False
        if self.only:
            return any(_covers(one, variable) or _covers(variable, one) for one in self.only)
        return not any(_covers(one, variable) for one in DEFAULT_FIXED)


def _canonical(path: str) -> str:
    if path.split(".", maxsplit=1)[0] not in Request.__struct_fields__ or not all(path.split(".")):
        raise RequestError(
            "not a path of a request",
            expected="such as context.env, principal.roles or resource",
            found=f"{path[:80]!a}",
        )
    place = place_of_path(path)
    return path if place is None else ".".join((place[0], *place[1]))


def _covers(outer: str, path: str) -> bool:
    root, _, rest = outer.partition(".")
    if rest == "attributes" and root in RECORDS:  # paths leave the word out where no field has the name
        above, *names = path.split(".")
        return above == root and names != [] and (names[0] == rest or names[0] not in FIELDS[root])
    return path == outer or path.startswith(f"{outer}.")


def applied(request: Request, edits: Iterable[Edit]) -> Request:
    """`request` with `edits`. Raises RequestError when that is none any more."""
    whole: dict[str, Any] = {"action": request.action, "content": request.content, "time": request.time}
    principal = as_json(request.principal)
    resource = {name: getattr(request.resource, name) for name in Resource.__struct_fields__}
    context = request.context
    for edit in edits:
        root, name, declared = unpacked(edit.variable)
        if root == "context":
            context = _changed(context, (name, *edit.inside), edit)
        elif not name:
            whole = _changed(whole, (root, *edit.inside), edit)
        else:
            names = (name, *names_to(edit.variable, edit.inside)) if declared else ("attributes", name, *edit.inside)
            if root == "principal":
                principal = _changed(principal, names, edit)
            else:
                resource = _changed(resource, names, edit)
    return Request(
        Principal(**principal),
        whole["action"],
        Resource(**resource),
        context,
        whole.get("content"),
        whole.get("time"),
    )


def as_json(value: Any) -> Any:
    """A principal as an object of JSON, all else as it is."""
    if not isinstance(value, Principal):
        return value
    behind = {} if value.on_behalf_of is None else {"on_behalf_of": as_json(value.on_behalf_of)}
    fields = {"id": value.id, "type": value.type, "tenant": value.tenant, "roles": value.roles, "groups": value.groups}
    return {**fields, "attributes": value.attributes, **behind}


def names_to(variable: str, inside: tuple[str, ...]) -> tuple[str, ...]:
    """The names that lead on in the JSON of `variable` to where policies write `inside`."""
    return _declared(inside) if variable == "principal.on_behalf_of" else inside


def _declared(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` that lead on from a principal, with the word for what is none of its fields."""
    name, *inside = names or ("",)
    if name == "on_behalf_of":
        return (name, *_declared(tuple(inside)))
    return ("attributes", *names) if name and name not in FIELDS["principal"] else names


def _changed(held: Any, names: Sequence[str], edit: Edit) -> Any:
    """`held` with `edit` made where `names` lead to; ABSENT when nothing is left."""
    if not names:
        members = held if isinstance(held, (list, tuple)) else ()
        if edit.op == "add":
            return [*members, edit.value]
        if edit.op == "drop":
            return [member for member in members if not is_same(member, edit.value)]
        return edit.value if edit.op == "set" else ABSENT
    record = dict(held) if isinstance(held, dict) else {}
    changed = _changed(record.get(names[0], ABSENT), names[1:], edit)
    if changed is ABSENT:
        record.pop(names[0], None)
    else:
        record[names[0]] = changed
    return record
