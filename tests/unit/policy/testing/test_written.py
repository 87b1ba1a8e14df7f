"""Trees as text."""

import msgspec
import pytest

from axonflow.policy.cel.parser import parse
from axonflow.policy.testing.written import written
from tests.fuzz.corpus import expressions


def bare(node):
    """`node` without what its text decides: offsets and the numbers of literals."""
    if isinstance(node, msgspec.Struct):
        fields = [name for name in node.__struct_fields__ if name not in {"offset", "slot"}]
        return (type(node).__name__, *[bare(getattr(node, name)) for name in fields])
    return tuple(map(bare, node)) if isinstance(node, tuple) else (type(node).__name__, node)


@pytest.mark.parametrize(
    "text",
    [
        "-5 < 3", "-(5) == 1", "- -5 == 1", "(-1).x == 2", "a ? b : c ? d : e", "(a?b:c)?d:e", "-x.y == -(-3)",
        "!(a in b) && -x > 1.0 && 1e400 > 2.5e30 && 3u == 2u", r"{'a':1, ?'b': x.?c}['a'] == b'\x00z'",
        "cel.bind(x, 1, x+1) == 2 && [1,?y].size() == 3 && a.`b-c` == 'é\\n\\u2028' && !!a && a[?1] == 1",
        "cel.block([1, cel.index(0) + 1], cel.index(1) == 2)", "(a && b) && (c || d)", "a - (b - c) - d == 1",
        "x.map(i, i > 1, i+1).exists_one(z, z==1) || y.transformList(i, v, v*2) == []", "1.0 == 1e10 && 0x10 > 2",
        ".a.b.c", "(1+2).foo()", "(a == b) == c", "a == (b == c)", "1e16 == -1e999 && r'a\\b' == \"\\\"\"",
        "x.exists(i, v, i == 0 && v) && null == true",
    ],
)  # fmt: skip
def test_expression_written_and_read_again_is_the_same_tree(text):
    node = parse(text).node
    assert bare(parse(written(node)).node) == bare(node)


def test_expressions_of_all_policies_written_and_read_again_are_the_same():
    for text in expressions():
        node = parse(text).node
        assert bare(parse(written(node)).node) == bare(node)
