"""A tree as text is text of the same tree."""

import msgspec
import pytest
from hypothesis import given, settings

from axonflow.policy.cel.parser import parse
from axonflow.policy.cel.written import written
from tests.unit.policy.cel.sources import sources


def same(node):
    """A tree without its places."""
    if isinstance(node, tuple):
        return tuple(map(same, node))
    if isinstance(node, msgspec.Struct):
        fields = [name for name in node.__struct_fields__ if name not in {"offset", "slot"}]
        return (type(node), *[same(getattr(node, name)) for name in fields])
    return (type(node), node)


@given(sources())
@settings(max_examples=100)
def test_written_text_of_any_tree_reads_as_the_same_tree(source):
    node = parse(source).node
    assert same(parse(written(node)).node) == same(node)


@pytest.mark.parametrize(
    "source",
    [
        "-(1) + 2 - (3 - 4) * -x", "(a || b) && !(c && d) ? e : f ? g : h", "(a ? b : c) ? d : e", "(-1).f(2u, b'x')",
        'a.`odd-name`[b][?1].?c.d({1: 2, ?"k": v}, [?x, null])', "cel.bind(x, 1, cel.bind(y, x, x + y))",
        "cel.block([1, cel.index(0)], cel.index(1) == 2)", "a in [1.5, 1e300, -9223372036854775808]",
        "l.transformMap(k, v, k != v, v).map(x, x > 1, has(x.y))", "(a == b) == c", "a == (b == c)", "!-(x)", "!!x",
    ],
)  # fmt: skip
def test_written_text_of_odd_trees_reads_as_the_same_tree(source):
    node = parse(source).node
    assert same(parse(written(node)).node) == same(node)
