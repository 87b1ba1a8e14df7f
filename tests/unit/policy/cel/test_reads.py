"""Which attributes an expression reads: by its tree, and where a literal is the name, by that."""

import pytest

from axonflow.policy.cel.lexer import tokenize
from axonflow.policy.cel.parser import literal_values, parse
from axonflow.policy.cel.reads import Reads


def read_by(source):
    parsed = parse(source)
    reads = Reads(parsed.node)
    return reads.paths.union(reads.of(literal_values(tokenize(source), parsed.negative)))


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("true", set()),
        ("context.env == 'prod'", {"context.env"}),
        ("has(context.ticket) && context.ticket != ''", {"context.ticket"}),
        ("!(context.a.b > 1 ? principal.roles.exists(r, r == 'x') : resource.owner == 'y')",
         {"context.a.b", "principal.roles", "resource.owner"}),
        ("context.?a.orValue(context.b) > 3 || context.c in [context.d, 1]",
         {"context.a", "context.b", "context.c", "context.d"}),
        ('context["env"] == "prod"', {"context.env"}),
        ('context["odd key"] == "prod"', set()),
        ("context[principal.key] == 'x'", {"principal.key"}),
        ('context.items[0].name == "x"', {"context.items"}),
        ('context.?env.orValue("dev") == "dev"', {"context.env"}),
        ('context[?"env"].orValue("dev") == "dev"', {"context.env"}),
        ('"env" in context', {"context.env"}),
        ('"admin" in principal.roles', {"principal.roles"}),
        ("context.env in ['dev']", {"context.env"}),
        ("size(context) > 3", set()),
        (".context.env == 'x'", {"context.env"}),
        ("content == 'x' && findings.exists(f, f.severity == 'high')", set()),
        ("context.list.exists(context, context.secret == 1)", {"context.list"}),
        ("cel.bind(principal, context.a, principal.b == 1)", {"context.a"}),
        ("{'a': context.x}.a == [context.y, ?context.?z][0]", {"context.x", "context.y", "context.z"}),
        ("principal.on_behalf_of.id == 'x'", {"principal.on_behalf_of.id"}),
        ("context" + ".a" * 20 + " == 1", {"context" + ".a" * 16}),
    ],
)  # fmt: skip
def test_reads_of_an_expression_are_the_paths_that_it_names(source, paths):
    assert read_by(source) == paths


def test_reads_of_no_expression_are_none():
    assert Reads(None).paths == frozenset()


def test_reads_of_expressions_that_differ_in_a_name_alone_differ_in_it():
    reads = Reads(parse('context["env"] == "prod"').node)
    assert (set(reads.of(("env", "prod"))), set(reads.of(("team", "x")))) == ({"context.env"}, {"context.team"})
    assert set(reads.of((b"env", "x"))) == set()


@pytest.mark.parametrize(
    ("source", "compared"),
    [
        ("context.n > 5 && -1.5 <= context.n", [5, -1.5]),
        ("context.n in [1, 'x', null]", [1, "x", None]),
        ("has(context.n)", []),
        ('"n" in context', []),
        ("context.?n.orValue(2) != 3", [3]),
        ("principal.roles.exists(r, r == 'x' && context.n == true)", [True]),
        ("context.n > 5 && context.n > context.n", None),
        ("context.?n.orValue(context.x) > 3", None),
        ("context.?n.or(context.?x).orValue(1) > 3", None),
        ("context.n in [1, context.x]", None),
        ("1 in context.n", None),
        ("context.n + 1 > 5", None),
        ("-context.n > 5", None),
        ("size(context.n) > 5", None),
        ("context.n", None),
        ("cel.bind(x, context.n, x > 5)", None),
        ("context.n[context.x] == 1", None),
    ],
)
def test_reads_of_a_path_that_is_only_compared_have_the_literals(source, compared):
    parsed = parse(source)
    literals = literal_values(tokenize(source), parsed.negative)
    uses = [use for use in Reads(parsed.node).uses if use.path(literals) == "context.n"]
    found = [value for use in uses for value in use.values(literals)]
    if compared is None:
        assert None in [use.constants for use in uses]
    else:
        assert None not in [use.constants for use in uses]
        assert sorted(found, key=repr) == sorted(compared, key=repr)


def test_reads_of_what_a_variable_stands_for_are_no_uses_of_a_path():
    assert not [use for use in Reads(parse("[{'n': 1}].exists(context, context.n > 5)").node).uses if use.steps[1:]]
