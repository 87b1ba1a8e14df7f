"""The least of a request that still shows something."""

from hypothesis import given
from hypothesis import strategies as st

from axonflow import Request
from axonflow.policy.analysis.shrinking import MAX_TRIES, least
from tests.strategies import requests

FULL = Request(
    {"id": "ann", "roles": ["a", "b", "c"], "on_behalf_of": {"id": "bob"}, "attributes": {"level": 3}},
    "tool.call", {"type": "tool", "id": "shell", "attributes": {"tags": ["x", "y"]}},
    {"env": "prod", "job": {"id": 7, "steps": [1, 2, {"deep": True}]}}, ["one", {"two": 2}],
)  # fmt: skip


def test_least_of_a_request_that_shows_without_anything_is_who_what_and_with_what():
    assert least(FULL, lambda _one: True) == Request({"id": "ann"}, "tool.call", {"id": "shell", "type": "tool"})


def test_least_of_a_request_keeps_exactly_what_is_needed():
    def shows(one):
        steps = one.context.get("job", {}).get("steps", [])
        return "b" in one.principal.roles and {"deep": True} in steps

    found = least(FULL, shows)
    assert (found.principal.roles, found.context) == (("b",), {"job": {"steps": [{"deep": True}]}})
    assert (found.content, found.principal.on_behalf_of, found.resource.attributes) == (None, None, {})


def test_least_of_a_request_that_shows_only_whole_is_the_request():
    assert least(FULL, lambda one: one == FULL) == FULL


def test_least_of_a_request_of_many_members_asks_no_more_than_it_says():
    asked = []
    wide = Request("user:ann", "tool.call", "tool:x", {f"k{number}": number for number in range(1_000)})
    found = least(wide, lambda one: asked.append(one) or len(one.context) > 900)
    assert len(asked) <= MAX_TRIES
    assert len(found.context) == 901


@given(requests(), st.data())
def test_least_of_any_request_still_shows_and_loses_nothing_more(request, data):
    wanted = data.draw(st.sampled_from(sorted(request.context) or [""]))

    def shows(one):
        return wanted in one.context or not wanted

    found = least(request, shows)
    assert shows(found)
    assert found.context.keys() <= {wanted}
    assert found.content is None
