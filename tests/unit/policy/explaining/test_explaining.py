"""What explanations say of short circuits, errors, loops, exceptions, layers; and what they do not show."""

from datetime import UTC, datetime

import msgspec

from axonflow import AxonFlow, Effect, Request
from axonflow.policy.explaining import explain
from tests.strategies import policy_set
from tests.unit.policy.explaining.explained import ANN, NOW_S, agrees, engine_of, explained, lines, only, parts_of, tree


def test_written_text_of_a_variant_has_its_own_literals():
    rules = [{"id": f"r{n}", "effect": "deny", "when": f'context.a == "v{n}" && context.b < {n}'} for n in range(3)]
    told = explained(rules, {"context": {"a": "v1", "b": 0}}, default="allow")
    texts = {rule.id: [part.text for part in rule.parts] for layer in told.layers for rule in layer.rules}
    assert texts == {f"r{n}": [f'context.a == "v{n}" && context.b < {n}'] for n in range(3)}
    assert told.policies == ("r1",)


def test_explanation_of_short_circuits_marks_what_was_not_evaluated():
    assert tree("context.a > 1 || context.b > 1", {"context": {"a": 2}}) == [
        "context.a > 1 || context.b > 1: value true",
        "  context.a > 1: value true",
        "    context.a: value 2",
        "  context.b > 1: not_evaluated",
    ]
    assert tree("context.a ? context.b : context.c", {"context": {"a": True, "b": False, "c": True}}) == [
        "context.a ? context.b : context.c: value false",
        "  context.a: value true",
        "  context.b: value false",
        "  context.c: not_evaluated",
    ]
    assert tree("context.?a.orValue(context.b) == 1", {"context": {"a": 2}})[2:] == [
        '    context.?a: value {"optional":2}',
        "    context.b: not_evaluated",
    ]


def test_explanation_of_an_element_shows_what_the_list_was_made_of():
    assert tree("[context.a, context.b + 1][context.n] == 3", {"context": {"a": 1, "b": 2, "n": 1}}) == [
        "[context.a, context.b + 1][context.n] == 3: value true",
        "  [context.a, context.b + 1][context.n]: value 3",
        "    [context.a, context.b + 1]: value [1,3]",
        "      context.a: value 1",
        "      context.b + 1: value 3",
        "        context.b: value 2",
        "    context.n: value 1",
    ]


def test_explanation_of_an_error_says_where_it_arose_and_what_it_came_to():
    assert tree("context.a + 1 > 2 || context.b", {"context": {"b": False}}) == [
        "context.a + 1 > 2 || context.b: error context.a is missing",
        "  context.a + 1 > 2: error context.a is missing",
        "    context.a + 1: error context.a is missing",
        "      context.a: error context.a is missing",
        "  context.b: value false",
    ]
    rules = [{"id": "r", "effect": "deny", "when": "context.a > 2"}]
    told = explained(rules, {}, default="allow")
    assert (only(told).matches, only(told).holds, only(told).error) == (True, None, "context.a is missing")
    assert told.why[1] == "rule r could not be evaluated and counts as a match: what restricts fails closed."
    allowing = explained([{"id": "r", "effect": "allow", "when": "context.a > 2"}], {})
    assert (only(allowing).matches, allowing.effect) == (False, Effect.DENY)


def test_explanation_of_a_loop_shows_the_element_that_decided():
    request = {"principal": {"id": "ann", "roles": ["a", "b", "c"]}}
    assert tree('principal.roles.exists(r, r == "b")', request)[2:] == ['  r: value "b"', '    r == "b": value true']
    assert tree('principal.roles.all(r, r != "c")', request)[2:] == ['  r: value "c"', '    r != "c": value false']
    assert tree("principal.roles.exists(i, r, i > 5)", request)[2:4] == [
        '  i, r: value [0,"a"]',
        "    i > 5: value false",
    ]
    filtered = tree('size(principal.roles.map(r, r > "a", r + "x")) == 2', request)
    assert filtered[4:8] == [
        '      r: value "a"',
        '        r > "a": value false',
        '      r: value "b"',
        '        r > "a": value true',
    ]
    bound = tree("cel.bind(n, size(principal.roles), n > 2)", request)
    assert bound[1:] == [
        "  size(principal.roles): value 3",
        '    principal.roles: value ["a","b","c"]',
        "  n > 2: value true",
    ]


def test_explanation_of_filters_stops_at_the_first_that_does_not_hold():
    rule = {
        "id": "r",
        "effect": "deny",
        "match": {
            "context.a": [1, 2],
            "context.api_key": 7,
            "context.b": True,
            "context.c": "x",
            "context.e": False,
        },
        "when": "context.d",
    }
    told = explained([rule], {"context": {"a": 2, "c": "x", "api_key": 7}}, default="allow")
    assert [line for part in only(told).parts for line in lines(part)] == [
        "context.a in [1, 2]: value true",
        "  context.a: value 2",
        "context.api_key == 7: value true",
        "  context.api_key: withheld int, secret by its name",
        "context.b == true: value false",
        "  context.b: value absent",
        "context.e == false: not_evaluated",
        "context.d: not_evaluated",
    ]
    assert only(told).found_by == 'looked up by context.c == "x"'
    assert not only(told).matches


def test_explanation_counts_the_rules_that_no_look_up_led_to():
    rules = [{"id": f"r{n}", "effect": "deny", "match": {"resource.id": f"tool-{n}"}} for n in range(9)]
    told = explained([*rules, {"id": "net", "effect": "deny", "when": 'context.ip.inCIDR("10.0.0.0/8")'}],
                     {"context": {"ip": "10.1.1.1"}}, default="allow")  # fmt: skip
    assert (told.totals.rules, told.totals.candidates, told.totals.matching) == (10, 1, 1)
    assert only(told).found_by == "looked up by context.ip, an address in 10.0.0.0/8, or that there is none"


def test_explanation_of_a_waived_rule_says_by_which_exception():
    exceptions = [
        {"id": "drill", "expires": "2999-01-01T00:00:00Z", "when": "context.drill"},
        {"id": "old", "expires": "2020-01-01T00:00:00Z"},
        {"id": "other", "expires": "2999-01-01T00:00:00Z", "match": {"action": "llm.request"}},
    ]
    exceptions = [dict(one, rules=["r"], reason="A drill.") for one in exceptions]
    rules = [{"id": "r", "effect": "deny"}]
    told = explained(rules, {"context": {"drill": True}}, default="allow", exceptions=exceptions)
    assert told.allowed
    rule = only(told)
    assert (rule.matches, rule.holds) == (False, True)
    assert [(one.id, one.holds, one.expired) for one in rule.waivers] == [
        ("drill", True, False), ("old", False, True), ("other", False, False),
    ]  # fmt: skip
    assert [line for part in rule.waivers[0].parts for line in lines(part)] == ["context.drill: value true"]
    assert rule.waivers[2].parts[0].text == 'action == "llm.request"'
    without = explained(rules, {}, default="allow", exceptions=exceptions)
    assert (without.allowed, only(without).matches) == (False, True)


def test_explanation_of_what_is_missing_and_unknown_says_so():
    missing = explained(
        [], {}, default="allow", requires={"tool.call": ["context.env", "principal.id", "principal.roles"]}
    )
    assert [one.path for one in missing.missing] == ["context.env", "principal.roles"]
    assert missing.why == ("tool.call must carry context.env (test requires it).",)
    unknown = explained([], {"action": "tool.cal"}, default="allow")
    assert (unknown.action_known, unknown.allowed) == (False, False)
    assert "Did you mean tool.call?" in unknown.why[0]
    nothing = explain(AxonFlow.open().policies, Request(**ANN), NOW_S)
    assert "No policy is loaded" in nothing.why[0]


def test_explanation_of_layers_says_what_each_came_to_and_why():
    engine = engine_of(
        policy_set([{"id": "ask", "effect": "require_approval"}], name="s", layer="system", default="abstain"),
        policy_set([{"id": "yes", "effect": "allow"}, {"id": "note", "effect": "log"}], name="o", layer="organization"),
        policy_set([], name="t", default="allow"),
    )
    told = explain(engine, Request(**ANN), NOW_S)
    assert [(layer.name, layer.outcome, layer.why) for layer in told.layers] == [
        (
            "system", "abstain",
            "no rule of it allows this, and it leaves that to others; rule ask still asks for require_approval",
        ),
        ("organization", "allow", "rule yes allows"),
        ("tenant", "allow", "its default is allow"),
    ]  # fmt: skip
    assert told.why == (
        "Nothing denies, and rule yes allows.",
        "rule ask asks for require_approval, the strongest effect of all that match.",
    )
    agrees(told, engine.decide(Request(**ANN), "id", NOW_S))


def test_explanation_shows_nothing_of_the_content_and_no_secret():
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2
    request = {
        "context": {
            "note": f"key {key}", "password": "hunter2", "deep": {"token": "hunter3", "x": ["plain"], "n": 1},
            "long": "z" * 500, "many": list(range(99)),
        },
        "content": {"a": "canary ann@example.com", "b": ["canary"], "n": 4711},
    }  # fmt: skip
    conditions = [
        'context.note == "x" || context.password + "!" == "y" || context.long == "" || size(context.many) == 0',
        'context.exists(k, string(context[k]) == "q") || string(context["pass" + "word"]) == "z"',
        'context.exists(k, v, v == "q") || context.deep.exists(k, context.deep[k] == "u") || context.deep == {}',
        'texts(content).exists(t, t == "x") || content.a + "?" == "" || content.n + 1 == 2 || content == {}',
        'cel.bind(c, content.a, c + "1" == "2") || findings.exists(f, f.path == "x") || detected("pii.email")',
    ]
    rules = [{"id": f"r{n}", "effect": "deny", "when": when} for n, when in enumerate(conditions)]
    told = explained(rules, request, default="allow")
    text = msgspec.json.encode(told).decode()
    for hidden in ("hunter", "canary", "4711", key, "z" * 200, "ann@"):
        assert hidden not in text
    assert [(one.detector, one.findings) for one in told.findings if one.detector == "pii.email"] == [("pii.email", 1)]
    assert "[REDACTED:secret" in text
    assert '"...83 more"' in text


def test_explanation_of_too_much_is_cut_off_and_says_so():
    rules = [{"id": f"r{n:02}", "effect": "deny", "when": f"context.a > {n} && context.a < 9{n}"} for n in range(30)]
    engine = engine_of(policy_set(rules, default="allow"))
    told = explain(engine, Request(**ANN, context={"a": 12}), NOW_S, max_rules=10, max_parts=20)
    agrees_but_for_rules = [rule.id for layer in told.layers for rule in layer.rules]
    assert agrees_but_for_rules == [f"r{n:02}" for n in range(10)]
    assert (told.totals.not_shown, told.totals.matching) == (20, 12)
    cut = [part for part in parts_of(told) if part.note == "the explanation has no room for more"]
    assert cut
    assert len(list(parts_of(told))) < 40


def test_explanation_of_endless_loops_ends_and_names_the_limit(monkeypatch):
    for place in ("deciding.evaluation", "explaining.parts"):
        monkeypatch.setattr(f"axonflow.policy.{place}.MAX_LOOP_STEPS", 2_000)
    monkeypatch.setattr("axonflow.policy.explaining.parts.MAX_STEPS_OF_ALL", 10_000)
    many = {"context": {"l": list(range(60))}}
    when = "context.l.exists(a, context.l.exists(b, a + b < 0))"
    told = explained([{"id": f"r{n}", "effect": "deny", "when": when} for n in range(8)], many, default="allow")
    assert "loop steps" in told.errors[0].message
    assert {part.outcome for part in parts_of(told)} >= {"error", "not_evaluated"}


def test_explanation_of_time_shows_the_moment_that_counted():
    at_us = int(datetime(2027, 3, 1, 17, tzinfo=UTC).timestamp() * 1e6)
    told = explained([{"id": "r", "effect": "deny", "when": "time.getHours() < 18"}], {"time": at_us}, default="allow")
    assert [line for part in only(told).parts for line in lines(part)][2] == '    time: value "2027-03-01T17:00:00Z"'


def test_explanation_of_odd_conditions_shows_what_they_are_made_of():
    request = {"context": {"a": 1, "deep": {"b": [1, 2]}, "k": "a"}, "principal": {"id": "ann", "roles": ["x"]}}
    assert tree('{"a": context.a}.a == 1 && has({"b": context.k}.b)', request) == [
        '{"a": context.a}.a == 1 && has({"b": context.k}.b): value true',
        '  {"a": context.a}.a == 1: value true',
        '    {"a": context.a}.a: value 1',
        '      {"a": context.a}: value {"a":1}',
        "        context.a: value 1",
        '  has({"b": context.k}.b): value true',
        '    {"b": context.k}: value {"b":"a"}',
        '      context.k: value "a"',
    ]
    when = 'context.?a.optMap(x, x + 1).orValue(0) == 2 && type(context.a) == int && "a" in context'
    assert tree(when, request)[1:] == [
        "  context.?a.optMap(x, x + 1).orValue(0) == 2: value true",
        "    context.?a.optMap(x, x + 1).orValue(0): value 2",
        '      context.?a.optMap(x, x + 1): value {"optional":2}',
        '        context.?a: value {"optional":1}',
        "        x: value 1",
        "          x + 1: value 2",
        "  type(context.a) == int: value true",
        '    type(context.a): value "int"',
        "      context.a: value 1",
        '  "a" in context: value true',
    ]  # fmt: skip
    assert tree("[?context.?a, ?context.?z].exists(x, x == 1) && context.deep.b[context.a] == 2", request)[1:5] == [
        "  [?context.?a, ?context.?z].exists(x, x == 1): value true",
        "    [?context.?a, ?context.?z]: value [1]",
        '      context.?a: value {"optional":1}',
        '      context.?z: value "optional.none()"',
    ]
    assert tree("context.deep.b[context.a] == 2", request)[1:] == [
        "  context.deep.b[context.a]: value 2",
        "    context.a: value 1",
    ]
    assert tree("cel.bind(x, context.z, x > 1)", request)[1:] == [
        "  context.z: error context.z is missing",
        "  x > 1: not_evaluated",
    ]
    assert tree("!(context.zz.exists(x, x > 1))", request)[-1] == "    context.zz: error context.zz is missing"
    assert (
        tree("context.?z.optMap(x, x + 1).orValue(0) == 2", request)[-1] == '      context.?z: value "optional.none()"'
    )


def test_explanation_of_long_conditions_and_deep_values_is_cut():
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}, **{f"n{n}": n for n in range(20)}}
    ids = ", ".join(f'"value-{n}"' for n in range(200))
    rules = [
        {"id": "long", "effect": "deny", "when": f"context.x in [{ids}] || context.deep == {{}}"},
        {"id": "pin", "effect": "deny", "match": {"context.password": "a", "context.x": [f"v{n}" for n in range(500)]}},
    ]
    told = explained(rules, {"context": {"x": "y", "deep": deep, "password": "a"}}, default="allow")
    parts = list(parts_of(told))
    assert max(len(part.text) for part in parts) == 1_000
    (shown,) = [part.value for part in parts if part.text == "context.deep"]
    assert shown["a"] == {"b": {"c": {"d": "map of 1"}}}
    assert shown["..."] == "5 more"
