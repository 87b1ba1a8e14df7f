"""Which rules Cedar policies become, and what is named instead."""

import pytest

from axonflow import AxonFlow, PolicyError
from axonflow.policy.importing.cedar.naming import Names, read_names
from axonflow.policy.importing.cedar.policies import import_cedar


def imported(text, widen=False, **names):
    return import_cedar(text, "f.cedar", "f", Names(**{"action_groups": {}} | names), widen=widen)


def rules(text, **options):
    one, findings = imported(text, **options)
    assert findings == []
    AxonFlow.open(one.document)  # it loads
    return [rule.rule for rule in one.rules]


def when(condition, effect="permit", clause="when", **names):
    (rule,) = rules(f"{effect}(principal, action, resource) {clause} {{ {condition} }};", **names)
    return rule.get("when")


def finding(text, **options):
    (found,) = imported(text, **options)[1]
    return found


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('context.env == "prod"', 'context.env == "prod"'),
        ("context.risk >= 90 && context.flag", "context.risk >= 90 && context.flag"),
        ("context.a || context.b", "context.a ? true : context.b"),
        ("context has a && context.a == 1", "has(context.a) && context.a == 1"),
        ("context has a.b", "has(context.a) && has(context.a.b)"),
        ('principal has "odd name"', '"odd name" in principal.attributes'),
        ('context["odd name"] == 1', 'context["odd name"] == 1'),
        ('principal.roles.contains("x")', 'sets.contains(principal.attributes.roles, ["x"])'),
        ('principal in Group::"g" || principal in Role::"r"', '"g" in principal.groups || "r" in principal.roles'),
        ('principal in [Group::"g", Group::"h"]', 'sets.intersects(principal.groups, ["g", "h"])'),
        ('principal == User::"ann"', 'principal.type == "user" && principal.id == "ann"'),
        ("resource is PhotoAlbum", 'resource.type == "photo_album"'),
        ('action == Action::"readFile"', 'action == "read_file"'),
        ("resource.owner == principal", 'resource.owner == principal.type + ":" + principal.id'),
        ('resource.owner == Agent::"bot"', 'resource.owner == "agent:bot"'),
        ("context.a == context.b", "context.a == context.b"),
        ("context.a != context.b", "context.a < context.b || context.a > context.b"),
        ("context.a < context.b", "0 + context.a < context.b"),
        ("context.a + context.b > 1", "0 + context.a + context.b > 1"),
        ("context.a + context.b * 2 > 1", "context.a + context.b * 2 > 1"),
        ("if context.a then context.b else 1 < 2", "context.a ? context.b : 1 < 2"),
        ('context.p like "a*\\*b?"', 'context.p.glob("a*\\\\*b\\\\?")'),
        ('["a", "b"].contains(context.x)', 'context.x in ["a", "b"]'),
        ("context.tags.containsAll([1, 2])", "sets.contains(context.tags, [1, 2])"),
        ("context.tags.containsAny([1])", "sets.intersects(context.tags, [1])"),
        ("context.tags.isEmpty()", "sets.equivalent(context.tags, [])"),
        ("context.tags == [1, 2]", "sets.equivalent(context.tags, [1, 2])"),
        ('context.ip.isInRange(ip("10.1.2.3/8"))', 'context.ip.inCIDR("10.0.0.0/8")'),
        ('context.ip == ip("10.1.2.3")', 'ip(context.ip) == ip("10.1.2.3")'),
        ("context.ip.isLoopback()", 'context.ip.inCIDR(["127.0.0.0/8", "::1/128"])'),
        ('context.s.lessThan(decimal("0.80"))', "context.s < 0.8"),
        ('context.t < datetime("2024-10-15")', 'timestamp("" + context.t) < timestamp("2024-10-15T00:00:00Z")'),
        ('context.s == decimal("-0.50")', "context.s == -0.5"),
        (
            'context.t.offset(duration("-90m")) <= datetime("2024-10-15T11:00:00.5+0100")'.replace(".5+", ".500+"),
            'timestamp("" + context.t) + duration("-5400s") <= timestamp("2024-10-15T10:00:00.500Z")',
        ),
        (
            'context.t.durationSince(datetime("2024-10-15")).toDays() > 3',
            '(timestamp("" + context.t) - timestamp("2024-10-15T00:00:00Z")).getHours() / 24 > 3',
        ),
        (
            "context.d.toMilliseconds() == 5",
            'duration("" + context.d).getSeconds() * 1000 + duration("" + context.d).getMilliseconds() == 5',
        ),
        ('context.r == {a: 1, "b c": context has x}', 'context.r == {"a": 1, "b c": has(context.x)}'),
        ("context.a.b == 1", "context.a.b == 1"),
        ("context == {}", "context == {}"),
        ("-context.a == 1", "-context.a == 1"),
        ("(if context.a then context.b else 1) == 1", "(context.a ? context.b : 1) == 1"),
        ('principal != User::"ann"', '!(principal.type == "user" && principal.id == "ann")'),
        ('principal is User in Group::"g"', 'principal.type == "user" && "g" in principal.groups'),
        (
            "(context has a && context has b) && (context.a == 1 || context.b == 1)",
            "has(context.a) && has(context.b) && (context.a == 1 || context.b == 1)",
        ),
        (
            "(context has a && context has b) && (context.a || context.b)",
            "has(context.a) && has(context.b) && (context.a ? true : context.b)",
        ),
        ("!(context has a) || context.a == 1", "!has(context.a) || context.a == 1"),
        ("context.a.b has c || 1 < 2", "has(context.a.b.c) ? true : 1 < 2"),
        ("!false", None),
        ('["a", context.b].contains("a")', 'sets.contains(["a", context.b], ["a"])'),
        ('context.d > duration("1d2h3m4s5ms")', 'duration("" + context.d) > duration("93784.005s")'),
    ],
)
def test_condition_of_a_permit_is_written_as_a_person_would(condition, expected):
    assert when(condition) == expected


def test_condition_of_a_forbid_keeps_its_operators_and_guards_equality_of_attributes():
    assert when("context.a || context.b", "forbid") == "context.a || context.b"
    assert when("context.a == context.b", "forbid") == "context.a <= context.b && context.a >= context.b"
    assert when("context.a == context.b", "forbid", "unless") == "!(context.a == context.b)"


def test_action_in_nothing_matches_nothing_and_is_left_out():
    assert finding("permit(principal, action in [], resource);").found == "action in []"


def test_unless_beside_when_is_one_expression_of_both():
    (rule,) = rules("permit(principal, action, resource) when { context.a } unless { context.b || context.c } ;")
    assert rule["when"] == "context.a && !(context.b ? true : context.c)"


def test_scope_of_a_policy_becomes_plain_filters():
    text = """@id("staff-reads") @reason("Staff may.")
    permit(principal is User in UserGroup::"staff", action in [Action::"view", Action::"list"], resource == Doc::"d");
    forbid(principal == Agent::"bot", action == Action::"tool.call", resource is Tool);"""
    assert rules(text) == [
        {
            "id": "staff-reads", "effect": "allow", "reason": "Staff may.",
            "match": {"action": ["view", "list"], "principal.type": "user", "principal.groups": "staff",
                      "resource.type": "doc", "resource.id": "d"},
        },
        {
            "id": "f/policy1", "effect": "deny",
            "match": {"action": "tool.call", "principal.type": "agent", "principal.id": "bot", "resource.type": "tool"},
        },
    ]  # fmt: skip
    head = imported(text)[0].head
    assert (head["default"], head["actions"]) == ("deny", ["list", "view"])


def test_mapping_file_says_what_things_are_called():
    names = read_names(
        {
            "principals": {"Acme::Customer": "user"}, "resources": {"Acme::Doc": "document"},
            "memberships": {"Acme::Folder": "resource.folders"}, "actions": {"read": "tool.call"},
            "action_groups": {"writes": ["save", "drop"]}, "attributes": {"principal.roles": "principal.roles"},
            "types": {"context.risk": "int", "context.tag": "string"},
        },
        str,
    )  # fmt: skip
    text = """permit(principal == Acme::Customer::"c", action == Action::"read", resource in Acme::Folder::"x")
      when { principal.roles.contains(context.tag) && context.risk < context.most };
    forbid(principal, action in Action::"writes", resource is Acme::Doc);"""
    one, findings = import_cedar(text, "f.cedar", "f", names, widen=False)
    assert findings == []
    AxonFlow.open(one.document)
    assert one.head["attributes"] == {"context.risk": "int", "context.tag": "string"}
    permit, forbid = [rule.rule for rule in one.rules]
    assert permit["match"] == {"action": "tool.call", "principal.type": "user", "principal.id": "c"}
    assert permit["when"] == (
        '(resource.type == "folder" && resource.id == "x" || "x" in resource.folders)'
        " && context.tag in principal.roles && context.risk < context.most"
    )
    assert forbid["match"] == {"action": ["writes", "save", "drop"], "resource.type": "document"}


@pytest.mark.parametrize(
    ("data", "at"),
    [
        ([], "()"),
        ({"principal": {}}, "()"),
        ({"principals": {"A": "robot"}}, "('principals',)"),
        ({"resources": {"A": "B"}}, "('resources', 'A')"),
        ({"actions": {"a": "A b"}}, "('actions', 'a')"),
        ({"memberships": {"A": "groups"}}, "('memberships', 'A')"),
        ({"attributes": {"principal.a": "action"}}, "('attributes', 'principal.a')"),
        ({"types": {"context.a": "thing"}}, "('types',)"),
        ({"types": {"principal.id": "int"}}, "('types',)"),
    ],
)
def test_mapping_file_that_is_wrong_is_refused_with_its_place(data, at):
    with pytest.raises(PolicyError) as caught:
        read_names(data, str)
    assert caught.value.at == at


@pytest.mark.parametrize(
    ("text", "at", "found"),
    [
        ("permit(principal in ?principal, action, resource);", "f.cedar:1:21", "?principal"),
        ('permit(principal == Robot::"r", action, resource);', "f.cedar:1:21", "Robot"),
        ('permit(principal, action, resource in Album::"a");', "f.cedar:1:39", "Album"),
        ("permit(principal, action, resource)\nwhen { context.a && principal in resource.team };", "f.cedar:2:21",
         "principal in resource.team"),
        ('permit(principal, action, resource) when { principal.getTag("a") == 1 };', "f.cedar:1:44",
         'principal.getTag("a")'),
        ('permit(principal, action, resource) when { User::"a".x == 1 };', "f.cedar:1:44", 'User::"a".x'),
        ("permit(principal, action, resource) when { context.t.toDate() == context.t };", "f.cedar:1:44",
         "context.t.toDate()"),
        ("permit(principal, action, resource) when { ip(context.a).isIpv4() };", "f.cedar:1:44", "ip(...)"),
        ('permit(principal, action, resource) when { context.a == decimal("1.23456") };', "f.cedar:1:65", "1.23456"),
        ("permit(principal, action, resource) when { context.a == [[1]] };", "f.cedar:1:58", "[1]"),
        ("permit(principal, action, resource) when { context.a is User };", "f.cedar:1:44", "context.a is User"),
        ("permit(principal, action, resource) unless { context.a.contains(context.b) };", "f.cedar:1:46",
         "context.a.contains(context.b)"),
    ],
)  # fmt: skip
def test_unsupported_construct_is_named_with_its_place(text, at, found):
    findings = imported(text)[1]
    assert [(one.at, one.found, one.kind, one.loosens) for one in findings] == [(at, found, "left out", False)]


def test_unsupported_constructs_of_one_policy_are_all_named_with_their_places():
    text = """permit(principal == ?principal, action, resource in Album::"a")
when { principal.getTag("x") == context.t.toDate() && (if foo(1) then context.a is User else true) }
unless { "a" < "b" || !(context.a.frob(1)) };"""
    one, findings = imported(text)
    assert one.rules == ()
    assert [(one.at, one.found) for one in findings] == [
        ("f.cedar:1:21", "?principal"),
        ("f.cedar:1:53", "Album"),
        ("f.cedar:2:8", 'principal.getTag("x")'),
        ("f.cedar:2:33", "context.t.toDate()"),
        ("f.cedar:2:59", "foo(...)"),
        ("f.cedar:2:71", "context.a is User"),
        ("f.cedar:3:10", '"a"'),
        ("f.cedar:3:25", "context.a.frob(1)"),
    ]
    text = 'forbid(principal, action, resource) when { principal.getTag("x") == context.t.toDate() };'
    one, findings = imported(text, widen=True)
    assert [(one.kind, one.at) for one in findings] == [("widened", "f.cedar:1:44")]
    assert [one.rule for one in one.rules] == [{"id": "f/policy0", "effect": "deny"}]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("1", "1"),
        ("context", "context"),
        ('context == "a"', 'context == "a"'),
        ("[1] == [context.a]", None),
        ("[context.a] == [context.b]", "[context.a] == [context.b]"),
        ("{a: context.a} == {a: context.b}", '{"a": context.a} == {"a": context.b}'),
        ('context.a == ip("10.0.0.0/8")', 'context.a == ip("10.0.0.0/8")'),
        ('ip("10.0.0.0/8").isLoopback()', 'ip("10.0.0.0/8")'),
        ("context.a.isInRange(context.b)", "context.a.isInRange(context.b)"),
        ('context.a.isInRange(ip("nonsense"))', "nonsense"),
        ('context.a.isInRange(ip("::ffff:1:2"))', "::ffff:1:2"),
        ('context.a.isInRange(ip("::10.0.0.1"))', "::10.0.0.1"),
        ('context.a.isInRange(ip("10.0.0.0/255.0.0.0"))', "10.0.0.0/255.0.0.0"),
        ('context.a.isInRange(ip("10.0.0.0/08"))', "10.0.0.0/08"),
        ('context.a < datetime("2024-10-15T11:35:00+0090")', "2024-10-15T11:35:00+0090"),
        ("context.a.lessThan(context.b)", "context.a.lessThan(context.b)"),
        ('"a" < "b"', '"a"'),
        ('"a" + 1 == 1', '"a"'),
        ("action.a == 1", "action.a"),
        ("action has a", "action has a"),
        ("action == context.a", "action"),
        ("[1] has a", "[1] has a"),
        ('context.a has "b c"', 'context.a has "b c"'),
        ('1 like "a"', "1"),
        (f'context.a like "{"a" * 300}"', None),
        ('"a".contains(1)', '"a"'),
        ("context.a.contains([1])", "[1]"),
        ('[ip("::1")].contains(context.a)', 'ip("::1")'),
        ('(if true then datetime("2024-10-15") else context.a) == context.a', None),
        ('decimal("1.5") == 1', "1"),
        ("nonsense(1) == 1", "nonsense(...)"),
        ('context.a < datetime("2024-13-15")', "2024-13-15"),
        ('context.a < datetime("soon")', "soon"),
        ('context.a < duration("1x")', "1x"),
        ('context.a < duration("999999999d")', "999999999d"),
        ("context.a.frob(1, 2)", "context.a.frob(1, 2)"),
        ("context.a.frob(1)", "context.a.frob(1)"),
        ('resource.owner == Ω::"x"'.replace("Ω", "_1"), "_1"),
        ('resource == _1::"x"', "_1"),
        ('action in [Action::"!"]', 'Action::"!"'),
        ("[1] has a && context.b", "[1] has a"),
        ("(if context.a is User then context.b else true) && context.c", "context.a is User"),
    ],
)
def test_condition_without_a_counterpart_is_named_by_its_text(condition, found):
    findings = imported(f"permit(principal, action, resource) when {{ {condition} }};")[1]
    if found is None:
        assert len(findings) <= 1
        return
    assert [one.found for one in findings] == [found]


def test_attributes_are_read_where_the_mapping_file_says_they_are():
    attributes = {"context.tags": "context.labels", "principal.name": "principal.id", "context.x": "context.labels"}
    types = {"context.labels": "list(string)", "context.n": "int"}
    assert when('context.tags.contains("a")', attributes={"context.tags": "context.labels"}, types=types) == (
        '"a" in context.labels'
    )
    assert when('principal.name == "ann"', attributes=attributes) == 'principal.id == "ann"'
    assert when("principal has roles", attributes={"principal.roles": "principal.roles"}) is None
    text = "permit(principal, action, resource) when { context.tags == context.x };"
    assert [one.found for one in imported(text, attributes=attributes)[1]] == ["context.tags", "context.x"]
    text = "permit(principal, action, resource) when { context has tags || context.x };"
    assert [one.found for one in imported(text, attributes=attributes)[1]] == ["context.tags", "context.x"]


def test_more_actions_than_a_set_declares_are_cut_and_said_so():
    listed = ", ".join([f'Action::"a{number}"' for number in range(1_001)])
    one, (found,) = imported(f"permit(principal, action in [{listed}], resource);")
    assert (found.kind, len(one.head["actions"])) == ("ignored", 1_000)
    AxonFlow.open(one.document)


def test_forbid_that_cannot_be_said_is_left_out_as_an_error_or_widened():
    text = """forbid(principal, action, resource in Album::"a")
      when { context.risk > 3 && !(context.b is User) };"""
    findings = imported(text)[1]
    assert [(one.kind, one.at, one.loosens) for one in findings] == [
        ("left out", "f.cedar:1:39", True),
        ("left out", "f.cedar:2:36", True),
    ]
    one, findings = imported(text, widen=True)
    assert [one.rule for one in one.rules] == [{"id": "f/policy0", "effect": "deny", "when": "context.risk > 3"}]
    assert [(one.kind, one.at, one.loosens) for one in findings] == [
        ("widened", "f.cedar:1:39", False),
        ("widened", "f.cedar:2:36", False),
    ]


def test_action_that_may_be_a_group_is_assumed_to_be_none_and_said_so():
    text = 'forbid(principal, action in Action::"a", resource);'
    one, (found,) = imported(text, action_groups=None)
    assert one.rules[0].rule["match"] == {"action": "a"}
    assert (found.kind, found.loosens, found.at) == ("assumed", True, "f.cedar:1:19")
    (found,) = imported(text.replace("forbid", "permit"), action_groups=None)[1]
    assert (found.kind, found.loosens) == ("assumed", False)
    found = finding('forbid(principal, action, resource) when { action in [Action::"a"] };', action_groups=None)
    assert (found.kind, found.loosens) == ("left out", True)


def test_two_types_that_would_be_one_here_are_refused():
    text = "permit(principal is A::User, action, resource); permit(principal is B::User, action, resource);"
    assert [one.found for one in imported(text)[1]] == ["A::User", "B::User"]
    text = 'permit(principal, action == Action::"aB", resource);permit(principal, action == Action::"a_b", resource);'
    assert [one.at for one in imported(text)[1]] == ["f.cedar:1:29", "f.cedar:1:81"]
    text = 'permit(principal in Group::"a", action, resource); permit(principal in UserGroup::"a", action, resource);'
    assert [one.kind for one in imported(text)[1]] == ["left out", "left out"]


def test_ids_that_are_none_or_there_twice_are_replaced_and_said_so():
    text = '@id("ä b") @note("x") permit(principal, action, resource); @id("b") permit(principal, action, resource);'
    one, findings = imported(text)
    assert [rule.rule["id"] for rule in one.rules] == ["b", "b/policy1"]
    assert [(found.kind, found.found) for found in findings] == [
        ("ignored", "@id(ä b)"), ("ignored", "@note"), ("ignored", "@id(b)"),
    ]  # fmt: skip


LONG = " || ".join([f'context.a == "{"x" * 400}{number}"' for number in range(25)])


@pytest.mark.parametrize(
    ("clauses", "at"),
    [
        (f"when {{ {LONG} || {LONG} }}", "f.cedar:1:44"),
        (f'when {{ context.a == "{"x" * 17_000}" }}', "f.cedar:1:57"),
        (f"when {{ {LONG} }}\nunless {{ {LONG} }}", "f.cedar:2:10"),
    ],
)
def test_condition_longer_than_any_expression_is_named_and_the_rest_loads(clauses, at):
    text = f'permit(principal, action, resource) {clauses}; permit(principal, action == Action::"read", resource);'
    one, (found,) = imported(text)
    assert (found.kind, found.at, found.loosens) == ("left out", at, False)
    assert found.why == "it would be longer than the 16384 characters of an expression here"
    assert [rule.rule["match"] for rule in one.rules] == [{"action": "read"}]
    AxonFlow.open(one.document)


def test_forbid_longer_than_any_expression_is_left_out_or_forbids_more():
    text = f"forbid(principal, action, resource) when {{ {LONG} }}\nwhen {{ {LONG} }};"
    assert (finding(text).kind, finding(text).loosens) == ("left out", True)
    one, (found,) = imported(text, widen=True)
    assert (found.kind, found.at, len(one.rules)) == ("widened", "f.cedar:2:8", 1)
    AxonFlow.open(one.document)


def test_forbid_with_a_choice_by_what_cannot_be_said_is_widened_as_a_whole():
    text = """forbid(principal, action, resource)
      when { (if context.a is User then context.b else context.c) && context.d };"""
    one, findings = imported(text, widen=True)
    assert [(found.kind, found.found) for found in findings] == [("widened", "context.a is User")]
    assert [rule.rule["when"] for rule in one.rules] == ["context.d"]
    one, findings = imported("forbid(principal, action, resource) when { [1] has a && context.b };", widen=True)
    assert [rule.rule["when"] for rule in one.rules] == ["context.b"]
