"""The table of functions as a whole: what each row says of itself is so, whatever it is given."""

# ruff: noqa: E501  lists of values

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.policy.cel.addresses import Cidr, Ip
from axonflow.policy.cel.functions import IMPLEMENTATIONS
from axonflow.policy.cel.functions.limits import MAX_BUILT
from axonflow.policy.cel.library import FUNCTIONS, flat
from axonflow.policy.cel.overloads import resolve
from axonflow.policy.cel.patterns import Patterns
from axonflow.policy.cel.runtime import RUNTIME
from axonflow.policy.cel.types import parse_type
from axonflow.policy.cel.values import NONE, CelError, CelType, Uint, kind_of, some
from axonflow.policy.cel.versions import SemVer
from axonflow.policy.json_value import MAX_TEXT_CHARS
from tests.unit.policy.cel.expressions import Host

ROWS = list(FUNCTIONS.values())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from([
    "%s", "%d %.3f", "%", "%.", "%.9", "%z", "%%", "aGk=", "aGk", "=", "1.2.3", "1.2.3-rc.1+b", ">=1.2 <2", "||", "10.0.0.0/8",
    "10.0.0.1", "::1", "::ffff:1.2.3.4", "fe80::1%eth0", "*a?b\\*", "\\", "Tue-Fri 08:50-17:10", "Sun 24:00-01:00", "UTC",
    "Europe/Berlin", "+02:00", "Mars", "a", "b", "ab" * 20, "1h", "2026-11-21T09:30:05Z",
])  # fmt: skip
INT = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 70)
    | st.sampled_from([-(2**63), 2**63 - 1, MAX_BUILT, MAX_BUILT + 1])
)
OF = {
    "string": TEXT,
    "int": INT,
    "uint": (st.integers(0, 2**64 - 1) | st.integers(0, 70)).map(Uint),
    "double": st.floats(),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=12),
    "timestamp": st.datetimes(timezones=st.just(UTC)) | st.sampled_from([datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]),
    "duration": st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)),
    "type": st.sampled_from(["int", "net.IP"]).map(CelType),
    "ip": st.integers(0, 2**32 - 1).map(lambda number: Ip(4, number)) | st.integers(0, 2**128 - 1).map(lambda n: Ip(6, n)),
    "cidr": st.builds(lambda n, p: Cidr(Ip(4, n), p), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    "semver": st.builds(SemVer, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    "null": st.none(),
}  # fmt: skip
SCALARS = st.one_of(*OF.values())
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | INT | st.booleans(), inner, max_size=4),
    max_leaves=8,
)


def of(kind):
    """Values of a type in CEL's notation."""
    if kind.startswith("optional("):
        return of(kind[9:-1]).map(some) | st.just(NONE)
    if kind.startswith("list("):
        return st.lists(of(kind[5:-1]), max_size=5) | st.lists(of(kind[5:-1]), max_size=5).map(tuple)
    return OF.get(kind, ANY)


class Unbounded:
    def spend(self, steps):
        assert steps >= 0


GIVEN = {"__builtins__": {}, **RUNTIME, "patterns": Patterns(Host().pattern), "evaluation": Unbounded()}


def called(row, arguments):
    """What the row's template gives, as a compiled expression would have it."""
    names = [f"a{position}" for position in range(len(arguments))]
    makers = dict(row.prepares)
    sources = [f"{makers[at]}({name})" if at in makers else name for at, name in enumerate(names)]
    source = row.template.replace("{*}", ", ".join(sources)) if row.variadic else row.template.format(*sources)
    return eval(f"lambda {', '.join(names)}: {source}", GIVEN)(*arguments)


def check_outcome(row, arguments):
    try:
        result = called(row, arguments)
    except CelError as error:
        message = str(error)
        assert message
        assert not any(isinstance(value, str) and len(value) > 11 and value in message for value in arguments)
        return
    if isinstance(result, (str, bytes)):
        assert len(result) <= 4 * MAX_TEXT_CHARS
    if isinstance(result, list):
        assert len(result) <= MAX_BUILT
    if flat(row.result) != "dyn" and not any(one.result != row.result for one in alike(row)):
        assert kind_of(result) == flat(row.result)


def alike(row):
    same = [one for one in ROWS if (one.name, one.is_method) == (row.name, row.is_method)]
    return [one for one in same if one.takes(len(row.parameters))]


def label(row):
    return f"{row.name}({', '.join(row.parameters)})"


@pytest.mark.parametrize("row", ROWS, ids=label)
@settings(max_examples=15)
@given(data=st.data())
def test_function_of_arguments_of_its_kinds_has_a_value_or_fails_as_expressions_do(row, data):
    parameters = row.parameters + row.parameters[-1:] * (data.draw(st.integers(0, 3)) if row.variadic else 0)
    check_outcome(row, [data.draw(of(kind)) for kind in parameters])


@pytest.mark.parametrize("row", [row for row in ROWS if len(alike(row)) > 1 and alike(row)[-1] == row], ids=label)
@settings(max_examples=25)
@given(data=st.data())
def test_function_that_several_rows_may_mean_looks_at_kinds_itself(row, data):
    kinds = [{flat(one.parameter(at)) for one in alike(row)} for at in range(len(row.parameters))]
    arguments = [data.draw(of(row.parameters[at]) if len(kinds[at]) == 1 else ANY) for at in range(len(kinds))]
    check_outcome(row, arguments)


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_row_prepares_what_the_others_of_its_name_prepare(row):
    assert {one.prepares for one in alike(row)} == {row.prepares}
    assert all(maker in IMPLEMENTATIONS for _, maker in row.prepares)


def test_rows_of_one_function_are_told_apart_by_kind_of_argument():
    def parameters(kind):
        signatures, result = resolve("getHours", True, (parse_type(kind),))
        return [one.row.parameters for one in signatures], str(result)

    assert parameters("duration") == ([("duration",)], "int")
    assert parameters("timestamp") == ([("timestamp",)], "int")
    assert parameters("dyn") == ([("timestamp",), ("duration",)], "int")
    assert parameters("int") == ([], "dyn")


def test_names_of_functions_mean_one_thing_each_in_compiled_source():
    from axonflow.policy.cel import functions, values

    names = [
        name for module in vars(functions).values() for name in getattr(module, "__all__", ()) if name != "MAX_BUILT"
    ]
    names = [name for name in names if name in IMPLEMENTATIONS]
    assert len(names) == len(set(names))
    assert all(RUNTIME[name] is IMPLEMENTATIONS[name] for name in IMPLEMENTATIONS)
    assert not set(IMPLEMENTATIONS) & {name for name in values.__all__ if name.startswith("as_")}
