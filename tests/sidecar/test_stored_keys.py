"""What a process remembers of keys: how long, and what it does while the database is slow, away or has news."""

import asyncio

import pytest

from axonflow.errors import TenancyUnavailable
from axonflow.tenancy import KeyHolder
from axonflow_sidecar.http import stored_keys
from axonflow_sidecar.http.stored_keys import BACK_OFF_S, FRESH_S, KEPT_S, UNHEARD_FRESH_S, StoredKeys


def holder(**parts):
    usual = {
        "tenant_id": "acme", "key_id": "k", "client_id": "crm", "permissions": frozenset({"decisions.make"}),
        "status": "active", "until_us": None,
    }  # fmt: skip
    return KeyHolder(**usual | parts)


class Keys:
    """StoredKeys over an answer that tests change; `asked` counts how often it was looked up."""

    def __init__(self, answer=None, *, max_keys=100):
        self.answer = answer or holder()
        self.now_s = 0.0
        self.asked = 0
        self.hears = True
        self.stored = StoredKeys(
            lambda key: None if key == "made up" else key.encode(), self.find, lambda: self.hears,
            clock_s=lambda: self.now_s, clock_us=lambda: int(self.now_s * 1e6), max_keys=max_keys,
        )  # fmt: skip

    async def find(self, key_hmac):
        self.asked += 1
        answer = self.answer
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def client(self, key="key"):
        return await self.stored.client(key.encode(), key)


def running(test):
    """`test`, a coroutine function of Keys, as a test of its own."""

    def run():
        asyncio.run(test(Keys()))

    run.__name__ = test.__name__
    return run


AWAY = TenancyUnavailable("away")


@running
async def test_stored_key_is_looked_up_once_while_it_is_fresh(keys):
    assert [(await keys.client()).client_id for _ in range(3)] == ["crm"] * 3
    keys.now_s = FRESH_S - 1
    await keys.client()
    assert keys.asked == 1
    keys.now_s = FRESH_S
    await keys.client()
    assert keys.asked == 2


@running
async def test_stored_key_is_fresh_for_half_a_second_while_nothing_is_heard(keys):
    keys.hears = False
    await keys.client()
    keys.now_s = UNHEARD_FRESH_S
    await keys.client()
    assert keys.asked == 2


@running
async def test_stored_key_whose_tenant_has_news_is_looked_up_again_and_no_other(keys):
    await keys.client()
    keys.stored.forget("another")
    await keys.client()
    assert keys.asked == 1
    keys.answer = None
    keys.stored.forget("acme")
    keys.answer = holder(permissions=frozenset())
    assert (await keys.client()).permissions == frozenset()


@running
async def test_stored_keys_whose_tenant_has_news_are_known_again_before_the_database_goes(keys):
    for number in range(3):
        await keys.client(f"key {number}")
    keys.stored.forget("acme")
    keys.stored.forget("acme")
    await keys.stored._looking
    keys.answer = AWAY
    assert [(await keys.client(f"key {number}")).client_id for number in range(3)] == ["crm"] * 3
    assert keys.asked == 6


@running
async def test_stored_key_that_was_revoked_is_nobodys(keys):
    await keys.client()
    keys.stored.forget("acme")

    async def revoked():
        return None

    keys.answer = revoked
    assert await keys.client() is None
    assert await keys.client() is None
    assert keys.asked == 2


@running
async def test_stored_key_holds_while_the_database_is_away_but_not_for_good(keys):
    await keys.client()
    keys.answer = AWAY
    keys.now_s = FRESH_S + 1
    keys.stored.forget()
    assert (await keys.client()).client_id == "crm"
    assert (await keys.client()).client_id == "crm"
    assert keys.asked == 2
    keys.now_s = KEPT_S + 1
    with pytest.raises(TenancyUnavailable):
        await keys.client()


@running
async def test_stored_key_that_was_changed_does_not_hold_while_the_database_is_away(keys):
    await keys.client()
    keys.stored.forget("acme")
    keys.answer = AWAY
    with pytest.raises(TenancyUnavailable):
        await keys.client()


@running
async def test_stored_key_that_is_looked_up_while_listening_begins_anew_stays_known(keys):
    await keys.client()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def answer():
        begun.set()
        await go_on.wait()
        return holder()

    keys.stored.forget()
    keys.answer = answer
    asking = asyncio.create_task(keys.client())
    await begun.wait()
    keys.stored.forget()
    go_on.set()
    await asking
    assert keys.asked == 2
    keys.answer = AWAY
    assert (await keys.client()).client_id == "crm"
    keys.now_s += BACK_OFF_S
    keys.answer = holder(client_id="other")
    assert (await keys.client()).client_id == "other"  # what was heard of it may not have been all


@running
async def test_stored_key_that_was_made_up_is_never_looked_up_nor_remembered(keys):
    assert await keys.client("made up") is None
    assert (keys.asked, len(keys.stored._known)) == (0, 0)


@running
async def test_stored_key_that_ends_is_looked_up_at_its_end_whatever_is_remembered(keys):
    keys.answer = holder(until_us=2_000_000)
    await keys.client()
    keys.now_s = 2.0
    keys.answer = AWAY
    with pytest.raises(TenancyUnavailable):
        await keys.client()
    keys.answer = holder()
    assert (await keys.client()).client_id == "crm"


@running
async def test_stored_keys_of_many_callers_at_once_are_looked_up_once(keys):
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly():
        begun.set()
        await go.wait()
        return holder()

    keys.answer = slowly
    waiting = [asyncio.create_task(keys.client()) for _ in range(20)]
    await begun.wait()
    waiting[0].cancel()
    go.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {answer.client_id for answer in answers[1:]} == {"crm"}
    assert keys.asked == 1


@running
async def test_stored_key_whose_look_up_was_overtaken_by_news_is_asked_for_again(keys):
    go, begun = asyncio.Event(), asyncio.Event()

    async def slowly():
        begun.set()
        await go.wait()
        return holder()

    keys.answer = slowly
    waiting = asyncio.create_task(keys.client())
    await begun.wait()
    keys.stored.forget("acme")
    go.set()
    await waiting
    await keys.client()
    assert keys.asked == 2


@pytest.mark.parametrize("answered_later", [True, False])
def test_stored_key_of_a_database_that_hangs_holds_without_delay(monkeypatch, answered_later):
    monkeypatch.setattr(stored_keys, "WAIT_S", 0.001)

    async def run():
        keys = Keys()
        await keys.client()
        go = asyncio.Event()

        async def hangs():
            await go.wait()
            return holder(client_id="new")

        keys.answer, keys.now_s = hangs, FRESH_S
        assert [(await keys.client()).client_id for _ in range(5)] == ["crm"] * 5
        assert keys.asked == 2
        if answered_later:
            go.set()
            await asyncio.gather(*keys.stored._asking.values())
            assert (await keys.client()).client_id == "new"

    asyncio.run(run())


def test_stored_key_that_nobody_knows_is_not_waited_for_for_good(monkeypatch):
    monkeypatch.setattr(stored_keys, "UNKNOWN_WAIT_S", 0.001)

    async def run():
        keys = Keys()
        keys.answer = asyncio.Event().wait
        with pytest.raises(TenancyUnavailable, match="does not say"):
            await keys.client()

    asyncio.run(run())


@running
async def test_stored_keys_of_an_adapter_that_fails_otherwise_cannot_be_told(keys):
    keys.answer = RuntimeError("postgresql://secret")
    with pytest.raises(TenancyUnavailable) as raised:
        await keys.client()
    assert "secret" not in str(raised.value)


def test_stored_keys_are_bounded_in_number():
    async def run():
        keys = Keys(max_keys=3)
        for number in range(10):
            await keys.client(f"key {number}")
        return len(keys.stored._known)

    assert asyncio.run(run()) == 3


@running
async def test_stored_key_that_is_used_often_is_noted_rarely(keys):
    for number in range(100):
        keys.now_s = float(number)
        await keys.client()
    assert [(used.tenant_id, used.key_id, used.used_us) for used in keys.stored.take_used()] == [("acme", "k", 0)]
    assert keys.stored.take_used() == []
