"""Labels of runs that are held, go on and grow: what was found, and what was taken out, stays so."""

import asyncio

import pytest

from axonflow.plan import Compensation, HeldRun, Plan, Step, ref
from tests.unit.flows.label_runs import ADDRESS, MAY_MASK, NO_MAIL, address, echo, masking, opened, ran, words
from tests.unit.flows.plan_runs import states


def resumed(flow, plan, result, approved=True):
    held = HeldRun.from_json(result.held.to_json())
    return asyncio.run(asyncio.wait_for(flow.resume(plan, held, approved=approved, by="user:lee"), 30))


def asking(plan, need):
    return plan.add(Step(name="ask", kind="approval", target="lee", after=[need]))


def test_label_found_before_a_run_was_held_is_enforced_after_it():
    flow = opened(NO_MAIL)
    plan = asking(Plan("p").step("read", address).step("note", words, needs=["read"]), "note")
    plan.tool("send", "mail", words, needs=["note"], after=["ask"])
    result = ran(flow, plan)
    assert result.status == "held"
    assert result.held.so_far.labels == {"read": ["pii:email"], "note": ["pii:email"]}
    result = resumed(flow, plan, result)
    assert states(result)["send"] == "denied"
    assert result.steps["send"].reasons[-1] == "pii:email flows read -> note -> send"


@pytest.mark.parametrize("rules", [(masking("tool.result"),), (MAY_MASK,)])
def test_label_that_was_taken_out_before_a_run_was_held_does_not_come_back(rules):
    flow = opened(NO_MAIL, *rules)
    plan = Plan("p").tool("read", "files", address, labels=["pii:email"])
    plan.step("mask", words, needs=["read"], declassifies=["pii:email"])
    plan = asking(plan, "mask").tool("send", "mail", words, needs=["mask"], after=["ask"])
    result = resumed(flow, plan, ran(flow, plan))
    assert result.status == "completed", result.errors


def test_label_of_elements_that_were_done_before_is_known_by_part_when_the_rest_is():
    async def look(item):
        return ADDRESS if item == 1 else "nothing"

    async def numbers():
        return [1, 2]

    held = {"id": "held", "effect": "require_approval", "match": {"action": "plan.step"}}
    held["when"] = 'context.step == "each.1.look"'
    body = Plan("body").step("look", look, inputs={"item": ref("$.item")}).step("plain", words)
    plan = Plan("p").step("numbers", numbers).map("each", "numbers", body, max_parallel=1)
    plan.tool("send", "mail", echo, inputs={"all": ref("each")})
    plan.tool("part", "mail", echo, inputs={"x": ref("each.0.plain")})
    flow = opened(NO_MAIL, held)
    first = ran(flow, plan)
    assert first.status == "held"
    assert first.held.so_far.within["each.0"].labels == {"look": ["pii:email"], "plain": []}
    result = resumed(flow, plan, first)
    assert states(result) == {"numbers": "succeeded", "each": "succeeded", "send": "denied", "part": "succeeded"}
    assert result.steps["send"].reasons[-1] == "pii:email flows each.0.look -> send"


def test_label_of_elements_done_while_nobody_read_labels_is_looked_for():
    async def look(item):
        return ADDRESS if item == 1 else "nothing"

    async def numbers():
        return [1, 2]

    held = {"id": "held", "effect": "require_approval", "match": {"action": "plan.step"}}
    held["when"] = 'context.step == "each.1.look"'
    body = Plan("body").step("look", look, inputs={"item": ref("$.item")})
    plan = Plan("p").step("numbers", numbers).map("each", "numbers", body, max_parallel=1)
    plan.tool("send", "mail", echo, inputs={"all": ref("each")})
    first = ran(opened(held), plan)
    assert first.held.so_far.within["each.0"].labels == {}
    result = resumed(opened(NO_MAIL, held), plan, first)
    assert result.steps["send"].reasons[-1] == "pii:email flows each -> send"
    assert resumed(opened(held), plan, first).status == "completed"


def found_within(flow, *steps):
    """A body in which something was found that its result does not show, held once, and mail of what it gives."""
    body = Plan("body").step("read", address).step("note", words, needs=["read"])
    for step in steps:
        body.add(step)
    plan = Plan("p").plan("inner", body).tool("send", "mail", words, needs=["inner"])
    result = ran(flow, plan)
    assert result.status == "held"
    return plan, result


def test_label_found_in_a_body_before_it_was_held_flows_out_of_it_afterwards():
    flow = opened(NO_MAIL)
    plan, result = found_within(flow, Step(name="ask", kind="approval", target="lee"))
    result = resumed(flow, plan, result)
    assert states(result) == {"inner": "succeeded", "send": "denied"}
    assert result.steps["send"].reasons[-1] == "pii:email flows inner.read -> inner.note -> send"


def test_label_found_in_a_body_flows_out_of_it_when_nothing_of_it_is_begun_again():
    flow = opened(NO_MAIL)
    ask = Step(name="ask", kind="approval", target="lee", on_failure="partial")
    plan, result = found_within(flow, ask)
    result = resumed(flow, plan, result, approved=False)
    assert states(result) == {"inner": "succeeded", "send": "denied"}


def test_labels_of_a_run_that_is_held_twice_are_still_those_that_were_found():
    flow = opened(NO_MAIL)
    plan = asking(Plan("p").step("read", address).step("note", words, needs=["read"]), "note")
    plan.add(Step(name="again", kind="approval", target="lee"))
    plan.tool("send", "mail", words, needs=["note"], after=["ask", "again"])
    first = ran(flow, plan)
    silent = opened()
    for between in (flow, silent):
        second = resumed(between, plan, first, approved={"ask": True})
        assert second.held.so_far.labels.items() >= {"read": ["pii:email"], "note": ["pii:email"]}.items()
        assert states(resumed(flow, plan, second))["send"] == "denied"


def test_result_that_was_kept_of_labelled_arguments_is_given_for_such_alone():
    asked = []

    async def rate(**arguments):
        asked.append(arguments)
        return len(asked)

    def plan(read):
        return Plan("p").step("read", read).tool("rate", "rates", rate, needs=["read"], cache_key="k")

    flow = opened(NO_MAIL)
    given = [ran(flow, plan(one)).outputs["rate"] for one in (address, words, address, words)]
    assert given == [1, 2, 1, 2]


def test_results_that_are_given_as_done_carry_what_their_steps_declare_and_what_is_found():
    plan = Plan("p").tool("read", "crm", words).tool("send", "mail", echo, needs=["read"])
    result = ran(opened(NO_MAIL), plan, done={"read": ADDRESS})
    assert result.steps["send"].reasons[-1] == "pii:email flows read -> send"


def test_step_that_a_growing_plan_gets_is_judged_for_the_labels_of_what_is_there():
    flow = opened(NO_MAIL)
    plan = Plan("p").step("read", address)

    async def plans():
        yield Plan("p", plan.steps)
        yield Plan("p", plan.steps).tool("send", "mail", words, needs=["read"])

    result = asyncio.run(flow.run_growing(plans(), principal="user:ann"))
    assert states(result) == {"read": "succeeded", "send": "denied"}


def test_growth_by_a_step_that_a_declared_label_would_come_to_is_refused_by_its_path():
    flow = opened(NO_MAIL)
    plan = Plan("p").tool("read", "crm", words, labels=["pii:email"])

    async def plans():
        yield Plan("p", plan.steps)
        yield Plan("p", plan.steps).tool("send", "mail", words, needs=["read"])

    result = asyncio.run(flow.run_growing(plans(), principal="user:ann"))
    assert "send" not in result.steps
    assert "pii:email flows read -> send, which is denied" in result.error


def test_label_of_what_was_undone_stays_on_what_was_made_of_it():
    async def gone(**_):
        raise LookupError("closed")

    flow = opened(NO_MAIL)
    undo = Compensation(run=words)
    plan = Plan("p", on_failure="cancel").tool("read", "files", words, labels=["pii:email"], compensate=undo)
    plan.step("note", words, needs=["read"]).step("fails", gone, needs=["note"])
    first = ran(flow, plan)
    assert (first.status, list(first.outputs), "pii:email" in first.labels["note"]) == ("failed", ["note"], True)
    other = Plan("p").step("note", words).tool("send", "mail", words, needs=["note"])
    again = ran(flow, other, done=first)
    assert (states(again)["send"], again.labels["note"]) == ("denied", first.labels["note"])
    assert ran(flow, other, done=first.outputs).status == "completed"  # by itself it does not say where it is from


def test_bytes_that_a_run_held_are_refused_after_it_as_they_were_before():
    async def page(**_):
        return {"page": ADDRESS.encode()}

    flow = opened(NO_MAIL)
    plan = Plan("p").step("read", page)
    asking(plan, "read").tool("send", "mail", words, needs=["read"], after=["ask"])
    straight = ran(flow, Plan("p").step("read", page).tool("send", "mail", words, needs=["read"]))
    result = resumed(flow, plan, ran(flow, plan))
    assert [states(one)["send"] for one in (straight, result)] == ["failed", "failed"]
    assert straight.errors["send"] == result.errors["send"]
