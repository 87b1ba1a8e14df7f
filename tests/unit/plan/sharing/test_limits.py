"""Limits of all plans, as values and as what an operator writes."""

import msgspec
import pytest

from axonflow.errors import PlanError
from axonflow.plan import Limits, PlanQuota, PoolLimit

WRITTEN = {
    "pools": {"agent:writer": {"slots": 4}, "model:m": {"tokens_per_minute": 90}, "agent:b": {"replicas": {"x": 2}}},
    "each_tenant": {"slots": 50},
    "weights": {"gold": 3},
    "max_plans": 100,
    "quotas": [{"unit": "tokens", "maximum": 9, "window_s": 60}],
    "hedge_share": 0.1,
}


def test_limits_as_written_are_the_same_in_python():
    limits = msgspec.convert(WRITTEN, Limits)
    assert limits == Limits(
        pools={
            "agent:writer": PoolLimit(slots=4),
            "model:m": PoolLimit(tokens_per_minute=90),
            "agent:b": PoolLimit(replicas={"x": 2}),
        },
        each_tenant=PoolLimit(slots=50),
        weights={"gold": 3.0},
        max_plans=100,
        quotas=[PlanQuota(unit="tokens", maximum=9, window_s=60)],
        hedge_share=0.1,
    )
    assert msgspec.json.decode(msgspec.json.encode(limits), type=Limits) == limits


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"hedge_share": 1.5}, "hedge_share: not a share of calls: expected 0 to 1, found 1.5"),
        ({"max_plans": 0}, "not a max_plans: expected a whole number from 1"),
        ({"max_plans_each_tenant": True}, "not a max_plans_each_tenant"),
    ],
)
def test_limits_out_of_bounds_are_refused(parts, message):
    with pytest.raises(PlanError, match=message):
        Limits(**parts)


@pytest.mark.parametrize("written", [{"pool": {}}, {"pools": {"all": {"slot": 1}}}, {"quotas": [{"tokens": 1}]}])
def test_limits_with_a_misspelt_member_are_refused(written):
    with pytest.raises(msgspec.ValidationError, match="field"):
        msgspec.convert(written, Limits)
