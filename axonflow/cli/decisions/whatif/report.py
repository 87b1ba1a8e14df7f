"""What `axonflow whatif` found out, as the value that is printed as JSON."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.policy.whatif import Outcome, Tally

__all__ = ["FAILS", "Refusals", "WhatIfReport", "report_of"]

MAX_REFUSED_SHOWN: Final = 20
_MAX_MESSAGE_CHARS: Final = 500


class Change(Struct, frozen=True):
    """So many decisions that came to `before` come to `after`."""

    before: str
    after: str
    count: int


class Flip(Struct, frozen=True):
    """A decision that comes to something else: its id, or the line of its request. Of both effects the first rule that
    decides; ``(default)`` where none does."""

    id: str
    action: str
    before: str
    before_policy: str
    after: str
    after_policy: str


class UndecidableDecision(Struct, frozen=True):
    """A decision of which it cannot be told what it comes to: a rule that asks for what is `missing`."""

    id: str
    action: str
    before: str | None
    policy: str
    missing: tuple[str, ...]


class Undecidable(Struct, frozen=True):
    """How many there are; what was missing, and which rules asked for it, each by how many decisions; the first few."""

    count: int
    missing: dict[str, int]
    policies: dict[str, int]
    first: tuple[UndecidableDecision, ...]


class RefusedInput(Struct, frozen=True):
    """Something that is neither a decision nor anything else that belongs there."""

    at: str
    message: str


class Malformed(Struct, frozen=True):
    """How many there are, and the first few."""

    count: int
    first: tuple[RefusedInput, ...]


class WhatIfReport(Struct, frozen=True):
    """The whole report. `compared` and `undecidable` and `incomparable` (requests of which nothing says what they came
    to) are all decisions; `other_events` is what else was there.

    `tightened` were allowed and are not any more, `loosened` the other way round. `decided_by` are rules that decide
    what flips now, `no_longer_by` those that did before.
    """

    source: str
    policy_digest: str
    against_digest: str | None
    interrupted: bool
    compared: int
    flips: int
    tightened: int
    loosened: int
    effects: tuple[Change, ...]
    decided_by: dict[str, int]
    no_longer_by: dict[str, int]
    examples: tuple[Flip, ...]
    undecidable: Undecidable
    incomparable: int
    other_events: int
    malformed: Malformed
    wall_s: float
    decisions_per_s: float


FAILS: Final = {
    "flips": lambda report: report.flips,
    "tightened": lambda report: report.tightened,
    "loosened": lambda report: report.loosened,
    "undecidable": lambda report: report.undecidable.count,
    "malformed": lambda report: report.malformed.count,
}
"""What there may be none of, by the name of it: how many there are in a report."""


class Refusals:
    """What was no decision, as it is told of: counted, and the first few kept."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[RefusedInput] = []

    def add(self, at: str, message: str) -> bool:
        """Count one; whether it is among the first, which are shown one by one."""
        self.count += 1
        if len(self.first) == MAX_REFUSED_SHOWN:
            return False
        self.first.append(RefusedInput(at, message[:_MAX_MESSAGE_CHARS]))
        return True


def report_of(
    tally: Tally,
    refusals: Refusals,
    *,
    source: str,
    digests: tuple[str, str | None],
    wall_ns: int,
    interrupted: bool,
) -> WhatIfReport:
    """`tally` as a report on `source`; `digests` are those of the policies and of those they are held against."""
    wall_s = wall_ns / 1e9
    decisions = tally.decided + tally.undecidable + tally.incomparable
    changes = sorted(tally.effects.items(), key=lambda one: (one[0][0] == one[0][1], -one[1], one[0]))
    return WhatIfReport(
        source=source,
        policy_digest=digests[0],
        against_digest=digests[1],
        interrupted=interrupted,
        compared=tally.decided,
        flips=tally.flips,
        tightened=tally.tightened,
        loosened=tally.loosened,
        effects=tuple(Change(before, after, count) for (before, after), count in changes),
        decided_by=_ranked(tally.by_rule),
        no_longer_by=_ranked(tally.no_longer),
        examples=tuple(_flip(name, outcome) for name, outcome in tally.shown),
        undecidable=Undecidable(
            tally.undecidable, _ranked(tally.missing), _ranked(tally.asked_by),
            tuple(_undecidable(name, outcome) for name, outcome in tally.shown_undecidable),
        ),
        incomparable=tally.incomparable,
        other_events=tally.others,
        malformed=Malformed(refusals.count, tuple(refusals.first)),
        wall_s=round(wall_s, 6),
        decisions_per_s=round(decisions / wall_s, 1) if wall_s > 0 else 0.0,
    )  # fmt: skip


def _flip(name: str, outcome: Outcome) -> Flip:
    after = outcome.after
    return Flip(name, outcome.action, outcome.before or "", outcome.before_rule, after.effect or "", after.rule)


def _undecidable(name: str, outcome: Outcome) -> UndecidableDecision:
    return UndecidableDecision(name, outcome.action, outcome.before, outcome.after.rule, outcome.after.missing)


def _ranked(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
