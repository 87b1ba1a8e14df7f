import random
from collections import Counter
from heapq import heappop, heappush

import pytest

from axonflow.errors import PlanError
from axonflow.plan.sharing.dispatch import Ask, Dispatch, Limits, PlanQuota
from axonflow.plan.sharing.pools import PoolLimit

MINUTE_US = 60_000_000


def dispatch(pools=(), **parts):
    return Dispatch(Limits(pools=dict(pools), **parts))


def ask(pools="", tenant="t", **parts):
    return Ask(tenant, tuple((name, 1) for name in pools.split()), lambda: None, **parts)


def slots(number):
    return PoolLimit(slots=number)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_turn_without_limits_begins_everything():
    asks = [ask("agent:a"), ask()]
    assert dispatch().turn(asks, 0) == asks


def test_turn_slots_of_an_agent_bound_what_begins_and_come_back():
    room = dispatch({"agent:a": slots(2)})
    asks = [ask("agent:a") for _ in range(4)]
    other = ask("agent:b")
    assert set(room.turn([*asks, other], 0)) == {*asks[:2], other}
    room.leave(asks[0], 10)
    assert room.turn([], 10) == [asks[2]]
    room.leave(other, 20)
    assert room.turn([], 20) == []


def test_turn_most_urgent_goes_first_and_then_the_one_that_came_first():
    room = dispatch({"all": slots(1)})
    asks = [ask(urgency=(0, -1)), ask(urgency=(0, -9)), ask(urgency=(-1, 0)), ask(urgency=(0, -9))]
    order = [*room.turn(asks, 0)]
    while len(order) < 4:
        room.leave(order[-1], 0)
        order += room.turn([], 0)
    assert [asks.index(one) for one in order] == [2, 1, 3, 0]


def test_turn_lane_without_room_does_not_hold_up_another_of_the_tenant():
    room = dispatch({"agent:a": slots(1)})
    first, second, other = ask("agent:a"), ask("agent:a", urgency=(-9, 0)), ask("agent:b", urgency=(5, 0))
    room.turn([first], 0)
    assert room.turn([second, other], 0) == [other]


def test_leave_of_one_that_waits_takes_it_out_and_of_one_unknown_changes_nothing():
    room = dispatch({"all": slots(1)})
    first, second, third = ask(), ask(), ask()
    room.turn([first, second, third], 0)
    room.leave(second, 0)
    room.leave(second, 0)
    room.leave(first, 0)
    assert room.turn([], 0) == [third]
    gone = ask()
    room.leave(gone, 0)
    assert room.turn([gone], 0) == []


def test_leave_of_all_that_wait_leaves_nothing_behind():
    room = dispatch({"all": slots(1)})
    first, second = ask(), ask(tenant="u")
    room.turn([first, second], 0)
    room.leave(second, 0)
    assert room._tenants["u"].lanes == {}
    room.leave(first, 0)
    assert (room.turn([], 0), room._pools["all"].parked) == ([], [])


def test_turn_each_tenant_has_slots_of_its_own():
    room = dispatch(each_tenant=slots(1))
    a, b, again = ask(tenant="a"), ask(tenant="b"), ask(tenant="a")
    assert room.turn([a, b, again], 0) == [a, b]


@pytest.mark.parametrize(("ended_at_us", "first"), [(1, "t"), (1_000, "u")])
def test_leave_sooner_than_expected_moves_what_waits_nearer_to_the_front(ended_at_us, first):
    room = dispatch({"agent:b": slots(1)})
    holder, dear, cheap = ask("agent:b", "x"), ask("agent:a", "t", cost_us=1_000), ask("agent:a", "u", cost_us=100)
    assert set(room.turn([holder, dear, cheap], 0)) == {holder, dear, cheap}
    waiting = {tenant: ask("agent:b", tenant) for tenant in "tu"}
    assert room.turn(list(waiting.values()), 0) == []
    room.leave(dear, ended_at_us)
    assert room.turn([], ended_at_us) == []
    room.leave(holder, ended_at_us)
    assert room.turn([], ended_at_us) == [waiting[first]]


def test_turn_one_that_takes_many_slots_is_not_starved_by_those_that_take_one():
    room = dispatch({"slots:gpu": slots(3), "all": slots(10)})
    small = [ask("slots:gpu") for _ in range(6)]
    large = Ask("other", (("slots:gpu", 3),), lambda: None)
    room.turn(small[:2], 0)
    assert room.turn([large], 0) == []
    assert room.turn(small[2:4], 0) == []  # a slot is free, and claimed
    room.leave(small[0], 0)
    assert room.turn([], 0) == []
    room.leave(small[1], 0)
    assert room.turn([], 0) == [large]


def test_leave_of_one_that_has_claimed_slots_lets_the_others_have_them():
    room = dispatch({"slots:gpu": slots(2)})
    small, large, next_one = ask("slots:gpu"), Ask("t", (("slots:gpu", 2),), lambda: None), ask("slots:gpu", "u")
    room.turn([small], 0)
    assert room.turn([large], 0) == []
    assert room.turn([next_one], 0) == []
    room.leave(large, 0)
    assert room.turn([], 0) == [next_one]


def test_turn_claims_are_given_up_by_one_that_waits_for_something_else():
    room = dispatch({"slots:a": slots(2), "slots:b": slots(1)})
    a, b = ask("slots:a"), ask("slots:b")
    both = Ask("t", (("slots:a", 2), ("slots:b", 1)), lambda: None)
    room.turn([a, b], 0)
    assert room.turn([both], 0) == []
    room.leave(a, 0)  # both slots of a are free, but the one of b is not
    small = ask("slots:a")
    assert room.turn([small], 0) == [small]


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_turn_tokens_of_a_minute_may_be_used_at_once_and_then_come_back_in_time():
    room = dispatch({"model:m": PoolLimit(tokens_per_minute=600)})
    first, second = ask("model:m", tokens=500), ask("model:m", tokens=200)
    assert room.turn([first, second], 0) == [first]
    time_us, waits = room.wake(0)
    assert waits is second
    assert time_us == pytest.approx(MINUTE_US / 6, rel=0.001)
    room.leave(first, 5)
    assert room.turn([], time_us // 2) == []
    assert room.turn([], time_us) == [second]
    assert room.wake(time_us) is None


def test_turn_more_tokens_than_a_minute_has_wait_for_a_full_minute():
    room = dispatch({"model:m": PoolLimit(tokens_per_minute=10)})
    assert len(room.turn([ask("model:m", tokens=10_000)], 0)) == 1
    late = ask("model:m", tokens=10_000)
    assert room.turn([late], 0) == []
    assert room.turn([], MINUTE_US + 1) == [late]


def test_turn_after_one_that_had_a_claim_the_next_one_looks():
    room = dispatch({"model:m": PoolLimit(tokens_per_minute=100)})
    asks = [ask("model:m", tenant, tokens=100) for tenant in "abc"]
    assert room.turn(asks, 0) == asks[:1]
    assert room.turn([], MINUTE_US) == asks[1:2]
    assert room.wake(MINUTE_US)[1] is asks[2]
    room = dispatch({"slots:gpu": slots(4)})
    small, large = [ask("slots:gpu") for _ in range(3)], Ask("b", (("slots:gpu", 3),), lambda: None)
    room.turn(small, 0)
    waiting = ask("slots:gpu", "c")
    assert room.turn([large], 0) == room.turn([waiting], 0) == []
    for one in small:
        room.leave(one, 0)
    assert room.turn([], 0) == [large, waiting]


def test_wake_for_slots_is_never_due():
    room = dispatch({"model:m": PoolLimit(slots=1, tokens_per_minute=10)})
    room.turn([ask("model:m"), ask("model:m")], 0)
    assert room.wake(0) is None


@pytest.mark.parametrize("order", [1, -1])
def test_wake_is_for_the_pool_that_is_ready_first(order):
    room = dispatch({"model:slow": PoolLimit(tokens_per_minute=1), "model:quick": PoolLimit(tokens_per_minute=1000)})
    names = ["model:slow", "model:quick"][::order]
    room.turn([ask(name, tokens=1000) for name in names], 0)
    waiting = [ask(name, tokens=1) for name in names]
    room.turn(waiting, 0)
    quick, slow = waiting[::-order]
    assert room.wake(0)[1] is quick
    room.leave(quick, 0)
    assert room.wake(0)[1] is slow


# -- replicas ---------------------------------------------------------------------------------------------------------


def test_turn_goes_to_the_replica_with_the_least_outstanding_work():
    room = dispatch({"agent:a": PoolLimit(replicas={"one": 2, "two": 2})})
    asks = [ask("agent:a", cost_us=cost) for cost in (100, 10, 10, 10)]
    room.turn(asks, 0)
    assert [one.replica for one in asks] == ["one", "two", "two", "one"]
    room.leave(asks[1], 0)
    again = ask("agent:a")
    assert room.turn([again], 0) == [again]
    assert again.replica == "two"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"slots": 0}, "not a limit of 'slots': expected 1 or more, found 0"),
        ({"replicas": {"a": -1}}, "not a limit of 'a'"),
        ({"tokens_per_minute": 0}, "tokens_per_minute"),
        ({"slots": 1, "replicas": {"a": 1}}, "expected slots or replicas, found both"),
    ],
)
def test_pool_limit_that_is_none_is_refused(parts, message):
    with pytest.raises(PlanError, match=message):
        PoolLimit(**parts)


# -- tenants ----------------------------------------------------------------------------------------------------------


def shares(room, load, *, rounds=3_000, slots_count=4, took_us=100):
    """By tenant, how much of the time it had slots, when each keeps `load` asks waiting."""
    now_us, had, agenda = 0, Counter(), []
    for number in range(rounds):
        new = [ask(tenant=tenant, cost_us=1) for tenant in load] if number else []
        if not number:
            new = [ask(tenant=tenant, cost_us=1) for tenant, count in load.items() for _ in range(count)]
        for one in room.turn(new, now_us):
            heappush(agenda, (now_us + took_us, random.Random(number).random(), id(one), one))
        now_us, _, _, ended = heappop(agenda)
        room.leave(ended, now_us)
        had[ended.tenant] += 1
    total = sum(had.values())
    return {tenant: had[tenant] / total for tenant in load}


def test_turn_tenants_share_equally_however_much_each_has_waiting():
    assert shares(dispatch({"all": slots(4)}), {"a": 400, "b": 4, "c": 4}) == pytest.approx(
        {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, rel=0.1
    )


def test_turn_tenants_share_by_their_weights():
    room = dispatch({"all": slots(4)}, weights={"a": 3.0})
    assert shares(room, {"a": 100, "b": 100}) == pytest.approx({"a": 0.75, "b": 0.25}, rel=0.1)


def test_turn_tenant_that_was_idle_gets_no_credit_for_it():
    room = dispatch({"all": slots(1)})
    waiting = [ask(tenant="busy") for _ in range(100)]
    begun = room.turn(waiting, 0)
    for now_us in range(0, 5_000, 100):
        room.leave(begun[-1], now_us)
        begun += room.turn([ask(tenant="late") for _ in range(50)] if now_us == 2_500 else [], now_us)
    assert {one.tenant for one in begun[:25]} == {"busy"}
    assert Counter(one.tenant for one in begun[27:47]) == {"busy": 10, "late": 10}


def test_dispatch_forgets_tenants_that_have_nothing_to_do():
    room = dispatch({"all": slots(2)})
    stays = ask(tenant="stays")
    room.turn([stays], 0)
    for number in range(3_000):
        one = ask(tenant=f"t{number}")
        room.turn([one], number)
        room.leave(one, number)
    assert len(room._tenants) < 1_100


def test_dispatch_forgets_what_tenants_share_by_themselves_when_nothing_of_it_is_used():
    room = dispatch(each_tenant=slots(1))
    stays, waits = ask(tenant="stays"), ask(tenant="stays")
    room.turn([stays, waits], 0)
    for number in range(3_000):
        one = ask(tenant=f"t{number}")
        assert room.turn([one], number) == [one]
        room.leave(one, number)
    assert len(room._pools) < 2_100
    room.leave(stays, 3_000)
    assert room.turn([], 3_000) == [waits]


def test_dispatch_keeps_what_is_missing_of_the_rate_of_a_tenant_that_has_nothing_to_do():
    room = dispatch(each_tenant=PoolLimit(tokens_per_minute=100))
    first = ask(tenant="used", tokens=100)
    room.turn([first], 0)
    room.leave(first, 0)
    for number in range(3_000):
        one = ask(tenant=f"t{number}", tokens=1)
        room.turn([one], 1)
        room.leave(one, 1)
    again = ask(tenant="used", tokens=100)
    assert room.turn([again], MINUTE_US // 2) == []
    assert room.turn([], MINUTE_US) == [again]
    room.leave(again, MINUTE_US)
    for number in range(7_000):
        one = ask(tenant=f"u{number}", tokens=1)
        room.turn([one], 3 * MINUTE_US)
        room.leave(one, 3 * MINUTE_US)
    assert not any(name.startswith("tenant:t") for name in room._pools)


def test_limits_weight_that_is_none_is_refused():
    with pytest.raises(PlanError, match=r"weights, 'a': not a weight: expected 0.001 to 1000, found 0"):
        Limits(weights={"a": 0})


# -- plans ------------------------------------------------------------------------------------------------------------


def test_admit_beyond_the_limits_is_refused_until_one_has_ended():
    room = dispatch(max_plans=2, max_plans_each_tenant=1)
    room.admit("a")
    with pytest.raises(PlanError, match="tenant 'a': too many plans run: expected fewer than 1, found 1"):
        room.admit("a")
    room.admit("b")
    with pytest.raises(PlanError, match="all tenants: too many plans run: expected fewer than 2"):
        room.admit("c")
    room.dismiss("a")
    room.admit("c")


def test_dismiss_of_one_plan_leaves_the_tenants_others_counted():
    room = dispatch(max_plans_each_tenant=2)
    room.admit("a")
    room.admit("a")
    room.dismiss("a")
    room.admit("a")
    with pytest.raises(PlanError, match="expected fewer than 2, found 2"):
        room.admit("a")


def test_turn_more_slots_than_there_are_count_as_all_of_them_and_hold_nobody_up_for_ever():
    room = dispatch({"slots:gpu": slots(2)})
    small, large, late = ask("slots:gpu"), Ask("u", (("slots:gpu", 9),), lambda: None), ask("slots:gpu")
    assert room.turn([small], 0) == [small]
    assert room.turn([large, late], 0) == []
    room.leave(small, 0)
    assert room.turn([], 0) == [large]
    room.leave(large, 0)
    assert room.turn([], 0) == [late]


def test_turn_asks_without_a_limit_of_their_own_wait_in_one_lane():
    room = dispatch({"all": slots(1)})
    room.turn([ask(f"function:s{number}") for number in range(50)], 0)
    assert len(room._tenants["t"].lanes) == 1


@pytest.mark.parametrize(
    "quota", [{"unit": "requests"}, {"unit": 7}, {"maximum": 0}, {"window_s": 0}, {"window_s": 1.5}, {"maximum": True}]
)
def test_quota_of_plans_that_is_none_is_refused(quota):
    with pytest.raises(PlanError, match="quotas: not a "):
        PlanQuota(**{"unit": "tokens", "maximum": 1, "window_s": 1} | quota)


def test_leave_of_one_that_took_less_than_expected_gives_the_place_in_front_to_what_waits_of_its_tenant():
    """One lane of the tenant looks for room at once, the other stays parked: both go by what the step really took."""
    room = dispatch({"agent:a": slots(1), "agent:b": slots(1)})
    dear, other = ask("agent:a", "t", cost_us=1_000), ask("agent:b", "u", cost_us=100)
    assert set(room.turn([dear, other], 0)) == {dear, other}
    own, behind, late = ask("agent:a", "t"), ask("agent:b", "t"), ask("agent:b", "u")
    assert room.turn([own, late, behind], 0) == []
    room.leave(dear, 10)
    assert room.turn([], 10) == [own]
    room.leave(other, 100)
    assert room.turn([], 100) == [behind]
