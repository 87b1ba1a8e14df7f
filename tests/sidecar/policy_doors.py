"""The agent in process, with stores of policies in memory, and what follows them."""

import asyncio
import tempfile
from pathlib import Path

from axonflow.adapters.ed25519 import make_key_pair
from axonflow.adapters.memory import (
    MemoryApiPolicyStore,
    MemoryOverrideStore,
    MemoryPolicyStore,
)
from axonflow.adapters.policy_snapshots import FolderSnapshots
from axonflow.app.api_policies import ApiPolicies, Shelf
from axonflow.app.policies import policy_sources
from axonflow.app.policy_sets import PolicySets
from axonflow.app.publishing import Publisher
from axonflow.app.typed_policies import TypedPolicies
from axonflow.flows.follow_policies import FollowedFiles, PolicyFollower
from axonflow.ids import now_us
from axonflow.policy.compiling.scopes import FILES, Scope
from tests.sidecar.doors import ALLOW_ALL, Doors
from tests.tenancy import tenant

ORGANIZATIONS = {"acme": "@group"}


class Feed:
    """What is in force in a store. It wakes nobody, for each call here has an event loop of its own."""

    def __init__(self, store):
        self.store = store

    async def in_force(self):
        return self.store.in_force()

    async def bundle(self, tenant_id, set_name, version):
        return (await self.store.version(tenant_id, set_name, version)).bundle


class PolicyDoors(Doors):
    """Answers the routes of section 8. Without a `key` nothing can be signed; `now` is a list of one time to change."""

    def __init__(self, policies=ALLOW_ALL, *, key=True, stand_in=True, clock_us=now_us):
        folder = tempfile.mkdtemp()
        make_key_pair(f"{folder}/own.key", f"{folder}/own.pub")
        self.shelf = Shelf(MemoryApiPolicyStore(ORGANIZATIONS), MemoryOverrideStore(), MemoryPolicyStore(ORGANIZATIONS))
        self.told = []
        super().__init__(policies, clock_us=clock_us, trusted_keys=[f"{folder}/own.pub"])
        for name in ("default", *ORGANIZATIONS.values(), *ORGANIZATIONS):
            asyncio.run(self.tenancy._tenants.add(tenant(name)))
        self.follower = PolicyFollower(
            Feed(self.shelf.published), FolderSnapshots(f"{folder}/snapshots"),
            FollowedFiles(Scope(FILES, None, policy_sources(policies)), stand_in), compile_scopes=self.flow.compiled,
            serve=self.flow.serve, report=self.told.append, clock_us=clock_us,
            stagger_s=lambda: 0.0,
        )  # fmt: skip
        self.edited = ApiPolicies(
            self.shelf, compiled=self.compiled, key=f"{folder}/own.key" if key else None,
            served=self.follower.serve_now, in_force=self.flow.policies_of_tenant, clock_us=clock_us,
        )  # fmt: skip
        typed = TypedPolicies(
            self.shelf.published, compiled=self.compiled_source, key=f"{folder}/own.key" if key else None,
            served=self.follower.serve_now, clock_us=clock_us,
        )  # fmt: skip
        sets = PolicySets(
            Publisher(self.shelf.published, trusted_keys=[f"{folder}/own.pub"], clock_us=clock_us),
            compiled=self.compiled_sources, key=f"{folder}/own.key" if key else None,
            served=self.follower.serve_now, clock_us=clock_us,
        )  # fmt: skip
        self.folder = Path(folder)
        self.reopen(api_policies=self.edited, typed_policies=typed, policy_sets=sets)

    def compiled_sources(self, sources):
        return self.flow.compiled([Scope(FILES, None, sources)])

    def compiled_source(self, source):
        return self.flow.compiled([Scope(FILES, None, [source])])

    def compiled(self, document):
        return self.flow.compiled([Scope(FILES, None, policy_sources(document))])
