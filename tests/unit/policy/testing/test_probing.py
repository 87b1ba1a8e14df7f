"""What probes in a condition tell, and that it has the same value or error with them."""

import pytest

from axonflow import Request
from axonflow.policy.cel.values import CelError
from axonflow.policy.cel.written import written
from axonflow.policy.testing.probing import ProbingCompiler
from tests.unit.policy.cel.expressions import Host


def probed(source, **context):
    """The value, or the error's text; and by condition, what was told."""
    told = {}
    condition = ProbingCompiler(Host(), {}).probed(source, lambda node: told.setdefault(written(node), []).append)
    try:
        return condition(Request("user:ann", "tool.call", "tool:x", context), None), told
    except CelError as error:
        return str(error), told


@pytest.mark.parametrize(
    ("context", "value", "told"),
    [
        ({"a": True, "b": 1}, True, {"context.a": ["true"], "context.b == 1": ["true"]}),
        ({"a": False, "b": 1}, False, {"context.a": ["false"], "context.b == 1": []}),
        ({"b": 2}, False, {"context.a": ["error"], "context.b == 1": ["false"]}),
        ({"a": True}, "context.b is missing", {"context.a": ["true"], "context.b == 1": ["error"]}),
        ({"a": 5, "b": 2}, False, {"context.a": [], "context.b == 1": ["false"]}),
        ({"a": 5, "b": 1}, "expected bool, found int", {"context.a": [], "context.b == 1": ["true"]}),
    ],
)
def test_probe_tells_how_each_condition_came_out(context, value, told):
    assert probed("context.a && context.b == 1", **context) == (value, told)
