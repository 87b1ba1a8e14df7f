"""A decision through JSON; what is none is never taken for an allow."""

import pytest

from axonflow import AxonFlow, Decision, Request, RequestError
from tests.strategies import policy_set

ASK = Request("user:ann", "tool.call", "tool:x", content="ann@example.com")


def decided():
    rules = [
        {"id": "yes", "effect": "allow"},
        {"id": "mask", "effect": "redact", "obligations": [{"detectors": ["pii.email"]}]},
        {"id": "bad", "effect": "warn", "when": "context.missing == 1"},
    ]
    return AxonFlow.open(policy_set(rules)).decide(ASK)


def test_decision_through_json_is_the_same():
    decision = decided()
    assert (decision.effect, len(decision.errors), decision.redacted) == ("redact", 1, "[REDACTED:pii.email]")
    assert Decision.from_json(decision.to_json()) == decision


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", b'"allow"', b'{"effect":"allow"}', b'{"effect":"allow","allowed":true}',
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_decision_is_refused(data):
    with pytest.raises(RequestError, match="not a decision") as refused:
        Decision.from_json(data)
    assert refused.value.at == "$"


@pytest.mark.parametrize(
    ("part", "other"), [(b'"redact"', b'"permit"'), (b'"yes"', b"7"), (b'"policy_digest"', b'"digest"'), (b"}", b"")]
)
def test_decision_with_a_part_changed_to_what_none_has_is_refused(part, other):
    data = decided().to_json()
    assert part in data
    with pytest.raises(RequestError, match="not a decision"):
        Decision.from_json(data.replace(part, other))
