"""A request of which not everything is known. Whoever looks at what is not known ends there, and what it was is kept.

Compiled conditions run on it as they are: they look into attributes by ``get`` (filters: what is absent is null) or by
``[]`` and ``in`` (expressions: it is not). What takes an attribute as a whole of which a part is known would not notice
what is missing: see `Unseen.taken_whole`, which has to be asked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final, NoReturn

from msgspec.structs import force_setattr

from axonflow.errors import RequestError
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.request import MAX_DELEGATIONS, Principal, Resource
from axonflow.policy.whatif.recorded import Recorded, is_exact, is_of_texts

__all__ = ["PartialRequest", "UnrecordedError", "Unseen", "names_of", "spelled", "whole_request"]

_BEHIND: Final = "on_behalf_of"
_LISTS: Final = ("roles", "groups")
_FIELD: Final = re.compile(
    r"principal(\.on_behalf_of)*\.(id|type|tenant|attributes|on_behalf_of)|resource\.(id|type|attributes)"
)
"""Names under which nothing is looked for: what is there is said elsewhere, or by the names of attributes."""
_NO_DEFAULT: Final = object()


class UnrecordedError(Exception):
    """Something was asked for that was not recorded."""


class Unseen:
    """What was asked for in vain, in the order in which it was, and what nobody would notice: `taken_whole` are paths
    of what must not be taken as a whole by an expression, and `uncertain` those that no filter may look at either, for
    it is not known whether an object stands there."""

    __slots__ = ("asked", "taken_whole", "uncertain")

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.taken_whole: set[str] = set()
        self.uncertain: set[str] = set()

    def error(self, name: str) -> UnrecordedError:
        """To be raised where `name` was asked for."""
        self.asked.append(name)
        return UnrecordedError(name)


class _Members(dict[str, Any]):
    """An object of which the members in `known` are known, and that it has none of those in `lacking`. `certain` is
    whether it is known to be there, and to be an object."""

    __slots__ = ("certain", "known", "lacking", "path", "unseen")

    def __init__(self, path: str, unseen: Unseen, *, certain: bool) -> None:
        super().__init__()
        self.path = path
        self.unseen = unseen
        self.certain = certain
        self.known: dict[str, Any] = {}
        self.lacking: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name in self.known:
            return self._sure(name)
        if name in self.lacking:
            raise KeyError(name)
        raise self.unseen.error(f"{self.path}.{name}")

    def __contains__(self, name: object) -> bool:
        if name in self.known:
            self._sure(str(name))
            return True
        if name in self.lacking:
            return False
        raise self.unseen.error(f"{self.path}.{name}")

    def get(self, name: str, default: Any = _NO_DEFAULT) -> Any:
        if name in self.known:
            return self.known[name] if default is _NO_DEFAULT else self._sure(name)
        if name in self.lacking:
            return None if default is _NO_DEFAULT else default
        raise self.unseen.error(f"{self.path}.{name}")

    def _sure(self, name: str) -> Any:
        value = self.known[name]
        if isinstance(value, _Members) and not value.certain:
            raise self.unseen.error(value.path)
        return value

    def _whole(self, *_anything: object) -> NoReturn:
        raise self.unseen.error(self.path)

    __iter__ = __len__ = __bool__ = __eq__ = __ne__ = __or__ = keys = values = items = copy = _whole
    __hash__ = None

    def put(self, names: tuple[str, ...], value: Any) -> None:
        """That `value` stands at `names`. What encloses it is put before it."""
        node = self._node(names, certain=True)
        if node is not None:
            node.known[names[-1]] = value

    def lack(self, names: tuple[str, ...]) -> None:
        """That nothing stands at `names`."""
        node = self._node(names, certain=False)
        if node is not None and names[-1] not in node.known:
            node.lacking.add(names[-1])

    def _node(self, names: tuple[str, ...], *, certain: bool) -> _Members | None:
        """What holds the last of `names`; None where something further up is known as a whole."""
        node = self
        for name in names[:-1]:
            below = node.known.get(name)
            if below is None and name not in node.known and name not in node.lacking:
                below = node.known[name] = _Members(f"{node.path}.{name}", node.unseen, certain=certain)
                node.unseen.taken_whole.add(below.path)
                node.unseen.uncertain.add(below.path)
            if not isinstance(below, _Members):
                return None
            if certain:
                below.certain = True
                node.unseen.uncertain.discard(below.path)
            node = below
        return node


class _Blank:
    """A value that was not recorded, where no object stands around it."""

    __slots__ = ("_path", "_unseen")

    def __init__(self, path: str, unseen: Unseen) -> None:
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_unseen", unseen)
        unseen.taken_whole.add(path)

    def _look(self, *_anything: object) -> NoReturn:
        unseen: Unseen = object.__getattribute__(self, "_unseen")
        raise unseen.error(object.__getattribute__(self, "_path"))

    __class__ = property(_look)  # isinstance() asks for it, and ends there
    __eq__ = __ne__ = __hash__ = __iter__ = __contains__ = __len__ = __bool__ = _look


class PartialRequest:
    """In place of a Request. `unseen` is what was asked of it in vain."""

    __slots__ = ("action", "context", "principal", "resource", "time", "unseen")

    def __init__(self, event: Recorded, read: AbstractSet[str], names: AbstractSet[str]) -> None:
        """What `event` tells of the request under these `names`, and no more than that: decisions that have the same
        under them are one to whoever tells them apart by these. `read` are the paths that the policies then in force
        had a look at; empty where that is not known. Raises RequestError for what no request is like."""
        if len(event.on_behalf_of) > MAX_DELEGATIONS:
            raise RequestError("too many delegations", expected=f"at most {MAX_DELEGATIONS}", found="more")
        self.unseen = unseen = Unseen()
        self.time = None
        self.action = event.action
        self.context = _Members("context", unseen, certain=True)
        kind, _, name = event.resource.partition(":")
        self.resource = Resource(kind, name)
        force_setattr(self.resource, "attributes", _Members("resource", unseen, certain=True))
        links = [Principal.of(name) for name in (event.principal, *event.on_behalf_of)]
        force_setattr(links[0], "tenant", event.tenant_id)
        path = "principal"
        for number, link in enumerate(links):
            force_setattr(link, "attributes", _Members(path, unseen, certain=True))
            for one in _LISTS:
                force_setattr(link, one, _Blank(f"{path}.{one}", unseen))
            if number:
                force_setattr(links[number - 1], _BEHIND, link)
                force_setattr(link, "tenant", _Blank(f"{path}.tenant", unseen))
            path += f".{_BEHIND}"
        self.principal = links[0]
        self._fill(event.attributes, read, names)

    @property
    def content(self) -> Any:
        """It is never recorded."""
        raise self.unseen.error("content")

    def _fill(self, attributes: dict[str, Any], read: AbstractSet[str], names: AbstractSet[str]) -> None:
        for path in sorted(names & attributes.keys(), key=len):  # what encloses others first
            if is_exact(attributes[path]):
                self._put(spelled(path), attributes[path], lacks=False)
        for path in sorted(names & read, key=len):
            if path not in attributes:
                self._put(spelled(path), (), lacks=True)

    def _put(self, path: str, value: Any, *, lacks: bool) -> None:
        root, *names = path.split(".")
        holder: Any = self.context
        if root != "context":
            holder = self.principal if root == "principal" else self.resource
            while names[0] == _BEHIND and len(names) > 1:
                names = names[1:]
                holder = holder.on_behalf_of
                if holder is None:  # it acts for nobody: there is nothing behind
                    return
            if names[0] in _LISTS and isinstance(holder, Principal):
                if len(names) == 1:
                    if not is_of_texts(value):
                        raise RequestError(f"not the {names[0]} of a principal", expected="texts", found="others")
                    force_setattr(holder, names[0], tuple(value))
                    self.unseen.taken_whole.discard(path)
                return
            if names[0] in FIELDS[root]:
                return
            holder = holder.attributes
        place = tuple(names)
        if lacks:
            holder.lack(place)
        else:
            holder.put(place, value)


_SPELLED: Final = ("principal.attributes.", "resource.attributes.", f".{_BEHIND}.attributes.")


def spelled(path: str) -> str:
    """`path` as it is spelled here: attributes stand beside the declared fields, ``principal.attributes.level`` is
    ``principal.level``."""
    for long in _SPELLED:
        if long in path:
            record, _, rest = path.partition(".attributes.")
            if rest.split(".")[0] not in FIELDS[record.partition(".")[0]]:
                return f"{record}.{rest}"
    return path


def names_of(paths: Iterable[str]) -> frozenset[str]:
    """Under which names records may have what stands at `paths`, as these are spelled here, or what encloses it; but
    for what events say in fields of their own."""
    names: set[str] = set()
    for path in paths:
        root, *steps = path.split(".")
        behind = next((number for number, step in enumerate(steps) if step != _BEHIND), len(steps))
        names.update([".".join([root, *steps[:length]]) for length in range(1, len(steps) + 1)])
        if root in FIELDS and len(steps) > behind and steps[behind] not in FIELDS[root]:
            long = [root, *steps[:behind], "attributes", *steps[behind:]]
            names.update([".".join(long[:length]) for length in range(behind + 3, len(long) + 1)])
    return frozenset([name for name in names if _FIELD.fullmatch(name) is None])


def whole_request(path: str) -> bool:
    """Whether a rule that reads `path` may depend on any attribute of a principal or a resource."""
    return path.endswith(".attributes") and path.partition(".")[0] in FIELDS
