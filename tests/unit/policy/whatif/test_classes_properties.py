"""Recorded decisions of one class come to the same: what is said of many together is what is said of each by itself,
whatever rules compare with, just beside it or between, and whatever else they do with the same attributes."""

import math
from collections import Counter
from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.errors import PolicyError
from axonflow.policy.whatif import Comparison, Recorded
from tests.strategies import policy_set

NUMBERS = [-1, 0, 1, 2, 950, 950.0, 949.5, 0.1, -0.0, 1e300, 2**53 - 1, 2**53, float(2**53)]
TEXTS = ["", "a", "prod", "prod\u00e9", "nan", "9007199254740993", "[REDACTED:x]"]
TOLD = [one for one in (*NUMBERS, *TEXTS) if isinstance(one, str) or abs(one) < 2**53]


def beside(number):
    """It, and what is nearest to it on either side."""
    near = [number, math.nextafter(number, -math.inf), math.nextafter(number, math.inf)]
    return near if abs(number) > 1e17 else [*near, int(number), int(number) - 1, int(number) + 1]


VALUES = [
    *{repr(one): one for number in NUMBERS for one in beside(number)}.values(), 2**53 + 3,
    *TEXTS, "b", "prod ", "pro", "zz", "sha256:" + "0" * 64 + ":7", "[REDACTED:y]", "<int>", "-12345678901234567890",
    True, False, None, [], [950.0], ["prod", 1], ["[REDACTED:x]"], {}, {"b": 1}, {"b": 950.0}, {"b": "[REDACTED:x]"},
]  # fmt: skip
PATHS = ["context.n", "context.a.b", "context.a", "principal.level", "resource.owner", "principal.on_behalf_of.level"]
SPELLED = {
    "context.n": ["context.n", 'context["n"]', ".context.n"], "context.a.b": ["context.a.b", 'context["a"].b'],
    "principal.level": ["principal.level", "principal.attributes.level", 'principal.attributes["level"]'],
}  # fmt: skip
COMPARING = [
    "{x} > {a}", "{x} >= {a}", "{a} >= {x}", "{x} < {a}", "!({x} <= {a})", "{x} == {a}", "{x} != {a}", "{a} == {x}",
    "{x} in [{a}, {b}]", "{x} > {a} && {x} < {b}", "{x} == {a} || {x} > {b}", "has({path})", "has({path}) && {x} > {a}",
    "has({path}) ? {x} < {a} : true", "principal.id == 'ann' && {x} >= {a}", "{up}.?{name}.orValue({a}) > {b}",
    "{up}.?{name}.orValue({a}) == {b}", "{up}.?{name} == {a}", "['r'].exists(r, r == 'r' && {x} == {a})",
]  # fmt: skip
OTHERWISE = [
    "{up}.?{name}.orValue(context.m) > {a}", "{x} in [{a}, context.m]",
    "{x} * 2.0 > {a}", "{x} > context.m", "size({x}) > 3", "type({x}) == double", '{x}.startsWith("pro")', "{x}",
    "cel.bind(y, {x}, y > {a})", "[{x}] == [{a}]", "{x} > {a} + {b}", "{a} in {x}", "-{x} > {a}", "{x}.b == {a}",
]  # fmt: skip

TYPES = [{}, {"context.n": "double", "principal.level": "int"}, {"context.n": "int", "context.a.b": "double"}]


def written(literal):
    return msgspec.json.encode(literal).decode()


def compiles(rule, types):
    try:
        AxonFlow.open(policy_set([rule], attributes=types))
    except PolicyError:
        return False
    return True


@st.composite
def conditions(draw, paths):
    path = draw(st.sampled_from(paths))
    literals = [written(draw(st.sampled_from([*NUMBERS, *TEXTS, True, None]))) for _ in "ab"]
    up, _, name = path.rpartition(".")
    form = draw(st.sampled_from(draw(st.sampled_from([COMPARING, COMPARING, COMPARING, OTHERWISE]))))
    spelled = draw(st.sampled_from(SPELLED.get(path, [path])))
    return form.format(x=spelled, path=path, up=up, name=name, a=literals[0], b=literals[1])


@st.composite
def engines(draw, paths):
    """Rules, exceptions and requirements, of which some read the same attributes."""
    types = draw(
        st.sampled_from([{}, {}, {"context.n": "double", "principal.level": "int"}, {"context.a.b": "string"}])
    )
    filters = st.dictionaries(
        st.sampled_from(paths), st.lists(st.sampled_from([*NUMBERS, *TEXTS, True]), min_size=1, max_size=3), max_size=1
    )
    rules = []
    for number in range(draw(st.integers(1, 4))):
        rule = {"id": f"r{number}", "effect": draw(st.sampled_from(["deny", "require_approval", "warn", "allow"]))}
        rule |= {"match": draw(filters)} | ({"when": draw(conditions(paths))} if draw(st.integers(0, 4)) else {})
        rules += [rule] if compiles(rule, types) else []
    parts = {"requires": {"tool.call": [draw(st.sampled_from(paths))]}} if draw(st.integers(0, 3)) == 3 else {}
    waiver = {"id": "e", "when": draw(conditions(paths)), "expires": "2999-01-01T00:00:00Z", "reason": "A test."}
    if rules and draw(st.booleans()) and compiles({"id": "x", "effect": "deny", "when": waiver["when"]}, types):
        parts["exceptions"] = [waiver | {"rules": [rules[0]["id"]]}]
    default = draw(st.sampled_from(["allow", "deny"]))
    return AxonFlow.open(policy_set(rules, default=default, attributes=types, **parts)).policies


def event(attributes, digest="other", behind=()):
    return Recorded(
        tenant_id="acme", time_us=1_700_000_000_000_000, kind="decision", decision_id="d", policy_digest=digest,
        principal="user:ann", action="tool.call", resource="tool:x", effect="allow", policies=(),
        on_behalf_of=behind, attributes=msgspec.json.decode(msgspec.json.encode(attributes)),
    )  # fmt: skip


def told(tally):
    """All that is said of decisions."""
    counts = [tally.effects, tally.by_rule, tally.no_longer, tally.missing, tally.asked_by]
    shown = Counter(outcome for _, outcome in (*tally.shown, *tally.shown_undecidable))
    return (*counts, tally.undecidable, tally.incomparable, shown)


def together(some, after, before=None):
    comparison = Comparison(after, before, limit_shown=100_000)
    comparison.take(some)
    return told(comparison.finish()), comparison.judged


def alone(some, after, before=None):
    """Each is judged by itself: groups do not outlive the sums."""
    comparison = Comparison(after, before, limit_shown=100_000)
    for one in some:
        comparison.take([one])
        comparison.finish()
    assert comparison.judged == len(some)
    return told(comparison.tally)


def everything(path, digests=("other",)):
    """Each value at `path`, and none, with others beside and around it."""
    beside_it = [{"context.m": 949.75}, {"context.a": {"b": 7}, "principal.attributes": {"level": "prod"}}]
    behind = ((), ("user:bob",)) if "on_behalf_of" in path else ((),)
    held = [{**others, **one} for others in beside_it for one in ({}, *({path: value} for value in VALUES))]
    return [event(*one) for one in product(held, digests, behind)]


@st.composite
def cases(draw):
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True))
    after, before = draw(engines(paths)), draw(st.one_of(st.none(), engines(paths)))
    return after, before, everything(draw(st.sampled_from(paths)), ("other", getattr(before, "digest", "old")))


@given(cases())
@settings(max_examples=40, deadline=None)
def test_comparison_of_many_decisions_says_what_it_says_of_each_by_itself(case):
    after, before, some = case
    assert together(some, after, before)[0] == alone(some, after, before)


LITERALS = [(950.0, 0.1), ("prod", "a"), (2**53, "nan"), (-1, None)]


@pytest.mark.slow
@pytest.mark.parametrize("form", COMPARING + OTHERWISE)
def test_comparison_of_many_decisions_by_one_condition_says_what_it_says_of_each(form):
    tried = 0
    for path, (a, b), (types, effect) in product(SPELLED, LITERALS, zip(TYPES[:2], ("deny", "allow"), strict=True)):
        spelled = SPELLED.get(path, [path])[-1]
        up, _, name = path.rpartition(".")
        when = form.format(x=spelled, path=path, up=up, name=name, a=written(a), b=written(b))
        rule = {"id": "r", "effect": effect, "when": when}
        if compiles(rule, types):
            tried += 1
            after = AxonFlow.open(policy_set([rule], default="abstain", attributes=types)).policies
            some = everything(path)
            assert together(some, after)[0] == alone(some, after), (when, effect)
    assert tried


@pytest.mark.parametrize(
    ("path", "spelled"), [("context.n", 'context["n"]'), ("principal.level", "principal.attributes.level")]
)
@given(literals=st.lists(st.sampled_from(TOLD), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_comparison_of_all_values_judges_no_more_than_there_are_places(path, spelled, literals):
    """With n numbers, or texts, there are 2n + 1 places for each kind of them, and one for all texts that may stand for
    others; what is true, false, null, a list or an object is by itself."""
    rules = [
        {"id": f"r{at}", "effect": "deny", "when": f"{spelled} == {written(one)}"} for at, one in enumerate(literals)
    ]
    after = AxonFlow.open(policy_set(rules, default="allow")).policies
    some = [event({path: value}) for value in VALUES]
    said, judged = together(some, after)
    assert said == alone(some, after)
    itself = sum(value is None or isinstance(value, (bool, list, dict)) for value in VALUES)
    numbers = len({one for one in literals if not isinstance(one, str)})
    texts = len({one for one in literals if isinstance(one, str)})
    assert judged <= itself + 2 * (2 * numbers + 1) + (2 * texts + 1) + 1
