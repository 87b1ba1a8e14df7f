"""Who may start, of all that is ready in all plans: within limits, fair among tenants, and most urgent first.

Tenants get their shares by start-time fair queueing (Goyal, Vin, Cheng, "Start-time Fair Queueing", SIGCOMM 1996). Each
step is charged to its tenant by how long it takes, divided by the tenant's weight; the tenant that was charged least
goes next. One that had nothing to do gets no credit for it. Within a tenant, the step with the longest path behind it
goes first. Pure: the caller says what time it is, and begins what it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, Final, Literal

from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan.model.options import MAX_AMOUNT
from axonflow.plan.model.words import check_count, shown
from axonflow.plan.running.hedging import USUAL_SHARE, Hedging
from axonflow.plan.sharing.pools import Pool, PoolLimit

__all__ = ["Ask", "Dispatch", "Limits", "PlanQuota"]

ALL: Final = "all"
"""The pool that every step takes a slot of."""
_MANY: Final = 1_000


class PlanQuota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `maximum` of `unit` within any `window_s` seconds for all plans of a tenant. Raises PlanError."""

    unit: Literal["tokens", "usd_micros"]
    maximum: int
    window_s: int

    def __post_init__(self) -> None:
        if self.unit not in {"tokens", "usd_micros"}:
            raise PlanError("not a unit of plans", expected="tokens or usd_micros", found=shown(self.unit), at="quotas")
        for what, number in (("maximum", self.maximum), ("window_s", self.window_s)):
            check_count(number, what, "quotas", 1, MAX_AMOUNT)


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all plans together may do at the same time.

    `pools` are limits by what they are of: ``all`` steps, ``agent:writer``, ``model:gpt-5-mini``, ``tool:search``,
    ``tenant:acme``, or slots of a name that steps take (``slots:gpu``; who takes more than there are takes all).
    `each_tenant` is for those that are not named.
    `weights` are the shares of tenants, 1 unless named. No more than `max_plans` run at the same time, and of one
    tenant `max_plans_each_tenant`; further ones are refused. What a plan takes at worst is reserved of the `quotas` of
    its tenant before it starts. At most the part `hedge_share` of all calls, rounded up, are second copies of steps
    that take long. Raises PlanError.
    """

    pools: Mapping[str, PoolLimit] = {}
    each_tenant: PoolLimit | None = None
    weights: Mapping[str, float] = {}
    max_plans: int = 10_000
    max_plans_each_tenant: int = 5_000
    quotas: Sequence[PlanQuota] = ()
    hedge_share: float = USUAL_SHARE

    def __post_init__(self) -> None:
        Hedging(self.hedge_share)  # which says what is wrong with it
        for what in ("max_plans", "max_plans_each_tenant"):
            check_count(getattr(self, what), what, "limits of plans", 1, MAX_AMOUNT)
        for tenant, weight in self.weights.items():
            if not 0.001 <= weight <= 1000:
                raise PlanError(
                    "not a weight", expected="0.001 to 1000", found=str(weight), at=f"weights, {tenant[:64]!a}"
                )


Needed = tuple[tuple[str, int], ...]
"""Names of pools, and how many slots of each."""


class Ask:
    """One step that is ready: what it takes, of `pools` and in `tokens`; how urgent it is (the least first), and how
    long it will take. `begin` is for the caller, who calls it when the ask may begin; it is `running` then, in
    `replica` of its agent if that has any."""

    __slots__ = (
        "begin",
        "begun_us",
        "cost_us",
        "gone",
        "lane",
        "pools",
        "running",
        "taken",
        "tenant",
        "tokens",
        "urgency",
    )

    def __init__(
        self, tenant: str, pools: Needed, begin: Callable[[], Any], *, tokens: int = 0,
        urgency: tuple[int, int] = (0, 0), cost_us: int = 1,
    ) -> None:  # fmt: skip
        self.tenant = tenant
        self.pools = pools
        self.begin = begin
        self.tokens = tokens
        self.urgency = urgency
        self.cost_us = cost_us
        self.lane: _Lane | None = None  # where it waits
        self.gone = False
        self.running = False
        self.begun_us = 0
        self.taken: list[tuple[Pool, int, str | None]] = []

    @property
    def replica(self) -> str | None:
        """Which replica of its agent it is for; None: the agent has none."""
        return next((replica for _, _, replica in self.taken if replica is not None), None)


class _Lane:
    """Asks of one tenant that take the same; the most urgent first. When it finds no room, none of the others does."""

    __slots__ = ("heap", "key", "parked", "pools", "tenant", "ticket", "waiting")

    def __init__(self, tenant: _Tenant, key: Needed, pools: list[tuple[Pool, int]]) -> None:
        self.tenant = tenant
        self.key = key
        self.pools = pools
        self.heap: list[tuple[tuple[int, int], int, Ask]] = []
        self.parked: Pool | None = None
        self.ticket = 0  # of its place among the parked; others that are there under its name are stale
        self.waiting = 0  # of those in the heap; the others are gone

    def head(self) -> Ask:
        """The first of those that wait; there is one."""
        while self.heap[0][2].gone:
            heappop(self.heap)
        return self.heap[0][2]


class _Tenant:
    __slots__ = ("charged", "lanes", "listed", "open_count", "weight")

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.charged = 0.0  # SFQ's finish tag of what it started last
        self.lanes: dict[Needed, _Lane] = {}
        self.listed = False
        self.open_count = 0  # asks that wait or run


class Dispatch:
    """`turn` with what is new, `leave` with what has ended: each costs some microseconds, however much waits."""

    __slots__ = (
        "_forget_beyond", "_freed", "_limits", "_list", "_open_count", "_plans", "_plans_count", "_pools", "_rated",
        "_serial", "_tenants", "_virtual",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pools = {name: Pool(limit) for name, limit in limits.pools.items()}
        self._freed: dict[Pool, None] = {}  # those that may have room for more than the one who looks there
        self._rated: dict[Pool, None] = {}  # those where somebody waits for tokens
        self._tenants: dict[str, _Tenant] = {}
        self._list: list[tuple[float, int, _Tenant]] = []  # tenants that may have something to begin
        self._virtual = 0.0  # SFQ's virtual time: the start tag of what was begun last
        self._serial = 0
        self._open_count = 0
        self._forget_beyond = len(self._pools) + _MANY
        self._plans: dict[str, int] = {}
        self._plans_count = 0

    # -- plans ---------------------------------------------------------------------------------------------------------

    def admit(self, tenant: str) -> None:
        """Count one more plan of `tenant`. Raises PlanError when there are as many as there may be."""
        own = self._plans.get(tenant, 0)
        for count, most, whose in (
            (own, self._limits.max_plans_each_tenant, f"tenant {tenant!r}"),
            (self._plans_count, self._limits.max_plans, "all tenants"),
        ):
            if count >= most:
                raise PlanError(
                    "too many plans run", expected=f"fewer than {most}", found=str(count), at=whose,
                    hint="Try again when one has ended.",
                )  # fmt: skip
        self._plans[tenant] = own + 1
        self._plans_count += 1

    def dismiss(self, tenant: str) -> None:
        """Count one plan of `tenant` less."""
        self._plans_count -= 1
        self._plans[tenant] -= 1
        if not self._plans[tenant]:
            del self._plans[tenant]

    # -- steps ---------------------------------------------------------------------------------------------------------

    def turn(self, asks: Sequence[Ask], now_us: int) -> list[Ask]:
        """Which asks may begin now, of `asks` and of all that wait."""
        for ask in asks:
            if not ask.gone:
                self._wait(ask)
        for pool in list(self._rated):
            if pool.claimed_by is None or pool.us_until(pool.claimed_by.head().tokens, now_us) == 0:
                del self._rated[pool]
                self._unpark(pool)
        begun: list[Ask] = []
        while self._list or self._look_again():
            tenant = heappop(self._list)[2]
            tenant.listed = False
            first = self._begin_one(tenant, now_us)
            if first is not None:
                begun.append(first)
                self._enlist(tenant)
        return begun

    def _look_again(self) -> bool:
        """Whether one more of those that are parked looks for room, where what was given back is not used up yet."""
        while self._freed and not self._list:
            self._unpark(self._freed.popitem()[0])
        return bool(self._list)

    def leave(self, ask: Ask, now_us: int) -> None:
        """`ask` has ended, or waits no more. Others may begin because of it: see `turn`."""
        was_waiting, ask.gone = ask.lane, True
        if not ask.running and was_waiting is None:
            return  # nobody knows of it
        tenant = self._tenants[ask.tenant]
        if was_waiting is not None:
            ask.lane = None
            self._thin(was_waiting)
        else:
            ask.running = False
            for pool, slots, replica in ask.taken:
                pool.give_back(slots, ask.cost_us, replica)
                self._unpark(pool)
            took_us = max(1, now_us - ask.begun_us)
            tenant.charged += (took_us - ask.cost_us) / tenant.weight  # what it cost, not what was expected
            if took_us < ask.cost_us:  # its places are nearer to the front now
                for lane in tenant.lanes.values():
                    if lane.parked is not None:
                        self._place(lane, lane.parked)
        tenant.open_count -= 1
        self._open_count -= 1
        if not self._open_count:
            self._tenants.clear()
            self._virtual = 0.0
        elif len(self._tenants) > 2 * self._open_count + _MANY:
            self._forget_idle()
        if len(self._pools) > self._forget_beyond:
            self._forget_rested(now_us)

    def wake(self, now_us: int) -> tuple[int, Ask] | None:
        """When to call `turn` if nothing happens before: there are enough tokens then for this ask."""
        soonest: tuple[int, Ask] | None = None
        for pool in self._rated:
            if pool.claimed_by is not None:
                ask = pool.claimed_by.head()
                after_us = pool.us_until(ask.tokens, now_us)
                if after_us and (soonest is None or now_us + after_us < soonest[0]):  # else it waits for slots
                    soonest = now_us + after_us, ask
        return soonest

    def _wait(self, ask: Ask) -> None:
        tenant = self._tenants.get(ask.tenant)
        if tenant is None:
            tenant = self._tenants[ask.tenant] = _Tenant(self._limits.weights.get(ask.tenant, 1.0))
        key = tuple([one for one in ask.pools if one[0] in self._pools])  # without a limit, one lane is enough for all
        lane = tenant.lanes.get(key)
        if lane is None:
            lane = tenant.lanes[key] = _Lane(tenant, key, self._pools_of(ask.tenant, key))
        self._serial += 1
        heappush(lane.heap, (ask.urgency, self._serial, ask))
        lane.waiting += 1
        ask.lane = lane
        tenant.open_count += 1
        self._open_count += 1
        if lane.parked is None:
            self._enlist(tenant)

    def _pools_of(self, tenant: str, key: Needed) -> list[tuple[Pool, int]]:
        """What asks of a lane take, in one order for all, so that no two wait for each other. More slots than there are
        would be waited for, and claimed, for ever: they count as all."""
        own = f"tenant:{tenant}"
        if self._limits.each_tenant is not None and own not in self._pools:
            self._pools[own] = Pool(self._limits.each_tenant)
        needed = {ALL: 1, own: 1, **dict(key)}
        pools = [(self._pools[name], slots) for name, slots in sorted(needed.items()) if name in self._pools]
        return [(pool, slots if pool.slots is None else min(slots, pool.slots)) for pool, slots in pools]

    def _enlist(self, tenant: _Tenant) -> None:
        if not tenant.listed:
            tenant.listed = True
            self._serial += 1
            heappush(self._list, (max(self._virtual, tenant.charged), self._serial, tenant))

    def _begin_one(self, tenant: _Tenant, now_us: int) -> Ask | None:
        while True:
            lanes = [lane for lane in tenant.lanes.values() if lane.parked is None]
            if not lanes:
                return None
            lane = lanes[0] if len(lanes) == 1 else min(lanes, key=_urgency)
            ask = lane.head()
            full = next((pool for pool, slots in lane.pools if not pool.has(lane, slots, ask.tokens, now_us)), None)
            if full is None:
                break
            self._park(lane, full)
        for pool, _ in lane.pools:
            if pool.claimed_by is lane:  # for which the others there had to wait
                self._freed[pool] = None
        heappop(lane.heap)
        ask.lane = None
        ask.running = True
        ask.begun_us = now_us
        ask.taken = [(pool, slots, pool.take(slots, ask.tokens, ask.cost_us)) for pool, slots in lane.pools]
        self._thin(lane)
        self._virtual = max(self._virtual, tenant.charged)
        tenant.charged = self._virtual + ask.cost_us / tenant.weight
        return ask

    def _park(self, lane: _Lane, full: Pool) -> None:
        lane.parked = full
        if full.rated:
            self._rated[full] = None
        self._place(lane, full)
        self._disclaim(lane, full)

    def _disclaim(self, lane: _Lane, kept: Pool | None) -> None:
        """Give up its claims on all but `kept`: two that claim what the other waits for would never begin."""
        for pool, _ in lane.pools:
            if pool is not kept and pool.claimed_by is lane:
                pool.claimed_by = None
                self._unpark(pool)

    def _unpark(self, pool: Pool) -> None:
        """Let the next one that is parked there look again: the one that has a claim, else of the tenant that was
        charged least. If that leaves any room, others may look later in this turn."""
        if pool.empty:
            return
        if pool.claimed_by is not None:
            lane = pool.claimed_by
        else:
            first = self._first_parked(pool)
            if first is None:
                return
            lane = first
            self._freed[pool] = None
        lane.parked, lane.ticket = None, 0
        self._enlist(lane.tenant)

    @staticmethod
    def _first_parked(pool: Pool) -> _Lane | None:
        while pool.parked:
            charged, ticket, lane = heappop(pool.parked)
            if lane.ticket == ticket:
                if lane.tenant.charged <= charged:
                    return lane  # type: ignore[no-any-return]  # nothing else is parked
                heappush(pool.parked, (lane.tenant.charged, ticket, lane))  # it was charged since
        return None

    def _place(self, lane: _Lane, pool: Pool) -> None:
        lane.ticket = self._serial = self._serial + 1
        heappush(pool.parked, (lane.tenant.charged, lane.ticket, lane))

    def _thin(self, lane: _Lane) -> None:
        """One ask less waits in `lane`."""
        lane.waiting -= 1
        if not lane.waiting:
            del lane.tenant.lanes[lane.key]
            lane.ticket = 0
            self._disclaim(lane, None)

    def _forget_idle(self) -> None:
        """Together with what they were charged: with so many tenants, one step's worth of each is no matter."""
        self._tenants = {name: tenant for name, tenant in self._tenants.items() if tenant.open_count}

    def _forget_rested(self, now_us: int) -> None:
        """Those of tenants that have nothing to do, unless what they used of their rate is still missing. Looked for
        again when there are twice as many."""
        for name in [name for name in self._pools if name not in self._limits.pools]:
            tenant = self._tenants.get(name.removeprefix("tenant:"))
            if (tenant is None or not tenant.open_count) and self._pools[name].is_rested(now_us):
                del self._pools[name]
        self._forget_beyond = 2 * len(self._pools) + _MANY


def _urgency(lane: _Lane) -> tuple[int, int]:
    return lane.head().urgency
