"""What the handlers work with, put together once by the process that serves them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from axonflow import AxonFlow, AxonFlowError, Decision, Request
from axonflow.app.api_policies import ApiPolicies
from axonflow.app.durable import SpoolFigures, Trouble
from axonflow.app.following import PolicyStatus
from axonflow.app.persons import AuditPersons
from axonflow.app.policy_sets import PolicySets
from axonflow.app.tailing import Tailing
from axonflow.app.tenancy import Tenancy
from axonflow.app.typed_policies import TypedPolicies
from axonflow.audit import AuditPage, AuditQuery, Origin
from axonflow.errors import TenancyMissing
from axonflow_sidecar.http.asgi import Call, Refused
from axonflow_sidecar.http.metrics import Metrics
from axonflow_sidecar.http.signing import Signer
from axonflow_sidecar.http.translate import wrong_tenant

__all__ = ["AgentServices", "Followed", "Orchestrator", "check_known", "check_tenant", "enforced", "searched"]


_ALWAYS_THERE: Final = "default"


class Followed(NamedTuple):
    """An answer that has no end: its pieces, to be closed, which raise AxonFlowError when no more can come. Without
    `rest` it is another answer, all of it in `body`."""

    status: int
    body: bytes
    rest: AsyncGenerator[bytes, None] | None


class Orchestrator(Protocol):
    """The orchestrator as the agent sees it; tests have one in process."""

    async def call(
        self, method: str, path: str, body: bytes, identity: str, origin: Origin, *, takes_long: bool
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Calls that take long stand in nobody's way but each other's. Raises
        AxonFlowError when there is none."""

    async def follow(self, path: str, identity: str, origin: Origin) -> Followed:
        """An answer as it comes. Raises AxonFlowError when there is none."""


class AgentServices(Struct, frozen=True, kw_only=True):
    """`search` finds what was recorded before the call (it waits for the drain). It, `tail` and `tenancy` are None
    without a database. `unwell` says in a few words what keeps the agent from answering, or None; `troubles` are what
    does not work while it answers, and `spool` says what waits for the database. `policies` says how policies from the
    database stand, or None where there are files alone; then there are no `api_policies`, which edits those of the
    contract's routes, and neither `typed_policies` nor `policy_sets`, which publish documents. `persons` are those of
    the trail, None without a key for them.
    """

    flow: AxonFlow
    signer: Signer
    metrics: Metrics
    clock_us: Callable[[], int]
    search: Callable[[AuditQuery], Awaitable[AuditPage]] | None = None
    tail: Tailing | None = None
    persons: AuditPersons | None = None
    orchestrator: Orchestrator | None = None
    tenancy: Tenancy | None = None
    unwell: Callable[[], str | None] = lambda: None
    troubles: Callable[[], Sequence[Trouble]] = list
    spool: Callable[[], SpoolFigures | None] = lambda: None
    policies: Callable[[], PolicyStatus | None] = lambda: None
    api_policies: ApiPolicies | None = None
    typed_policies: TypedPolicies | None = None
    policy_sets: PolicySets | None = None


def check_tenant(call: Call, tenant_id: str) -> None:
    """Raise Refused (403) unless the caller may act for this tenant, and it may act at all."""
    if not call.caller.may_act_for(tenant_id):
        raise wrong_tenant(call.caller)
    call.check_active(tenant_id)


async def check_known(services: AgentServices, call: Call, tenant_id: str) -> None:
    """Raise TenancyMissing (404) for a tenant of which there is nothing, not even a record: only a key for any tenant
    can name one, and most likely somebody mistyped it."""
    if services.tenancy is None or tenant_id in (call.caller.tenant_id, _ALWAYS_THERE):
        return
    try:
        await services.tenancy.tenant(tenant_id)
    except TenancyMissing:
        if services.search is None or not (await services.search(AuditQuery(tenant_id=tenant_id, limit=1))).events:
            raise


async def enforced(services: AgentServices, call: Call, request: Request, *, redacts: bool = True) -> Decision:
    """The enforced decision on `request` for the caller. Raises Refused (403) when the key is for another tenant, or
    the tenant is suspended."""
    check_tenant(call, request.principal.tenant)
    decision = await services.flow.enforce(request, origin=call.origin, redacts=redacts)
    services.metrics.decided(decision.effect.value)
    return decision


async def searched(services: AgentServices, query: AuditQuery) -> AuditPage:
    """What is found in the trail. Raises Refused (503) without a database, AuditError when that does not answer."""
    if services.search is None:
        raise Refused(503, AxonFlowError("no database", hint="Events are kept in the spool until there is one."))
    return await services.search(query)
