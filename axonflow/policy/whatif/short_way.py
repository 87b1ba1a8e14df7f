"""The short way to a verdict on a recorded decision: where all that is needed was recorded and nothing fails, as with
most. It gives up as soon as it meets anything else."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from axonflow.policy.decision import Effect
from axonflow.policy.whatif.needs import Asks
from axonflow.policy.whatif.partial_request import Unseen
from axonflow.policy.whatif.recorded import Recorded, is_exact, is_of_texts
from axonflow.policy.whatif.recorded_evaluation import RecordedEvaluation
from axonflow.policy.whatif.ruling import DEFAULT, Judged, Ruling, asked_of, ruling_of

__all__ = ["judge_simply"]

_MOST_KNOWN: Final = 4_096
"""Sets of rules that match together."""
_EXACT: Final = frozenset({int, float, bool, type(None)})
_REFUSED: Final = Judged(Ruling(Effect.DENY.value, DEFAULT), frozenset(), frozenset())


class _Plain:
    """A principal, a resource or a request, as conditions look at them."""

    __slots__ = (
        "action", "attributes", "context", "groups", "id", "principal", "resource", "roles", "tenant", "type",
        "unseen",
    )  # fmt: skip
    action: str
    attributes: dict[str, Any]
    context: dict[str, Any]
    groups: tuple[Any, ...]
    id: str
    principal: _Plain
    resource: _Plain
    roles: tuple[Any, ...]
    tenant: str
    type: str
    unseen: Unseen


def judge_simply(
    asks: Asks,
    simple: tuple[tuple[str, int, str], ...],
    event: Recorded,
    known: tuple[frozenset[str], frozenset[str] | None],
    *,
    is_own: bool,
) -> Judged | None:
    """As `axonflow.policy.whatif.judging.judge`, or None."""
    read, asked = known
    request: Any = _request_of(asks, simple, event, read)
    if request is None:
        return None
    evaluation = None
    if asks.inspects:
        request.unseen = Unseen()
        scanner = asks.needs.engine.scanner
        evaluation = RecordedEvaluation(request, event.time_us, event, scanner, asked, is_own=is_own)
    try:
        matched = tuple([rule for rule, quick in asks.tests if quick is None or quick(request, evaluation)])
    except Exception:  # noqa: BLE001  whatever it is, the long way meets it again
        return None
    for one in asks.needs.index.requires:
        if one.read(request) in (None, ()):
            return _REFUSED
    found: Judged | None = asks.known.get(matched)
    if found is None:
        effect = asks.needs.engine.combining.verdict(matched)[0]
        found = Judged(ruling_of(effect, matched), asked_of(matched, set(), effect), frozenset())
        if len(asks.known) < _MOST_KNOWN:
            asks.known[matched] = found
    if evaluation is not None and evaluation.looked:
        return Judged(found.ruling, found.asked.union(evaluation.looked), found.failed)
    return found


def _request_of(
    asks: Asks, simple: tuple[tuple[str, int, str], ...], event: Recorded, read: frozenset[str]
) -> _Plain | None:
    """The request with these attributes, as far as it is looked at; None unless of each it is known what it is, or that
    there is none."""
    recorded = event.attributes
    held: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    for path, holder, name in simple:
        value = recorded.get(path, UNSET)
        if value is UNSET:
            if path not in read:
                return None
        elif value.__class__ in _EXACT or is_exact(value):
            held[holder][name] = value
        else:
            return None
    request = _Plain()
    request.action = event.action
    request.context, attributes, owned = held
    if asks.of_principal:
        principal = request.principal = _Plain()
        principal.type, _, principal.id = event.principal.partition(":")
        principal.tenant = event.tenant_id
        roles, groups = attributes.pop("roles", ()), attributes.pop("groups", ())
        if not (is_of_texts(roles) and is_of_texts(groups)):
            return None
        principal.roles = tuple(roles)
        principal.groups = tuple(groups)
        principal.attributes = attributes
    if asks.of_resource:
        resource = request.resource = _Plain()
        resource.type, _, resource.id = event.resource.partition(":")
        resource.attributes = owned
    return request
