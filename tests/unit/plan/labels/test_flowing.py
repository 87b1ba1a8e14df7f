"""Labels along the edges of plans: to whom they come, and by which way."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import PlanError
from axonflow.plan import Compensation, Plan, Step, ref
from axonflow.plan.labels.flowing import Carried, Flow, spread
from axonflow.plan.labels.paths import drawn, path_to
from axonflow.plan.labels.table import MAX_RUN_LABELS, LabelTable

PII = "pii:email"


def declared(flow, step, into):
    """All that steps declare is believed."""
    if step.body is not None:
        return into
    return (into & ~flow.table.removed_by(step.declassifies, into)) | flow.own(step)


def flowed(plan, everywhere=(), through=declared):
    table = LabelTable()
    flow = Flow(plan.check(), "acme", table, table.of(everywhere))
    spread(flow, through)
    return flow


def into(flow, name):
    return flow.table.names(flow.into(flow.graph.steps[name]))


def path(flow, name, label=PII, **options):
    return path_to(flow, flow.graph.steps[name], flow.table.known([label]), **options)


def crm():
    return Plan("p").tool("crm_export", "crm", labels=[PII])


def test_label_flows_along_needs_with_the_source_and_the_tenant_of_what_was_called():
    flow = flowed(crm().step("summarise", needs=["crm_export"]).tool("send_mail", "mail", needs=["summarise"]))
    assert into(flow, "crm_export") == []
    assert into(flow, "send_mail") == [PII, "source:crm", "tenant:acme"]
    assert path(flow, "send_mail") == ("crm_export", "summarise", "send_mail")
    assert path(flow, "send_mail", "source:crm") == ("crm_export", "summarise", "send_mail")


def test_label_of_what_is_only_waited_for_does_not_flow():
    flow = flowed(crm().step("later", after=["crm_export"]))
    assert into(flow, "later") == []


def test_label_of_a_key_flows_to_what_is_called_with_it():
    flow = flowed(crm().step("later", idempotency_key=ref("crm_export.id")))
    assert PII in into(flow, "later")
    assert path(flow, "later") == ("crm_export", "later")


def test_label_of_a_step_reference_flows_and_what_stands_verbatim_has_none():
    flow = flowed(crm().step("a", inputs={"x": ref("crm_export.0.mail"), "y": {"$literal": {"$ref": "z"}}}))
    assert PII in into(flow, "a")


def test_label_that_a_step_removes_goes_no_further_and_its_own_do():
    plan = crm().step("mask", needs=["crm_export"], declassifies=["pii:*", "source:crm"], labels=["trust:trusted"])
    flow = flowed(plan.step("mail", needs=["mask"]))
    assert into(flow, "mail") == ["tenant:acme", "trust:trusted"]
    assert path(flow, "mail") == ()
    assert path(flow, "mask") == ("crm_export", "mask")


def test_label_removed_by_name_leaves_others_of_its_kind():
    plan = Plan("p").step("a", labels=[PII, "pii:phone"]).step("b", needs=["a"], declassifies=[PII, "pii:iban"])
    assert into(flowed(plan.step("c", needs=["b"])), "c") == ["pii:phone"]


def test_path_is_the_shortest_and_of_equals_the_first_in_the_order_of_needs():
    plan = crm().step("a", needs=["crm_export"]).step("b", needs=["crm_export"]).step("c", needs=["a"])
    flow = flowed(plan.step("end", needs=["c", "b", "a"]))
    assert path(flow, "end") == ("crm_export", "b", "end")


def test_label_that_the_caller_says_all_carries_is_everywhere_and_has_no_path():
    flow = flowed(Plan("p").step("a", inputs={"x": 1}).step("b", needs=["a"]), ["trust:untrusted"])
    assert into(flow, "a") == into(flow, "b") == ["trust:untrusted"]
    assert path(flow, "b", "trust:untrusted") == ()


def test_label_in_the_context_of_a_step_counts_as_carried_by_its_arguments():
    flow = flowed(Plan("p").step("a", context={"labels": [PII]}).step("b", needs=["a"]))
    assert into(flow, "a") == [PII]
    with pytest.raises(PlanError, match="not labels"):
        flowed(Plan("p").step("a", context={"labels": "pii"}))
    with pytest.raises(PlanError, match="not a label"):
        flowed(Plan("p").step("a", context={"labels": ["pii"]}))


def test_label_flows_into_a_plan_within_by_the_argument_that_it_came_by():
    body = Plan("body").step("uses", inputs={"x": ref("$.mail")}).step("other", inputs={"y": ref("$.town")})
    plan = crm().plan("sub", body, inputs={"mail": ref("crm_export.mail"), "town": "AMS", "z": {"q": ref("$.q")}})
    flow = flowed(plan.step("end", inputs={"a": ref("sub.uses.x"), "b": ref("sub.other")}))
    (inner,) = flow.bodies["sub"]
    assert PII in into(inner, "uses")
    assert into(inner, "other") == []
    assert path(inner, "uses") == ("crm_export", "sub", "sub.uses")
    assert path(flow, "end") == ("crm_export", "sub", "sub.uses", "end")
    assert flow.carried_by(flow.graph.steps["end"].holes[1]) == 0


def test_label_that_comes_by_several_steps_into_a_plan_within_is_followed_back():
    plan = (
        crm()
        .step("mid", needs=["crm_export"])
        .plan("sub", Plan("b").step("x", inputs={"x": ref("$.mid")}), needs=["mid"])
    )
    flow = flowed(plan)
    (inner,) = flow.bodies["sub"]
    assert path(inner, "x") == ("crm_export", "mid", "sub", "sub.x")


def test_body_of_an_element_that_brings_nothing_new_is_not_kept():
    plan = crm().map("each", "crm_export", Plan("b").step("x", inputs={"x": ref("$.item")}))
    flow = flowed(plan)
    step = flow.graph.steps["each"]
    again = flow.within(step, ".1")
    spread(again, declared)
    flow.keep_body(step, again)
    assert len(flow.bodies["each"]) == 1


def test_label_found_in_the_whole_of_what_a_body_gave_is_in_each_part_of_it():
    plan = Plan("p").plan("sub", Plan("b").step("x").step("y")).step("end", inputs={"x": ref("sub.x")})
    flow = flowed(plan)
    assert into(flow, "end") == []
    flow.keep_body(flow.graph.steps["sub"], flow.bodies["sub"][0], flow.table.of([PII]))
    assert into(flow, "end") == [PII]
    assert path(flow, "end") == ("sub", "end")


def test_label_of_each_element_flows_through_a_map_to_the_part_that_is_referred_to():
    body = Plan("body").step("keep", inputs={"x": ref("$.item.mail")}).step("count", inputs={"n": ref("$.index")})
    body.tool("look", "web", labels=["trust:untrusted"])
    plan = crm().map("each", "crm_export", body).step("kept", inputs={"x": ref("each.0.keep")})
    plan.step("counted", inputs={"x": ref("each.0.count")}).step("looked", inputs={"x": ref("each.0.look")})
    flow = flowed(plan.step("whole", needs=["each"]))
    assert PII in into(flow, "kept")
    assert into(flow, "counted") == []
    assert into(flow, "looked") == ["source:web", "tenant:acme", "trust:untrusted"]
    assert path(flow, "looked", "trust:untrusted") == ("each.look", "looked")
    assert path(flow, "whole") == ("crm_export", "each", "each.keep", "whole")


def test_label_flows_through_a_join_to_the_part_that_is_referred_to():
    plan = crm().step("free").add(Step(name="both", kind="join", needs=["crm_export", "free"]))
    plan.step("a", inputs={"x": ref("both.free")}).step("b", inputs={"x": ref("both.crm_export.0")})
    flow = flowed(plan.step("c", inputs={"x": ref("both")}))
    assert (into(flow, "a"), PII in into(flow, "b"), PII in into(flow, "c")) == ([], True, True)
    assert path(flow, "b") == ("crm_export", "both", "b")


def test_label_of_what_undoes_a_step_is_that_of_what_it_refers_to():
    undo = Compensation(inputs={"id": ref("crm_export.id"), "why": {"$literal": "no"}})
    plan = crm().step("book", needs=["crm_export"], declassifies=["pii:*"], compensate=undo).step("plain")
    own = Compensation(inputs={"id": ref("own")})
    flow = flowed(plan.step("own", labels=[PII], compensate=own))
    book = flow.graph.steps["book"]
    assert PII in flow.table.names(flow.into_undoing(book))
    assert flow.into_undoing(flow.graph.steps["plain"]) == 0
    assert path(flow, "book", undoing=True) == ("crm_export", "book")
    assert path(flow, "own", undoing=True) == ("own",)
    assert path(flow, "plain", undoing=True) == ()


def test_carried_of_elements_and_of_unknown_parts_is_that_of_the_whole():
    one = Carried(3, {"a": Carried(1), "b": Carried(2)}, listed=True)
    assert [one.at(path) for path in [(), ("0",), ("0", "a"), ("0", "z"), ("1", "b", "c")]] == [3, 3, 1, 3, 2]


def test_carried_joined_has_all_of_both_and_no_part_that_one_does_not_know():
    both = Carried(1, {"a": Carried(1)}, listed=True).joined(Carried(2, {"a": Carried(2), "b": Carried(2)}))
    assert (both.whole, both.at(("0", "a")), both.at(("0", "b"))) == (3, 3, 2)
    assert Carried(1, {"a": Carried(1)}).joined(Carried(2)) == Carried(3)


def test_path_of_many_steps_is_drawn_without_its_middle():
    text = drawn([f"s{number}" for number in range(30)])
    assert drawn(["a", "b"]) == "a -> b"
    assert text.startswith("s0 -> s1 ->")
    assert "s9 -> (10 more) -> s20" in text


def test_table_with_too_many_labels_refuses_one_more():
    table = LabelTable()
    table.of([f"x:{number}" for number in range(MAX_RUN_LABELS)])
    with pytest.raises(PlanError, match="too many labels"):
        table.of(["x:more"])


def test_table_tells_more_sets_than_it_remembers():
    table = LabelTable()
    table.of([f"x:{number}" for number in range(12)])
    assert [len(table.names(labels)) for labels in range(2**12)] == [labels.bit_count() for labels in range(2**12)]


def random_plan(rng, size):
    """Which steps need which, who gives the label and who removes it."""
    needs = [sorted(rng.sample(range(number), min(number, rng.randint(0, 3)))) for number in range(size)]
    gives = {number for number in range(size) if rng.random() < 0.3}
    removes = {number for number in range(size) if rng.random() < 0.2}
    return needs, gives, removes


def plan_of(needs, gives, removes):
    plan = Plan("random")
    for number, those in enumerate(needs):
        plan.step(
            f"s{number}", needs=[f"s{need}" for need in those], labels=[PII] if number in gives else [],
            declassifies=[PII] if number in removes else [],
        )  # fmt: skip
    return plan


def shortest(needs, gives, removes, sink):
    """How many steps the shortest way of the label to `sink` has, itself included; None where there is none."""
    reached, length = {sink}, 1
    while reached:
        length += 1
        reached = {need for one in reached for need in needs[one] if need in gives or need not in removes}
        if reached & gives:
            return length
    return None


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_label_comes_to_whom_a_way_without_a_step_that_removes_it_leads(seed, size):
    needs, gives, removes = random_plan(random.Random(seed), size)
    flow = flowed(plan_of(needs, gives, removes))
    for number in range(size):
        way = path(flow, f"s{number}")
        length = shortest(needs, gives, removes, number)
        assert (PII in into(flow, f"s{number}")) == (length is not None) == bool(way)
        assert len(way) == (length or 0)
        for before, after in pairwise(way):
            assert int(before[1:]) in needs[int(after[1:])]
            assert flow.out[before].whole
        assert not way or int(way[0][1:]) in gives


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_need_that_is_added_removes_no_label(seed, size):
    rng = random.Random(seed)
    needs, gives, removes = random_plan(rng, size)
    before = flowed(plan_of(needs, gives, removes))
    last = rng.randrange(1, size)
    more = [list(those) for those in needs]
    more[last] = sorted({*more[last], rng.randrange(last)})
    after = flowed(plan_of(more, gives, removes))
    for number in range(size):
        assert set(into(before, f"s{number}")) <= set(into(after, f"s{number}"))
