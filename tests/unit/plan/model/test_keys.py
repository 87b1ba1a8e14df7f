import pytest

from axonflow.errors import PlanError
from axonflow.plan import Compensation, Step, ref
from axonflow.plan.model.keys import MAX_KEY_CHARS, idempotency_key, key_text


def test_key_with_placeholders_holds_the_arguments_as_json():
    arguments = {"city": "Rome", "days": [1, 2], "of": {"b": 1, "a": 2}}
    assert (
        key_text("{city}-{days}:{of} {no}{ 1}", {**arguments, "no": None}, {}, {})
        == '"Rome"-[1,2]:{"a":2,"b":1} null{ 1}'
    )


def test_key_of_two_lists_of_arguments_is_never_the_same_text():
    one, other = ({"x": "a", "y": 'b","c'}, {"x": 'a","b', "y": "c"})
    assert key_text("{x},{y}", one, {}, {}) != key_text("{x},{y}", other, {}, {})


def test_key_that_is_a_reference_is_the_value_that_it_leads_to():
    assert key_text(ref("a.id"), {}, {"a": {"id": 7}}, {}) == "7"
    assert key_text(ref("$.id"), {}, {}, {"id": "x"}) == '"x"'
    with pytest.raises(PlanError, match="the reference leads nowhere"):
        key_text(ref("a.id"), {}, {"a": {}}, {})


def test_key_of_what_is_no_json_is_refused():
    with pytest.raises(PlanError, match="not a key"):
        key_text("{x}", {"x": object()}, {}, {})


def test_idempotency_key_is_handed_on_as_text_unless_it_is_long_or_unjudged():
    assert idempotency_key("order-{id}", {"id": 7}, {}, {}) == "order-7"
    assert idempotency_key("{id}", {"id": "x" * MAX_KEY_CHARS}, {}, {}).startswith("sha256:")
    assert idempotency_key(ref("a"), {}, {"a": "secret"}, {}).startswith("sha256:")


def test_step_with_a_placeholder_for_no_argument_is_refused():
    with pytest.raises(PlanError, match="step 's', cache_key: no argument of the step: expected a or b, found 'c'"):
        Step(name="s", inputs={"a": 1}, needs=["b"], cache_key="{a}{b}{c}")
    with pytest.raises(PlanError, match="expected no placeholder, of a step without arguments"):
        Step(name="s", idempotency_key="{c}")


def test_step_that_is_cached_and_undone_is_refused():
    with pytest.raises(PlanError, match="what was not done cannot be undone"):
        Step(name="s", cache_key="k", compensate=Compensation(run=print))


@pytest.mark.parametrize("ttl_ms", [0, -1, 1.5, True])
def test_step_with_a_time_to_keep_that_is_none_is_refused(ttl_ms):
    with pytest.raises(PlanError, match="not a time to keep a result"):
        Step(name="s", cache_key="k", cache_ttl_ms=ttl_ms)
