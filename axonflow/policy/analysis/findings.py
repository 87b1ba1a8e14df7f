"""What an analysis found out: values, each with the rules it is about and a request that shows it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from axonflow.policy.request import Request

__all__ = ["Analysis", "Finding", "FindingKind", "Level", "RulePlace", "Undecided"]

FindingKind = Literal["unreachable", "shadowed", "duplicate", "conflict", "redundant", "held"]
Level = Literal["warning", "note"]


class RulePlace(Struct, frozen=True):
    """A rule, and where it stands; empty where that is not known."""

    rule: str
    at: str = ""


class Finding(Struct, frozen=True):
    """One thing about rules that is certain, and that the engine confirmed on `witness`.

    `rules`: the one it is about first, then the one beside it; those, where several do something together. `parts` are
    the parts of its condition that it is about, as a policy would write them. What `witness` shows depends on `kind`:

    - unreachable: a request that comes near, and that the rule does not match
    - shadowed, duplicate: one that both rules match, decided alike with and without the first
    - conflict: one that both match, and the first does not get its way
    - held: one that both match, and that is not simply allowed
    - redundant: one that the rule matches, with the part and without it

    Where several rules leave nothing of one together, `witnesses` has a request for each of these, in their order, that
    both match: `witness` is the first of them. `level` is ``note`` for what is mostly meant, and no fault.
    """

    kind: FindingKind
    rules: tuple[RulePlace, ...]
    message: str
    witness: Request
    parts: tuple[str, ...] = ()
    witnesses: tuple[Request, ...] = ()
    level: Level = "warning"


class Undecided(Struct, frozen=True):
    """What could neither be shown nor ruled out. `why`: ``theory``, it asks more than is understood; ``steps``, it
    takes more steps than it may; ``limit``, it takes more rules together than are looked at, or all searches together
    took more steps; ``engine``, the engine did not confirm it."""

    kind: FindingKind
    rules: tuple[RulePlace, ...]
    why: str
    parts: tuple[str, ...] = ()


class Analysis(Struct, frozen=True):
    """The findings on the enforced rules of an engine.

    `pairs` of rules were compared, `left_out` were not, for one rule is compared with so many others at most. `shadow`
    has what is found about the rules of shadow sets, if there are any: by themselves, as they are evaluated.
    """

    rules: int = 0
    pairs: int = 0
    left_out: int = 0
    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    shadow: Analysis | None = None
