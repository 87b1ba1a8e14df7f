"""Rules of which several others leave nothing together: what is planted is found, what is found is not refuted."""

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import Request
from tests.strategies import LIMIT, policy_set
from tests.unit.policy.analysis.small_world import analysed, engine_of
from tests.unit.policy.analysis.test_analysing import asked

NOW_S = 1_767_607_200.0
APPROVAL = {"approvers": ["lead"]}
REDACTION = {"detectors": ["pii.email"]}
OBLIGED = {"allow": [], "deny": [], "require_approval": [APPROVAL], "redact": [REDACTION]}
TOOL = {"action": "tool.call"}


def rule(name, effect="deny", match=None, when=None, **fields):
    made = {"id": name, "effect": effect, "match": TOOL if match is None else match, **fields}
    return made if when is None else {**made, "when": when}


def covers(analysis, name):
    """The rules beside which the one of this name makes no difference: those of each finding."""
    return [
        {place.rule for place in one.rules[1:]}
        for one in analysis.findings
        if one.kind in {"shadowed", "duplicate"} and one.rules[0].rule == name
    ]


def check(engine, one):
    """Every witness shows the first rule beside one of the others, and that it makes no difference there."""
    assert len(one.witnesses) == len(one.rules) - 1
    assert one.witness == one.witnesses[0]
    for other, request in zip(one.rules[1:], one.witnesses, strict=True):
        decision = engine.decide(request, "", NOW_S)
        assert {one.rules[0].rule, other.rule} <= set(decision.policies)
        assert asked(decision) == asked(engine.decide_without(request, {one.rules[0].rule}, NOW_S))


# -- planted


@st.composite
def intervals(draw):
    """A range of numbers, and parts of it that leave nothing out; they may overlap, and reach beyond."""
    low, *cuts, high = sorted(draw(st.lists(st.integers(-50, 50), min_size=3, max_size=6, unique=True)))
    ends = [low, *cuts, high]
    beyond = draw(st.integers(0, 3))
    parts = [f"context.n >= {start} && context.n < {end + beyond}" for start, end in pairwise(ends)]
    return f"context.n >= {low} && context.n < {high}", parts


@st.composite
def choices(draw):
    """Some of a few texts, and shares of them."""
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6, unique=True))
    shares = [[name, *draw(st.lists(st.sampled_from("xyz"), max_size=1))] for name in names]
    return {"resource.id": names}, [{"resource.id": share} for share in shares]


@st.composite
def environments(draw):
    """The same of an attribute, which may be a list."""
    match, shares = draw(choices())
    return {"context.env": match["resource.id"]}, [{"context.env": share["resource.id"]} for share in shares]


def texts(draw_from):
    return st.sampled_from(draw_from)


PREFIXES = [
    ('resource.id.startsWith("ab")', ['resource.id.startsWith("abc")', '!resource.id.startsWith("abc")']),
    ('resource.id.startsWith("a") && resource.id.contains("z")',
     ['resource.id.contains("zz")', 'resource.id.startsWith("a") && !resource.id.contains("zz")']),
    ('context.ip.inCIDR("10.0.0.0/8")', ['context.ip.inCIDR("10.0.0.0/9")', 'context.ip.inCIDR("10.128.0.0/9")']),
    ("has(context.x)", ["has(context.x) && has(context.y)", "!has(context.y)"]),
    ('context.x == "k"', ["has(context.y)", "!has(context.y) && !has(context.z)", "!has(context.y) && has(context.z)"]),
    ('time.within("Mon-Fri 08:00-18:00", "UTC")',
     ['time.within("Mon-Wed 00:00-24:00", "UTC")', 'time.within("Thu-Sun 00:00-24:00", "UTC")']),
    ('detected("pii.email")', ['"boss" in principal.roles', '!("boss" in principal.roles)']),
    ('principal.type != "user"', ['principal.type == "agent"', 'principal.type == "service"']),
]  # fmt: skip


@st.composite
def planted(draw):
    """What one rule asks for, and what others do that have all of it together: keys of `match`, and `when`."""
    kind = draw(st.sampled_from(["interval", "choice", "environment", "other", "actions"]))
    if kind == "interval":
        whole, parts = draw(intervals())
        return (TOOL, whole), [(TOOL, part) for part in parts]
    if kind == "other":
        whole, parts = draw(st.sampled_from(PREFIXES))
        return (TOOL, whole), [(TOOL, part) for part in parts]
    if kind == "actions":
        actions = draw(st.lists(st.sampled_from(["tool.call", "tool.result", "llm.request", "agent.message"]),
                                min_size=2, max_size=4, unique=True))  # fmt: skip
        return ({"action": actions}, None), [({"action": action}, None) for action in actions]
    whole, parts = draw(choices() if kind == "choice" else environments())
    return ({**TOOL, **whole}, None), [({**TOOL, **part}, None) for part in parts]


@given(planted(), planted(), st.sampled_from(sorted(OBLIGED)), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_planted_rule_that_others_cover_together_is_found(one, beside, effect, draw):
    (match, when), parts = one
    whole = rule("whole", effect, match, when, obligations=OBLIGED[effect])
    members = []
    for number, (own, condition) in enumerate(parts):
        does = draw.choice(["deny", effect]) if effect != "allow" or "context.env" not in own else "deny"
        members.append(rule(f"part{number}", does, own, condition, obligations=OBLIGED[does]))
    (match, when), _ = beside
    other = rule("beside", "warn", match, when)
    rules = [whole, *members, other]
    draw.shuffle(rules)
    engine, analysis = analysed(*rules)
    gone = {one.rules[0].rule for one in analysis.findings if one.kind in {"shadowed", "duplicate"}}
    assert gone, [one.why for one in analysis.undecided]
    if not any(covers(analysis, member["id"]) for member in members):
        (found,) = covers(analysis, "whole")
        assert found <= {member["id"] for member in members}
    for finding in analysis.findings:
        if finding.kind == "shadowed" and finding.witnesses:
            check(engine, finding)


# -- any rules

TOOLS = ("a", "b", "ab", "abc", "zz")
ENVS = (
    None,
    "dev",
    "prod",
    "test",
    ["dev", "prod"],
    ["dev", "prod", "test", "x"],
    [],
    {"dev": 1},
    {"dev": 1, "prod": 2},
    7,
)
NUMBERS = (None, -1, 0, 4, 5, 5.5, 9, "z")
FRAGMENTS = st.sampled_from(
    [
        "context.n < 5", "context.n >= 5", "context.n > 0", "has(context.n)", "!has(context.n)", "context.n == 5",
        'resource.id.startsWith("a")', '!resource.id.startsWith("ab")', 'resource.id == "abc"', 'resource.id != "b"',
        '"x" in principal.roles', '!("x" in principal.roles)', '"y" in principal.roles',
        'context.env == "dev"', '"dev" in context.env', '!("prod" in context.env)', "has(context.env)",
        'principal.type == "user"', 'principal.type != "user"',
    ]
)  # fmt: skip
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["tool.call", "llm.request"]),
        "resource.id": st.lists(st.sampled_from(TOOLS), min_size=1, max_size=3, unique=True),
        "context.env": st.lists(st.sampled_from(["dev", "prod", "test"]), min_size=1, max_size=2, unique=True),
        "principal.roles": st.sampled_from(["x", "y"]),
    },
)
ANY_RULE = st.tuples(
    st.sampled_from(["deny", "deny", "allow", "allow", "redact", "limit", "require_approval", "warn"]),
    FILTERS,
    st.none()
    | st.lists(FRAGMENTS, min_size=1, max_size=2).map(" && ".join)
    | st.tuples(FRAGMENTS, FRAGMENTS).map(" || ".join),
)  # fmt: skip


def requests_of(seed, count=150):
    draw = random.Random(seed)
    for _ in range(count):
        context = {"n": draw.choice(NUMBERS), "env": draw.choice(ENVS)}
        yield Request(
            {"id": "ann", "type": draw.choice(["user", "agent"]), "roles": draw.choice([[], ["x"], ["y"], ["x", "y"]])},
            draw.choice(["tool.call", "llm.request", "tool.result"]),
            f"tool:{draw.choice(TOOLS)}",
            {name: value for name, value in context.items() if value is not None},
        )


@given(st.lists(ANY_RULE, min_size=3, max_size=9), st.sampled_from(["deny", "allow"]), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_rules_said_to_make_no_difference_can_all_go_and_nothing_changes(drawn, default, seed):
    rules = [
        rule(f"r{number}", effect, match, when, obligations=[LIMIT] if effect == "limit" else OBLIGED.get(effect, []))
        for number, (effect, match, when) in enumerate(drawn)
    ]
    engine, analysis = analysed(*rules, default=default)
    gone = {one.rules[0].rule for one in analysis.findings if one.kind in {"shadowed", "duplicate"}}
    less = engine_of(policy_set([one for one in rules if one["id"] not in gone], default=default))
    for request in requests_of(seed):
        decision = engine.decide(request, "", NOW_S)
        assert asked(less.decide(request, "", NOW_S)) == asked(decision)
        for one in analysis.findings:
            if one.kind != "shadowed" or one.rules[0].rule not in decision.policies:
                continue
            assert {place.rule for place in one.rules[1:]} & set(decision.policies)
            assert asked(engine.decide_without(request, {one.rules[0].rule}, NOW_S)) == asked(decision)
    for one in analysis.findings:
        if one.witnesses:
            check(engine, one)
