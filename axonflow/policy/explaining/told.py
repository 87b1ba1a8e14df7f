"""What a counterfactual may say to people: no secret, and nothing of a content."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from axonflow.detect.secrecy import Secrecy
from axonflow.policy.analysis.worlds import ABSENT
from axonflow.policy.decision import Effect
from axonflow.policy.explaining.counterfactual import Counterfactual
from axonflow.policy.explaining.discretion import Discretion
from axonflow.policy.explaining.edits import Edit
from axonflow.policy.explaining.origins import Origins
from axonflow.policy.explaining.rules_to_change import RulesToChange
from axonflow.policy.explaining.worth_trying import held_at
from axonflow.policy.request import Request

__all__ = ["ToldChange", "ToldCounterfactual", "ToldEdit", "told"]


class ToldEdit(Struct, frozen=True, omit_defaults=True):
    """An edit, and what `was` there. `withheld` says what `value` is, or was, where it is not shown."""

    op: Literal["set", "remove", "add", "drop"]
    path: str
    value: Any = None
    was: Any = None
    example: bool = False
    withheld: str = ""


class ToldChange(Struct, frozen=True):
    """Edits that together are enough, and what is decided then."""

    edits: tuple[ToldEdit, ...]
    effect: Effect
    policies: tuple[str, ...]


class ToldCounterfactual(Struct, frozen=True):
    """A Counterfactual, field by field."""

    effect: Effect
    allowed: bool
    policies: tuple[str, ...]
    changes: tuple[ToldChange, ...]
    smallest: bool
    untried: tuple[str, ...]
    rules: RulesToChange
    decisions: int


def told(found: Counterfactual, request: Request, secrecy: Secrecy) -> ToldCounterfactual:
    """`found` for `request`, as it may be shown."""
    discretion, origins = Discretion(secrecy), Origins(request)

    def edited(edit: Edit) -> ToldEdit:
        origin = origins.of_path(edit.path)
        if edit.like:
            origin = origin.beside(origins.of_path(edit.like))
        held = held_at(request, edit)
        was = None if held is ABSENT else held
        if edit.variable == "content":
            return ToldEdit(edit.op, edit.path, example=edit.example, withheld="the content")
        withheld = discretion.why_withheld(edit.value, origin) or discretion.why_withheld(was, origin)
        if withheld:
            return ToldEdit(edit.op, edit.path, example=edit.example, withheld=withheld)
        value = discretion.shown(edit.value, origin)
        return ToldEdit(edit.op, edit.path, value, discretion.shown(was, origin), edit.example)

    changes = tuple(
        ToldChange(tuple(map(edited, change.edits)), change.effect, change.policies) for change in found.changes
    )
    return ToldCounterfactual(
        found.effect,
        found.allowed,
        found.policies,
        changes,
        found.smallest,
        found.untried,
        found.rules,
        found.decisions,
    )
