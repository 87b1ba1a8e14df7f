"""Verb: follow what is in force in the store, and serve it; keep it on disk for when the store is away.

A scope's bundles are taken whole or not at all: what does not verify or does not load by itself is refused, with every
error, and what the scope had before stays in force. What a scope never had in a form that loads denies everything to
whom it is for: without it, what is left may allow what it should not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from axonflow.errors import AxonFlowError, PolicyError, PolicyStoreError
from axonflow.policy.compiling.bundle import BundleSource, stated
from axonflow.policy.compiling.scopes import SYSTEM, Scope, layer_of
from axonflow.policy.deciding.engine import PolicyEngine
from axonflow.policy.engines import Engines
from axonflow.policy.publication import InForce, SetState
from axonflow.ports import BundleKey, PolicyFeed, PolicySnapshots

__all__ = ["FollowedFiles", "PolicyFollower", "PolicyStatus", "Refusal"]

POLL_S: Final = 2.0
"""How long a change may stay unseen of which nobody told us."""
FIRST_RETRY_S: Final = 0.25
MAX_RETRY_S: Final = 2.0
_ENGINES_A_STEP: Final = 20
"""After a change for everybody, tenants get theirs so many at a time, as they are made."""
_ORDER: Final = {"system": 0, "organization": 1, "tenant": 2}
_UNLIKE_ANY: Final = (SetState("", -1),)

CompileScopes = Callable[[Sequence[Scope]], PolicyEngine]
Serve = Callable[[Engines], None]
Report = Callable[[str], None]

_Part = tuple[str, tuple[SetState, ...]]
_Combination = tuple[_Part, ...]


class FollowedFiles(Struct, frozen=True):
    """The policies in files. They are in force beside all others, the outermost scope; those that only stand in, for a
    tenant for which nobody has put in force what says a default: sets that inherit it, as those written through the
    REST routes do, say what is restricted and leave it to others what is allowed."""

    scope: Scope
    stand_in: bool


class Refusal(Struct, frozen=True):
    """What is not in force although it is activated: the versions of a scope's sets, and every reason."""

    scope: str
    versions: dict[str, int]
    errors: tuple[str, ...]
    since_us: int


class PolicyStatus(Struct, frozen=True):
    """How an agent stands. `digest` is of the policies for tenants without any of their own, `tenants` those of the
    others, `seen_us` when the store was last asked and answered. `degraded_since_us` and `reason` are of a store that
    does not answer; `unkept` says why a restart would not find all of this on disk."""

    digest: str
    tenants: dict[str, str]
    seen_us: int | None
    degraded_since_us: int | None
    reason: str | None
    refused: tuple[Refusal, ...]
    unkept: str | None


class PolicyFollower:
    """One agent's. `compile_scopes`, `serve` and the snapshots are called in threads; `report` is told of every change
    in one sentence. `stagger_s` says how long to wait, in seconds, after the feed said that something has changed: it
    says so to all agents at once, and those on one machine would all compile at that moment."""

    def __init__(
        self,
        feed: PolicyFeed,
        snapshots: PolicySnapshots,
        files: FollowedFiles,
        *,
        compile_scopes: CompileScopes,
        serve: Serve,
        report: Report,
        clock_us: Callable[[], int],
        stagger_s: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._snapshots = snapshots
        self._files = files
        self._compile = compile_scopes
        self._serve = serve
        self._report = report
        self._clock_us = clock_us
        self._stagger_s = stagger_s
        self._seen: dict[str, tuple[SetState, ...]] = {}
        self._good: dict[str, tuple[SetState, ...]] = {}
        self._organizations: Mapping[str, str] = {}
        self._bundles: dict[BundleKey, bytes] = {}
        self._built: dict[_Combination, PolicyEngine] = {}
        self._says_default: dict[str, bool] = {}
        self._refused: dict[str, Refusal] = {}
        self._never_good: set[str] = set()
        self._unfit: dict[str, Refusal] = {}
        self._is_known = False
        self._is_behind = False
        self._engines: Engines | None = None
        self._seen_us: int | None = None
        self._failing_since_us: int | None = None
        self._failure: str | None = None
        self._unkept: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()

    @property
    def status(self) -> PolicyStatus:
        """How it stands now."""
        engines = self._engines
        tenants = {tenant: engine.digest for tenant, engine in engines.tenants.items()} if engines else {}
        return PolicyStatus(
            engines.default.digest if engines else "", tenants, self._seen_us, self._failing_since_us, self._failure,
            (*self._refused.values(), *self._unfit.values()), self._unkept,
        )  # fmt: skip

    @property
    def is_degraded(self) -> bool:
        """Whether the store does not answer, so that what is served may not be what is in force."""
        return self._failing_since_us is not None

    @property
    def refusals(self) -> int:
        """How many scopes have something activated that is not in force here."""
        return len(self._refused) + len(self._unfit)

    async def start(self, timeout_s: float) -> None:
        """Serve what was kept, then what is in force if the store says so within `timeout_s`, and follow from then on.

        Raises PolicyError for files that do not load.
        """
        await self._restore()
        await self._build()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._look()
        if self._seen_us is None and self._failure is None:
            self._failed(PolicyStoreError("the store of policies does not answer", found=f"nothing in {timeout_s:g} s"))
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Follow no longer. What is in force stays."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            if self._failure is None:
                if await self._feed.changed(POLL_S):
                    await asyncio.sleep(self._stagger_s())
                retry_s = FIRST_RETRY_S
            else:  # a feed that fails may also say at once that something has changed
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, MAX_RETRY_S)
            await self._look()

    async def serve_now(self, scope: str, state: SetState) -> None:
        """Look at once, for who has just put `state` in force. Raises PolicyStoreError when it, or what came after it,
        is not what this agent serves then."""
        await self._look()
        own = {one.set_name: one.sequence for one in self._good.get(scope, ())}
        is_served = own.get(state.set_name, -1) >= state.sequence or (
            state.version is None and state.set_name not in own
        )
        refusal = self._unfit.get(scope) or self._refused.get(scope)
        if not is_served or scope in self._unfit:
            raise PolicyStoreError(
                "what was published is not in force on this agent", expected=f"activation {state.sequence}",
                found=refusal.errors[0] if refusal else self._failure or "an older one",
                hint="It is stored. /health says how the agent stands.",
            )  # fmt: skip

    async def _look(self) -> None:
        """One look at a time: whoever comes meanwhile waits, and then sees for themselves."""
        async with self._looking:
            await self._look_once()

    async def _look_once(self) -> None:
        """See what is in force, and serve it. Whatever goes wrong, what is served stays, and it is said."""
        try:
            found = await self._feed.in_force()
            await self._take(found)
        except AxonFlowError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001  an adapter that keeps to no contract must not end the following
            self._failed(PolicyStoreError("policies cannot be followed", found=type(error).__name__))
        else:
            self._seen_us = self._clock_us()
            if self._failing_since_us is not None:
                self._failing_since_us = self._failure = None
                self._report("the store of policies answers again")

    def _failed(self, error: AxonFlowError) -> None:
        if self._failing_since_us is None:
            self._failing_since_us = self._clock_us()
            self._report(f"deciding on the last policies that are known: {error}")
        self._failure = str(error)

    async def _restore(self) -> None:
        try:
            kept = await asyncio.to_thread(self._snapshots.load)
        except PolicyStoreError as error:  # something was in force, and what it forbade is not known
            self._never_good.add(SYSTEM)
            self._seen[SYSTEM] = _UNLIKE_ANY
            self._report(f"nothing is allowed until the store of policies answers: {error}")
            return
        if kept is None:
            return
        in_force, self._bundles = kept
        self._organizations = in_force.organizations
        for scope in _outermost_first(in_force.sets):
            await self._judge(scope, in_force.sets[scope])
            if scope in self._refused:
                self._seen[scope] = _UNLIKE_ANY  # what the store has may be better
        self._is_known = True

    async def _take(self, found: InForce) -> None:
        changed = [
            scope
            for scope in _outermost_first({*found.sets, *self._seen})
            if found.sets.get(scope, ()) != self._seen.get(scope, ())
        ]
        if not (changed or self._is_behind) and found.organizations == self._organizations and self._is_known:
            return
        self._is_behind = True
        for scope in changed:
            states = found.sets.get(scope, ())
            for state in states:
                key = _key(scope, state)
                if key not in self._bundles:
                    self._bundles[key] = await self._feed.bundle(*key)
            await self._judge(scope, states)
        self._organizations = found.organizations
        self._is_known = True
        await self._build()
        self._is_behind = False
        await self._keep()

    async def _judge(self, scope: str, states: tuple[SetState, ...]) -> None:
        """Take `states` as what is good of `scope`, or refuse them."""
        if not states:
            self._good.pop(scope, None)
        else:
            try:
                for state in states:
                    self._check_digest(scope, state)
                engine = await self._engine_of(((scope, states),))
            except PolicyError as error:
                self._refuse(scope, states, error)
                self._seen[scope] = states
                return
            self._good[scope] = states
            self._says_default[scope] = engine.says_default
        self._seen[scope] = states
        self._refused.pop(scope, None)
        self._never_good.discard(scope)

    def _check_digest(self, scope: str, state: SetState) -> None:
        data = self._bundles.get(_key(scope, state))
        if data is None:
            raise PolicyError("the bundle is not there", expected=f"version {state.version}", at=_named(scope, state))
        digest = stated(BundleSource(_named(scope, state), data)).digest
        if digest != state.digest:
            raise PolicyError(
                "the bundle is not the one that was activated", expected=state.digest, found=digest[:80],
                at=_named(scope, state),
            )  # fmt: skip

    def _refuse(self, scope: str, states: tuple[SetState, ...], error: PolicyError) -> None:
        good = {_key(scope, state) for state in self._good.get(scope, ())}
        for key in {_key(scope, state) for state in states} - good:
            self._bundles.pop(key, None)  # one from the disk may be damaged there
        versions = {state.set_name: state.version or 0 for state in states}
        errors = tuple([str(problem) for problem in error.problems])
        self._refused[scope] = Refusal(scope, versions, errors, self._clock_us())
        if scope not in self._good and (not self._is_known or scope in self._never_good):
            self._never_good.add(scope)
            consequence = "nothing is allowed there, for no other version is known"
        else:
            consequence = "what was in force before stays"
        lines = "".join(f"\n  {line}" for line in errors)
        self._report(f"policies of {scope!a} are refused, and {consequence}:{lines}")

    async def _engine_of(self, combination: _Combination) -> PolicyEngine:
        """The engine of a combination of scopes, made if it is not there. Raises PolicyError."""
        engine = self._built.get(combination)
        if engine is None:
            scopes = [self._scope(scope, states) for scope, states in combination]
            engine = await asyncio.to_thread(self._compile, scopes)
            self._built[combination] = engine
        return engine

    def _scope(self, scope: str, states: tuple[SetState, ...]) -> Scope:
        if scope == self._files.scope.name:
            return self._files.scope
        sources = [BundleSource(_named(scope, state), self._bundles[_key(scope, state)], scope) for state in states]
        return Scope(scope, layer_of(scope), sources)

    def _combination(self, *chain: str) -> _Combination | None:
        """What is in force for whom belongs to the scopes of `chain`, outermost first; None: nobody knows."""
        own = [(scope, self._good[scope]) for scope in chain if scope in self._good]
        says_all = any(self._says_default[scope] for scope, _ in own)
        if self._files.scope.sources and not (self._files.stand_in and (says_all or not self._is_known)):
            own.insert(0, (self._files.scope.name, ()))
        return None if self._never_good.intersection(chain) else tuple(own)

    async def _build(self) -> None:
        """Serve an engine of what is good for everybody, one after another as they are made."""
        wanted: dict[str, _Combination | None] = {}
        own = self._good.keys() | self._never_good
        members = {tenant for tenant, organization in self._organizations.items() if organization in own}
        for tenant in sorted(members | {scope for scope in own if layer_of(scope) == "tenant"}):
            organization = self._organizations.get(tenant)
            wanted[tenant] = self._combination(SYSTEM, *([organization] if organization else []), tenant)
        default = self._combination(SYSTEM)
        engine = await self._engine_of(default or ())
        before = self._engines or Engines(engine, {})
        # Who has none of their own yet keeps what held for them: what is new for all may allow what theirs forbids.
        tenants = dict.fromkeys(wanted, before.default) | dict(before.tenants)
        made = 0
        unfit: dict[str, Refusal] = {}
        for tenant, combination in wanted.items():
            if (combination or ()) not in self._built:
                if made % _ENGINES_A_STEP == 0:
                    await self._put(Engines(engine, dict(tenants)))
                made += 1
            try:
                tenants[tenant] = await self._engine_of(combination or ())
            except PolicyError as error:  # nobody else's policies wait for that
                tenants[tenant] = await self._engine_of(())
                unfit[tenant] = self._unfit_of(tenant, error)
        self._unfit = unfit
        await self._put(Engines(engine, {tenant: tenants[tenant] for tenant in wanted}))
        used = {(), *[one or () for one in (*wanted.values(), default)]}
        self._built = {one: engine for one, engine in self._built.items() if one in used}

    def _unfit_of(self, tenant: str, error: PolicyError) -> Refusal:
        """That what is good of each scope does not load together for `tenant`."""
        errors = tuple([str(problem) for problem in error.problems])
        known = self._unfit.get(tenant)
        if known is not None and known.errors == errors:
            return known
        lines = "".join(f"\n  {line}" for line in errors)
        self._report(
            f"policies of {tenant!a} do not load beside those above them, and nothing is allowed there:{lines}"
        )
        versions = {state.set_name: state.version or 0 for state in self._good.get(tenant, ())}
        return Refusal(tenant, versions, errors, self._clock_us())

    async def _put(self, engines: Engines) -> None:
        self._engines = engines
        await asyncio.to_thread(self._serve, engines)

    async def _keep(self) -> None:
        """Keep what is good on disk, and which scopes have nothing good: their bundles are not there at a restart, so
        nothing is allowed then either."""
        needed = {_key(scope, state) for scope, states in self._good.items() for state in states}
        self._bundles = {key: data for key, data in self._bundles.items() if key in needed}
        never = {scope: self._seen[scope] for scope in self._never_good}
        in_force = InForce(dict(self._good) | never, dict(self._organizations))
        try:
            await asyncio.to_thread(self._snapshots.save, in_force, dict(self._bundles))
        except PolicyStoreError as error:
            if self._unkept is None:
                self._report(str(error))
            self._unkept = str(error)
        else:
            self._unkept = None


def _key(scope: str, state: SetState) -> BundleKey:
    return scope, state.set_name, state.version or 0


def _named(scope: str, state: SetState) -> str:
    return f"{scope}: {state.set_name} version {state.version}"


def _outermost_first(scopes: Iterable[str]) -> list[str]:
    return sorted(scopes, key=lambda scope: (_ORDER[layer_of(scope)], scope))
