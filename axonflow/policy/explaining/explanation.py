"""Why a request was decided as it was: a tree of values, which holds nothing of the request's content."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from axonflow.policy.decision import Effect, Obligation, RuleError

__all__ = [
    "Counts",
    "Explanation",
    "LayerExplained",
    "MissingAttribute",
    "Part",
    "RuleExplained",
    "Totals",
    "WaiverExplained",
]


class Part(Struct, frozen=True, omit_defaults=True):
    """One part of a condition, as written, and what it came to.

    `outcome` tells whether there is a ``value``; an ``error`` (`note` says which); whether it was ``not_evaluated``,
    since another part had decided already (or `note` says why else); or whether the value is ``withheld``, since it is
    of the content or a secret (`note` says what it is). `value` is a JSON value: texts and lists are cut. `parts` are
    what it was made of.
    """

    text: str
    outcome: Literal["value", "error", "not_evaluated", "withheld"]
    value: Any = None
    note: str = ""
    parts: tuple[Part, ...] = ()


class WaiverExplained(Struct, frozen=True):
    """An exception to a rule: whether it `holds`, and so the rule does not apply; `expired` ones never do."""

    id: str
    holds: bool
    expired: bool
    parts: tuple[Part, ...] = ()


class RuleExplained(Struct, frozen=True):
    """A rule that the request was held against.

    `found_by` says why it was, `holds` what its condition came to (None: it has no value, and `error` says why),
    `matches` whether it counts: with an error a rule counts if its effect fails closed, and one that is waived does
    not. `when` is the whole of what it says.
    """

    id: str
    effect: Effect
    found_by: str
    matches: bool
    holds: bool | None
    when: str
    reason: str
    error: str = ""
    waivers: tuple[WaiverExplained, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    parts: tuple[Part, ...] = ()


class LayerExplained(Struct, frozen=True):
    """One layer by itself: what it comes to (``abstain``: neither here nor there), and why; the rules that match come
    first, strongest effect first."""

    name: str
    default: str
    outcome: str
    why: str
    rules: tuple[RuleExplained, ...]


class Counts(Struct, frozen=True):
    """How often a detector found something in the content."""

    detector: str
    findings: int


class Totals(Struct, frozen=True):
    """How many rules there are, were looked at, matched, and were left out of the explanation by its limit."""

    rules: int
    candidates: int
    matching: int
    not_shown: int


class MissingAttribute(Struct, frozen=True):
    """An attribute that requests of this action must carry, and this one does not; and the set that says so."""

    path: str
    policy_set: str


class Explanation(Struct, frozen=True):
    """A decision, field by field as `decide` gives it but for the content, and what it came from.

    `why` says in sentences why the effect won. `shadow` is the same of the shadow sets alone.
    """

    effect: Effect
    allowed: bool
    why: tuple[str, ...]
    reasons: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    policies: tuple[str, ...]
    errors: tuple[RuleError, ...]
    policy_digest: str
    action: str
    action_known: bool
    missing: tuple[MissingAttribute, ...]
    layers: tuple[LayerExplained, ...]
    totals: Totals
    findings: tuple[Counts, ...]
    redaction_failed: bool = False
    shadow: Explanation | None = None
