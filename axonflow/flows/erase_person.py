"""Verb: erase a person. Destroy the keys under which the trail has what it tells of them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.audit import MAX_TOTAL, AuditQuery
from axonflow.audit.persons import is_person, is_pseudonym
from axonflow.errors import AuditError, RequestError
from axonflow.flows.read_persons import PersonLookup
from axonflow.flows.record_change import Change, recorded_change
from axonflow.ids import now_us
from axonflow.ports import AuditLog, AuditStore

__all__ = ["ErasedPerson", "erase_person"]

_NOBODY: Final = "user:"
_MAX_NAMED: Final = 1_000
"""Ids in one event, which is of a limited size."""
_MAX_LOOKED_AT: Final = 1_000


class ErasedPerson(Struct, frozen=True):
    """The ids of the `keys` that were destroyed. `plain_records` still name the person, as who acted or was acted for
    and as what was acted upon, since they were not sealed: counted up to 1,000, and 1,001 for any number beyond. Of the
    newest 1,000 keys of the tenant, `foreign_keys` do not open with the key of the installation: they are another's, or
    of one that was lost, and whose they are cannot be told."""

    keys: tuple[str, ...]
    plain_records: int
    foreign_keys: int = 0


async def erase_person(
    persons: PersonLookup, store: AuditStore, audit: AuditLog, person: str, change: Change
) -> ErasedPerson:
    """Destroy all keys of `person` (short form) in the tenant of `change`, by which it is recorded in `audit`: by the
    ids of the keys, never the person. For one without any, nothing is done but that.

    Raises RequestError for what is no person, and for a pseudonym of one, TenancyConflict while everything of the
    tenant is kept, AuditError.
    """
    if not is_person(person) or person == _NOBODY:
        raise RequestError("not a person", expected='"user:" and an id', found=ascii(person)[:80], at="person")
    if is_pseudonym(person):  # under which there are no keys: it would look as if they had been destroyed
        raise RequestError(
            "a pseudonym", expected="the name of the person", found=person, at="person",
            hint="It stands for somebody whose name is sealed: who has the key of the installation finds it by search.",
        )  # fmt: skip
    tenant_id = change.tenant_id
    async with recorded_change(audit, change) as came:
        keys = await persons.store.destroy(tenant_id, persons.tag(tenant_id, person), now_us())
        came.facts |= {"keys": len(keys), **{f"key_{number}": one for number, one in enumerate(keys[:_MAX_NAMED], 1)}}
    try:
        acting = await store.search(AuditQuery(tenant_id=tenant_id, principal=person, limit=1))
        acted_upon = await store.search(AuditQuery(tenant_id=tenant_id, resource=person, limit=1))
        foreign = await _foreign(persons, tenant_id)
    except AuditError as error:
        raise AuditError(
            "the keys were destroyed, and what is left of the person could not be counted", found=str(error),
            at=change.action, hint="Erase the person once more: there may be nothing left to destroy, but to count.",
        ) from error  # fmt: skip
    return ErasedPerson(tuple(keys), min(acting.total + acted_upon.total, MAX_TOTAL + 1), foreign)


async def _foreign(persons: PersonLookup, tenant_id: str) -> int:
    """With the key of another installation nobody's keys are found, as if they had none."""
    wrapped = await persons.store.newest(tenant_id, _MAX_LOOKED_AT)
    return sum(persons.opens(tenant_id, key_id, one) is None for key_id, one in wrapped.items())
