"""What a call of each function in a loop spends is at most what the estimate says, however large its arguments are."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axonflow import Request
from axonflow.policy.cel import Compiler
from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.values import CelError
from tests.unit.policy.cel.expressions import SCANNER, Host
from tests.unit.policy.cel.test_cost import Counting, estimate, sizes_of

TEXT = st.builds(
    lambda part, times: part * times, st.sampled_from(["a", "ab ", "1", "%s", "ü,", '"']), st.integers(0, 2_000)
)
SMALL = TEXT | st.integers(-3, 50) | st.booleans() | st.none() | st.floats(-3, 3)
VALUES = {
    "string": TEXT | st.sampled_from(["10.0.0.0/8", "::1", "1.2.3", "a*", "UTC", "Mon 09:00-10:00", "2026-11-21"]),
    "int": st.integers(-3, 70_000),
    "double": st.floats(-3, 3),
    "list": st.builds(lambda items, times: items * times, st.lists(SMALL | st.lists(SMALL, max_size=2), max_size=3),
                      st.integers(0, 100)),
    "dyn": SMALL | st.lists(SMALL, max_size=3) | st.dictionaries(st.text("ab"), SMALL, max_size=3),
}  # fmt: skip
SOURCES = {
    "uint": "1u", "bool": "true", "bytes": "bytes(dyn(context.s0))", "timestamp": "timestamp(0)",
    "duration": "duration('1h')",
    "ip": "ip('10.0.0.1')", "cidr": "cidr('10.0.0.0/8')", "semver": "semver('1.2.3')",
}  # fmt: skip


def argument(kind, position):
    """Source of an argument of a type in CEL's notation, and where the request has its value, if it does."""
    flat = kind.partition("(")[0]
    if flat == "optional":
        return f"optional.of(context.v{position})", "dyn"
    if flat in SOURCES:
        return SOURCES[flat], None
    named = flat if flat in VALUES else "dyn"
    return f"context.v{position}", named


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: f"{row.name}({', '.join(row.parameters)})")
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_call_in_a_loop_spends_at_most_the_estimate_for_its_arguments(row, data):
    context = {"items": [0] * data.draw(st.integers(0, 3)), "s0": "ab"}
    sources = []
    for position, kind in enumerate(row.parameters):
        source, drawn = argument(kind, position)
        sources.append(source)
        if drawn is not None:
            context[f"v{position}"] = data.draw(VALUES[drawn])
    if row.is_method:
        target, *sources = sources
        call = f"dyn({target}).{row.name}({', '.join(sources)})"
    else:
        call = f"{row.name}({', '.join(sources)})"
    expression = f"context.items.map(i, {call}).size() >= 0"
    request = Request("user:ann", "tool.call", "tool:x", context)
    evaluation = Counting(request, 0, SCANNER)
    with contextlib.suppress(CelError):
        Compiler(Host()).condition(expression).careful(request, evaluation)
    assert evaluation.spent <= estimate(expression, sizes_of(request))
