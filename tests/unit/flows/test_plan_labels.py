"""Labels while a plan runs: what detectors find, what redactions take away, and what is denied for it."""

import pytest

from axonflow.plan import Compensation, Plan, Retry, Step, ref
from tests.strategies import policy_set
from tests.unit.flows.label_runs import (
    ADDRESS,
    MAY_MASK,
    NO_MAIL,
    address,
    asked,
    echo,
    events,
    masking,
    opened,
    ran,
    words,
)
from tests.unit.flows.plan_runs import broken, states

WAY = "pii:email flows read -> note -> send"


def reading(run=address):
    return Plan("p").tool("read", "files", run).step("note", words, needs=["read"])


def mailing(plan, need="note"):
    return plan.tool("send", "mail", words, needs=[need])


def test_label_that_a_detector_finds_in_a_result_is_enforced_on_the_steps_after_it():
    flow = opened(NO_MAIL)
    result = ran(flow, mailing(reading()).step("other", words, needs=["read"]))
    assert states(result) == {"read": "succeeded", "note": "succeeded", "send": "denied", "other": "succeeded"}
    assert result.errors["send"].endswith(f"Mail takes no addresses.; {WAY}")
    assert result.steps["send"].reasons[-1] == WAY
    (denied,) = [event for event in events(flow) if event.kind == "decision" and not event.allowed]
    assert denied.attributes == {"context.labels": ["pii:email", "source:files", "tenant:default"]}


def test_label_that_nobody_finds_denies_nothing():
    assert ran(opened(NO_MAIL), mailing(reading(words))).status == "completed"


def test_label_found_in_the_result_of_a_function_counts():
    plan = Plan("p").step("read", address)
    assert states(ran(opened(NO_MAIL), mailing(plan, "read")))["send"] == "denied"


def test_label_of_a_result_that_cannot_be_looked_at_is_none():
    async def thing():
        return [float("nan")]

    assert ran(opened(NO_MAIL), Plan("p").step("read", thing)).status == "completed"


def test_redaction_of_a_result_that_leaves_nothing_to_find_takes_the_label_away():
    flow = opened(NO_MAIL, masking("tool.result"))
    plan = Plan("p").tool("read", "files", address, labels=["pii:email"]).step("note", echo, needs=["read"])
    result = ran(flow, mailing(plan))
    assert result.status == "completed"
    assert result.outputs["read"] == ["write to [REDACTED:pii.email]"]
    assert result.outputs["note"] == {"read": ["write to [REDACTED:pii.email]"]}


def test_redaction_that_has_nothing_to_do_takes_no_label_away():
    plan = Plan("p").tool("read", "files", words, labels=["pii:email"])
    assert states(ran(opened(NO_MAIL, masking("tool.result")), mailing(plan, "read")))["send"] == "denied"


@pytest.mark.parametrize("kind", ["step", "plan"])
def test_redaction_of_arguments_takes_the_label_from_what_is_called_with_them(kind):
    plan = reading(address)
    mask = masking("plan.step") | {"when": 'context.step == "mask" && detected("pii.email")'}
    if kind == "step":
        plan.step("mask", echo, inputs={"x": ref("read")})
    else:
        plan.plan("mask", Plan("body").step("inner", echo, inputs={"y": ref("$.x")}), inputs={"x": ref("read")})
    flow = opened(NO_MAIL, mask)
    result = ran(flow, mailing(plan, "mask"))
    assert result.status == "completed", result.errors
    assert ADDRESS not in str(result.outputs["mask"])


def test_result_that_policy_denies_goes_nowhere_and_is_not_tried_again():
    calls = []

    async def call():
        calls.append(1)
        return ADDRESS

    rule = {
        "id": "no",
        "effect": "deny",
        "match": {"action": "tool.result"},
        "when": 'detected("pii")',
        "reason": "No.",
    }
    plan = Plan("p").tool("read", "files", call, retry=Retry(attempts=3, first_ms=0)).step("note", echo, needs=["read"])
    result = ran(opened(rule), plan)
    assert states(result) == {"read": "denied", "note": "skipped"}
    assert result.errors["read"].startswith("its result is denied: ")
    assert (result.outputs, calls) == ({}, [1])


def test_result_denied_for_the_labels_that_it_carries_names_their_way():
    rule = {**NO_MAIL, "match": {"action": "tool.result", "context.labels": "pii:email"}}
    plan = Plan("p").step("read", address).tool("send", "mail", words, needs=["read"])
    result = ran(opened(rule), plan)
    assert result.steps["send"].reasons[-1] == "pii:email flows read -> send"


def test_result_that_cannot_be_judged_fails_the_step_where_policies_look_at_it():
    async def thing():
        return [b"words"]

    plan = Plan("p").tool("read", "files", thing)
    assert "not a JSON value" in ran(opened(masking("tool.result")), plan).errors["read"]
    assert ran(opened(), plan).status == "completed"


def test_results_are_asked_about_by_kind_and_what_policies_let_pass_is_not():
    plan = Plan("p")
    for kind in ("tool", "connector", "agent", "model"):
        plan.add(Step(name=kind, run=words, kind=kind, target="t"))
    plan.step("own", words).tool("nothing", "t", lambda: None)
    looks = {"id": "looks", "effect": "log", "when": 'has(context.reply) || detected("pii")'}
    flow = opened(looks)
    assert ran(flow, plan).status == "completed"
    told = [f"{event.action} {event.resource}" for event in events(flow) if event.kind == "decision"]
    for one in ("tool.result tool:t", "connector.result connector:t", "llm.response model:t"):
        assert told.count(one) == 1
    assert told.count("agent.message agent:t") == 2
    assert [event.policies for event in asked(flow, "agent.message")] == [(), ("looks",)]
    silent = opened()
    assert ran(silent, plan).status == "completed"
    assert len(asked(silent, "tool.result") + asked(silent, "connector.result") + asked(silent, "llm.response")) == 0
    assert len(asked(silent, "agent.message")) == 1


def test_label_found_in_a_run_is_removed_by_who_may_and_by_nobody_else():
    plan = mailing(reading().step("mask", words, needs=["read"], declassifies=["pii:email", "source:web"]), "mask")
    flow = opened(NO_MAIL, MAY_MASK)
    result = ran(flow, plan)
    assert result.status == "completed"
    assert len(asked(flow, "label.declassify")) == 1
    flow = opened(NO_MAIL)
    result = ran(flow, plan)
    assert states(result)["send"] == "denied"
    assert result.steps["send"].reasons[-1] == "pii:email flows read -> mask -> send"
    assert not asked(flow, "label.declassify")[0].allowed


def test_label_that_is_still_found_after_its_removal_flows_on():
    plan = reading().step("mask", address, needs=["read"], declassifies=["pii:email"])
    result = ran(opened(NO_MAIL, MAY_MASK), mailing(plan, "mask"))
    assert result.steps["send"].reasons[-1] == "pii:email flows mask -> send"


def test_label_found_in_one_element_of_a_map_flows_with_the_whole():
    async def one(item):
        return ADDRESS if item == 2 else "nothing"

    body = Plan("body").step("look", one, inputs={"item": ref("$.item")}).step("plain", words)

    async def numbers():
        return [1, 2, 3]

    plan = Plan("p").step("numbers", numbers).map("each", "numbers", body)
    plan.tool("send", "mail", words, inputs={"all": ref("each")}).tool(
        "part", "mail", words, inputs={"x": ref("each.0.plain")}
    )
    result = ran(opened(NO_MAIL), plan)
    assert (states(result)["send"], states(result)["part"]) == ("denied", "succeeded")
    assert result.steps["send"].reasons[-1] == "pii:email flows each.1.look -> send"


def test_compensation_that_would_be_given_a_label_found_in_the_run_is_denied():
    undo = Compensation(kind="tool", target="mail", run=words, inputs={"to": ref("book")})
    plan = Plan("p", on_failure="cancel").step("book", address, compensate=undo).step("fails", broken, needs=["book"])
    result = ran(opened(NO_MAIL), plan)
    assert states(result)["book"] == "uncompensated"
    assert result.steps["book"].reasons[-1] == "pii:email flows book, to undo it"


@pytest.mark.parametrize("within", [False, True])
def test_policies_that_come_to_read_labels_during_a_run_are_told_those_of_all_results_before(within):
    flow = opened()

    async def reload(**_arguments):
        flow.reload(policy_set([NO_MAIL], default="allow"))

    plan = reading().step("reload", reload, needs=["note"])
    if within:
        body = Plan("body").step("later", reload).tool("send", "mail", echo, inputs={"x": ref("$.x")}, after=["later"])
        result = ran(flow, reading().plan("sub", body, inputs={"x": ref("note")}))
        assert "sub.send" not in result.steps
        assert "pii:email flows read -> note -> sub -> sub.send" in result.errors["sub"]
    else:
        result = ran(flow, plan.tool("send", "mail", words, needs=["note"], after=["reload"]))
        assert result.steps["send"].reasons[-1] == WAY


def test_label_that_steps_within_declare_is_known_of_a_plan_that_ended_before_policies_read_any():
    flow = opened()

    async def reload(**_arguments):
        flow.reload(policy_set([NO_MAIL], default="allow"))

    body = Plan("body").tool("look", "crm", words, labels=["pii:email"])
    plan = Plan("p").plan("sub", body).step("reload", reload, needs=["sub"])
    undo = Compensation(kind="tool", target="mail", run=words, inputs={"to": ref("sub")})
    plan = plan.tool("send", "mail", words, needs=["sub"], after=["reload"])
    assert ran(flow, plan).steps["send"].reasons[-1] == "pii:email flows sub.look -> send"
    flow.reload(policy_set([], default="allow"))
    plan = Plan("p", on_failure="cancel").plan("sub", body, compensate=undo).step("reload", reload, needs=["sub"])
    result = ran(flow, plan.step("fails", broken, needs=["reload"]))
    assert result.steps["sub"].reasons[-1] == "pii:email flows sub.look -> sub, to undo it"


def test_denial_that_was_not_for_its_labels_names_no_way():
    rule = {
        "id": "no",
        "effect": "deny",
        "match": {"action": "tool.call", "resource.id": "mail"},
        "when": "content == {}",
    }
    result = ran(opened(NO_MAIL, rule), Plan("p").tool("send", "mail", words))
    assert "flows" not in result.errors["send"]


def test_rule_that_looks_at_any_label_is_told_what_every_detector_finds():
    rule = {**NO_MAIL, "match": {"action": "tool.call"}, "when": 'context.labels.exists(l, l.startsWith("pii:"))'}
    assert states(ran(opened(rule), mailing(reading())))["send"] == "denied"
