from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.errors import PlanError
from axonflow.plan import Answer, HeldRun, Plan, SoFar, Step, StepRecord, StepState, Waiting
from axonflow.plan.running.held import MAX_LEVELS


def held(**outputs):
    records = {
        "a": StepRecord("a", StepState.SUCCEEDED, finished_us=5),
        "b": StepRecord("b", StepState.HELD),
        "c": StepRecord("c", StepState.SUCCEEDED, finished_us=3),
        "d": StepRecord("d", StepState.PENDING),
        "e": StepRecord("e", StepState.SKIPPED),
    }
    waiting = (Waiting("b", "tool:refund", "large", ("boss",)), Waiting("f.g", "approval:boss", "held"))
    return HeldRun(
        plan="p", plan_id="1", principal={"id": "ann"}, context={}, waiting=waiting,
        so_far=SoFar(records, outputs, {"f": SoFar()}),
    )  # fmt: skip


def test_held_run_written_as_json_is_read_as_the_same():
    assert HeldRun.from_json(held(a=[1, {"b": None}]).to_json()) == held(a=[1, {"b": None}])


MARKS = st.sampled_from(["$bytes", "$object", "a"])
RESULTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MARKS | st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=3) | MARKS, RESULTS, max_size=3))
def test_held_run_whose_results_have_bytes_or_look_like_their_marks_is_read_as_the_same(outputs):
    assert HeldRun.from_json(held(**outputs).to_json()) == held(**outputs)


@pytest.mark.parametrize(
    "result",
    [
        b"",
        [b"\x00", [b"x", 1]],
        {"$bytes": b"x"},
        {"$object": {"$bytes": "eA=="}},
        {"$bytes": "eA==", "b": b"y"},
        (b"a",),
    ],
)
def test_held_run_with_bytes_or_what_looks_like_their_mark_is_read_as_the_same(result):
    same = list(result) if isinstance(result, tuple) else result
    assert HeldRun.from_json(held(a=result).to_json()).so_far.outputs == {"a": same}


def test_held_run_with_bytes_in_an_object_has_them_as_bytes_again():
    @dataclass
    class Page:
        body: bytearray
        parts: tuple

    kept = HeldRun.from_json(held(page=Page(bytearray(b"x"), (memoryview(b"y"),))).to_json())
    assert kept.so_far.outputs == {"page": {"body": b"x", "parts": [b"y"]}}


def test_held_run_without_bytes_is_written_without_a_copy_of_its_results(monkeypatch):
    def copied(*_, **__):
        raise AssertionError("copied")

    monkeypatch.setattr(msgspec, "to_builtins", copied)
    assert HeldRun.from_json(held(a=[{"b": [1, 2.5, "x", None, True]}] * 3).to_json()).so_far.records["b"].name == "b"
    with pytest.raises(AssertionError, match="copied"):
        held(a=[{"b": [b"x"]}]).to_json()


@pytest.mark.parametrize("innermost", [1, b"x"])
def test_held_run_that_is_nested_too_deep_to_be_read_by_whoever_goes_on_is_not_written(innermost):
    deep = innermost
    for _ in range(MAX_LEVELS - 10):
        deep = [deep]
    assert HeldRun.from_json(held(a=deep).to_json()) == held(a=deep)
    for _ in range(10):
        deep = [deep]
    with pytest.raises(PlanError, match=f"more than {MAX_LEVELS} levels"):
        held(a=deep).to_json()


def test_held_run_with_a_view_that_has_no_bytes_in_a_row_says_so():
    with pytest.raises(PlanError, match="the run cannot be kept"):
        held(a=memoryview(b"abcd")[::2]).to_json()


@pytest.mark.parametrize("mark", ['{"$bytes":"no base64"}', '{"$bytes":1}', '{"$object":1}', '{"$bytes":"\u00e9"}'])
def test_held_run_with_a_mark_that_is_none_is_refused(mark):
    data = held(a="MARK").to_json().replace(b'"MARK"', mark.encode())
    with pytest.raises(PlanError, match="not a held run"):
        HeldRun.from_json(data)


def test_held_run_with_a_result_that_is_no_json_says_so():
    with pytest.raises(PlanError, match="the run cannot be kept"):
        held(a=object()).to_json()


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'"$bytes"', b'["$object"]'])
def test_held_run_of_something_else_is_refused(data):
    with pytest.raises(PlanError, match="not a held run"):
        HeldRun.from_json(data)


def graph(*names, plan="p"):
    return Plan(plan, steps=[Step(name=name, run=print) for name in names]).check()


def test_so_far_names_what_has_ended_in_the_order_of_its_end():
    ended = held().so_far.ended_in(graph(*"edcba"))
    assert ended == ((0, StepState.SKIPPED), (2, StepState.SUCCEEDED), (4, StepState.SUCCEEDED))
    assert SoFar().ended_in(graph("a")) == ()


def test_so_far_of_outputs_names_those_steps_as_succeeded():
    assert SoFar.of({"b": 1}, graph("a", "b")).ended_in(graph("a", "b")) == ((1, StepState.SUCCEEDED),)


def test_so_far_of_outputs_leaves_out_what_a_condition_among_them_did_not_choose():
    choice = Step(name="c", kind="condition", when="n", inputs={"n": 1}, branches={"x": ["a"], "y": ["b"], "z": []})
    plan = Plan("p", steps=[choice, Step(name="a", run=print), Step(name="b", run=print)]).check()
    records = SoFar.of({"c": "z", "b": 1, "stranger": 2}, plan).records
    assert [(one.name, one.state.value) for one in records.values()] == [
        ("c", "succeeded"), ("b", "succeeded"), ("stranger", "succeeded"), ("a", "skipped"),
    ]  # fmt: skip
    assert records["a"].reasons == ("'c' did not choose it",)


def test_so_far_of_another_plan_is_refused():
    with pytest.raises(PlanError, match="a step of another plan"):
        held().so_far.ended_in(graph(*"abcd"))


def refunding(*, refund="refund", approver="boss", **parts):
    """The plan that `held` is a run of."""
    body = Plan("body").add(Step(name="g", kind="approval", target=approver)).check()
    steps = [Step(name=name, run=print) for name in "acde"]
    steps += [Step(name="b", kind="tool", target=refund, run=print), Step(name="f", kind="plan", body=body)]
    return Plan(parts.get("name", "p"), steps=steps).check()


def test_held_run_checked_against_its_plan_is_accepted_and_against_another_refused():
    held().check_is_of(refunding())
    msgspec.structs.replace(held(), waiting=(Waiting("", "plan:p", "held"),)).check_is_of(refunding())
    for other in (graph(*"abcd"), refunding(name="q")):
        with pytest.raises(PlanError, match="a held run of another plan"):
            held().check_is_of(other)


def test_asked_with_one_word_is_said_to_all_that_wait():
    assert held().asked(True) == {"b": True, "f.g": True}


def test_asked_by_name_is_said_to_those_alone():
    assert held().asked({"f.g": False}) == {"f.g": False}


@pytest.mark.parametrize("said", [{"x": True}, {}])
def test_asked_for_what_does_not_wait_is_refused(said):
    with pytest.raises(PlanError, match=r"not a step that waits: expected b, f\.g"):
        held().asked(said)


def test_answered_keeps_what_was_said_before():
    ann, bob = Answer(approved=True, by="user:ann"), Answer(approved=False, by="user:bob", standing=("bob", "boss"))
    once = held().answered({"b": ann})
    assert once.answered({"b": bob, "f.g": bob}).answers == {"b": (ann, bob), "f.g": (bob,)}
    assert HeldRun.from_json(once.to_json()) == once


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (refunding(refund="wire"), "expected tool:refund, found tool:wire"),
        (refunding(approver="ann"), "expected approval:boss, found approval:ann"),
        (graph(*"acde", "f", "b"), "expected tool:refund, found function:b"),
    ],
)
def test_held_run_whose_waiting_step_would_act_on_something_else_is_refused(other, found):
    with pytest.raises(PlanError, match=found):
        held().check_is_of(other)


@pytest.mark.parametrize(("name", "found"), [("f.0.g", "approval:boss"), ("f.x", "none"), ("f.g.x", "none")])
def test_held_run_finds_what_waits_by_its_full_name(name, found):
    one = msgspec.structs.replace(held(), waiting=(Waiting(name, "approval:boss", "held"),))
    if found == "none":
        with pytest.raises(PlanError, match="expected approval:boss, found none"):
            one.check_is_of(refunding())
    else:
        one.check_is_of(refunding())
