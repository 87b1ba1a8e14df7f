"""Where a service is put together from its settings, and taken apart again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axonflow import AxonFlow
from axonflow.app.durable import Durable
from axonflow.ids import now_us
from axonflow_sidecar.hosting.known_tenants import Known
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
from axonflow_sidecar.plans.runs import PlanRuns

__all__ = ["opened_agent", "opened_orchestrator"]

_log = logging.getLogger("axonflow.service")


@asynccontextmanager
async def opened_agent(settings: ServiceSettings) -> AsyncIterator[Application]:
    """The agent's application, with its spool open and draining; at the end all of it is in the database, or kept."""
    metrics = Metrics("agent")
    async with _durable(settings, metrics) as durable:
        flow = _flow(settings, durable)
        _log_start(settings, flow)
        known = Known(settings, durable)
        client = OrchestratorClient(settings.orchestrator_url, settings.credential)
        services = AgentServices(
            flow=flow, signer=Signer(bytes.fromhex(settings.secret)), metrics=metrics, clock_us=now_us,
            search=durable.search, orchestrator=client, unwell=durable.unwell, tenancy=known.tenancy,
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
    async with _durable(settings, metrics) as durable:
        flow = _flow(settings, durable)
        _log_start(settings, flow)
        catalogue = PlanCatalogue.load(settings.plans) if settings.plans else PlanCatalogue()
        executor_id = durable.audit.writer_id  # kept in the spool, whose lock says that the earlier process is gone
        left = await durable.plans.abandon(executor_id, "The orchestrator ended while it ran.", now_us())
        if left:
            _log.warning("runs were left behind", extra={"facts": {"runs": left}})
        runs = PlanRuns(flow, durable.plans, catalogue, executor_id)
        services = OrchestratorServices(
            flow=flow, runs=runs, catalogue=catalogue, signer=Signer(bytes.fromhex(settings.secret)),
            credential=settings.credential, unwell=durable.unwell,
        )  # fmt: skip
        try:
            yield create_orchestrator(
                services, Identities(KeyRing(settings.keys)), metrics, log_all=settings.access_log
            )
        finally:
            await runs.close(settings.drain_timeout_s)


@asynccontextmanager
async def _durable(settings: ServiceSettings, metrics: Metrics) -> AsyncIterator[Durable]:
    def report(message: str) -> None:
        _log.warning(message)

    durable = await Durable.open(
        spool=settings.spool, database_url=settings.database_url, report=report,
        database_settings=settings.database_settings,
    )  # fmt: skip
    metrics.watch("axonflow_spool_records", "Audit records not yet in the database.", lambda: durable.pending)
    metrics.watch("axonflow_spool_bytes", "Their size.", lambda: durable.pending_bytes)
    metrics.watch("axonflow_drained_records", "Audit records moved to the database.", lambda: durable.drained)
    try:
        yield durable
    finally:
        if not await durable.close(settings.drain_timeout_s):
            _log.warning("some records stay in the spool; they follow at the next start")


def _flow(settings: ServiceSettings, durable: Durable) -> AxonFlow:
    key = bytes.fromhex(settings.redaction_key) or None
    return AxonFlow.open(
        policies=settings.policies, audit=durable.audit, trusted_keys=settings.trusted_keys, redaction_key=key,
        vault=None if key is None else durable.vault(key),
    )  # fmt: skip


def _log_start(settings: ServiceSettings, flow: AxonFlow) -> None:
    facts = {"policies": settings.policies, "policy_digest": flow.policy_digest, "rules": len(flow.policies.rules)}
    _log.info("opened", extra={"facts": facts})
