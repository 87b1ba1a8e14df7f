"""The certificate: what a decision may cost at worst, by action, and which rules it is that cost it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import chain
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta, Struct

from axonflow.detect import Scanner
from axonflow.detect.scanner import MAX_ROUNDS
from axonflow.policy.cel.compiler import Expression
from axonflow.policy.certifying.inputs import LARGEST, MAX_UNITS, Inputs
from axonflow.policy.certifying.tables import Load, Placed, loads, united
from axonflow.policy.certifying.weighing import EVERYTHING, Weigher, Weight
from axonflow.policy.compiling.program import PolicyProgram, RuleRow
from axonflow.policy.deciding.access import KeyFinder
from axonflow.policy.deciding.ranges import RangeFinder
from axonflow.policy.deciding.rules import CompiledRule, Waiver
from axonflow.policy.decision import Obligation, Redact
from axonflow.policy.request import ACTIONS

__all__ = ["ANY_ACTION", "UNITS_VERSION", "ActionCost", "Certificate", "Part", "RuleCost", "Weighed", "certificate_of"]

UNITS_VERSION: Final = 1
"""Of what is counted as a unit. Certificates of different versions say nothing about each other."""
ANY_ACTION: Final = "*"
"""Actions that no policy names."""
_BASE: Final = 40
"""A decision by no rule at all."""
_GUESSED: Final = 400
_MOST_GUESSED: Final = 100
"""An unknown action is compared with so many known ones, to ask whether one of them was meant."""
_CARRIED: Final = 4
"""To look whether a request carries what is required."""
_MAX_ACTIONS: Final = 64
_DEAREST: Final = 3
_RULES_A_SLICE: Final = 100
_Units = Annotated[int, Meta(ge=0, le=MAX_UNITS)]


class RuleCost(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and what it may cost by itself."""

    rule: str
    units: _Units


class ActionCost(Struct, frozen=True, forbid_unknown_fields=True):
    """What a decision on this action may cost: units whatever the content, and units of another kind for each 1,024
    bytes of content as JSON, begun ones too, and one more. `candidates` are the rules that are tried at most. `asked`
    are the detectors, or their categories, that it is about; `rules` those that cost most, dearest first."""

    action: str
    candidates: int
    units: _Units
    scan_units_per_kb: _Units
    asked: tuple[str, ...]
    rules: tuple[RuleCost, ...]


class Certificate(Struct, frozen=True, forbid_unknown_fields=True):
    """What decisions may cost at worst, for requests no larger than `inputs`.

    `version` tells what a unit is. `actions` are those that rules name, dearest first, at most 64, and ``*`` for all
    others. `detectors` names the detectors that scans were counted for: they are those of whoever made the certificate,
    and where others are installed scans cost something else.
    """

    version: int
    inputs: Inputs
    rule: RuleCost | None
    decision_units: _Units
    scan_units_per_kb: _Units
    actions: tuple[ActionCost, ...]
    detectors: str = ""

    def cost_for(self, action: str) -> ActionCost | None:
        """What a decision on `action` costs; None where it is not among those that are told."""
        found = {one.action: one for one in self.actions}
        return found.get(action, found.get(ANY_ACTION) if self.others is None else None)

    @property
    def others(self) -> ActionCost | None:
        """What a decision costs at most on an action that is not among those that are told; None where all are."""
        if len(self.actions) < _MAX_ACTIONS:
            return None
        last = self.actions[-1]  # they are in the order of their units
        return ActionCost(
            "others", max(one.candidates for one in self.actions), last.units, self.scan_units_per_kb, (), ()
        )

    def lower_than(self, other: Certificate) -> str | None:
        """Where this claims less than `other`, of the same rows, in words; None where it does not.

        Scans are left out: what they cost depends on the detectors that are installed.
        """
        if self.version != other.version or self.inputs != other.inputs:
            return None
        own = {one.action: one for one in self.actions}
        for one in other.actions:
            stated = own.get(one.action)
            units = self.decision_units if stated is None else stated.units
            if units < one.units:
                return f"{units} units for {one.action}, not {one.units}"
            if stated is not None and stated.candidates < one.candidates:
                return f"{stated.candidates} candidates for {one.action}, not {one.candidates}"
        if other.decision_units > self.decision_units:
            return f"{self.decision_units} units a decision, not {other.decision_units}"
        dearest = 0 if self.rule is None else self.rule.units
        if other.rule is not None and other.rule.units > dearest:
            return f"{dearest} units a rule, not {other.rule.units}"
        return None


class Part(NamedTuple):
    """Sets that are evaluated together, enforced or as shadows: their rows, rules by id, and what inspects content."""

    programs: Sequence[PolicyProgram]
    rules: Mapping[str, CompiledRule]
    scanner: Scanner


class Weighed(NamedTuple):
    """One rule of one set, weighed. `waivers` are its exceptions, each with its filters."""

    program: PolicyProgram
    position: int
    row: RuleRow
    expression: Expression | None
    rule: CompiledRule
    waivers: Sequence[tuple[Mapping[str, Any], Waiver]]
    weight: Weight
    asked: frozenset[str]


class _Group(NamedTuple):
    """What is said of the rules for one action: the selectors by which their conditions ask for detectors, those by
    which they redact, the ids that these mean, and the rules that cost most."""

    asked: frozenset[str]
    redacts: frozenset[str]
    redacted: frozenset[str]
    dearest: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, weighed: Sequence[Weighed]) -> _Group:
        """That of these rules."""
        alike: dict[int, tuple[Weight, list[str]]] = {}  # most have their weight in common with others
        for one in weighed:
            alike.setdefault(id(one.weight), (one.weight, []))[1].append(one.row.id)
        dearest = [(-weight.units, name) for weight, names in alike.values() for name in nsmallest(_DEAREST, names)]
        owing = [one for one in weighed if one.row.obligations]
        return cls(
            frozenset().union(*{one.asked for one in weighed}),
            frozenset(_redacted(one.row.obligations for one in owing)),
            frozenset(_redacted(one.rule.obligations for one in owing)),
            tuple(nsmallest(_DEAREST, dearest)),
        )

    def united(self, other: _Group) -> _Group:
        return _Group(
            self.asked | other.asked, self.redacts | other.redacts, self.redacted | other.redacted,
            tuple(nsmallest(_DEAREST, [*self.dearest, *other.dearest])),
        )  # fmt: skip


def _redacted(obligations: Iterable[Sequence[Obligation]]) -> Iterator[str]:
    for obligation in chain.from_iterable(obligations):
        if isinstance(obligation, Redact):
            yield from obligation.detectors


class _Costs:
    """What the rules of one part come to."""

    def __init__(self, part: Part, inputs: Inputs, pause: Callable[[], None]) -> None:
        self._part = part
        self._weigher = Weigher(inputs)
        self.weighed = self._weigh(pause)
        keys, ranges = KeyFinder(), RangeFinder()
        placed: list[Placed] = []
        for number, one in enumerate(self.weighed):
            found = keys.keys(one.row.match, one.expression)
            placed.append(Placed(one.rule.actions, found, one.expression, one.weight))
            if number % _RULES_A_SLICE == 0:
                pause()
        self._loads = loads(placed, ranges, inputs, pause)
        groups: dict[str | None, list[Weighed]] = {None: []}
        for one in self.weighed:
            for action in (None,) if one.rule.actions is None else one.rule.actions:
                groups.setdefault(action, []).append(one)
        self._groups = {action: _Group.of(group) for action, group in groups.items()}
        self._requires: dict[str, int] = {}
        for program in part.programs:
            for action, paths in program.head.requires.items():
                self._requires[action] = self._requires.get(action, 0) + len(paths)
        declared = {action for program in part.programs for action in program.head.actions}
        self.named = {action for action in (*self._groups, *self._requires) if action is not None}
        self.known = len({*ACTIONS, *self.named, *declared})

    def _weigh(self, pause: Callable[[], None]) -> list[Weighed]:
        waivers = self._waivers()
        weighed: list[Weighed] = []
        for program in self._part.programs:
            for position, (row, expression) in enumerate(program.rules):
                rule = self._part.rules[row.id]
                own = waivers.get(row.id, ())
                weight = self._weigher.weight(row, rule, own)
                asked = self._weigher.asked(rule, [waiver for _, waiver in own] if own else ())
                weighed.append(Weighed(program, position, row, expression, rule, own, weight, asked))
                if position % _RULES_A_SLICE == 0:
                    pause()
        return weighed

    def _waivers(self) -> dict[str, list[tuple[Mapping[str, Any], Waiver]]]:
        """By rule, the exceptions of these very sets: others may be loaded beside them."""
        found: dict[str, list[tuple[Mapping[str, Any], Waiver]]] = {}
        held: dict[str, dict[str, Waiver]] = {}  # a rule may have thousands
        for program in self._part.programs:
            for row, _ in program.exceptions:
                for name in row.rules:
                    if name not in held:
                        held[name] = {waiver.id: waiver for waiver in self._part.rules[name].waivers}
                    found.setdefault(name, []).append((row.match, held[name][row.id]))
        return found

    def parts(self, one: Weighed) -> list[tuple[int, str]]:
        """What its units are for, dearest first."""
        return self._weigher.parts(one.row, one.rule, one.waivers)

    def load(self, action: str | None) -> tuple[Load, int]:
        """The rules for `action` (None: one that no rule names), and units for what requests must carry."""
        groups = {None, action}
        required = 0 if action is None else _CARRIED * self._requires.get(action, 0)
        return united(self._loads[group] for group in groups if group in self._loads), required

    def dearest(self) -> Iterator[tuple[int, str]]:
        """The rules that cost most, each with its units below zero."""
        for group in self._groups.values():
            yield from group.dearest

    def group(self, action: str | None) -> _Group:
        """The rules that may be tried on `action`."""
        anywhere = self._groups[None]
        own = self._groups.get(action)
        return anywhere if own is None or own is anywhere else own.united(anywhere)

    def scan_units_per_kb(self, group: _Group) -> int:
        """For what the rules of `group` ask about the content, and redact in it."""
        if not group.asked and not group.redacted:
            return 0
        scanner = self._part.scanner
        effort = scanner.effort()
        every = [detector.id for detector in scanner.detectors] if EVERYTHING in group.asked else []
        ids = {name for selector in group.asked - {EVERYTHING} for name in scanner.resolve(selector)}
        return effort.units_per_kb({*every, *ids}) + MAX_ROUNDS * effort.units_per_kb(group.redacted)


class Costs:
    """What decisions by all `parts` together may cost, for requests no larger than `inputs`."""

    def __init__(
        self, parts: Sequence[Part], inputs: Inputs = LARGEST, pause: Callable[[], None] = lambda: None
    ) -> None:
        self._inputs = inputs
        self._parts = [_Costs(part, inputs, pause) for part in parts]
        self._detectors = parts[0].scanner if parts else None
        self._pause = pause

    def rules(self) -> Iterable[tuple[Weighed, Callable[[], list[tuple[int, str]]]]]:
        """All rules, weighed, each with a function that tells what its units are for, dearest first."""
        for part in self._parts:
            for one in part.weighed:
                yield one, lambda part=part, one=one: part.parts(one)  # type: ignore[misc]  # bound as they are now

    def actions(self, *, scans: bool = True) -> list[ActionCost]:
        """By action, dearest first."""
        named: set[str] = set().union(*[part.named for part in self._parts])
        costs = [self._action(action, scans=scans) for action in [None, *sorted(named)]]
        return sorted(costs, key=lambda cost: (-cost.units, -cost.scan_units_per_kb, cost.action))

    def certificate(self, *, scans: bool = True) -> Certificate:
        """Of all of them. Without `scans` these are left out."""
        actions = self.actions(scans=scans)
        dearest = min((one for part in self._parts for one in part.dearest()), default=None)
        rule = None if dearest is None else RuleCost(dearest[1], _bounded(-dearest[0]))
        reads = scans and self._detectors is not None and any(one.asked for one in actions)
        return Certificate(
            UNITS_VERSION, self._inputs, rule, max(one.units for one in actions),
            max(one.scan_units_per_kb for one in actions), tuple(actions[:_MAX_ACTIONS]),
            self._detectors.effort().fingerprint if reads and self._detectors is not None else "",
        )  # fmt: skip

    def _action(self, action: str | None, *, scans: bool) -> ActionCost:
        self._pause()
        units, candidates, scanned, asked, dearest = _BASE, 0, 0, set[str](), list[tuple[int, str]]()
        for part in self._parts:
            load, required = part.load(action)
            group = part.group(action)
            units += load.weight.units + load.lookups + required
            units += _GUESSED * min(part.known, _MOST_GUESSED) if action is None else 0
            candidates += load.candidates
            asked |= group.asked | group.redacts
            dearest += group.dearest
            scanned += part.scan_units_per_kb(group) if scans else 0
        rules = tuple([RuleCost(name, _bounded(-weight)) for weight, name in nsmallest(_DEAREST, dearest)])
        name = ANY_ACTION if action is None else action
        return ActionCost(name, candidates, _bounded(units), _bounded(scanned), tuple(sorted(asked)), rules)


def _bounded(units: int) -> int:
    return min(units, MAX_UNITS)


def certificate_of(
    parts: Sequence[Part], inputs: Inputs = LARGEST, pause: Callable[[], None] = lambda: None, *, scans: bool = True
) -> Certificate:
    """The certificate of sets that are in force together. `pause` is called often."""
    return Costs(parts, inputs, pause).certificate(scans=scans)
