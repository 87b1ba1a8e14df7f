"""Rules over few attributes with few values each, and every request that there is of these."""

import random
from itertools import product

from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.analysis.subjects import Origin
from tests.strategies import LIMIT, policy_set

ACTIONS = ("tool.call", "llm.request")
TOOLS = ("a", "b", "c")
ROLES = ((), ("x",), ("x", "y"))
ENVS = (None, "prod", "test", ["dev", "prod"], 7)
RISKS = (None, 1, 5, 9, "z")
DEEPS = (None, {}, {"n": 1}, {"n": 2}, "z")
CONTENTS = (None, "text", {}, {"n": 1}, {"n": 3}, {"n": "z"})
MOST = 500

ATOMS = st.sampled_from(
    [
        'resource.id == "a"',
        'resource.id in ["a", "b"]',
        'resource.id.startsWith("a")',
        '"x" in principal.roles',
        '"y" in principal.roles',
        "size(principal.roles) > 1",
        "has(context.env)",
        'context.env == "prod"',
        'context.env in ["dev", "prod"]',
        "has(context.risk)",
        "context.risk > 4",
        "context.risk > 8",
        "context.risk <= 5",
        "context.risk != 5",
        'action == "tool.call"',
        "has(context.deep.n)",
        "context.deep.n > 1",
        "has(content.n)",
        "content.n > 1",
        "content.n <= 3",
        'content == "text"',
    ]
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(ACTIONS) | st.just(list(ACTIONS)),
        "resource.id": st.sampled_from(TOOLS) | st.lists(st.sampled_from(TOOLS), min_size=1, max_size=2, unique=True),
        "principal.roles": st.sampled_from(["x", "y"]) | st.just(["x", "y"]),
        "context.env": st.sampled_from(["dev", "prod"]) | st.just(["prod", "test"]),
    },
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} && {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} || {two[1]})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=5,
)
EFFECTS = ("deny", "require_approval", "redact", "limit", "allow", "warn")


def ruled(drawn):
    """A rule of what was drawn for it."""
    effect, match, when = drawn
    rule = {"effect": effect, "match": match}
    if when is not None:
        rule["when"] = " && ".join(when)
    return rule | ({"obligations": [LIMIT]} if effect == "limit" else {})


RULES = st.tuples(st.sampled_from(EFFECTS), MATCHES, st.none() | st.lists(CONDITIONS, min_size=1, max_size=3)).map(
    ruled
)


@st.composite
def sets(draw, most=6):
    """One set of a few rules, with ids."""
    rules = draw(st.lists(RULES, min_size=1, max_size=most))
    return policy_set(
        [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)],
        default=draw(st.sampled_from(["deny", "allow"])),
    )


def every_request():
    """All requests of the small world."""
    for action, tool, roles, env, risk, deep, content in product(ACTIONS, TOOLS, ROLES, ENVS, RISKS, DEEPS, CONTENTS):
        named = {"env": env, "risk": risk, "deep": deep}
        context = {name: value for name, value in named.items() if value is not None}
        yield {"principal": {"id": "ann", "roles": roles}, "action": action, "resource": {"type": "tool", "id": tool},
               "context": context, "content": content}  # fmt: skip


REQUESTS = tuple(Request(**one) for one in random.Random(7).sample(list(every_request()), MOST))
"""Some of them, always the same: all are too many to ask each time."""


def engine_of(document):
    """The engine of one set."""
    return AxonFlow.open(document).policies


def analysed(*rules, **fields):
    document = policy_set(list(rules), **fields)
    engine = engine_of(document)
    return engine, analyse(engine, origins(document))


def origins(document):
    return {
        rule["id"]: Origin(lambda name=rule["id"]: f"policies: {name}", frozenset(rule.get("match", ())))
        for rule in document["rules"]
    }


def found(analysis, kind):
    return {tuple(place.rule for place in one.rules) for one in analysis.findings if one.kind == kind}
