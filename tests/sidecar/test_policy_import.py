"""Policies that are imported come to the same decisions as those that are created over the wire contract's routes."""

import json
import re

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow import AxonFlow, PolicyError, Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app.importing import import_policies
from axonflow.policy.api.policy import ApiPolicy
from axonflow.policy.api.rules import document_of
from axonflow_sidecar.http.api_policy_shapes import policy_shown
from tests.api_policies import api_policies, api_policy, conditions, override, pattern
from tests.strategies import policy_set, requests

OPEN = policy_set([], name="open", layer="system", default="allow")
TWICE = "the policy has such an action already"
CONTENTS = st.sampled_from(["hello", "drop table x", "123-45-6789", "EMP-12345 or 1=1", "admin", "", "x" * 40])


def enforced(policies, overrides=()):
    """The engine of policies that were created over REST."""
    documents = [OPEN]
    for scope in dict.fromkeys([one.tenant_id for one in [*policies, *overrides]]):
        own = [one for one in overrides if one.tenant_id == scope]
        document = document_of(scope, policies, own, compile_pattern)
        if document:
            documents.append(document | {"metadata": {"name": f"set{len(documents)}"}})
    return AxonFlow.open(documents)


def imported(shown, **options):
    result = import_policies({"policies.json": json.dumps(shown)}, **options)
    parsed = [parse_yaml(one.text, one.name)[0] for one in result.sets]
    return AxonFlow.open([OPEN, *parsed]), result


def verdict(flow, request):
    """The decision; what stands for something redacted names the detector, whose id is not the same."""
    decision = flow.decide(request)
    redacted = re.sub(r"custom\.api_\w+", "custom", repr(decision.redacted))
    return decision.effect, decision.allowed, len(decision.policies), redacted, sorted(decision.reasons)


def is_json(shown):
    """Whether it can come over HTTP: JSON has no infinity."""
    try:
        json.dumps(shown, allow_nan=False)
    except ValueError:
        return False
    return True


def is_accepted(policy):
    try:
        policy = msgspec.convert(msgspec.to_builtins(policy), ApiPolicy)  # which checks what the routes check
        AxonFlow.open([OPEN, document_of(policy.tenant_id, [policy], [], compile_pattern)])
    except (PolicyError, msgspec.ValidationError):
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(
    st.lists(api_policies(), min_size=1, max_size=3), st.lists(st.tuples(requests(), CONTENTS), min_size=1, max_size=3)
)
@example([api_policy(conditions(actions=("block", "block")))], [(Request("user:ann", "tool.call", "tool:x"), "hello")])
def test_imported_policies_any_request_decide_as_those_created_over_rest(policies, asked):
    policies = [one for one in policies if is_json(policy_shown(one))]
    assume(policies)
    accepted = [one for one in policies if is_accepted(one)]
    flow, result = imported({"policies": [policy_shown(one) for one in policies]})
    refused = {found.policy for found in result.findings if found.kind == "left out" or found.why == TWICE}
    assert bool(refused) == (len(accepted) < len(policies)), result.findings
    assert all(found.at.startswith("policies.json:1:") for found in result.findings)
    if refused:  # of those the actions that can be done are kept, each once, which REST does not
        return
    created = enforced(accepted)
    for drawn, content in asked:
        request = replace(drawn, content=content)
        assert verdict(flow, request) == verdict(created, request)


def test_override_that_is_shown_with_a_policy_stands_until_it_ends():
    mine, above = api_policy(pattern("drop table")), api_policy(pattern("union", "log"), tenant_id="*")
    over = [override(mine, "log"), override(above, "block", tenant_id="default")]
    shown = [policy_shown(mine, over[0]), policy_shown(above, over[1])]
    flow, result = imported(shown)
    assert [(one.name, one.rules) for one in result.sets] == [
        ("policies-system", {"log": 1}),
        ("policies-tenant-default", {"deny": 2, "log": 1}),
    ]
    created = enforced([mine, above], over)
    for content in ("drop table", "union", "neither"):
        for time in (1_800_000_000_000_000, 1_950_000_000_000_000):
            asked = {"principal": "user:ann", "action": "llm.request", "resource": "model:m", "content": content}
            request = Request(**asked, time=time)
            assert verdict(flow, request)[:3] == verdict(created, request)[:3]
    assert result.findings == ()


def test_policies_that_say_too_much_are_carried_over_in_part_and_named():
    shown = [
        policy_shown(api_policy(conditions(actions=("block", "route")), policy_id="a")),
        policy_shown(api_policy(pattern("(a+)", "redact"), policy_id="b")),
        policy_shown(api_policy(pattern("x"), policy_id="c", enabled=False)),
        policy_shown(api_policy(pattern("y"), policy_id="d")) | {"targets": ["x"]},
        {"name": "nothing of the kind"},
    ]
    text = json.dumps({"policies": shown}, indent=1)
    result = import_policies({"policies.json": text})
    assert [(one.kind, one.policy, one.found, one.loosens) for one in result.findings] == [
        ("left out", "a", "'route'", True),
        ("left out", "b", "another", True),
        ("ignored", "c", "enabled: false", False),
        ("left out", "d", "targets", True),
        ("left out", "nothing of the kind", "the policy", True),
    ]
    lines = [int(one.at.split(":")[1]) for one in result.findings]
    assert '"route"' in text.splitlines()[lines[0] - 1]
    assert "(a+)" in text.splitlines()[lines[1] - 1]
    assert '"targets"' not in text.splitlines()[lines[4] - 1]
    (one,) = result.sets
    assert one.rules == {"deny": 2}
    (one,) = import_policies({"policies.json": text}, widen=True).sets
    assert one.rules == {"deny": 3}
