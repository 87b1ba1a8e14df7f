"""How many rules a request can meet at most, and what they weigh together, whichever way they are looked up.

Which of its equalities a rule is filed under depends on the rules beside it
(`axonflow.policy.deciding.access.choose`), and one rule more may have a hundred others filed elsewhere. So a rule is
counted under each equality that it has: wherever it is, it is in no larger crowd than under the one where the crowd
is smallest. What is counted so is never too little, and never less for a rule more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from math import ceil
from typing import Final, NamedTuple

from axonflow.policy.cel.addresses import Cidr
from axonflow.policy.cel.compiler import Expression
from axonflow.policy.cel.loops import CHARS_A_STEP
from axonflow.policy.certifying.inputs import Inputs
from axonflow.policy.certifying.weighing import Weight, total
from axonflow.policy.deciding.access import CROWD, Keys
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS
from axonflow.policy.deciding.ranges import Range, RangeFinder

__all__ = ["Load", "Placed", "loads", "united"]

_PROBE: Final = 2
"""To look one value up."""
_PARSED: Final = 20
"""To read an address."""
_NONE: Final = (None,)
_RULES_A_SLICE: Final = 500


class Placed(NamedTuple):
    """A rule, by what it can be looked up by."""

    actions: frozenset[str] | None
    keys: Keys
    expression: Expression | None
    weight: Weight


class Load(NamedTuple):
    """The rules that are tried at most, what they weigh, and what it takes to look them up."""

    candidates: int
    weight: Weight
    lookups: int


_Crowded = tuple[int, Placed, Range | None]
"""A rule, the most that may be filed where it is, and the range that it may be looked up by instead."""
_Entry = tuple[int, Placed]


def united(some: Iterable[Load]) -> Load:
    """All of them in one decision."""
    some = list(some)
    weight = total(load.weight for load in some)
    return Load(sum(load.candidates for load in some), weight, sum(load.lookups for load in some))


def loads(
    rules: Sequence[Placed], ranges: RangeFinder, inputs: Inputs, pause: Callable[[], None]
) -> dict[str | None, Load]:
    """The load of the rules that name an action, by action, and under None that of those that name none."""
    crowds = _crowds(rules, pause)
    groups: dict[str | None, list[_Crowded]] = defaultdict(list)
    for number, rule in enumerate(rules):
        if number % _RULES_A_SLICE == 0:
            pause()
        most = _crowd_of(rule.keys, [crowds[action] for action in rule.actions or _NONE])
        wanted = None if rule.keys and most <= CROWD else ranges.find(rule.expression)
        for action in rule.actions or _NONE:
            groups[action].append((most, rule, wanted))
    found: dict[str | None, Load] = {}
    for action, group in groups.items():
        found[action] = _load_of(group, inputs, pause)
    return found


def _load_of(group: Sequence[_Crowded], inputs: Inputs, pause: Callable[[], None]) -> Load:
    """Of the rules of one action."""
    tables: dict[str, dict[str, list[_Entry]]] = {}
    ranges: dict[tuple[str, bool], list[tuple[Range, Weight]]] = {}
    always: list[Weight] = []
    for number, (most, rule, wanted) in enumerate(group):
        if number % _RULES_A_SLICE == 0:
            pause()
        entry = (most if wanted is None else CROWD, rule)
        for path, literals in rule.keys.items():
            table = tables.setdefault(path, {})
            for literal in literals:
                table.setdefault(literal, []).append(entry)
        if wanted is not None:
            ranges.setdefault((wanted.path, wanted.is_network), []).append((wanted, rule.weight))
        elif not rule.keys:
            always.append(rule.weight)
    found = [Load(len(always), total(always), 0)]
    found += [_table_load(path, table, inputs, pause) for path, table in sorted(tables.items())]
    found += [_range_load(place, filed, inputs) for place, filed in sorted(ranges.items())]
    return united(found)


# -- equalities


_Crowds = dict[str, dict[str, int]]
"""By path and literal: how many rules say it."""


def _crowds(rules: Iterable[Placed], pause: Callable[[], None]) -> Mapping[str | None, _Crowds]:
    """By action."""
    crowds: dict[str | None, _Crowds] = defaultdict(dict)
    for number, (actions, keys, _, _) in enumerate(rules):
        if number % _RULES_A_SLICE == 0:
            pause()
        for action in actions or _NONE:
            own = crowds[action]
            for path, literals in keys.items():
                counts = own.get(path)
                if counts is None:
                    counts = own[path] = {}
                for literal in literals:
                    counts[literal] = counts.get(literal, 0) + 1
    return crowds


def _crowd_of(keys: Keys, crowds: Sequence[_Crowds]) -> int:
    """The most rules that any literal is shared by, at the path where that is least."""
    least = 0
    for path, literals in keys.items():
        if len(literals) == len(crowds) == 1:
            most = crowds[0][path][literals[0]]
        else:
            most = max([own[path][literal] for own in crowds for literal in literals])
        if not least or most < least:
            least = most
    return least


def _table_load(path: str, table: Mapping[str, Sequence[_Entry]], inputs: Inputs, pause: Callable[[], None]) -> Load:
    """A text finds the rules of one literal, a list those of as many as it may have members."""
    members = 1 if path in STRING_FIELDS else inputs.memberships if path in LIST_FIELDS else max(1, inputs.values)
    crowds: list[tuple[int, Weight]] = []
    everything: dict[int, Weight] = {}
    for number, entries in enumerate(table.values()):
        if number % _RULES_A_SLICE == 0:
            pause()
        crowds.append((1, entries[0][1].weight) if len(entries) == 1 else _crowd(entries))
        if members > 1:
            everything.update([(id(rule), rule.weight) for _, rule in entries])
    weight = _heaviest([weight for _, weight in crowds], members)
    candidates = _most([count for count, _ in crowds], members)
    if members > 1:  # and a rule that names several literals is found once
        weight = weight.at_most(total(everything.values()))
        candidates = min(candidates, len(everything))
    return Load(candidates, weight, _PROBE * (1 if path in STRING_FIELDS else 1 + members))


def _crowd(entries: Sequence[_Entry]) -> tuple[int, Weight]:
    """The most that can be filed under one literal: so many of the heaviest as may be there."""
    most = min(max(crowd for crowd, _ in entries), len(entries))
    return most, _heaviest([rule.weight for _, rule in entries], most)


def _heaviest(weights: Sequence[Weight], count: int) -> Weight:
    """No `count` of them come to more."""
    if len(weights) <= count:
        return total(weights)
    flat = _most([one.flat for one in weights], count)
    return Weight(flat, _most([one.looping for one in weights], count), max(one.a_step for one in weights))


def _most(values: Sequence[int], count: int) -> int:
    """The sum of the largest `count` of them."""
    if len(values) <= count:
        return sum(values)
    return max(values) if count == 1 else sum(nlargest(count, values))


# -- beginnings and networks


def _range_load(place: tuple[str, bool], rules: Sequence[tuple[Range, Weight]], inputs: Inputs) -> Load:
    """Where something else than text may stand, or an address that is none, that fails in every rule: all are tried."""
    path, is_network = place
    everything = Load(len(rules), total(weight for _, weight in rules), 0)
    if is_network:
        sizes = {(one.ip.family, one.prefix) for wanted, _ in rules for one in wanted.values if isinstance(one, Cidr)}
        return everything._replace(lookups=_PARSED + ceil(inputs.sizes.json.text) + _PROBE * len(sizes))
    tables: dict[str, list[Weight]] = defaultdict(list)
    for wanted, weight in rules:
        for prefix in wanted.values:
            tables[str(prefix)].append(weight)
    lengths = {len(prefix) for prefix in tables}
    lookups = _PROBE * (1 + len(lengths)) + len(lengths) * ceil(max(lengths) / CHARS_A_STEP)
    if path not in STRING_FIELDS:
        return everything._replace(lookups=lookups)
    chains = [
        [weight for length in lengths for weight in tables.get(prefix[:length], ()) if length <= len(prefix)]
        for prefix in tables
    ]
    weight = _heaviest([total(chain) for chain in chains], 1)
    return Load(max(map(len, chains)), weight, lookups)
