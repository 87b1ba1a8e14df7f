"""Policy programs to one engine: conditions compiled, rules filed, exceptions attached. Every fault is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from axonflow.detect import RedactionMeans, Redactor, Scanner
from axonflow.errors import AxonFlowError, ExpressionError, PolicyError
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.compiler import Condition, Expression
from axonflow.policy.compiling.program import ExceptionRow, PolicyProgram, RuleRow, SetHead
from axonflow.policy.compiling.scopes import Level, level_of
from axonflow.policy.deciding.access import CROWD, KeyFinder, Keys, choose, is_implied
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.deciding.index import Requirement, build_index
from axonflow.policy.deciding.matching import MATCH_FUNCTIONS, FilterMaker, NotTextError, reader
from axonflow.policy.deciding.ranges import RangeFinder
from axonflow.policy.deciding.rules import CompiledRule, Waiver, ranked
from axonflow.policy.deciding.verdict import Layer, Layers
from axonflow.policy.decision import Effect, Obligation, Redact
from axonflow.policy.documents.document import LAYERS
from axonflow.policy.documents.reading import Path
from axonflow.policy.request import ACTIONS

__all__ = ["Builder", "CompilePattern"]

CompilePattern = Callable[[str], Any]
"""A pattern to something with ``search(text) -> bool``. Raises ValueError for what is no pattern."""

_RULES_A_SLICE: Final = 32
"""How much is done between two pauses: about a third of a millisecond."""


class _Host:
    """What expressions may refer to beyond the request. Foreign errors become ValueError, as the language asks."""

    def __init__(self, compile_pattern: CompilePattern) -> None:
        self.scanner: Scanner | None = None
        self.redactor: Redactor | None = None
        self._compile_pattern = compile_pattern
        self._patterns: dict[str, Any] = {}

    def detectors(self, selector: str) -> tuple[str, ...]:
        assert self.scanner is not None  # nothing is compiled before it is known
        if selector == "*":
            return tuple(sorted(detector.id for detector in self.scanner.detectors))
        try:
            return self.scanner.resolve(selector)
        except AxonFlowError as error:
            raise ValueError(str(error)) from None

    def redacted(self, obligation: Redact, apart: frozenset[str], outer: frozenset[str]) -> list[Redact]:
        """`obligation` with the detectors that it means, without those of a category that are to be left `apart`.

        What an `outer` scope knows under an id may not suit the style that was meant for another detector of that id:
        it is masked, for who wrote the obligation could not know. Raises ValueError for a selector that is none, and
        for a style that their findings cannot be redacted in.
        """
        assert self.redactor is not None  # as above
        ids: set[str] = set()
        for selector in obligation.detectors:
            found = self.detectors(selector)
            ids.update(found if selector in found else set(found) - apart)
        style = obligation.style
        masked = {name for name in ids & outer if style == "format" and not self.redactor.suits(name)}
        self.redactor.check(style, ids - masked)
        resolved = [Redact(obligation.policy, tuple(sorted(ids - masked)), style)]
        return [*resolved, Redact(obligation.policy, tuple(sorted(masked)))] if masked else resolved

    def pattern(self, pattern: str) -> Any:
        if pattern not in self._patterns:
            self._patterns[pattern] = self._compile_pattern(pattern)
        return self._patterns[pattern]


class Builder:
    """One compilation: shared compilers, problems so far, ids seen so far.

    `pause` is called often. Who compiles beside running decisions lets other threads have their turn there.
    """

    def __init__(self, compile_pattern: CompilePattern, pause: Callable[[], None], redaction: RedactionMeans) -> None:
        self.problems: list[PolicyError] = []
        self._redaction = redaction
        self._hosts = {is_shadow: _Host(compile_pattern) for is_shadow in (False, True)}
        self._pause = pause
        self._compilers: dict[tuple[bool, tuple[tuple[str, str], ...]], Compiler] = {}
        self._first_seen: dict[tuple[str, bool, int, str], tuple[PolicyProgram, Path]] = {}
        self._actions: dict[str | tuple[str, ...], frozenset[str]] = {}
        self._detectors: dict[int, set[str]] = {}
        self._keys = KeyFinder()
        self._ranges = RangeFinder()
        self._filters = FilterMaker()

    def compiler_of(self, head: SetHead, at: Callable[[], str] | None = None) -> Compiler:
        """The compiler for the expressions of a set: one for all sets that declare the same types of attributes and
        know the same detectors.

        Raises PolicyError for a type that is none.
        """
        key = (head.shadow, tuple(sorted(head.attributes.items())))
        compiler = self._compilers.get(key)
        if compiler is None:
            try:
                compiler = self._compilers[key] = Compiler(
                    self._hosts[head.shadow], MATCH_FUNCTIONS, head.attributes, pause=self._pause
                )
            except ValueError as error:
                raise PolicyError(
                    f"set {head.name} declares attributes wrongly", found=str(error), at=at() if at else None
                ) from None
        return compiler

    def engine(
        self, programs: Sequence[PolicyProgram], digest: str, scanner: Scanner, shadow: PolicyEngine | None
    ) -> PolicyEngine:
        """The engine of `programs` together. What is wrong with them is in `problems` then."""
        redactor = Redactor(scanner, self._redaction)
        for program in programs:
            host = self._hosts[program.head.shadow]
            host.scanner, host.redactor = scanner, redactor
        self._detectors = _detectors_of(programs)
        for program in programs:
            self._unique("policy set", program.head.name, program, ("metadata", "name"))
        levels = sorted({level_of(program) for program in programs})
        layers = self._layers(programs, levels)
        rules = self._rules(programs, levels)
        self._waivers(programs, rules, levels)
        ordered = ranked(rules.values())
        self._pause()
        known = _known_actions(programs, ordered)
        self._pause()
        by_action, elsewhere = build_index(ordered, known, _requirements(programs), self._pause)
        for number, rule in enumerate(ordered):  # the commonest decision: one rule, and those that always match
            if number % _RULES_A_SLICE == 0:
                self._pause()
            if rule.filed is None and rule.test is None:
                continue  # it is one of those that always match
            actions = rule.actions or ()
            rule.beside = (elsewhere if len(actions) != 1 else by_action[next(iter(actions))]).certain
            rule.verdict = layers.verdict((*rule.beside, rule))
        return PolicyEngine(
            digest=digest,
            rules=ordered,
            by_action=by_action,
            elsewhere=elsewhere,
            layers=layers,
            scanner=scanner,
            redactor=redactor,
            shadow=shadow,
        )

    # -- rules

    def _rules(self, programs: Sequence[PolicyProgram], levels: Sequence[Level]) -> dict[str, CompiledRule]:
        """All rules by id: first what each may be filed under, then, when it is known what it is, each compiled."""
        keyed: list[tuple[Keys, frozenset[str] | None]] = []
        for program in programs:
            for position, (row, expression) in enumerate(program.rules):
                self._unique("rule", row.id, program, ("rules", position, "id"))
                keyed.append((self._keys.keys(row.match, expression), self._actions_of(row.match)))
                if position % _RULES_A_SLICE == 0:
                    self._pause()
        chosen = iter(zip(keyed, choose(keyed, self._pause), strict=True))
        compiled: dict[str, CompiledRule] = {}
        for program in programs:
            layer = levels.index(level_of(program))
            for position, (row, expression) in enumerate(program.rules):
                (keys, actions), (key, crowd) = next(chosen)
                is_rare = key is not None and crowd <= CROWD
                wanted = None if is_rare else self._ranges.find(expression)
                filed = None if key is None or wanted is not None else (key, keys[key])
                rule = self._rule(row, expression, program, ("rules", position), (layer, actions, filed))
                if rule is not None:
                    rule.range = wanted
                    compiled[row.id] = rule
                if position % _RULES_A_SLICE == 0:
                    self._pause()
        return compiled

    def _rule(
        self,
        row: RuleRow,
        expression: Expression | None,
        program: PolicyProgram,
        path: Path,
        place: tuple[int, frozenset[str] | None, tuple[str, tuple[str, ...]] | None],
    ) -> CompiledRule | None:
        layer, actions, filed = place
        loosens = row.effect is Effect.ALLOW
        passed = filed[0] if filed is not None and is_implied(filed[0], row.match, loosens=loosens) else None
        condition = self._condition(row, expression, (loosens, passed), program, path)
        obligations = self._resolved(row, program, path)
        if condition is None or obligations is None:
            return None
        return CompiledRule.of(row.id, row.effect, layer, condition, actions, filed, row.reason, obligations)

    def _condition(
        self,
        row: RuleRow | ExceptionRow,
        expression: Expression | None,
        filtering: tuple[bool, str | None],
        program: PolicyProgram,
        path: Path,
    ) -> Condition | None:
        loosens, passed = filtering
        try:
            filters = self._filters.filters(row.match, loosens=loosens, passed=passed)
            return self.compiler_of(program.head).condition(expression, filters)
        except NotTextError as error:
            self.problems.append(PolicyError(
                f"{error.path} is text", expected="a string or a list of strings", found=repr(error.found),
                at=program.at((*path, "match", error.path), 0), hint="Quote it.",
            ))  # fmt: skip
        except ExpressionError as error:
            self.problems.append(error.moved_to(program.at((*path, "when"), error.offset)))
        return None

    def _resolved(self, row: RuleRow, program: PolicyProgram, path: Path) -> tuple[Obligation, ...] | None:
        """The obligations of `row` with the ids of the detectors there are in place of their categories.

        A detector that one obligation of the rule names itself is not of another's category: the rule says for it
        what it says by its name. Nor are those of inner scopes, which may not suit its style.
        """
        named = [name for each in row.obligations if isinstance(each, Redact) for name in each.detectors]
        apart = frozenset(named).union(*[ids for scope, ids in self._detectors.items() if scope > program.scope])
        outer = frozenset[str]().union(*[ids for scope, ids in self._detectors.items() if scope < program.scope])
        resolved: list[Obligation] = []
        for position, obligation in enumerate(row.obligations):
            if not isinstance(obligation, Redact):
                resolved.append(obligation)
                continue
            try:
                resolved += self._hosts[program.head.shadow].redacted(obligation, apart, outer)
            except ValueError as error:
                at = program.at((*path, "obligations", position), 0)
                self.problems.append(PolicyError(str(error), at=at))
                return None
        return tuple(resolved)

    def _actions_of(self, match: dict[str, Any]) -> frozenset[str] | None:
        """The actions that `match` names: one object for thousands of rules."""
        named = match.get("action")
        if named is None:
            return None
        key = tuple(named) if isinstance(named, list) else named
        actions = self._actions.get(key)
        if actions is None:
            values = named if isinstance(named, list) else [named]
            actions = self._actions[key] = frozenset([value for value in values if isinstance(value, str)])
        return actions

    def _unique(self, what: str, name: str, program: PolicyProgram, path: Path) -> None:
        here = (program, path)
        # A shadow set tries out a new version of an enforced one, so it may reuse its ids.
        first = self._first_seen.setdefault((what, program.head.shadow, program.scope, name), here)
        if first is not here:
            self.problems.append(PolicyError(
                f"two {what}s have the same id", expected="each id once",
                found=f"'{name}', also at {first[0].at(first[1], 0)}", at=program.at(path, 0),
            ))  # fmt: skip

    # -- exceptions

    def _waivers(
        self, programs: Sequence[PolicyProgram], rules: dict[str, CompiledRule], levels: Sequence[Level]
    ) -> None:
        """Attach each exception to the rules it names, of its own scope, where it stands at their layer or above."""
        for program in programs:
            for position, (row, expression) in enumerate(program.exceptions):
                path: Path = ("exceptions", position)
                self._unique("exception", row.id, program, (*path, "id"))
                condition = self._condition(row, expression, (True, None), program, path)
                if condition is None:
                    continue
                waiver = Waiver(row.id, condition, self._actions_of(row.match), row.expires_us)
                for number, name in enumerate(row.rules):
                    rule = rules.get(name)
                    level = (program.scope, -1) if rule is None else levels[rule.layer]
                    self._attach(waiver, name, rule, level, program, (*path, "rules", number))

    def _attach(
        self, waiver: Waiver, name: str, rule: CompiledRule | None, level: Level, program: PolicyProgram, path: Path
    ) -> None:
        own = level_of(program)
        if rule is None or level[0] != own[0]:
            self.problems.append(PolicyError(
                "an exception names no rule", expected="the id of a rule", found=f"'{name}'", at=program.at(path, 0),
            ))  # fmt: skip
        elif own > level:
            self.problems.append(PolicyError(
                "an exception cannot loosen a layer above its own", expected=f"the {LAYERS[level[1]]} layer or above",
                found=LAYERS[own[1]], at=program.at(path, 0),
            ))  # fmt: skip
        else:
            rule.waive(waiver)

    def _layers(self, programs: Sequence[PolicyProgram], levels: Sequence[Level]) -> Layers:
        """The layers that sets speak for, outermost first: those of each scope, by themselves. All others abstain."""
        first_of: dict[Level, PolicyProgram] = {}
        for program in programs:
            if program.head.default == "inherit":
                continue
            first = first_of.setdefault(level_of(program), program)
            if first.head.default != program.head.default:
                self.problems.append(PolicyError(
                    f"sets of the {program.head.layer} layer differ in their default",
                    expected=f"{first.head.default}, as at {first.at(('default',), 0)}",
                    found=program.head.default, at=program.at(("default",), 0),
                ))  # fmt: skip
        defaults = {level: program.head.default for level, program in first_of.items()}
        known = [Layer(LAYERS[level[1]], defaults.get(level, "abstain")) for level in levels]
        return Layers(known, says_default=bool(defaults))


def _known_actions(programs: Iterable[PolicyProgram], rules: Iterable[CompiledRule]) -> frozenset[str]:
    """The actions that can be allowed: AxonFlow's own, those that sets declare, and those that allow rules name.

    No other rule makes an action known: under ``default: allow`` it would turn the denial of the unknown into more.
    """
    named = {rule.actions for rule in rules if rule.effect is Effect.ALLOW and rule.actions is not None}
    return ACTIONS.union(*named, *[program.head.actions for program in programs])


def _detectors_of(programs: Iterable[PolicyProgram]) -> dict[int, set[str]]:
    """By scope, the ids of the detectors that no outer scope declares."""
    found: dict[int, set[str]] = {}
    for program in sorted(programs, key=level_of):
        outer = {name for scope, ids in found.items() if scope < program.scope for name in ids}
        found.setdefault(program.scope, set()).update({row.id for row in program.head.detectors} - outer)
    return found


def _requirements(programs: Iterable[PolicyProgram]) -> dict[str, tuple[Requirement, ...]]:
    found: dict[str, list[Requirement]] = {}
    for program in programs:
        for action, paths in program.head.requires.items():
            found.setdefault(action, []).extend(Requirement(path, reader(path), program.head.name) for path in paths)
    return {action: tuple(requirements) for action, requirements in found.items()}
