"""What every plan store must do about the processes that run plans: hear who is there, and give up who is not."""

import asyncio

from axonflow.ids import new_id
from tests.postgres_stores import plan_execution


def test_plan_store_executor_that_is_silent_is_given_up_and_one_that_is_not_is_not(plan_shelf, tenant):
    run, store = plan_shelf
    silent, there = new_id(1), new_id(2)
    for executor in (silent, there):
        assert run(store.beat(executor, f"first of {executor}")) is False
        run(store.add(plan_execution(tenant, plan_id=executor)))
        run(store.begin(tenant, executor, executor, 6))
    heard = run(store.beats())
    assert run(store.beat(there, "second")) is True
    assert [run(store.give_up(one, heard[one], "gone", 9)) for one in (silent, there, silent)] == [1, 0, 0]
    assert [run(store.get(tenant, one)).status for one in (silent, there)] == ["failed", "running"]
    assert (run(store.get(tenant, silent)).error, run(store.beats())[there]) == ("gone", "second")
    run(store.leave(there))
    assert {silent, there}.isdisjoint(run(store.beats()))
    assert run(store.get(tenant, there)).status == "running"


def test_plan_store_executor_that_says_it_is_there_while_it_is_given_up_is_there_or_has_lost_all(plan_shelf, tenant):
    run, store = plan_shelf
    executor = new_id(1)
    for number in range(8):
        plan_id = f"p{number}"
        run(store.beat(executor, "old"))
        run(store.add(plan_execution(tenant, plan_id=plan_id)))
        run(store.begin(tenant, plan_id, executor, 6))

        async def both():
            return await asyncio.gather(store.give_up(executor, "old", "gone", 9), store.beat(executor, "new"))

        given_up, was_there = run(both())
        assert was_there is not bool(given_up)
        status = run(store.get(tenant, plan_id)).status
        assert (status, run(store.beats())[executor]) == ("failed" if given_up else "running", "new")
        run(store.abandon(executor, "next", 9))
