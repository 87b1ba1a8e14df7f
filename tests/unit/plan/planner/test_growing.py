"""A plan while it is being written: each step as soon as it is there and may start, however the text is cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.errors import PlanError
from axonflow.plan.planner.catalogue import agent_config_of_document
from axonflow.plan.planner.growing import GrowingPlan, StepsReader
from tests.plans_asked_for import TRAVEL, TRIP, step, written

CONFIG = agent_config_of_document(TRAVEL)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(['"', "\\", "steps", "]}"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("steps"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3) | st.just("steps"), JSON, max_size=3)


def grown(text, size=1):
    """The names that were given, with how much of the text had come by then, and the plan that has grown."""
    growing, given_at = GrowingPlan("A trip", CONFIG), {}
    for start in range(0, len(text), size):
        for one in growing.feed(text[start : start + size]):
            given_at[one.name] = start + size
    return given_at, growing


@settings(max_examples=50, deadline=None)
@given(
    st.lists(OBJECTS, max_size=4),
    st.dictionaries(st.text(max_size=3), JSON, max_size=2),
    st.integers(1, 9),
    st.booleans(),
)
def test_reader_gives_each_element_however_the_text_is_cut(elements, others, size, spaced):
    others.pop("steps", None)
    text = json.dumps({**others, "steps": elements, "later": [1, {"steps": [{}]}]}, indent=2 if spaced else None)
    reader = StepsReader()
    found = [one for start in range(0, len(text), size) for one in reader.feed(text[start : start + size])]
    assert list(map(json.loads, found)) == elements


@pytest.mark.parametrize("element", ["1", '"x"', "[]", "null", "true"])
def test_reader_refuses_an_element_that_is_no_object(element):
    with pytest.raises(PlanError, match="not a step"):
        StepsReader().feed(f'{{"steps": [{{}}, {element}')


def test_reader_takes_the_first_member_of_that_name_alone():
    assert StepsReader().feed('{"steps": [{"a": 1}], "steps": [{"b": 2}, 3]}') == ['{"a": 1}']


def test_plan_that_grows_gives_each_step_at_its_closing_brace():
    given_at, growing = grown(TRIP)
    assert list(given_at) == ["flights", "hotels", "offer"]
    assert given_at["flights"] == TRIP.index("}, {") + 1
    assert [one.name for one in growing.given] == list(given_at)
    assert [one.name for one in growing.finish().steps] == [*given_at, "answer"]


def test_plan_that_grows_gives_no_step_before_what_it_needs():
    given_at, _ = grown(written(step("b", after=["a"]), step("c", after=["b"]), step("x"), step("a")))
    assert list(given_at) == ["x", "a", "b", "c"]
    assert given_at["a"] == given_at["b"] == given_at["c"] > given_at["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (written(step("a"), step("a")), "the name is taken"),
        (written(step("a", after=["b"]), step("a")), "the name is taken"),
        (written(step("a", "fly")), "an unknown target"),
        ('{"steps": [{"name": }', "not JSON"),
        (written(*(step(f"s{number}") for number in range(51))), "too many steps"),
        (written(step("h", "hotel_search", inputs={"city": 7})), "city"),
        ("x" * 1_000_001, "too long"),
    ],
)
def test_plan_that_grows_wrong_is_refused_where_it_does(text, message):
    with pytest.raises(PlanError, match=message):
        grown(text, 1_000)


@pytest.mark.parametrize(
    ("text", "cut", "message"),
    [
        (TRIP[:-40], True, "stops half-way"),
        (TRIP[:-40], False, "not JSON"),
        (written(step("a", after=["b"]), step("b", after=["a"])), False, "cycle"),
        (written(step("a", after=["b"])), False, "unknown need"),
        ("}}]", False, "not JSON"),
    ],
)
def test_plan_that_never_becomes_whole_says_what_is_wrong(text, cut, message):
    _, growing = grown(text, 7)
    with pytest.raises(PlanError, match=message):
        growing.finish(cut=cut)


@pytest.mark.parametrize("name", ["steps", "st\\u0065ps"])
def test_plan_with_two_lists_of_steps_is_not_the_one_that_has_grown(name):
    other = written(step("flights", "flights", inputs={"to": "another"}))
    given_at, growing = grown(TRIP[:-1] + ", " + other[1:].replace('"steps"', f'"{name}"'))
    assert "flights" in given_at
    with pytest.raises(PlanError, match="not the steps that were given"):
        growing.finish()
