"""The agent and the orchestrator in process, and a client for them."""

import asyncio

import httpx
from msgspec.structs import replace

from axonflow import AxonFlow
from axonflow.adapters.memory import MemoryAuditStore, MemoryPlanStore
from axonflow.app.plan_shelf import PlanShelf
from axonflow.app.tenancy import Tenancy
from axonflow.app.workflows import Workflows, memory_workflow_stores
from axonflow.ids import new_id, now_us
from axonflow_sidecar.http.agent import agent_routes, create_agent
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing
from axonflow_sidecar.http.metrics import Metrics
from axonflow_sidecar.http.orchestrator import create_orchestrator, orchestrator_routes
from axonflow_sidecar.http.routes.plans import OrchestratorServices
from axonflow_sidecar.http.services import AgentServices, Followed
from axonflow_sidecar.http.signing import Signer
from axonflow_sidecar.http.stored_keys import StoredKeys
from axonflow_sidecar.plans.catalogue import PlanCatalogue
from axonflow_sidecar.plans.making import PlanMaker
from axonflow_sidecar.plans.runs import PlanRuns, RunTimes
from tests.strategies import policy_set
from tests.tenancy import PEPPER

KEY = "test-key-0123456789-0123456789-ab"
ACME_KEY = "acme-key-0123456789-0123456789-ab"
HEADERS = {"authorization": f"Bearer {KEY}"}
ACME = {"authorization": f"Bearer {ACME_KEY}"}
BETA_KEY = "beta-key-0123456789-0123456789-ab"
BETA = {"authorization": f"Bearer {BETA_KEY}"}
# Two tenants may call their clients by the same name.
KEYS = [ApiKey(KEY, "tester"), ApiKey(ACME_KEY, "crm", "acme"), ApiKey(BETA_KEY, "crm", "beta")]
REQUEST = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}
SEARCH_ONLY = policy_set([{"id": "search", "effect": "allow", "match": {"resource.id": "search"}}])
ALLOW_ALL = policy_set([], default="allow")
SIGNER = Signer(bytes(32))
CREDENTIAL = "internal-credential"


QUICK = RunTimes(keep_s=0.01, look_s=0.01)


class InProcess:
    """The orchestrator's application as the agent's client sees it."""

    def __init__(self, app):
        self.app = app

    async def call(self, method, path, body, identity, origin, *, takes_long=False):
        headers = {
            "x-axonflow-internal": CREDENTIAL,
            "x-axonflow-identity": identity,
            "content-type": "application/json",
        }
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://o") as client:
            response = await client.request(method, path, content=body, headers=headers)
        return response.status_code, response.content

    async def follow(self, path, identity, origin):
        status, content = await self.call("GET", path, b"", identity, origin)

        async def pieces():
            yield content

        return Followed(status, content, pieces() if status == 200 else None)


class Doors:
    """Both applications on one flow, with what they keep in memory."""

    def __init__(
        self,
        policies=SEARCH_ONLY,
        plans=None,
        clock_us=now_us,
        store=None,
        planner=None,
        calls=None,
        times=None,
        **means,
    ):
        self.flow = AxonFlow.open(policies, **means)
        self.audit_store = MemoryAuditStore()
        self.plan_store = store or MemoryPlanStore()
        shelf = PlanShelf.of(self.plan_store)
        self.metrics = Metrics("agent")
        maker = PlanMaker(PlanCatalogue(plans), planner(self.flow) if planner else None, calls or {})
        self.inactive = {}
        self.tenancy = Tenancy.in_memory([PEPPER], self.flow.audit)
        self.stored = StoredKeys(self.tenancy.recognised, self.tenancy.holder, lambda: True)
        self.tenancy._tenants.listeners.append(self.hear)
        identities = Identities(KeyRing(KEYS), self.stored, self.inactive)
        self.runs = PlanRuns(self.flow, shelf, maker, new_id(now_us()), self.inactive, times or QUICK)
        self.workflows = Workflows(self.flow, memory_workflow_stores())
        services = OrchestratorServices(
            flow=self.flow,
            runs=self.runs,
            plans=shelf,
            workflows=self.workflows,
            maker=maker,
            signer=SIGNER,
            credential=CREDENTIAL,
        )
        self.orchestrator = create_orchestrator(services, identities, Metrics("orchestrator"))
        self.services = AgentServices(
            flow=self.flow,
            signer=SIGNER,
            metrics=self.metrics,
            clock_us=clock_us,
            search=self.search,
            orchestrator=InProcess(self.orchestrator),
            tenancy=self.tenancy,
        )
        self.identities = identities
        self.agent = create_agent(self.services, identities)
        self.routes = {
            "agent": agent_routes(self.services),
            "orchestrator": orchestrator_routes(services, Metrics("orchestrator")),
        }

    def reopen(self, **means):
        """Answer with other means from now on."""
        self.services = replace(self.services, **means)
        self.agent = create_agent(self.services, self.identities)
        self.routes["agent"] = agent_routes(self.services)

    def hear(self, kind, tenant_id):
        """What TenantWatch does where there is a database."""
        self.stored.forget(tenant_id)
        known = self.tenancy._tenants._tenants.values()
        self.inactive |= {one.tenant_id: one.status for one in known}
        for name in [name for name, status in self.inactive.items() if status == "active"]:
            del self.inactive[name]

    async def search(self, query):
        while records := await self.flow.audit.oldest(1000):
            await self.audit_store.write(records)
            await self.flow.audit.discard(records)
        return await self.audit_store.search(query)

    def call(self, method, path, app=None, headers=HEADERS, **parts):
        async def run():
            transport = httpx.ASGITransport(app or self.agent)
            async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
                return await client.request(method, path, headers=headers, **parts)

        return asyncio.run(run())

    def client(self, headers=HEADERS):
        """For tests with a loop of their own."""
        transport = httpx.ASGITransport(self.agent)
        return httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers)

    def post(self, path, body, headers=HEADERS):
        return self.call("POST", path, json=body, headers=headers)

    def recorded(self, tenant="default"):
        """All but the log-ins."""
        return [event for event in self.trail(tenant) if event.kind != "login"]

    def trail(self, tenant="default"):
        return [record.event for record in asyncio.run(self.flow.audit.records(tenant))]
