"""What entity types, actions and attributes of Cedar are called here.

Two things of Cedar never become one of ours: a permit for the one would be a permit for the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from axonflow.errors import PolicyError
from axonflow.policy.cel.scope import FIELDS, request_scope
from axonflow.policy.importing.cedar.syntax import Attribute, EntityRef, Has, Is, Policy, Variable, nodes_of
from axonflow.policy.importing.expressions import is_name, member_text, path_text
from axonflow.policy.importing.report import UnsupportedError
from axonflow.policy.request import ACTIONS

__all__ = ["CedarNames", "Names", "read_names", "snake_case"]

_PRINCIPALS: Final = {"User": "user", "Agent": "agent", "Service": "service"}
_MEMBERSHIPS: Final = {"Group": "principal.groups", "UserGroup": "principal.groups", "Role": "principal.roles"}
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", re.ASCII)
_RESOURCE_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]*", re.ASCII)
_PATH: Final = re.compile(r"(principal|resource|context)(\.[A-Za-z_][A-Za-z0-9_]{0,127}){1,8}", re.ASCII)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9.]+")
_TYPES: Final = {"entity": "string", "ip": "string", "datetime": "string", "duration": "string", "decimal": "double"}
"""Types of Cedar's that a request here has as text or as a number."""


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """What a mapping file says. Types are paths such as ``Acme::User``; actions are ids, or ``Acme::Action::"x"``.

    `memberships` is by a type of parents the path of the list in which a request names those it is in; `action_groups`
    the members of what ``action in`` names, and where it is there at all, nothing else is a group; `attributes` is by
    ``principal.roles`` and such the path here, `types` by path here a type.
    """

    principals: dict[str, Literal["user", "agent", "service"]] = {}
    resources: dict[str, str] = {}
    memberships: dict[str, str] = {}
    actions: dict[str, str] = {}
    action_groups: dict[str, tuple[str, ...]] | None = None
    attributes: dict[str, str] = {}
    types: dict[str, str] = {}

    @property
    def declared(self) -> dict[str, str]:
        """The types of attributes as a policy set declares them."""
        return {path: _TYPES.get(kind, kind) for path, kind in self.types.items()}


def read_names(data: Any, at: Callable[[tuple[str | int, ...]], str]) -> Names:
    """The mapping in a document. Raises PolicyError with the place of what is wrong."""
    try:
        names = msgspec.convert(data, Names)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        part = re.match(r"[A-Za-z_]+", where)
        place = at((part[0],) if part else ())
        raise PolicyError("not a mapping of names", expected=message.replace("`", "'"), at=place) from None
    for field, values, pattern, expected in (
        ("resources", names.resources, _RESOURCE_TYPE, "a word such as tool"),
        ("actions", names.actions, _ACTION, "dotted lower-case words such as tool.call"),
        ("memberships", names.memberships, _PATH, "a path such as principal.groups or resource.folders"),
        ("attributes", names.attributes, _PATH, "a path such as context.risk"),
    ):
        for key, value in values.items():
            if not pattern.fullmatch(value):
                raise PolicyError("not a name here", expected=expected, found=f"{value!a}"[:80], at=at((field, key)))
    try:
        request_scope(names.declared)
    except ValueError as error:
        raise PolicyError("not a type of an attribute", expected=str(error)[:300], at=at(("types",))) from None
    return names


def snake_case(name: str) -> str:
    """``readFile`` as ``read_file``."""
    return _NO_WORD.sub("_", _HUMP.sub("_", name).lower()).strip("_")


def _last(path: str) -> str:
    return path.rpartition("::")[2]


def _full(ref: EntityRef) -> str:
    return f'{ref.type}::"{ref.id}"'


class CedarNames:
    """The names of what `policies` speak of, by `given` and by default."""

    def __init__(self, policies: Sequence[Policy], given: Names) -> None:
        self.given: Final = given
        types, actions = _spoken_of(policies)
        self._principals = _one_to_one(types, self._principal_name)
        self._resources = _one_to_one(types, self._resource_name)
        self._memberships = _one_to_one(types, self._membership_name)
        actions.update({_full(one): one for ref in [*actions.values()] for one in self.members(ref)[0]})
        self._attributes = _one_to_one(_attributes_of(policies), self._attribute_text)
        self._types = {path_text(path): kind for path, kind in given.types.items()}
        self._actions = _one_to_one(actions, lambda full: self._action_name(actions[full]))

    @property
    def own_actions(self) -> list[str]:
        """The names of all actions that are none of AxonFlow's."""
        return sorted({name for name in self._actions.values() if name} - ACTIONS)

    # -- by default

    def _principal_name(self, path: str) -> str | None:
        return self.given.principals.get(path) or _PRINCIPALS.get(_last(path))

    def _resource_name(self, path: str) -> str | None:
        name = self.given.resources.get(path) or snake_case(_last(path)).lstrip("0123456789._")
        return name or None

    def _membership_name(self, path: str) -> str | None:
        return self.given.memberships.get(path) or _MEMBERSHIPS.get(_last(path))

    def _action_name(self, ref: EntityRef) -> str | None:
        given = self.given.actions
        name = given.get(_full(ref)) or given.get(ref.id)
        if name is None:
            name = ref.id if _ACTION.fullmatch(ref.id) else snake_case(ref.id)
        return name if _ACTION.fullmatch(name) else None

    def _attribute_text(self, name: str) -> str:
        given = self.given.attributes.get(name)
        if given is not None:
            return path_text(given)
        root, _, field = name.partition(".")
        inside = root in FIELDS and (field in FIELDS[root] or not is_name(field))
        return f"{root}.attributes{member_text(field)}" if inside else f"{root}{member_text(field)}"

    # -- asked for

    def attribute(self, root: str, field: str, offset: int) -> str:
        """The expression that reads an attribute of the principal, the resource or the context. Raises
        UnsupportedError."""
        text = self._attributes.get(f"{root}.{field}")
        if text is None:
            raise UnsupportedError(
                offset, f"{root}.{field}", "another attribute has the same path here",
                "Give each attribute a path of its own in the mapping file.",
            )  # fmt: skip
        return text

    def type_of(self, text: str) -> str:
        """The declared type of what an expression reads; empty where there is none."""
        return self._types.get(text, "")

    def principal_type(self, path: str, offset: int) -> str:
        """The type of a principal. Raises UnsupportedError."""
        name = self._principals.get(path)
        if name is None:
            raise self._unnamed(path, offset, "a principal here is a user, an agent or a service", "principals", "user")
        return name

    def resource_type(self, path: str, offset: int) -> str:
        """The type of a resource. Raises UnsupportedError."""
        name = self._resources.get(path)
        if name is None:
            raise self._unnamed(path, offset, "a type here is a lower-case word", "resources", "document")
        return name

    def is_principal(self, path: str) -> bool:
        """Whether principals here may be of this type."""
        return self._principals.get(path) is not None

    def membership(self, path: str, root: str) -> str | None:
        """The path of the list in which requests name parents of this type."""
        name = self._memberships.get(path)
        return name if name is not None and name.startswith(f"{root}.") else None

    def no_membership(self, path: str, root: str, offset: int) -> UnsupportedError:
        """The error that nothing says which list of a request names parents of this type."""
        why = f"nothing says where a request names the {path} that its {root} is in"
        return self._unnamed(path, offset, why, "memberships", f"{root}.{snake_case(_last(path))}s")

    def entity_text(self, ref: EntityRef) -> str:
        """The text by which a request names an entity in an attribute. Raises UnsupportedError."""
        kind = self._principals.get(ref.type) or self._resources.get(ref.type)
        if kind is None:
            raise self._unnamed(ref.type, ref.offset, "nothing says what it is called here", "resources", "document")
        return f"{kind}:{ref.id}"

    def action(self, ref: EntityRef) -> str:
        """Our action. Raises UnsupportedError."""
        name = self._actions.get(_full(ref))
        if name is None:
            why = "an action here is dotted lower-case words, and no two of Cedar's are one"
            raise UnsupportedError(
                ref.offset, _full(ref), why, f'Name it in the mapping file: actions: {{"{ref.id}": crm.export}}.'
            )
        return name

    def members(self, ref: EntityRef) -> tuple[list[EntityRef], bool]:
        """What ``action in ref`` means: `ref` and the members it has, and whether somebody said so."""
        groups = self.given.action_groups
        if groups is None:
            return [ref], False
        members = groups.get(_full(ref), groups.get(ref.id, ()))
        return [ref, *[EntityRef(ref.offset, ref.type, one) for one in members]], True

    def _unnamed(self, path: str, offset: int, why: str, part: str, example: str) -> UnsupportedError:
        named = self._resource_name if part == "resources" else self._principal_name
        if part in {"principals", "resources"} and named(path) is not None:
            why = f"another type would be {named(path)} as well, and no two types of Cedar are one here"
        hint = f'Name it in the mapping file: {part}: {{"{path}": {example}}}.'
        return UnsupportedError(offset, path, why, hint)


def _spoken_of(policies: Sequence[Policy]) -> tuple[dict[str, str], dict[str, EntityRef]]:
    types: dict[str, str] = {}
    actions: dict[str, EntityRef] = {}

    def note(ref: object) -> None:
        if isinstance(ref, EntityRef) and _last(ref.type) == "Action":
            actions[_full(ref)] = ref
        elif isinstance(ref, EntityRef):
            types[ref.type] = ref.type
        elif isinstance(ref, str):
            types[ref] = ref

    for policy in policies:
        for scope in (policy.principal, policy.resource):
            note(scope.entity)
            note(scope.type)
        for ref in policy.action.actions:
            note(ref)
        for node, _ in nodes_of(policy):
            note(node.type if isinstance(node, Is) else node)
    return types, actions


def _one_to_one(spoken: Iterable[str], name_of: Callable[[str], str | None]) -> dict[str, str | None]:
    """The name of each; None where it has none, or another has the same."""
    names = {one: name_of(one) for one in spoken}
    counts: dict[str | None, int] = {}
    for name in names.values():
        counts[name] = counts.get(name, 0) + 1
    return {one: name if counts[name] == 1 else None for one, name in names.items()}


def _attributes_of(policies: Sequence[Policy]) -> list[str]:
    found: set[str] = set()
    for policy in policies:
        for node, _ in nodes_of(policy):
            if isinstance(node, (Attribute, Has)) and isinstance(node.target, Variable):
                found.add(f"{node.target.name}.{node.name if isinstance(node, Attribute) else node.names[0]}")
    return sorted(found)
