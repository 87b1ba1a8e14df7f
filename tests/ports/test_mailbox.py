"""What every mailbox must do: deliver at least once, to whom it is for alone, and never lose a message."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.adapters.memory import MailboxLimits, MemoryMailbox
from axonflow.errors import MailboxError, RequestError
from axonflow.ids import new_id
from axonflow.ports import AgentMessage, Delivery

VISIBLE_MS, ATTEMPTS, DEDUP_MS = 1_000, 3, 60_000
BOB = ("acme", "bob")


class Clock:
    def __init__(self):
        self.now_us = 1_800_000_000_000_000

    def __call__(self):
        return self.now_us

    def pass_ms(self, time_ms):
        self.now_us += time_ms * 1_000


class Memory:
    """How the suite makes a mailbox, with a clock that it sets."""

    def __init__(self, **parts):
        self.clock = Clock()
        limits = {"visibility_ms": VISIBLE_MS, "max_attempts": ATTEMPTS, "dedup_ms": DEDUP_MS} | parts
        self.mailbox = MemoryMailbox(self.clock, MailboxLimits(**limits))
        self._runner = asyncio.Runner()

    def do(self, verb, *arguments):
        return self._runner.run(getattr(self.mailbox, verb)(*arguments))

    def close(self):
        self._runner.close()


@pytest.fixture(params=[Memory], ids=["memory"])
def post(request):
    made = request.param()
    yield made
    made.close()


def message(body="hello", *, tenant="acme", sender="ann", recipient="bob", key=""):
    return AgentMessage(
        message_id=new_id(1), tenant_id=tenant, sender=sender, recipient=recipient, body=body, sent_us=1, dedup_key=key
    )


def bodies(deliveries):
    return [one.message.body for one in deliveries]


def test_mailbox_delivers_in_the_order_of_sending(post):
    sent = [message({"number": number, "text": "é\0"}) for number in range(5)]
    assert all(post.do("send", one) for one in sent)
    first, rest = post.do("receive", *BOB, 2), post.do("receive", *BOB, 10)
    assert [one.message for one in (*first, *rest)] == sent
    assert {one.attempt for one in (*first, *rest)} == {1}
    assert len({one.receipt for one in (*first, *rest)}) == 5


def test_mailbox_gives_a_message_to_whom_it_is_for_alone(post):
    post.do("send", message("one"))
    post.do("send", message("two", tenant="zeta"))
    post.do("send", message("three", recipient="eve"))
    assert bodies(post.do("receive", "zeta", "bob", 9)) == ["two"]
    assert post.do("receive", "zeta", "eve", 9) == []
    assert bodies(post.do("receive", *BOB, 9)) == ["one"]
    assert post.do("dead", "nobody", "bob", 9) == []


def test_mailbox_that_was_told_lets_go_of_a_message(post):
    post.do("send", message())
    (delivery,) = post.do("receive", *BOB, 9)
    assert post.do("ack", delivery)
    assert not post.do("ack", delivery)
    post.clock.pass_ms(10 * VISIBLE_MS)
    assert post.do("receive", *BOB, 9) == []
    assert post.do("dead", *BOB, 9) == []


def test_message_in_hands_is_nobody_elses_until_its_time_is_over(post):
    post.do("send", message("old"))
    post.do("receive", *BOB, 9)
    post.do("send", message("new"))
    post.clock.pass_ms(VISIBLE_MS - 1)
    assert bodies(post.do("receive", *BOB, 9)) == ["new"]
    post.clock.pass_ms(1)
    (again,) = post.do("receive", *BOB, 9)
    assert (again.message.body, again.attempt) == ("old", 2)


def test_message_that_somebody_else_has_by_now_is_not_let_go_of(post):
    post.do("send", message())
    (late,) = post.do("receive", *BOB, 9)
    post.clock.pass_ms(VISIBLE_MS)
    (now,) = post.do("receive", *BOB, 9)
    assert not post.do("ack", late)
    assert post.do("ack", now)


def test_message_that_nobody_deals_with_is_dead_and_can_be_looked_at(post):
    post.do("send", message())
    for attempt in range(1, ATTEMPTS + 1):
        assert [one.attempt for one in post.do("receive", *BOB, 9)] == [attempt]
        post.clock.pass_ms(VISIBLE_MS)
    assert post.do("receive", *BOB, 9) == []
    (dead,) = post.do("dead", *BOB, 9)
    assert (dead.message.body, dead.attempt) == ("hello", ATTEMPTS)
    assert post.do("dead", *BOB, 0) == []
    assert post.do("ack", dead)
    assert post.do("dead", *BOB, 9) == []


def test_message_with_a_known_key_is_not_delivered_again(post):
    assert post.do("send", message("one", key="k"))
    assert not post.do("send", message("two", key="k"))
    (delivery,) = post.do("receive", *BOB, 9)
    post.do("ack", delivery)
    post.clock.pass_ms(DEDUP_MS - 1)
    assert not post.do("send", message("three", key="k"))
    assert post.do("receive", *BOB, 9) == []


def test_key_is_its_senders_and_recipients_own(post):
    assert post.do("send", message(key="k"))
    others = [message(key="k", sender="eve"), message(key="k", recipient="eve"), message(key="k", tenant="zeta")]
    assert all(post.do("send", one) for one in others)
    assert post.do("send", message(key=""))
    assert post.do("send", message(key=""))


def test_key_is_forgotten_after_its_time(post):
    post.do("send", message("one", key="k"))
    post.clock.pass_ms(DEDUP_MS)
    assert post.do("send", message("two", key="k"))


def test_delivery_of_a_mailbox_that_never_had_it_is_not_let_go_of(post):
    assert not post.do("ack", Delivery(message(), "none", 1))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from(["", "", "a", "b"])),
        st.tuples(st.just("receive"), st.integers(0, 3)),
        st.tuples(st.just("ack"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.sampled_from([1, VISIBLE_MS // 2, VISIBLE_MS])),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_message_is_never_lost_and_never_comes_after_it_was_dealt_with(steps):
    post = Memory()
    alive, done, seen = {}, set(), []
    try:
        for verb, argument in steps:
            if verb == "pass":
                post.clock.pass_ms(argument)
            elif verb == "send":
                one = message(key=argument)
                if post.do("send", one):
                    alive[one.message_id] = one
            elif verb == "receive":
                received = post.do("receive", *BOB, argument)
                assert not {one.message.message_id for one in received} & done
                assert all(1 <= one.attempt <= ATTEMPTS for one in received)
                seen += received
            elif seen and post.do("ack", seen[argument % len(seen)]):
                done.add(seen[argument % len(seen)].message.message_id)
        for _ in range(ATTEMPTS + 1):
            post.clock.pass_ms(VISIBLE_MS)
            post.do("receive", *BOB, 100)
        left = {one.message.message_id for one in post.do("dead", *BOB, 100)}
        assert left == alive.keys() - done
    finally:
        post.close()


def test_memory_mailbox_that_is_full_refuses_what_is_new_and_keeps_the_rest():
    post = Memory(max_messages=2, max_recipients=1, max_keys=1)
    post.do("send", message("one", key="a"))
    with pytest.raises(MailboxError, match="1 keys"):
        post.do("send", message("no", key="b"))
    with pytest.raises(MailboxError, match="1 recipients"):
        post.do("send", message("no", recipient="eve"))
    assert post.do("send", message("of another tenant", tenant="zeta", key="b"))
    post.do("send", message("two"))
    (taken,) = post.do("receive", *BOB, 1)
    with pytest.raises(MailboxError, match="2 messages"):
        post.do("send", message("no"))
    post.do("ack", taken)
    assert post.do("send", message("three"))
    assert bodies(post.do("receive", *BOB, 9)) == ["two", "three"]
    post.close()


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ({"recipient": ""}, "$.recipient"),
        ({"sender": "a\nb"}, "$.sender"),
        ({"key": "k" * 513}, "$.dedup_key"),
        ({"tenant": 7}, "$.tenant_id"),
        ({"body": object()}, "$.body"),
        ({"body": "x" * 1_048_576}, "$.body"),
    ],
)
def test_message_that_is_none_is_refused_at_its_place(parts, at):
    with pytest.raises(RequestError) as raised:
        message(**parts)
    assert raised.value.at == at
