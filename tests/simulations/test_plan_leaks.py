from tests.simulations.plan_leaks import Leaks


def test_plans_that_have_ended_leave_nothing_behind():
    leaks = Leaks(seed=8)
    leaks.run(120)
    objects, blocks = leaks.run(20)
    objects_later, blocks_later = leaks.run(200)
    assert objects_later - objects < 100  # caches fill; what leaks one object a plan would leave 200
    assert blocks_later - blocks < 400
    assert {"completed", "failed", "denied", "CancelledError"} <= set(leaks.ended)
