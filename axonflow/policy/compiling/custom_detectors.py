"""The detectors that policy sets declare and the findings that they allow, put together with those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from weakref import WeakValueDictionary

from axonflow.detect import Detector, Scanner
from axonflow.detect.allowlists import Allowlist, faults_of_allowlist, never_of
from axonflow.detect.custom import CustomDetector, Fault, detector_of, unproved
from axonflow.detect.faults import faults_of
from axonflow.detect.patterns import CompilePattern
from axonflow.errors import DetectionError, PolicyError
from axonflow.policy.cel.compiler import Expression
from axonflow.policy.compiling.program import PolicyProgram, RuleRow
from axonflow.policy.compiling.scopes import level_of
from axonflow.policy.decision import Redact
from axonflow.policy.documents.document import AllowlistDocument, DetectorDocument
from axonflow.policy.documents.reading import Path

__all__ = ["ScannerMaker", "allowlist_row", "detector_row"]

_IN_USE: Final[WeakValueDictionary[tuple[CompilePattern, CustomDetector], Detector]] = WeakValueDictionary()
"""The detectors of all engines there are, by what declares them: the next engine has nearly all of them in common with
the last. They are without fault, which was found out before they were made."""
MAX_DETECTORS: Final = 5_000
MAX_ALLOWLISTS: Final = 1_000


def detector_row(document: DetectorDocument) -> CustomDetector:
    """`document` as it is compiled, and held by a bundle."""
    return CustomDetector(
        id=document.id,
        description=document.description,
        examples=tuple(document.examples),
        category=document.category,
        severity=document.severity,
        patterns=tuple(document.patterns),
        keywords=tuple(document.keywords),
        validators=tuple(document.validators),
        required=tuple(document.context.required),
        forbidden=tuple(document.context.forbidden),
        window_chars=document.context.window_chars,
        confidence=document.confidence,
        counter_examples=tuple(document.counter_examples),
    )


def allowlist_row(document: AllowlistDocument) -> Allowlist:
    """`document` as it is compiled, and held by a bundle."""
    return Allowlist(tuple(document.detectors), tuple(document.values), tuple(document.patterns))


class ScannerMaker:
    """What sets add to a scanner. What is wrong with that goes to `problems`."""

    def __init__(
        self,
        scanner: Scanner,
        compile_pattern: CompilePattern,
        problems: list[PolicyError],
        pause: Callable[[], None],
    ) -> None:
        self._scanner = scanner
        self._compile_pattern = compile_pattern
        self._problems = problems
        self._pause = pause

    def scanner_of(self, programs: Sequence[PolicyProgram], beneath: Scanner | None = None) -> Scanner:
        """The scanner for `programs` together, with the detectors of `beneath`, any of which they may declare anew."""
        scanner = self._scanner if beneath is None else beneath
        declared = self._declared(programs)
        if declared:
            scanner = scanner.extended([detector for _, _, detector in declared])
        for scope in sorted({program.scope for program, _, _ in declared}):
            own = [one for one in declared if one[0].scope == scope]
            shown = [one for one in own if one[2].examples or one[2].counter_examples]
            alone = scanner
            if shown and len(own) < len(declared):
                alone = (self._scanner if beneath is None else beneath).extended([detector for _, _, detector in own])
            for program, path, detector in shown:
                self._pause()
                self._refuse(program, path, unproved(detector, alone))
        never = self._never(programs, scanner)
        return scanner.extended((), never) if never else scanner

    def _refuse(self, program: PolicyProgram, path: Path, faults: Iterator[Fault]) -> bool:
        """Whether there are any `faults` of what stands at `path`."""
        before = len(self._problems)
        for fault in faults:
            self._problems.append(PolicyError(
                fault.message, expected=fault.expected, found=fault.found, at=program.at((*path, *fault.path), 0),
                hint=fault.hint,
            ))  # fmt: skip
        return len(self._problems) > before

    # -- detectors

    def _declared(self, programs: Sequence[PolicyProgram]) -> list[tuple[PolicyProgram, Path, Detector]]:
        """The detectors that are without fault, each once; one that two sets declare alike is one detector.

        Of two scopes that give one id to different detectors the outer one has it: neither has to know of the other.
        """
        first_seen: dict[str, tuple[CustomDetector, str, int]] = {
            detector.id: (_NO_ROW, "the detectors given to AxonFlow.open", -1) for detector in self._scanner.detectors
        }
        declared: list[tuple[PolicyProgram, Path, Detector]] = []
        for program in programs:
            for position, row in enumerate(program.head.detectors):
                self._pause()
                path: Path = ("detectors", position)
                at = program.at((*path, "id"), 0)
                if row.id not in first_seen:
                    first_seen[row.id] = (row, at, program.scope)
                    detector = self._made(row, program, path)
                    if detector is not None:
                        declared.append((program, path, detector))
                    continue
                first, first_at, scope = first_seen[row.id]
                if first != row and scope in {-1, program.scope}:
                    self._problems.append(PolicyError(
                        "two detectors have the same id", expected="each id once, or the same detector again",
                        found=f"'{row.id}', also at {first_at}", at=at,
                    ))  # fmt: skip
        for scope in {program.scope for program, _, _ in declared}:
            own = [(program, path) for program, path, _ in declared if program.scope == scope]
            if len(own) > MAX_DETECTORS:
                program, path = own[MAX_DETECTORS]
                self._problems.append(PolicyError(
                    "too many detectors", expected=f"at most {MAX_DETECTORS}", found=str(len(own)),
                    at=program.at(path, 0), hint="One detector may have many patterns and keywords.",
                ))  # fmt: skip
                return []
        return declared

    def _made(self, row: CustomDetector, program: PolicyProgram, path: Path) -> Detector | None:
        """The detector that `row` declares, unless there are faults in it."""
        key = (self._compile_pattern, row)
        detector = _IN_USE.get(key)
        if detector is None and not self._refuse(program, path, faults_of(row, self._compile_pattern)):
            detector = _IN_USE[key] = detector_of(row)
        return detector

    # -- allowlists

    def _never(self, programs: Sequence[PolicyProgram], scanner: Scanner) -> dict[str, Callable[[str], bool]]:
        """By the id of a detector: whether a span of it is allowed."""
        lists: dict[str, list[Allowlist]] = {}
        used = _Used(programs, scanner)
        for program in programs:
            if len(program.head.allowlists) > MAX_ALLOWLISTS:
                self._problems.append(PolicyError(
                    "too many allowlists", expected=f"at most {MAX_ALLOWLISTS} in a set",
                    found=str(len(program.head.allowlists)), at=program.at(("allowlists",), 0),
                ))  # fmt: skip
                continue
            for position, row in enumerate(program.head.allowlists):
                path: Path = ("allowlists", position)
                ids = self._ids(row, scanner, program, path)
                if self._refuse(program, path, faults_of_allowlist(row, self._compile_pattern)):
                    continue
                self._refuse(program, path, used.above(program, ids))
                for detector_id in used.without_outer_scopes(program, ids):
                    lists.setdefault(detector_id, []).append(row)
        return {detector_id: never_of(rows, self._compile_pattern) for detector_id, rows in lists.items()}

    def _ids(self, row: Allowlist, scanner: Scanner, program: PolicyProgram, path: Path) -> list[str]:
        ids: set[str] = set()
        for position, selector in enumerate(row.detectors):
            try:
                ids.update(scanner.resolve(selector))
            except DetectionError as error:
                at = program.at((*path, "detectors", position), 0)
                self._problems.append(
                    PolicyError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint)
                )
        return sorted(ids)


_NO_ROW: Final = CustomDetector("", "", ())


class _Used:
    """Which detectors the rules of a layer use: an allowlist loosens them, which nobody may do to a layer above."""

    def __init__(self, programs: Sequence[PolicyProgram], scanner: Scanner) -> None:
        self._programs = programs
        self._scanner = scanner

    def above(self, program: PolicyProgram, ids: Sequence[str]) -> Iterator[Fault]:
        """The rules of outer layers, if any, that use one of `ids`; one is enough."""
        own = level_of(program)
        for other in self._programs:
            if other.scope != program.scope or level_of(other) >= own:
                continue
            for row, expression in other.rules:
                found = self._of(row, expression).intersection(ids)
                if found:
                    rule = f"rule {row.id} of the {other.head.layer} layer uses {min(found)}"
                    yield Fault(
                        ("detectors",), "an allowlist cannot loosen a layer above its own",
                        f"a set of the {other.head.layer} layer or above", rule,
                    )  # fmt: skip
                    return

    def without_outer_scopes(self, program: PolicyProgram, ids: Sequence[str]) -> list[str]:
        """`ids` but for those that rules of outer scopes use: there the allowlist of `program` has no effect. It is no
        fault either, for whoever wrote it could not know."""
        used: set[str] = set()
        for other in self._programs:
            if other.scope < program.scope:
                for row, expression in other.rules:
                    used |= self._of(row, expression)
        return [name for name in ids if name not in used]

    def _of(self, row: RuleRow, expression: Expression | None) -> set[str]:
        selectors = {name for one in row.obligations if isinstance(one, Redact) for name in one.detectors}
        if expression is not None and "findings" in expression.skeleton:
            return {detector.id for detector in self._scanner.detectors}
        if expression is not None and "detected" in expression.skeleton:
            # Some of its literals may be no selectors: then nothing is meant by them here.
            selectors.update(value for value in expression.literals if isinstance(value, str))
        return {name for selector in selectors for name in self._known(selector)}

    def _known(self, selector: str) -> tuple[str, ...]:
        try:
            return self._scanner.resolve(selector)
        except DetectionError:  # no selector, or one that is refused where it stands
            return ()
