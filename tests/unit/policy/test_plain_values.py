"""A request holds plain values only: a subclass that compares or hashes in its own way could slip past a rule."""

import enum
from collections import OrderedDict, defaultdict

import pytest

from axonflow import AxonFlow, Principal, Request, RequestError, Resource
from tests.strategies import policy_set


class Role(enum.StrEnum):
    ADMIN = "admin"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


class Score(float):
    """As numpy's float64 is."""

    __slots__ = ()


class Rows(list):
    """As some frameworks return."""


def asked(**changes):
    return Request(**({"principal": "user:ann", "action": "tool.call", "resource": "tool:x"} | changes))


@pytest.mark.parametrize(
    ("make", "place", "hint"),
    [
        (lambda: Principal(Text("admin")), "$.principal.id", "str"),
        (lambda: Principal("ann", tenant=Role.ADMIN), "$.principal.tenant", "str"),
        (lambda: Principal("ann", roles=[Role.ADMIN]), "$.principal.roles[0]", "str"),
        (lambda: Principal("ann", groups=("x", Text("y"))), "$.principal.groups[1]", "str"),
        (lambda: Principal("ann", attributes={"level": Level.HIGH}), "$.principal.attributes.'level'", "int"),
        (lambda: asked(principal={"id": "ann", "roles": [Role.ADMIN]}), "$.principal.roles[0]", "str"),
        (lambda: Resource("tool", Text("x")), "$.resource.id", "str"),
        (lambda: asked(resource={"type": Role.ADMIN, "id": "x"}), "$.resource.type", "str"),
        (lambda: asked(action=Text("tool.call")), "$.action", "str"),
        (lambda: asked(context={"env": Role.ADMIN}), "$.context.'env'", "str"),
        (lambda: asked(context={"a": [{"b": Score(0.5)}]}), "$.context.'a'[0].'b'", "float"),
        (lambda: asked(context={Role.ADMIN: 1}), "$.context", "str"),
        (lambda: asked(context=defaultdict(int)), "$.context", None),
        (lambda: asked(content=OrderedDict(a=1)), "$.content", "dict"),
        (lambda: asked(content={"rows": Rows()}), "$.content.'rows'", "list"),
        (lambda: asked(content=[Text("x")]), "$.content[0]", "str"),
        (lambda: asked(content={"when": object()}), "$.content.'when'", None),
    ],
)  # fmt: skip
def test_request_with_a_subclass_of_a_plain_value_is_refused_with_its_place(make, place, hint):
    with pytest.raises(RequestError) as raised:
        make()
    assert str(raised.value).startswith(f"{place}: ")
    assert raised.value.hint == (hint and f"Give it as a plain {hint}.")


@pytest.mark.parametrize("kind", [["user"], None, 5, Role.ADMIN, "robot"])
def test_principal_of_no_known_type_is_refused(kind):
    with pytest.raises(RequestError, match=r"principal.type: unknown type: expected user, agent or service"):
        Principal("ann", kind)


@pytest.mark.parametrize("time", [True, Level.HIGH, 1.5, "now", -1, 2**63])
def test_request_time_that_is_no_instant_is_refused(time):
    with pytest.raises(RequestError, match=r"\$\.time: "):
        asked(time=time)


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", None, ["1"], {"x": 1}])
def test_request_of_plain_values_goes_through_the_wire_unchanged(value):
    request = asked(context={"x": value}, content=value)
    assert repr(Request.from_json(request.to_json())) == repr(request)


@pytest.mark.parametrize(
    "rule",
    [
        {"match": {"principal.roles": "admin"}},
        {"match": {"principal.roles": ["admin", "root"]}},
        {"match": {"context.env": "admin"}},
        {"when": '"admin" in principal.roles'},
        {"when": 'context.env == "admin"'},
        {"when": 'context.env in ["admin", "root"]'},
    ],
)
def test_value_of_an_enumeration_meets_every_rule_on_its_text(rule):
    flow = AxonFlow.open(policy_set([{"id": "no", "effect": "deny", **rule}], default="allow"))
    request = asked(
        principal={"id": "ann", "roles": [Role.ADMIN.value]}, context={"env": str.__str__(Role.ADMIN), "n": 1}
    )
    assert not flow.decide(request).allowed
