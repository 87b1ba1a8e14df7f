"""Labels that detectors find in results which are no plain JSON: what the next step is given is looked through."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from axonflow.plan import Plan, ref
from tests.unit.flows.label_runs import ADDRESS, NO_MAIL, opened, ran, words
from tests.unit.flows.plan_runs import states


@dataclass
class Row:
    mail: str


def mailing(read: Callable[[], Any], part: str = "read") -> Plan:
    plan = Plan("p").tool("read", "files", read)
    return plan.tool("send", "mail", words, inputs={"text": ref(part)})


HIDING = {
    "a tuple": lambda: (ADDRESS,),
    "a set": lambda: {ADDRESS},
    "a dataclass": lambda: Row(ADDRESS),
    "dataclasses in a list": lambda: [Row(ADDRESS)],
    "a number as key": lambda: {1: ADDRESS},
    "a date beside it": lambda: {"mail": ADDRESS, "on": date(2026, 1, 31)},
}


@pytest.mark.parametrize("read", HIDING.values(), ids=HIDING)
def test_label_in_a_result_that_becomes_json_is_found(read: Callable[[], Any]) -> None:
    result = ran(opened(NO_MAIL), mailing(read))
    assert states(result) == {"read": "succeeded", "send": "denied"}
    assert result.steps["send"].reasons[-1] == "pii:email flows read -> send"


@pytest.mark.parametrize("beside", [b"\xff", float("nan")], ids=["bytes", "no number"])
@pytest.mark.parametrize("is_done", [False, True])
def test_label_beside_what_no_step_can_be_given_is_found(beside: object, is_done: bool) -> None:
    found = {"mail": ADDRESS, "other": beside}
    done = {"read": found} if is_done else None
    result = ran(opened(NO_MAIL), mailing(lambda: found, "read.mail"), done=done)
    assert states(result) == {"read": "succeeded", "send": "denied"}


@pytest.mark.parametrize("read", HIDING.values(), ids=HIDING)
def test_label_in_what_was_done_before_is_found(read: Callable[[], Any]) -> None:
    result = ran(opened(NO_MAIL), mailing(read), done={"read": read()})
    assert states(result) == {"read": "succeeded", "send": "denied"}


def test_result_done_before_that_cannot_be_looked_through_goes_nowhere() -> None:
    result = ran(opened(NO_MAIL), mailing(words, "read.mail"), done={"read": {"mail": ADDRESS, "other": object()}})
    assert states(result) == {"read": "succeeded", "send": "failed"}
    assert "looked through for labels: a result cannot be judged" in result.errors["send"]


def test_result_that_is_looked_through_goes_on_as_it_was_then() -> None:
    found: list[str] = []

    async def read() -> list[str]:
        return found

    async def change() -> None:
        found.append(ADDRESS)

    async def send(text: list[str]) -> list[str]:
        return text

    plan = Plan("p").tool("read", "files", read).step("change", change, after=["read"])
    plan.tool("send", "mail", send, inputs={"text": ref("read")}, after=["change"])
    assert ran(opened(NO_MAIL), plan).outputs["send"] == []
