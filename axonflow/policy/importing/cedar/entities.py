"""Questions about who asks, for what and of which kind, as expressions of ours."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow.policy.importing.cedar.naming import CedarNames
from axonflow.policy.importing.cedar.operands import LISTS, unsupported
from axonflow.policy.importing.cedar.syntax import Comparison, EntityRef, Is, SetLiteral, Variable
from axonflow.policy.importing.expressions import (
    ALL,
    MEMBER,
    RELATION,
    SIGN,
    Cel,
    joined,
    listed,
    path_text,
    text_literal,
    within,
)

__all__ = ["Entities"]


class Entities:
    """``==``, ``in`` and ``is`` of the principal, the action and the resource."""

    def __init__(self, names: CedarNames) -> None:
        self._names = names

    def member(self, variable: str, refs: Sequence[EntityRef]) -> Cel:
        """Whether the principal or the resource is one of `refs`, or in one. Raises UnsupportedError."""
        lists: dict[str, list[str]] = {}
        parts: list[Cel] = []
        for ref in refs:
            path = self._names.membership(ref.type, variable)
            if path is not None:
                lists.setdefault(path, []).append(ref.id)
            if path is None and (variable == "resource" or not self._names.is_principal(ref.type)):
                raise self._names.no_membership(ref.type, variable, ref.offset)
            if path is None or variable == "resource" or self._names.is_principal(ref.type):
                parts.append(self.equal_entity(variable, ref))
        for path, ids in lists.items():
            text, fails = path_text(path), path not in LISTS
            if len(ids) == 1:
                parts.append(Cel(f"{text_literal(ids[0])} in {text}", RELATION, "bool", fails))
            else:
                parts.append(Cel(f"sets.intersects({text}, {listed(ids)})", MEMBER, "bool", fails))
        return joined("||", parts)

    def is_type(self, variable: str, path: str, offset: int) -> Cel:
        """Whether the principal or the resource is of a type. Raises UnsupportedError."""
        named = self._names.principal_type if variable == "principal" else self._names.resource_type
        return Cel(f"{variable}.type == {text_literal(named(path, offset))}", RELATION)

    def equal_entity(self, variable: str, ref: EntityRef) -> Cel:
        """Whether the principal or the resource is `ref`. Raises UnsupportedError."""
        kind = self.is_type(variable, ref.type, ref.offset)
        return Cel(f"{kind.text} && {variable}.id == {text_literal(ref.id)}", ALL)

    def equality(self, node: Comparison) -> Cel | None:
        """``principal == User::"ann"`` and the like, either way round; None where it is something else."""
        known = self._known(node)
        if known is None or node.operator == "==":
            return known
        return Cel(f"!{within(known, SIGN)}", SIGN, "bool", known.fails)

    def _known(self, node: Comparison) -> Cel | None:
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, Variable) and isinstance(other, EntityRef):
                if one.name == "action":
                    return Cel(f"action == {text_literal(self._names.action(other))}", RELATION)
                return None if one.name == "context" else self.equal_entity(one.name, other)
        return None

    def inside(self, node: Comparison) -> Cel:
        """``principal in Group::"g"`` and the like. Raises UnsupportedError."""
        refs = node.right.items if isinstance(node.right, SetLiteral) else (node.right,)
        named = [ref for ref in refs if isinstance(ref, EntityRef)]
        if not isinstance(node.left, Variable) or node.left.name == "context" or len(named) < len(refs):
            raise unsupported(node, "only principal, action and resource are in entities that are named here")
        if node.left.name != "action":
            if any(self._names.membership(ref.type, node.left.name) is None for ref in named):
                raise unsupported(
                    node, "others may be in it, and nothing says in which list requests name it",
                    "Say in the mapping file what names those it is in: memberships.",
                )  # fmt: skip
            return self.member(node.left.name, named)
        actions = [self._names.action(one) for ref in named for one in self._names.members(ref)[0]]
        if any(not self._names.members(ref)[1] for ref in named):
            raise unsupported(
                node, "an action may be a group of actions, and nothing says whether it is",
                "Say in the mapping file which are, and {} if none is: action_groups: {}.",
            )  # fmt: skip
        return Cel(f"action in {listed(actions)}", RELATION)

    def kind(self, node: Is) -> Cel:
        """``resource is Photo``, ``resource is Photo in Album::"a"``. Raises UnsupportedError."""
        target = node.target
        if not isinstance(target, Variable) or target.name not in {"principal", "resource"}:
            raise unsupported(node, "only the principal and the resource have types here")
        kind = self.is_type(target.name, node.type, node.offset)
        if node.within is None:
            return kind
        return joined("&&", [kind, self.inside(Comparison(node.offset, "in", target, node.within))])
