"""Where a service is put together from its settings, and taken apart again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from axonflow import AxonFlow
from axonflow.app.api_policies import ApiPolicies
from axonflow.app.auditing import open_anchor
from axonflow.app.durable import Durable, PersonSettings, SpoolFigures, Trouble
from axonflow.app.following import PolicyFollower, PolicyStatus, following
from axonflow.app.policies import policy_sources
from axonflow.app.policy_sets import PolicySets
from axonflow.app.publishing import Publisher
from axonflow.app.typed_policies import TypedPolicies
from axonflow.app.workflows import Workflows
from axonflow.ids import now_us
from axonflow.policy import PolicyEngine, PolicySource
from axonflow.policy.compiling.scopes import FILES, Scope
from axonflow_sidecar.hosting.known_tenants import Known, inactive_tenants
from axonflow_sidecar.hosting.settings import ServiceSettings
from axonflow_sidecar.http.agent import create_agent
from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import KeyRing
from axonflow_sidecar.http.metrics import Metrics
from axonflow_sidecar.http.orchestrator import create_orchestrator
from axonflow_sidecar.http.orchestrator_client import OrchestratorClient
from axonflow_sidecar.http.routes.plans import OrchestratorServices
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.signing import Signer
from axonflow_sidecar.plans.catalogue import PlanCatalogue
from axonflow_sidecar.plans.making import opened_maker
from axonflow_sidecar.plans.runs import PlanRuns

__all__ = ["opened_agent", "opened_orchestrator"]

_log = logging.getLogger("axonflow.service")


@asynccontextmanager
async def opened_agent(settings: ServiceSettings) -> AsyncIterator[Application]:
    """The agent's application, with its spool open and draining; at the end all of it is in the database, or kept."""
    metrics = Metrics("agent")
    async with _durable(settings, metrics) as durable, _flow(settings, durable, metrics) as (flow, follower):
        known = Known(settings, durable)
        metrics.watch(
            "axonflow_tenants_degraded", "1 while changes of keys are not heard.", lambda: len(known.troubles)
        )

        def troubles() -> list[Trouble]:
            return [*durable.troubles, *known.troubles]

        client = OrchestratorClient(settings.orchestrator_url, settings.credential)
        services = AgentServices(
            flow=flow, signer=Signer(bytes.fromhex(settings.secret)), metrics=metrics, clock_us=now_us,
            search=durable.search, tail=durable.tail, persons=durable.persons, orchestrator=client,
            unwell=durable.unwell, troubles=troubles, spool=lambda: durable.spool,
            policies=_status_of(follower),
            api_policies=_api_policies(settings, durable, flow, follower),
            policy_sets=_policy_sets(settings, durable, flow, follower),
            tenancy=known.tenancy, typed_policies=_typed_policies(settings, durable, flow, follower),
        )  # fmt: skip
        try:
            async with known.kept_fresh() as identities:
                yield create_agent(services, identities, log_all=settings.access_log)
        finally:
            await client.close()


@asynccontextmanager
async def opened_orchestrator(settings: ServiceSettings) -> AsyncIterator[Application]:
    """The orchestrator's application. Runs that an earlier process of this spool left behind are marked as failed."""
    metrics = Metrics("orchestrator")
    async with (
        _durable(settings, metrics) as durable,
        _flow(settings, durable, metrics) as (flow, follower),
        inactive_tenants(settings, durable) as inactive,
        opened_maker(flow, _catalogue(settings), settings.planning) as maker,
    ):
        executor_id = durable.audit.writer_id  # kept in the spool, whose lock says that the earlier process is gone
        runs = PlanRuns(flow, durable.plans, maker, executor_id, inactive)
        services = OrchestratorServices(
            flow=flow, runs=runs, plans=durable.plans, workflows=Workflows(flow, durable.workflows), maker=maker,
            signer=Signer(bytes.fromhex(settings.secret)), credential=settings.credential,
            unwell=durable.unwell, troubles=lambda: durable.troubles, spool=lambda: durable.spool,
            policies=_status_of(follower),
        )  # fmt: skip
        async with runs.leases.kept():
            try:
                yield create_orchestrator(
                    services, Identities(KeyRing(settings.keys)), metrics, log_all=settings.access_log
                )
            finally:
                await runs.close(settings.drain_timeout_s)


def _catalogue(settings: ServiceSettings) -> PlanCatalogue:
    return PlanCatalogue.load(settings.plans) if settings.plans else PlanCatalogue()


@asynccontextmanager
async def _durable(settings: ServiceSettings, metrics: Metrics) -> AsyncIterator[Durable]:
    def report(message: str) -> None:
        _log.warning(message)

    durable = await Durable.open(
        spool=settings.spool, database_url=settings.database_url, report=report,
        database_settings=settings.database_settings, spool_settings=settings.spool_settings,
        anchor=open_anchor(settings.anchor, token=settings.anchor_token) if settings.anchor else None,
        persons=_person_settings(settings),
    )  # fmt: skip
    _watch_spool(metrics, lambda: durable.spool)
    metrics.watch("axonflow_drained_records", "Audit records moved to the database.", lambda: durable.drained)
    metrics.watch("axonflow_audit_degraded", "1 while the database takes no audit records.",
                  lambda: any(one.part == "audit" for one in durable.troubles))  # fmt: skip
    metrics.watch("axonflow_replica_degraded", "1 while searches cannot read from the read replica.",
                  lambda: any(one.part == "replica" for one in durable.troubles))  # fmt: skip
    try:
        yield durable
    finally:
        if not await durable.close(settings.drain_timeout_s):
            _log.warning("some records stay in the spool; they follow at the next start")


def _person_settings(settings: ServiceSettings) -> PersonSettings | None:
    key = bytes.fromhex(settings.persons_key)
    return PersonSettings(key, settings.seals_persons) if key else None


def _watch_spool(metrics: Metrics, spool: Callable[[], SpoolFigures]) -> None:
    watch = metrics.watch
    watch("axonflow_spool_records", "Audit records not yet in the database.", lambda: spool().records)
    watch("axonflow_spool_bytes", "Their size.", lambda: spool().size_bytes)
    watch("axonflow_spool_max_bytes", "The size at which no more is recorded.", lambda: spool().max_bytes)
    watch("axonflow_spool_lag_seconds", "The age of the oldest.", lambda: spool().lag_us / 1_000_000)
    watch("axonflow_spool_quarantined", "Audit records that no store takes.", lambda: spool().quarantined)
    watch("axonflow_spool_lost", "Events taken in async mode that could not be recorded.", lambda: spool().lost)
    watch("axonflow_spool_shed", "Audit records given up for want of room.", lambda: spool().shed)
    watch("axonflow_spool_damaged", "Damaged spool files that were moved aside.", lambda: spool().damaged)


@asynccontextmanager
async def _flow(
    settings: ServiceSettings, durable: Durable, metrics: Metrics
) -> AsyncIterator[tuple[AxonFlow, PolicyFollower | None]]:
    """The control plane, and what follows the database if that is a source of policies."""
    key = bytes.fromhex(settings.redaction_key) or None
    policies = settings.policies or None
    flow = AxonFlow.open(
        policies=policies, audit=durable.audit, trusted_keys=settings.trusted_keys, redaction_key=key,
        vault=None if key is None else durable.vault(key), audit_content=settings.audit_content,
        plan_limits=settings.plan_limits,
    )  # fmt: skip
    if not settings.snapshots:
        _log_start(settings, flow)
        yield flow, None
        return
    async with (
        durable.policy_feed() as feed,
        following(
            flow, feed, folder=settings.snapshots, policies=policies, stand_in=settings.stand_in, report=_log.warning
        ) as follower,
    ):
        metrics.watch("axonflow_policies_degraded", "1 while their store is away.", lambda: follower.is_degraded)
        metrics.watch("axonflow_policies_refused", "Scopes with policies that do not load.", lambda: follower.refusals)
        _log_start(settings, flow)
        yield flow, follower


def _status_of(follower: PolicyFollower | None) -> Callable[[], PolicyStatus | None]:
    return lambda: None if follower is None else follower.status


def _api_policies(
    settings: ServiceSettings, durable: Durable, flow: AxonFlow, follower: PolicyFollower | None
) -> ApiPolicies | None:
    """What edits policies over REST, where the database is a source of them."""
    if follower is None:
        return None

    def compiled(document: dict[str, Any]) -> PolicyEngine:
        return flow.compiled([Scope(FILES, None, policy_sources(document))])

    key = settings.policy_key or None
    return ApiPolicies(
        durable.shelf, compiled=compiled, key=key, served=follower.serve_now, in_force=flow.policies_of_tenant
    )


def _typed_policies(
    settings: ServiceSettings, durable: Durable, flow: AxonFlow, follower: PolicyFollower | None
) -> TypedPolicies | None:
    if follower is None:
        return None

    def compiled(source: PolicySource) -> PolicyEngine:
        return flow.compiled([Scope(FILES, None, [source])])

    key = settings.policy_key or None
    return TypedPolicies(durable.shelf.published, compiled=compiled, key=key, served=follower.serve_now)


def _policy_sets(
    settings: ServiceSettings, durable: Durable, flow: AxonFlow, follower: PolicyFollower | None
) -> PolicySets | None:
    if follower is None:
        return None

    def compiled(sources: Sequence[PolicySource]) -> PolicyEngine:
        return flow.compiled([Scope(FILES, None, sources)])

    publisher = Publisher(durable.shelf.published, trusted_keys=settings.trusted_keys)
    return PolicySets(publisher, compiled=compiled, key=settings.policy_key or None, served=follower.serve_now)


def _log_start(settings: ServiceSettings, flow: AxonFlow) -> None:
    facts = {"policies": settings.policies, "policy_digest": flow.policy_digest, "rules": len(flow.policies.rules)}
    _log.info("opened", extra={"facts": facts})
