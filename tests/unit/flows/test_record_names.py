"""The names of plans and steps are recorded without being looked through; what could be a secret is looked through."""

import asyncio
from typing import Any

import pytest

from axonflow import AxonFlow, Request
from axonflow.audit import IN_PROCESS
from axonflow.flows.record import Outcome, record
from axonflow.ids import new_id

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zB0cF3hJ6"


class Looking:
    """In place of what masks secrets: keeps what it was asked about."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def masked(self, name: str, value: object) -> object:
        self.names.append(name)
        return value


def looked_at(details: dict[str, Any]) -> list[str]:
    flow, looking = AxonFlow.open("@baseline"), Looking()
    request = Request("user:ann", "plan.step", "tool:search")
    work = record(
        flow.audit, "plan_step", request, decision_id="d", policy_digest="p", outcome=Outcome(details),
        origin=IN_PROCESS, secrecy=looking,  # type: ignore[arg-type]  # all that is asked of it
    )  # fmt: skip
    assert asyncio.run(work).details == details
    return looking.names


@pytest.mark.parametrize(
    "details",
    [
        {"plan": "A weekend in Amsterdam"},
        {"step": "approve_customer_refunds"},
        {"step": "each_customer.9999.send_letter"},
        {"plan_id": new_id(1_700_000_000_000_000)},
    ],
)
def test_record_of_a_plan_by_its_names_looks_for_no_secret(details: dict[str, Any]) -> None:
    assert looked_at(details) == []


@pytest.mark.parametrize(
    "details",
    [
        {"plan": TOKEN},
        {"step": TOKEN},
        {"step": "step_with_a_number_12345678901234567"},
        {"step": "AKIAIOSFODNNEXAMPLEX"},
        {"plan_id": TOKEN},
        {"plan_id": new_id(1_700_000_000_000_000) + "-" + TOKEN},
        {"password": "correct horse battery staple"},
        {"plan": ["approve_customer_refunds"]},
        {"step": "first line\nsecond line of it"},
    ],
)
def test_record_of_what_may_be_a_secret_looks_for_it(details: dict[str, Any]) -> None:
    assert looked_at(details) == list(details)
