"""Sets held to the bounds that they declare, and bundles to the certificate that they carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from axonflow.errors import PolicyError
from axonflow.policy.certifying.certificate import ANY_ACTION, Certificate, Costs, Part, certificate_of
from axonflow.policy.certifying.inputs import Bounds, Inputs
from axonflow.policy.compiling.program import PolicyProgram

__all__ = ["Carried", "broken_bounds", "false_certificates"]

_MAX_RULES: Final = 20
"""Rules of one set that are named."""
_MAX_COUNTED: Final = 256
_COUNTED: Final[dict[tuple[tuple[str, ...], Inputs], Certificate]] = {}
"""What sets cost, by their digests: a bundle of the system's is in force for every tenant, and is loaded again with
each change of theirs. Their rows are all that it depends on."""


def broken_bounds(parts: Sequence[Part], pause: Callable[[], None], *, scans: bool = True) -> Iterator[PolicyError]:
    """What breaks the bounds of the sets in `parts`, which are those of one scope. Without `scans` what they say of
    these is left out: beside the sets of other scopes, whose detectors they do not know."""
    costs: dict[Inputs, Costs] = {}
    for program in [program for part in parts for program in part.programs]:
        bounds = program.head.bounds
        if bounds is None:
            continue
        if bounds.inputs not in costs:
            costs[bounds.inputs] = Costs(parts, bounds.inputs, pause)
        yield from _broken_by_rules(program, bounds, costs[bounds.inputs])
        yield from _broken_by_actions(program, bounds, costs[bounds.inputs], scans=scans)


def _broken_by_rules(program: PolicyProgram, bounds: Bounds, costs: Costs) -> Iterator[PolicyError]:
    most = bounds.rule_units
    if most is None:
        return
    told = 0
    for one, parts in costs.rules():
        if one.program is program and one.weight.units > most and told < _MAX_RULES:
            told += 1
            units, part = parts()[0]
            yield PolicyError(
                f"rule {one.row.id} costs more than its set allows a rule",
                expected=f"at most {most} units",
                found=f"{one.weight.units} units, {min(units, one.weight.units)} of them for {part}",
                at=program.at(("rules", one.position), 0),
                hint="Declare how large requests may be (`bounds.inputs`), or let it read less of them.",
            )


def _broken_by_actions(program: PolicyProgram, bounds: Bounds, costs: Costs, *, scans: bool) -> Iterator[PolicyError]:
    scanned = bounds.scan_units_per_kb if scans else None
    if bounds.decision_units is None and scanned is None:
        return
    actions = costs.actions(scans=scanned is not None)
    dearest = actions[0]
    named = "an action that no policy names" if dearest.action == ANY_ACTION else dearest.action
    if bounds.decision_units is not None and dearest.units > bounds.decision_units:
        weigh = ", ".join(f"{one.rule} ({one.units} units)" for one in dearest.rules)
        yield PolicyError(
            f"a decision on {named} costs more than set {program.head.name} allows",
            expected=f"at most {bounds.decision_units} units",
            found=f"{dearest.units} units, for {dearest.candidates} rules at most",
            at=program.at(("bounds", "decision_units"), 0),
            hint=f"What weighs most: {weigh}." if weigh else None,
        )
    most = max(actions, key=lambda one: one.scan_units_per_kb)
    if scanned is not None and most.scan_units_per_kb > scanned:
        yield PolicyError(
            f"looking through the content of {most.action} costs more than set {program.head.name} allows",
            expected=f"at most {scanned} units for each 1,024 bytes",
            found=f"{most.scan_units_per_kb} units, for {', '.join(most.asked)}"[:300],
            at=program.at(("bounds", "scan_units_per_kb"), 0),
            hint="Ask for the detectors that matter by their ids rather than by category.",
        )


class Carried(NamedTuple):
    """What the bundle `name` says its sets cost, which are `programs`."""

    name: str
    certificate: Certificate
    programs: Sequence[PolicyProgram]


def false_certificates(
    parts: Sequence[Part], carried: Iterable[Carried], pause: Callable[[], None]
) -> Iterator[PolicyError]:
    """Those certificates that claim less than the rows of their sets come to; what a scan costs is not looked at, for
    that depends on the detectors that are installed."""
    for one in carried:
        key = tuple([program.digest for program in one.programs]), one.certificate.inputs
        found = _COUNTED.get(key)
        if found is None:
            own = {id(program) for program in one.programs}
            alone = [part._replace(programs=[each for each in part.programs if id(each) in own]) for part in parts]
            found = certificate_of([part for part in alone if part.programs], key[1], pause, scans=False)
            if len(_COUNTED) >= _MAX_COUNTED:
                _COUNTED.clear()
            _COUNTED[key] = found
        less = one.certificate.lower_than(found)
        if less is not None:
            yield PolicyError(
                "the bundle's certificate claims less than its rules cost",
                expected="the certificate that `axonflow policy build` writes", found=less[:200], at=one.name,
                hint="Build the bundle anew from its documents.",
            )  # fmt: skip
