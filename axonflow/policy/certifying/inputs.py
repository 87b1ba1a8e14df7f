"""How large requests may be for which a cost is counted, and the bounds that a policy set may declare for it."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from axonflow.policy.cel.cost import WORST, Size, Sizes
from axonflow.policy.cel.loops import CHARS_A_STEP
from axonflow.policy.json_value import MAX_NODES, MAX_TEXT_CHARS
from axonflow.policy.request import MAX_ID_CHARS, MAX_MEMBERSHIPS

__all__ = ["LARGEST", "MAX_UNITS", "Bounds", "Inputs"]

MAX_UNITS: Final = 2**53
"""More than anything may cost, and whole in every JSON."""
_CHARS_A_FINDING: Final = 6

_Units = Annotated[int, Meta(ge=1, le=MAX_UNITS)]


class Inputs(Struct, frozen=True, forbid_unknown_fields=True):
    """The largest request that is thought of: `values` (JSON values) and `characters` in each of its context, its
    content and the attributes of its principal and its resource, `memberships` in each list of roles or groups.

    The default is all that a request may hold.
    """

    values: Annotated[int, Meta(ge=0, le=MAX_NODES)] = MAX_NODES
    characters: Annotated[int, Meta(ge=0, le=MAX_TEXT_CHARS)] = MAX_TEXT_CHARS
    memberships: Annotated[int, Meta(ge=0, le=MAX_MEMBERSHIPS)] = MAX_MEMBERSHIPS

    @property
    def sizes(self) -> Sizes:
        """The same for estimates of expressions."""
        text = self.characters / CHARS_A_STEP
        ids = self.memberships * MAX_ID_CHARS / CHARS_A_STEP
        findings = self.characters / _CHARS_A_FINDING
        return Sizes(
            json=Size(float(self.values), float(self.values), text),
            text=WORST.text,
            memberships=Size(float(self.memberships), float(self.memberships), ids),
            findings=Size(findings, findings),
        )


LARGEST: Final = Inputs()


class Bounds(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a set declares: no rule of it costs more than `rule_units`, and what is loaded together with it in its scope
    no more than `decision_units` a decision and `scan_units_per_kb` for each 1,024 bytes of content, for requests that
    are no larger than `inputs`."""

    rule_units: _Units | None = None
    decision_units: _Units | None = None
    scan_units_per_kb: _Units | None = None
    inputs: Inputs = LARGEST
