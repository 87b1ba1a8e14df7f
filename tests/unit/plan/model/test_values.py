"""How deep JSON values of plans may be nested."""

import pytest
from msgspec import Struct

from axonflow.plan.model.values import is_nested_deeper


class Pair(Struct):
    left: object = None
    right: object = None


NESTED = [
    (1, 0), ("text", 0), ({}, 1), ([], 1), ({"a": 1}, 1), ([1, [2]], 2), ([[], {"a": []}], 3), ((1, (2,)), 2),
    (Pair(), 1), (Pair(left=1, right=[{}]), 3), ({"a": Pair([])}, 3), ([{"a": [1]}, 2], 3),
]  # fmt: skip


@pytest.mark.parametrize(("value", "levels"), NESTED)
def test_is_nested_deeper_than_as_many_levels_as_there_are_is_false(value, levels):
    assert [is_nested_deeper(value, most) for most in range(1, 5)] == [levels > most for most in range(1, 5)]


def test_is_nested_deeper_in_a_list_that_holds_itself_comes_to_an_end():
    endless = []
    endless.append(endless)
    assert is_nested_deeper(endless, 100)
