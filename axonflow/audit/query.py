"""What can be asked of the audit trail of one tenant."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.audit.event import AUDIT_EFFECTS, AUDIT_KINDS, AuditEvent
from axonflow.audit.event_ids import earliest_us
from axonflow.errors import RequestError

__all__ = [
    "MAX_LIMIT",
    "MAX_TOTAL",
    "AuditPage",
    "AuditQuery",
    "check_period",
    "check_short_form",
    "check_words",
    "page_after",
]

MAX_LIMIT: Final = 1_000
MAX_OFFSET: Final = 1_000_000
MAX_TOTAL: Final = 1_000
"""To count millions would take longer than anybody waits for a page, and ten thousand longer than the page."""


class AuditQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events of `tenant_id`; what is None does not matter. Newest first: by event id, which begins with the time.

    `before` is an event id: only what is older counts, so the last id of a page asks for the next one, at the same cost
    however far it goes. `start_us` is the first microsecond that counts and `end_us` the first that does not (Unix
    epoch, UTC). `principal` is in short form and also finds those who acted for it; `policy` is the id of a policy that
    matched. `allowed` is whether the action may go on, as it was recorded. `principal_as` and `resource_as` are further
    names under which the trail has `principal` and `resource`.

    Raises RequestError for a limit outside of 1 to 1000, an offset outside of 0 to 1000000, and what no event can be: a
    kind or an effect that there is not, a time that ends before it begins. Nothing is found so, and whoever mistyped a
    word would take that for an answer.
    """

    tenant_id: str
    limit: int = 100
    offset: int = 0
    before: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    kind: str | None = None
    principal: str | None = None
    client_id: str | None = None
    action: str | None = None
    resource: str | None = None
    effect: str | None = None
    allowed: bool | None = None
    decision_id: str | None = None
    policy: str | None = None
    principal_as: tuple[str, ...] = ()
    resource_as: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...] | None:
        """All names of the principal; None where it does not matter who it was."""
        return None if self.principal is None else (self.principal, *self.principal_as)

    @property
    def resources(self) -> tuple[str, ...] | None:
        """The same of the resource."""
        return None if self.resource is None else (self.resource, *self.resource_as)

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise RequestError("out of range", expected=f"1 to {MAX_LIMIT}", found=str(self.limit)[:32], at="$.limit")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise RequestError(
                "out of range", expected=f"0 to {MAX_OFFSET}", found=str(self.offset)[:32], at="$.offset"
            )
        check_words(self.kind, self.effect)
        check_period(self.start_us, self.end_us)

    def covers(self, event: AuditEvent) -> bool:
        """Whether `event` is among those that are asked for."""
        return (
            event.tenant_id == self.tenant_id
            and (self.before is None or event.event_id < self.before)
            and (self.start_us is None or event.time_us >= self.start_us)
            and (self.end_us is None or event.time_us < self.end_us)
            and _is_one(self.principals, event.principal, *event.on_behalf_of)
            and _is_one(self.resources, event.resource)
            and (self.policy is None or self.policy in event.policies)
            and all(
                wanted is None or wanted == actual
                for wanted, actual in (
                    (self.kind, event.kind),
                    (self.client_id, event.origin.client_id),
                    (self.action, event.action),
                    (self.effect, event.effect),
                    (self.allowed, event.allowed),
                    (self.decision_id, event.decision_id),
                )
            )
        )


def _is_one(names: tuple[str, ...] | None, *found: str) -> bool:
    return names is None or not set(names).isdisjoint(found)


class AuditPage(Struct, frozen=True):
    """One page of what was found, newest first, and how many there are in all: counted up to MAX_TOTAL, and one more
    than that for any number beyond."""

    events: tuple[AuditEvent, ...]
    total: int


def page_after(told: str | None, at: str = "before") -> str | None:
    """The `before` of a query that somebody outside `told`, at `at`; None where it is empty: the first page.

    Raises RequestError for what is the id of no event: any other text sorts somewhere as well, and whoever lost a
    digit would get some page, or the first one for ever.
    """
    if told and earliest_us(told, 0) is None:
        raise RequestError(
            "not the id of an event", expected="the last of the page before", found=ascii(told)[:80], at=at
        )
    return told or None


def check_words(kind: str | None, effect: str | None, at: str = "$.") -> None:
    """Raise RequestError for a `kind` or an `effect` that no event has; it is named as `at` and ``kind`` or ``effect``.
    None does not matter."""
    for name, word, known in (("kind", kind, AUDIT_KINDS), ("effect", effect, AUDIT_EFFECTS)):
        if word is not None and word not in known:
            raise RequestError(f"no such {name}", expected=" or ".join(known), found=ascii(word)[:80], at=f"{at}{name}")


def check_period(start_us: int | None, end_us: int | None, at: str = "$.end_us") -> None:
    """Raise RequestError, at `at`, where no time is from `start_us` on and before `end_us`."""
    if start_us is not None and end_us is not None and end_us <= start_us:
        raise RequestError("the time ends before it begins", expected="an end behind the beginning", at=at)


def check_short_form(name: str | None, at: str) -> None:
    """Raise RequestError, at `at`, for a principal or a resource without its type: no event has such a one. None does
    not matter."""
    if name is not None and ":" not in name:
        raise RequestError("no type", expected="type:id, such as user:ann or tool:shell", found=ascii(name)[:80], at=at)
