"""What hypothesis draws: JSON values, requests and policy documents."""

from hypothesis import strategies as st

from axonflow import Request
from axonflow.policy import ACTIONS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.sampled_from(["ann", "bob", "cleo", "shell", "search", "sql", "x y", "ü"])
ENVS = st.sampled_from(["dev", "staging", "prod"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
CONTENTS = st.sampled_from(
    ["hello", "write to ann@example.com", "card 4111 1111 1111 1111", "ssn 536-22-8765, mail bob@example.org", ""]
)


def json_values():
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
    )


def principals():
    return st.fixed_dictionaries(
        {"id": NAMES, "type": st.sampled_from(["user", "agent", "service"])},
        optional={
            "tenant": st.sampled_from(["default", "acme"]),
            "roles": st.lists(st.sampled_from(["analyst", "admin", "ops"]), max_size=3),
            "groups": st.lists(NAMES, max_size=2),
            "attributes": st.dictionaries(st.sampled_from(["level", "trust"]), SCALARS, max_size=2),
            "on_behalf_of": st.just("user:ann"),
        },
    )


def contexts():
    return st.fixed_dictionaries(
        {},
        optional={
            "env": ENVS,
            "risk": st.integers(0, 100) | st.text(max_size=2),
            "flag": st.booleans(),
            "ip": st.sampled_from(["10.1.2.3", "10.200.0.1", "::ffff:10.1.9.9", "::1", "nonsense", 7, None]),
            "extra": json_values(),
        },
    )


KNOWN_ACTIONS = tuple(sorted(ACTIONS))


TIMES = st.integers(0, 2**51)
TIMES_OR_NONE = st.none() | TIMES


def requests(actions=KNOWN_ACTIONS, times=TIMES_OR_NONE):
    return st.builds(
        Request,
        principal=principals(),
        action=st.sampled_from(actions),
        resource=st.fixed_dictionaries({"type": st.sampled_from(["tool", "model"]), "id": NAMES}),
        context=contexts(),
        content=st.none() | CONTENTS | st.dictionaries(TEXT, CONTENTS, max_size=2),
        time=times,
    )


CONDITIONS = st.sampled_from(
    [
        None,
        "context.risk >= 50",
        "context.flag",
        "context.missing == 1",
        'has(context.env) && context.env == "prod"',
        'resource.id == "shell"',
        'resource.id in ["shell", "sql"] && principal.tenant == "acme"',
        '"admin" in principal.roles',
        "principal.level > 3",
        'detected("pii.email")',
        "1 / 0 == 1",
        'texts(content).exists(t, t.contains("card"))',
        'resource.id.startsWith("sh")',
        'context.env.startsWith("pr") && context.flag',
        'has(context.env) && context.env.startsWith("sta") && resource.id.startsWith("s")',
        'context.extra.startsWith("a")',
        'resource.id.glob("s*l")',
        'context.ip.inCIDR("10.1.0.0/16")',
        'has(context.ip) && context.ip.inCIDR(["10.0.0.0/8", "10.1.2.0/24", "::/64"])',
        'has(context.extra.deep) && context.extra.deep.startsWith("a")',
    ]
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "action": st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=3) | st.just("tool.call"),
        "resource.id": NAMES | st.lists(NAMES, min_size=1, max_size=3),
        "principal.roles": st.sampled_from(["analyst", "admin"]),
        "principal.type": st.sampled_from(["user", "agent"]),
        "context.env": ENVS | st.lists(ENVS, min_size=1, max_size=2),
        "principal.level": st.integers(0, 5) | st.booleans(),
    },
)
EFFECTS = ("deny", "require_approval", "redact", "limit", "allow", "warn", "log")
LIMIT = {"unit": "requests", "maximum": 5, "window_s": 60}


def rules(effects=EFFECTS):
    def finish(rule):
        rule = {key: value for key, value in rule.items() if value is not None}
        return rule | {"obligations": [LIMIT]} if rule["effect"] == "limit" else rule

    return st.fixed_dictionaries({"effect": st.sampled_from(effects), "match": MATCHES, "when": CONDITIONS}).map(finish)


def policy_sets():
    """Up to three sets in different layers, with ids that are unique across them."""

    def number(layers):
        documents = []
        for position, (layer, default, drawn) in enumerate(layers):
            named = [dict(rule, id=f"s{position}-r{number}") for number, rule in enumerate(drawn)]
            documents.append(policy_set(named, name=f"s{position}", layer=layer, default=default))
        return documents

    one = st.tuples(
        st.sampled_from(["system", "organization", "tenant"]),
        st.sampled_from(["deny", "allow", "abstain"]),
        st.lists(rules(), max_size=5),
    )
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda layer: layer[0]).map(number)


def policy_set(rules_, name="test", layer="tenant", default="deny", **parts):
    return {
        "apiVersion": "axonflow.dev/v1",
        "kind": "PolicySet",
        "metadata": {"name": name},
        "layer": layer,
        "default": default,
        "rules": rules_,
        **parts,
    }
