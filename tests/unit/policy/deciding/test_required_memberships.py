"""Required roles and groups: a principal without any does not carry them."""

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryLedger
from tests.strategies import policy_set


@pytest.mark.parametrize("field", ["roles", "groups"])
def test_required_membership_that_is_empty_denies(field):
    document = policy_set([], default="allow", requires={"tool.call": [f"principal.{field}"]})
    flow = AxonFlow.open(document)
    assert flow.decide(Request("user:a", "tool.call", "tool:x")).effect == "deny"
    assert flow.decide(Request({"id": "a", field: ["ops"]}, "tool.call", "tool:x")).effect == "allow"


def test_flow_opened_with_an_empty_log_and_ledger_uses_those():
    class Log(MemoryAuditLog):
        def __len__(self):
            return 0

    class Ledger(MemoryLedger):
        def __len__(self):
            return 0

    log = Log()
    flow = AxonFlow.open(None, audit=log, ledger=Ledger())
    assert flow.audit is log
    assert isinstance(flow._ledger, Ledger)
