"""Which rules can match a request at all: per action, one hash look-up for each path that rules are filed under.

Rules without anything to be looked up by stand in a short list that is always tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from axonflow.policy.deciding.attributes import PathsRead, reading_of
from axonflow.policy.deciding.labels_read import LabelsRead
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS, reach, source_of
from axonflow.policy.deciding.ranges import ABSENT, Range, RangeTable, look, range_table
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.request import Request

__all__ = ["LONG_ALWAYS_LIST", "ActionIndex", "Lookup", "Requirement", "build_index"]

LONG_ALWAYS_LIST: Final = 32
"""More rules than this that no look-up can narrow are worth a warning."""

_RULES_A_SLICE: Final = 500

Rules = tuple[CompiledRule, ...]
Table = dict[str, Rules]
Lookup = Callable[[Request], Rules]


class Requirement:
    """A path that requests must carry, and the set that says so."""

    __slots__ = ("path", "policy_set", "read")

    def __init__(self, path: str, read: Callable[[Request], Any], policy_set: str) -> None:
        self.path = path
        self.read = read
        self.policy_set = policy_set

    def lacks(self, request: Request) -> bool:
        """Whether `request` does not carry it."""
        value = self.read(request)
        return value is None or value == ()  # roles and groups: a principal without any has an empty tuple


class ActionIndex:
    """The rules for one action.

    `certain` are those that match whatever a request says; ``lookup(request)`` gives all others that may match, each
    once, and `always` are those among them that no look-up narrows. `knows` is whether the action is known at all: a
    request for another is denied. ``read(request)`` gives the attributes that all these rules read, `labels` tells
    which labels. `varies` says whether a decision depends on anything but the action.
    """

    __slots__ = ("always", "certain", "knows", "labels", "lookup", "read", "requires", "varies")

    def __init__(self, groups: Sequence[_Group], requires: tuple[Requirement, ...], *, knows: bool) -> None:
        self.certain: Rules = tuple(rule for group in groups for rule in group.certain)
        self.always: Rules = tuple(rule for group in groups for rule in group.always)
        self.lookup = _lookup(
            self.always,
            [probe for group in groups for probe in group.tables.items()],
            [probe for group in groups for probe in group.ranges],
        )
        self.varies = bool(requires or self.always or any(group.tables or group.ranges for group in groups))
        self.labels = LabelsRead().unite(group.labels for group in groups)
        self.labels.require([one.path for one in requires])
        self.requires = requires
        self.knows = knows
        self.read = reading_of([*(path for group in groups for path in group.paths), *(one.path for one in requires)])

    def candidates(self, request: Request) -> Rules:
        """All rules that may match `request`."""
        return self.certain + self.lookup(request)


class _Group:
    """The rules that name one action, or those that name none, by what they are filed under."""

    def __init__(self, rules: Sequence[CompiledRule], pause: Callable[[], None]) -> None:
        self.certain: list[CompiledRule] = []
        self.always: list[CompiledRule] = []
        self.tables: dict[str, Table] = {}
        ranges: dict[tuple[str, bool], list[tuple[CompiledRule, Range]]] = {}
        crowds: dict[tuple[str, str], list[CompiledRule]] = {}  # most literals have one rule, which needs no list
        read = PathsRead()
        for number, rule in enumerate(rules):
            if number % _RULES_A_SLICE == 0:
                pause()
            read.add(rule)
            if rule.filed is not None:
                path, literals = rule.filed
                table = self.tables.setdefault(path, {})
                for literal in literals:
                    first = table.setdefault(literal, (rule,))
                    if first[0] is not rule:
                        crowds.setdefault((path, literal), [*first]).append(rule)
            elif rule.range is not None:
                ranges.setdefault((rule.range.path, rule.range.is_network), []).append((rule, rule.range))
            elif rule.test is None:
                self.certain.append(rule)
            else:
                self.always.append(rule)
        for (path, literal), crowd in crowds.items():
            self.tables[path][literal] = tuple(crowd)
        self.ranges = [(path, range_table(filed)) for (path, _), filed in sorted(ranges.items())]
        self.paths = read.paths.union(self.tables, [path for path, _ in self.ranges])
        self.labels = LabelsRead.of(rules, read.shapes, self.paths, pause)


def build_index(
    rules: Iterable[CompiledRule],
    known: Iterable[str],
    requires: dict[str, tuple[Requirement, ...]],
    pause: Callable[[], None] = lambda: None,
) -> tuple[dict[str, ActionIndex], ActionIndex]:
    """An index for every action that is `known` or named, and one of the rules that name no action, for all others."""
    known = frozenset(known)
    anywhere: list[CompiledRule] = []
    by_action: dict[str, list[CompiledRule]] = {action: [] for action in (*known, *requires)}
    for rule in rules:
        if rule.actions is None:
            anywhere.append(rule)
        else:
            for action in rule.actions:
                by_action.setdefault(action, []).append(rule)
    everywhere = _Group(anywhere, pause)  # its tables are shared by all actions
    indexes = {
        action: ActionIndex((_Group(named, pause), everywhere), requires.get(action, ()), knows=action in known)
        for action, named in by_action.items()
    }
    elsewhere = ActionIndex((everywhere,), (), knows=False)
    _share_equal_certain((elsewhere, *indexes.values()))
    return indexes, elsewhere


def _share_equal_certain(indexes: Iterable[ActionIndex]) -> None:
    """One object where the certain rules are the same, so that what they come to with another rule is known for all."""
    shared: dict[Rules, Rules] = {}
    for index in indexes:
        index.certain = shared.setdefault(index.certain, index.certain)


def _members(values: Iterable[Any], table: Table) -> Rules:
    """Rules filed under any of `values`; a rule that names two of them is found twice and taken once."""
    found: dict[int, CompiledRule] = {}
    for value in values:
        if value.__class__ is str:
            for rule in table.get(value, ()):
                found[id(rule)] = rule
    return tuple(found.values())


def _elsewhere(value: Any, table: Table) -> Rules:
    """Rules filed under an attribute that is no string: a list of some, or nothing to look up."""
    return _members(value, table) if isinstance(value, (list, tuple)) else ()


def _lookup(unfiled: Rules, probes: Sequence[tuple[str, Table]], ranges: Sequence[tuple[str, RangeTable]]) -> Lookup:
    """One function of one expression, made for these probes: a loop over them would cost more than they do."""
    parts = ["unfiled"] if unfiled or not (probes or ranges) else []
    for number, (path, _) in enumerate(probes):
        if path in LIST_FIELDS:
            parts.append(f"(members(v, t{number}) if (v := {source_of(path)}) else ())")
        elif path in STRING_FIELDS:
            parts.append(f"g{number}({source_of(path)}, ())")
        else:
            found = f"g{number}(v, ()) if (v := {source_of(path)}).__class__ is text else elsewhere(v, t{number})"
            parts.append(f"({found})")
    parts += [f"b{number}({_sure_source(path)})" for number, (path, _) in enumerate(ranges)]
    names = [f"{kind}{number}" for number in range(len(probes)) for kind in "gt"]
    names += [f"b{number}" for number in range(len(ranges))]
    source = f"def make(unfiled, {', '.join(names)}):\n return lambda request: {' + '.join(parts)}"
    bound: list[Any] = [value for _, table in probes for value in (table.get, table)]
    bound += [table.find for _, table in ranges]
    return _maker(source)(unfiled, *bound)


@lru_cache(maxsize=1024)
def _maker(source: str) -> Callable[..., Lookup]:
    """Most actions have look-ups of the same form, in this engine and in the next."""
    visible: dict[str, Any] = {
        "__builtins__": {},
        "members": _members,
        "elsewhere": _elsewhere,
        "reach": reach,
        "look": look,
        "text": str,
        "ABSENT": ABSENT,
    }
    made: dict[str, Callable[..., Lookup]] = {}
    exec(compile(source, "<look-ups>", "exec"), visible, made)  # noqa: S102  ours: paths stand in it as literals only
    return made["make"]


def _sure_source(path: str) -> str:
    """Source that reads an attribute, and tells one that is absent from one that is null."""
    root, *names = path.split(".")
    attributes = "request.context" if root == "context" else f"request.{root}.attributes"
    if path in STRING_FIELDS:
        return STRING_FIELDS[path]
    if names[0] == "attributes" and root != "context":
        names = names[1:]
    if len(names) == 1:
        return f"{attributes}.get({names[0]!r}, ABSENT)"
    return f"look({attributes}, {tuple(names)!r})"
