"""The extensions of cel-go for lists, and for lists as sets."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function, method

__all__ = ["LISTS", "SETS"]

LISTS: Final = (
    method(
        "distinct", ("list(A)",), "list(A)", "distinct({0})", "Without the elements that equal an earlier one.",
        "[1, 2, 1].distinct() == [1, 2]", cost="sorting", grows="argument",
    ),
    method(
        "flatten", ("list(dyn)",), "list(dyn)", "flatten({0})", "With the elements of its lists in their place.",
        "[1, [2, [3]]].flatten() == [1, 2, [3]]", cost="linear", grows="argument",
    ),
    method(
        "flatten", ("list(dyn)", "int"), "list(dyn)", "flatten({0}, {1})", "The same so many levels down.",
        "[1, [2, [3]]].flatten(2) == [1, 2, 3]", cost="linear", grows="argument",
    ),
    method(
        "first", ("list(A)",), "optional(A)", "first_of({0})", "The first element, if there is one.",
        "[1, 2].first().value() == 1", grows="held",
    ),
    method(
        "last", ("list(A)",), "optional(A)", "last_of({0})", "The last element, if there is one.",
        "[1, 2].last().value() == 2", grows="held",
    ),
    method(
        "reverse", ("list(A)",), "list(A)", "backwards({0})", "The elements from the last to the first.",
        "[1, 2].reverse() == [2, 1]", cost="linear", grows="argument",
    ),
    method(
        "slice", ("list(A)", "int", "int"), "list(A)", "sliced({0}, {1}, {2})",
        "The elements from one position as far as another, which is not included.",
        "[1, 2, 3].slice(1, 3) == [2, 3]", cost="linear", grows="argument",
    ),
    method(
        "sort", ("list(A)",), "list(A)", "sort({0})", "In ascending order; all elements are of one kind.",
        "[2, 3, 1].sort() == [1, 2, 3]", cost="sorting", grows="argument",
    ),
    Function(
        "lists.range", ("int",), "list(int)", "range_of({0})", "The numbers from 0 to below another.",
        "lists.range(3) == [0, 1, 2]", cost="constant", grows="count",
    ),
)  # fmt: skip

SETS: Final = (
    Function(
        "sets.contains", ("list(A)", "list(A)"), "bool", "contains_all({0}, {1})",
        "Whether each element of the second list is in the first.", "sets.contains([1, 2], [2, 2])", cost="sorting",
    ),
    Function(
        "sets.equivalent", ("list(A)", "list(A)"), "bool", "are_equivalent({0}, {1})",
        "Whether each element of one list is in the other.", "sets.equivalent([1, 2], [2, 1, 1])", cost="sorting",
    ),
    Function(
        "sets.intersects", ("list(A)", "list(A)"), "bool", "have_common({0}, {1})",
        "Whether an element of one list is in the other.", "sets.intersects([1, 2], [2, 3])", cost="sorting",
    ),
)  # fmt: skip
