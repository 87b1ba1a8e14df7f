"""Macros that range over lists and maps, and what is paid for in them.

Each element visited is a step, and so is a share of what is read as a whole or built inside of a loop: otherwise a
loop would multiply the size of what it reads. An evaluation has so many steps (see
axonflow.policy.deciding.evaluation).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from axonflow.policy.cel.elements import contains, equal, index
from axonflow.policy.cel.functions.lists import sort_by
from axonflow.policy.cel.values import CelError, Optional, Value, as_bool, as_list, decided

__all__ = [
    "built",
    "charged",
    "charged_slowly",
    "contains_paid",
    "equal_paid",
    "exists",
    "exists_one",
    "for_all",
    "index_paid",
    "items_paid",
    "keep",
    "paid_for_each",
    "pairs",
    "sorted_by",
    "transform",
    "transform_entries",
    "transform_map",
]

CHARS_A_STEP: Final = 4_096
SLOW_CHARS_A_STEP: Final = 64
"""Where each character is looked at by itself."""
VALUES_A_STEP: Final = 4
BUILT_A_STEP: Final = 256
"""Characters or bytes of a new text: memory is dearer than reading."""

_Convert = Callable[[Value], Value]


def elements(value: Value) -> list[Value] | tuple[Value, ...]:
    """What a macro ranges over: a list's items, a map's keys."""
    if isinstance(value, dict):
        return list(value)
    return as_list(value)


def pairs(value: Value) -> list[tuple[Value, Value]]:
    """What a macro with two variables ranges over: positions and items of a list, keys and values of a map."""
    return list(value.items()) if isinstance(value, dict) else list(enumerate(as_list(value)))


# -- paying


def charged(evaluation: Value, value: Value) -> Value:
    """`value`, which a function in a loop reads as a whole."""
    if isinstance(value, (str, bytes)):
        evaluation.spend(len(value) // CHARS_A_STEP)
        return value
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, (str, bytes)):
            if len(item) >= CHARS_A_STEP:
                evaluation.spend(len(item) // CHARS_A_STEP)
        elif isinstance(item, (dict, list, tuple)):
            evaluation.spend(1 + len(item) // VALUES_A_STEP)  # one list may stand in others many times over
            pending.extend(item.values() if isinstance(item, dict) else item)
        elif isinstance(item, Optional):
            pending.append(item.value)
    return value


def charged_slowly(evaluation: Value, value: Value) -> Value:
    """`value`, which a function in a loop goes through character by character if it is a text."""
    if not isinstance(value, str):
        return charged(evaluation, value)
    evaluation.spend(len(value) // SLOW_CHARS_A_STEP)
    return value


def paid_for_each(evaluation: Value, steps: int, value: Value) -> Value:
    """`value`, a text or a list of them, for each of which so many steps are paid, in loops and elsewhere."""
    evaluation.spend(steps * (len(value) if isinstance(value, (list, tuple)) else 1))
    return value


def items_paid(evaluation: Value, value: Value) -> Value:
    """`value`, a list whose elements are compared with something small."""
    evaluation.spend(len(value) // VALUES_A_STEP)
    return value


def built(evaluation: Value, value: Value) -> Value:
    """`value`, which has been made in a loop."""
    if isinstance(value, (str, bytes)):
        evaluation.spend(len(value) // BUILT_A_STEP)
    elif isinstance(value, list):
        evaluation.spend(len(value) // VALUES_A_STEP)
    return value


def equal_paid(evaluation: Value, left: Value, right: Value) -> bool:
    return equal(charged(evaluation, left), right)


def contains_paid(evaluation: Value, container: Value, item: Value) -> bool:
    if isinstance(container, dict) and item.__class__ is str:
        return item in container
    if isinstance(item, (list, tuple, dict)):
        charged(evaluation, container)
    elif isinstance(container, (list, tuple, dict)):
        items_paid(evaluation, container)
    return contains(container, item)


def index_paid(evaluation: Value, value: Value, key: Value) -> Value:
    if isinstance(value, dict) and key.__class__ is not str and key in {0, 1}:  # true or 1: see elements.lookup
        items_paid(evaluation, value)
    return index(value, key)


# -- loops


def exists(evaluation: Value, test: _Convert, over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return decided((partial(test, item) for item in items), deciding=True)


def for_all(evaluation: Value, test: _Convert, over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return decided((partial(test, item) for item in items), deciding=False)


def exists_one(evaluation: Value, test: _Convert, over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return sum(as_bool(test(item)) for item in items) == 1


def keep(evaluation: Value, test: _Convert, over: Value) -> list[Value]:
    items = elements(over)
    evaluation.spend(len(items))
    return [item for item in items if as_bool(test(item))]


def transform(evaluation: Value, convert: _Convert, over: Value) -> list[Value]:
    items = elements(over)
    evaluation.spend(len(items))
    return [convert(item) for item in items]


def sorted_by(evaluation: Value, key: _Convert, over: Value) -> list[Value]:
    items = elements(over)
    keys = transform(evaluation, key, items)
    return sort_by(items, charged(evaluation, keys))


def transform_map(evaluation: Value, convert: _Convert, over: Value) -> dict[Value, Value]:
    evaluation.spend(len(over))
    return {pair[0]: convert(pair) for pair in over}


def transform_entries(evaluation: Value, convert: _Convert, over: Value) -> dict[Value, Value]:
    """The entries that `convert` makes of each pair, in one map."""
    evaluation.spend(len(over))
    out: dict[Value, Value] = {}
    for pair in over:
        made = convert(pair)
        if not isinstance(made, dict):
            raise CelError("transformMapEntry() makes maps")
        evaluation.spend(len(made))
        if not out.keys().isdisjoint(made):
            raise CelError("repeated map key")
        out |= made
    return out
