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
