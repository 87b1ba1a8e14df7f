"""What is refused before a plan starts, since labels would come to where policy forbids them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.errors import AuditError, PlanError
from axonflow.plan import Compensation, Plan, Step, ref
from axonflow.plan.model.document import plan_of_document, plan_to_document
from tests.unit.flows.label_runs import MAY_MASK, NO_MAIL, asked, echo, events, masking, opened, ran, words
from tests.unit.flows.plan_runs import states

FLOWS = "pii:email flows crm_export -> summarise -> send_mail, which is denied: Mail takes no addresses."


def exporting(**options):
    plan = Plan("letters").tool("crm_export", "crm", words, labels=["pii:email"])
    return plan.step("summarise", words, needs=["crm_export"], **options)


def mailing(plan, *needs):
    return plan.tool("send_mail", "mail", words, needs=needs or ["summarise"])


def test_plan_whose_label_would_come_to_a_forbidden_sink_is_refused_by_its_path_before_anything_runs():
    flow = opened(NO_MAIL)
    result = ran(flow, mailing(exporting()))
    assert (result.status, result.reasons) == ("denied", (FLOWS,))
    assert set(states(result).values()) == {"skipped"}
    (start,) = events(flow)
    assert (start.action, start.allowed, start.reasons, start.policies) == ("plan.start", False, (FLOWS,), ("no-mail",))
    assert start.decision_id == result.decision_id


def test_plan_that_comes_as_a_document_is_refused_as_well():
    plan = plan_of_document(plan_to_document(mailing(exporting()))).bind(
        {"tool:crm": words, "function:summarise": words, "tool:mail": words}
    )
    assert ran(opened(NO_MAIL), plan).reasons == (FLOWS,)


def test_plan_whose_start_is_denied_as_well_says_both():
    flow = opened(NO_MAIL, {"id": "closed", "effect": "deny", "match": {"action": "plan.start"}, "reason": "Closed."})
    assert ran(flow, mailing(exporting())).reasons == (FLOWS, "Closed.")


def test_plan_that_another_way_leads_round_the_sink_runs():
    result = ran(opened(NO_MAIL), exporting().tool("send_mail", "mail", words, after=["summarise"]))
    assert result.status == "completed"


def test_rule_that_asks_for_the_arguments_is_left_to_the_run():
    rule = {**NO_MAIL, "when": 'detected("pii.email")'}
    assert ran(opened(rule), mailing(exporting())).status == "completed"


def test_step_that_is_denied_for_other_reasons_is_denied_when_it_is_due():
    flow = opened(
        NO_MAIL, {"id": "no-mail-at-all", "effect": "deny", "match": {"action": "tool.call", "resource.id": "mail"}}
    )
    assert states(ran(flow, mailing(exporting()))) == {
        "crm_export": "succeeded", "summarise": "succeeded", "send_mail": "denied",
    }  # fmt: skip


def test_permission_that_labels_take_away_refuses_the_plan():
    permits = {"id": "clean", "effect": "allow", "when": '!("pii:email" in context.labels)'}
    result = ran(opened(permits, default="deny"), exporting())
    start = "pii:email flows crm_export -> summarise, which is denied: "
    assert result.reasons == (start + "No rule of the tenant layer allows this, and its default is deny.",)


def test_label_removed_by_who_may_is_gone_and_that_is_recorded():
    flow = opened(NO_MAIL, MAY_MASK)
    plan = exporting().step("mask", words, needs=["summarise"], declassifies=["pii:*"])
    assert ran(flow, mailing(plan, "mask")).status == "completed"
    (removal,) = asked(flow, "label.declassify")
    assert (removal.resource, removal.allowed) == ("function:mask", True)


def test_label_stays_where_policy_does_not_let_the_step_remove_it():
    plan = mailing(exporting().step("mask", words, needs=["summarise"], declassifies=["pii:email"]), "mask")
    way = "pii:email flows crm_export -> summarise -> mask -> send_mail, which is denied: Mail takes no addresses.; "
    unknown, *_ = ran(opened(NO_MAIL), plan).reasons
    assert unknown.startswith(way + "mask may not remove it: Unknown action label.declassify")
    other = {"id": "other", "effect": "deny", "match": {"action": "label.declassify"}, "reason": "Not you."}
    assert ran(opened(NO_MAIL, MAY_MASK, other), plan).reasons == (way + "mask may not remove it: Not you.",)


@pytest.mark.parametrize("action", ["tool.result", "plan.step"])
def test_redaction_that_may_remove_the_label_leaves_it_to_the_run(action):
    result = ran(opened(NO_MAIL, masking(action)), mailing(exporting()))
    assert states(result) == {"crm_export": "succeeded", "summarise": "succeeded", "send_mail": "denied"}


def test_path_leads_into_plans_within_and_maps():
    body = Plan("body").tool("send", "mail", echo, inputs={"to": ref("$.item.mail")})
    plan = Plan("p").tool("crm_export", "crm", words, labels=["pii:email"])
    plan.plan("outer", Plan("inner").map("each", "$.people", body), inputs={"people": ref("crm_export")})
    (reason,) = ran(opened(NO_MAIL), plan).reasons
    assert reason.startswith("pii:email flows crm_export -> outer -> outer.each -> outer.each.send, which")


def test_compensation_that_would_be_denied_its_labels_refuses_the_plan():
    undo = Compensation(kind="tool", target="mail", run=words, inputs={"to": ref("crm_export")})
    plan = exporting(compensate=undo)
    (reason,) = ran(opened(NO_MAIL), plan).reasons
    assert reason == "pii:email flows crm_export -> summarise, to undo it, which is denied: Mail takes no addresses."


def test_label_of_the_caller_is_told_to_every_step_and_refuses_as_any():
    flow = opened(NO_MAIL, {"id": "see", "effect": "log", "when": '"pii:email" in context.labels'})
    plan = Plan("p").tool("send", "mail", words)
    result = ran(flow, plan, context={"labels": ["pii:email"]})
    assert result.reasons == (
        "pii:email, which all of the plan carries, comes to send, which is denied: Mail takes no addresses.",
    )
    assert events(flow)[0].attributes == {"context.labels": ["pii:email"]}


def test_label_that_is_none_in_the_context_refuses_the_plan_where_policies_read_labels():
    with pytest.raises(PlanError, match="not a label"):
        ran(opened(NO_MAIL), exporting(), context={"labels": ["pii"]})
    assert ran(opened(), exporting(), context={"labels": ["pii"]}).status == "completed"


def test_rule_for_two_labels_together_names_the_ways_of_both():
    both = {
        "id": "both", "effect": "deny", "match": {"action": "tool.call", "resource.id": "mail"},
        "when": '"pii:email" in context.labels && "trust:untrusted" in context.labels', "reason": "Not both.",
    }  # fmt: skip
    plan = exporting().step("read", words, labels=["trust:untrusted"])
    assert ran(opened(both), mailing(plan, "summarise", "read")).reasons == (
        "pii:email flows crm_export -> summarise -> send_mail, which is denied: Not both.",
        "trust:untrusted flows read -> send_mail, which is denied: Not both.",
    )


def test_plan_with_many_forbidden_flows_is_told_the_first_of_them():
    plan = Plan("p").tool("crm_export", "crm", words, labels=["pii:email"])
    for number in range(20):
        plan.tool(f"send{number}", "mail", words, needs=["crm_export"])
    assert len(ran(opened(NO_MAIL), plan).reasons) == 10


def test_plan_of_many_steps_is_refused_as_any():
    plan = exporting()
    for number in range(600):
        plan.step(f"s{number}", words, needs=[f"s{number - 1}" if number else "summarise"])
    (reason,) = ran(opened(NO_MAIL), mailing(plan, "s599")).reasons
    assert "s7 -> (583 more) -> s591" in reason


def test_policies_that_read_no_labels_are_told_none():
    flow = opened({"id": "see", "effect": "deny", "when": "has(context.step) && context.step == 'x'"})
    assert ran(flow, mailing(exporting())).status == "completed"
    assert not [event for event in events(flow) if "labels" in str(event.attributes)]


def test_refusal_that_cannot_be_recorded_propagates_and_runs_nothing():
    flow = opened(NO_MAIL)
    called = []

    def stop() -> None:
        raise AuditError("the spool is full")

    async def call():
        called.append(1)

    with pytest.raises(AuditError):
        ran(flow, mailing(exporting()).step("other", call), before_step=stop)
    assert called == []


SINKS = ("mail", "web", "crm")
LABELS = ("pii:email", "trust:untrusted", "source:crm")


def random_plan(rng):
    plan = Plan("random")
    for number in range(rng.randint(1, 8)):
        needs = [f"s{need}" for need in range(number) if rng.random() < 0.3]
        options = {
            "labels": rng.sample(LABELS[:2], rng.randint(0, 2)) if rng.random() < 0.4 else [],
            "declassifies": [rng.choice(["pii:*", "trust:untrusted"])] if rng.random() < 0.2 else [],
        }
        target = rng.choice(SINKS)
        plan.add(Step(name=f"s{number}", run=words, kind="tool", target=target, needs=needs, **options))
    return plan


def random_rules(rng):
    for number in range(rng.randint(1, 3)):
        label, sink = rng.choice(LABELS), rng.choice(SINKS)
        action = rng.choice(["tool.call", "plan.step"])
        if rng.random() < 0.5:
            yield {
                "id": f"r{number}",
                "effect": "deny",
                "match": {"action": action, "resource.id": sink, "context.labels": label},
            }
        else:
            when = f'"{label}" in context.labels && resource.id == "{sink}"'
            yield {"id": f"r{number}", "effect": "deny", "match": {"action": action}, "when": when}
    if rng.random() < 0.5:
        yield {
            "id": "may",
            "effect": "allow",
            "match": {"action": "label.declassify", "resource.id": rng.choice(SINKS)},
        }


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_plan_that_is_not_refused_is_denied_nothing_for_the_same_labels_when_it_runs(seed):
    rng = random.Random(seed)
    flow = opened(*random_rules(rng))
    result = ran(flow, random_plan(rng))
    if not result.reasons or result.reasons[0].startswith("No rule matches"):
        assert result.status == "completed", result.errors
    else:
        assert result.status == "denied"
        assert all(" flows s" in reason for reason in result.reasons)
        assert len(events(flow)) == 1
