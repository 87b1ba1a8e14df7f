"""Requests: short forms, limits, and the round trip through JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Principal, Request, RequestError, Resource
from axonflow.policy.json_value import MAX_DEPTH
from tests.strategies import json_values, requests


@given(requests())
def test_request_through_json_is_the_same(request_):
    assert Request.from_json(request_.to_json()) == request_


@given(json_values())
def test_request_content_through_json_keeps_its_kinds(content):
    request = Request("user:ann", "llm.request", "model:m", content=content)
    again = Request.from_json(request.to_json())
    assert again == request
    assert repr(again.content) == repr(content)  # 1 and 1.0 and True are equal to Python, not to a policy


def test_request_short_forms_mean_type_and_id():
    request = Request("agent:planner:7", "tool.call", "tool:shell")
    assert request.principal == Principal("planner:7", "agent")
    assert request.resource == Resource("tool", "shell")


def test_request_objects_and_dictionaries_mean_the_same():
    given_as_objects = Request(Principal("ann", roles=("a",)), "tool.call", Resource("tool", "shell"))
    given_as_dicts = Request({"id": "ann", "roles": ["a"]}, "tool.call", {"type": "tool", "id": "shell"})
    assert given_as_objects == given_as_dicts


def test_request_delegation_chain_is_part_of_the_principal():
    request = Request({"id": "bot", "type": "agent", "on_behalf_of": "user:ann"}, "tool.call", "tool:shell")
    assert request.principal.on_behalf_of == Principal("ann")


def _nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changes", "place", "word"),
    [
        ({"principal": "ann"}, "$.principal", "type:id"),
        ({"principal": "robot:ann"}, "$.principal.type", "user, agent or service"),
        ({"principal": ":ann"}, "$.principal", "type:id"),
        ({"principal": 7}, "$.principal", "object"),
        ({"principal": {"id": 7}}, "$.principal.id", "str"),
        ({"principal": {"id": "ann", "departement": "x"}}, "$.principal", "departement"),
        ({"principal": {"id": ""}}, "$.principal.id", "1 to 512"),
        ({"principal": {"id": "a" * 513}}, "$.principal.id", "1 to 512"),
        ({"principal": {"id": "a\x00"}}, "$.principal.id", "NUL"),
        ({"principal": {"id": "a\ud800"}}, "$.principal.id", "surrogates"),
        ({"principal": {"id": "ann", "x\ud800": 1}}, "$.principal", "surrogates"),
        ({"resource": {"type": "\ud800", "id": "x"}}, "$.resource", "surrogates"),
        ({"principal": {"id": "ann", "roles": "admin"}}, "$.principal.roles", "array"),
        ({"principal": {"id": "ann", "on_behalf_of": "x"}}, "$.principal", "type:id"),
        ({"resource": "shell"}, "$.resource", "type:id"),
        ({"resource": "Tool Box:shell"}, "$.resource.type", "such as"),
        ({"resource": None}, "$.resource", "object"),
        ({"action": "Tool Call"}, "$.action", "dotted"),
        ({"action": ""}, "$.action", "1 to 512"),
        ({"action": 5}, "$.action", "string"),
        ({"context": []}, "$.context", "object"),
        ({"context": {1: 2}}, "$.context", "string key"),
        ({"context": {"a": {"b": {1, 2}}}}, "$.context.'a'.'b'", "null, boolean"),
        ({"content": [[1.5], {"a": "ü", "b": "\ud800"}]}, "$.content[1].'b'", "surrogates"),
        ({"context": {"a": 2**63}}, "$.context.'a'", "64 bits"),
        ({"context": {"a": float("nan")}}, "$.context.'a'", "finite"),
        ({"context": {"a\ud800": 1}}, "$.context", "surrogates"),
        ({"content": "\udfff"}, "$.content", "surrogates"),
        ({"content": _nested(MAX_DEPTH + 1)}, "$.content", "levels"),
        ({"content": _nested(100_000)}, "$.content", "levels"),
        ({"content": [0] * 100_001}, "$.content", "values"),
        ({"content": ["x" * 3_000_000, "y" * 3_000_000]}, "$.content", "characters"),
        ({"content": ("a",)}, "$.content", "tuple"),
        ({"time": 1.5}, "$.time", "microseconds"),
        ({"time": True}, "$.time", "microseconds"),
        ({"time": -1}, "$.time", "1970"),
        ({"time": 10**5_000}, "$.time", "1970"),
        ({"resource": {"type": "tool", "id": "x", "attributes": range(3)}}, "$.resource.attributes", "object"),
        ({"principal": {"id": "ann", "attributes": range(3)}}, "$.principal.attributes", "object"),
    ],
)
def test_request_with_a_bad_part_is_refused_with_its_place(changes, place, word):
    parts = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"} | changes
    with pytest.raises(RequestError) as raised:
        Request(**parts)
    assert raised.value.at.startswith(place)
    assert word in str(raised.value)


def test_principal_given_wrong_roles_is_refused():
    with pytest.raises(RequestError, match="list of strings"):
        Principal("ann", roles="admin")
    with pytest.raises(RequestError, match="at most"):
        Principal("ann", roles=("r",) * 1_001)


def test_principal_with_a_long_delegation_chain_is_refused():
    principal = Principal("p")
    for _ in range(8):
        principal = Principal("p", on_behalf_of=principal)
    with pytest.raises(RequestError, match="too many delegations"):
        Principal("p", on_behalf_of=principal)


def test_request_with_one_list_a_million_times_over_is_refused():
    many = [[0] * 50_000] * 50_000
    with pytest.raises(RequestError, match="values"):
        Request("user:ann", "tool.call", "tool:shell", content=[many] * 50_000)


def test_request_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(RequestError, match=r"levels|values"):
        Request("user:ann", "tool.call", "tool:shell", content=loop)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'"user:ann"', b"\xff\xfe", b'{"principal":"\xff"}', b"[" * 100_000, b'{"a":' * 50_000],
)
def test_request_from_bytes_that_are_none_raises_request_error(data):
    with pytest.raises(RequestError):
        Request.from_json(data)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ('{"principal":"user:a","action":"tool.call","resource":"tool:x","oops":1}', "oops"),
        ('{"principal":"user:a","resource":"tool:x"}', "action"),
        ('{"principal":"user:a","action":"tool.call","resource":"tool:x","content":1e999}', "range"),
        ('{"principal":"user:a","action":"tool.call","resource":"tool:x","content":"\ud800"}', "UTF-8"),
        ('{"principal":"user:a","action":"tool.call","resource":"tool:x","content":' + "[" * 100_000, "deep"),
        ('{"principal":"nobody","action":"tool.call","resource":"tool:x"}', "type:id"),
    ],
)
def test_request_from_json_names_what_is_wrong(data, word):
    with pytest.raises(RequestError, match=word):
        Request.from_json(data)


def test_request_from_json_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(RequestError, match="at most"):
        Request.from_json(b" " * (16 * 1024 * 1024 + 1))


@given(st.binary(max_size=200))
def test_request_from_any_bytes_raises_nothing_but_request_error(data):
    try:
        Request.from_json(data)
    except RequestError:
        return
