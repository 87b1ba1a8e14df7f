"""Verb: read persons. Look for them by the names that their keys gave them, and open what is found of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from axonflow.audit import AuditEvent, AuditQuery
from axonflow.audit.persons import Opens, is_person, key_ids_of, opened, pseudonym
from axonflow.ports import PersonKeyStore

__all__ = ["PersonLookup", "asked_for", "opened_for"]


class PersonLookup(NamedTuple):
    """Where keys are kept; what finds those of a person of a tenant; and what a wrapped one opens, by its tenant and
    id, or None when it was wrapped by somebody else."""

    store: PersonKeyStore
    tag: Callable[[str, str], bytes]
    opens: Callable[[str, str, bytes], Opens | None]


async def asked_for(persons: PersonLookup, query: AuditQuery) -> AuditQuery:
    """`query`, also for the names under which the trail has the persons that it names. Raises AuditError."""
    return replace(
        query,
        principal_as=await _names(persons, query.tenant_id, query.principal),
        resource_as=await _names(persons, query.tenant_id, query.resource),
    )


async def _names(persons: PersonLookup, tenant_id: str, name: str | None) -> tuple[str, ...]:
    if name is None or not is_person(name):
        return ()
    key_ids = await persons.store.of_person(tenant_id, persons.tag(tenant_id, name))
    return tuple(map(pseudonym, key_ids))


async def opened_for(persons: PersonLookup, tenant_id: str, events: Sequence[AuditEvent]) -> tuple[AuditEvent, ...]:
    """`events` of this tenant, with all opened whose keys are there. Raises AuditError."""
    key_ids = key_ids_of(events)
    if not key_ids:
        return tuple(events)
    wrapped = await persons.store.wrapped(tenant_id, key_ids)
    found = {key_id: persons.opens(tenant_id, key_id, one) for key_id, one in wrapped.items()}
    keys = {key_id: opens for key_id, opens in found.items() if opens is not None}
    return tuple(opened(event, keys) for event in events)
