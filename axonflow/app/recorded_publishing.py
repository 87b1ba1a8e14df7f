"""Publishing by command: what is published and put in force is in the trail of its scope, with who did it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from axonflow.adapters.postgres import PostgresDatabase, PostgresPolicyStore
from axonflow.app.changes import Came, change_by, recorded_change
from axonflow.app.commands import Commands, opened_log
from axonflow.app.policies import Keys, Policies
from axonflow.app.publishing import Change, PolicyVersion, Publisher, SetState
from axonflow.ports import AuditLog, PolicyStore
from axonflow.tenancy import Actor

__all__ = ["RecordedPublisher", "opened_publisher"]


@asynccontextmanager
async def opened_publisher(
    database_url: str, actor: Actor, commands: Commands, *, trusted_keys: Keys = ()
) -> AsyncIterator[Publisher]:
    """What publishes into the database in the name of `actor`, and signs as `commands` say. Raises
    ConfigurationError."""
    database = await PostgresDatabase.connect(database_url)
    try:
        async with opened_log(database, commands) as audit:
            yield RecordedPublisher(PostgresPolicyStore(database), audit, actor, trusted_keys=trusted_keys or None)
    finally:
        await database.close()


class RecordedPublisher(Publisher):
    """A Publisher. `actor` is who is at work, whatever name the history gets. All that changes something raises
    AuditError, too, when it cannot be recorded; then nothing is changed."""

    def __init__(self, store: PolicyStore, audit: AuditLog, actor: Actor, **means: Any) -> None:
        super().__init__(store, **means)
        self._audit = audit
        self._actor = actor

    async def publish(self, change: Change, policies: Policies, key: str | os.PathLike[str] | None) -> PolicyVersion:
        async with self._recorded(change, "policy.publish") as came:
            version = await super().publish(change, policies, key)
            came.facts |= {"version": version.version, "digest": version.digest, "rules": version.rules}
            came.facts["author"] = change.author
        return version

    async def activate(self, change: Change, version: int | None, *, back: bool = False) -> SetState:
        async with self._recorded(change, "policy.rollback" if back else "policy.activate") as came:
            state = await super().activate(change, version, back=back)
            _tell(came, change, state)
        return state

    async def rollback(self, change: Change) -> SetState:
        async with self._recorded(change, "policy.rollback") as came:
            state = await super().rollback(change)
            _tell(came, change, state)
        return state

    def _recorded(self, change: Change, action: str) -> AbstractAsyncContextManager[Came]:
        made = change_by(self._actor, change.tenant_id, action, f"policy_set:{change.set_name}", change.reason)
        return recorded_change(self._audit, made)


def _tell(came: Came, change: Change, state: SetState) -> None:
    came.facts |= {
        "version": state.version or 0, "digest": state.digest or "", "activation": state.sequence,
        "author": change.author,
    }  # fmt: skip
