"""Where a value of a plan stands for a part of another step's output: ``{"$ref": "flights.0.price"}``.

The first part of a path names a step; each further one is a member of an object, or a place in a list counted from 0.
``$`` in place of a step is what the plan itself was given: ``{"$ref": "$.city"}``. Within ``{"$literal": ...}``
nothing is looked at, for data that has a ``$ref`` of its own, such as a JSON Schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan.model.words import check_step_name, shown

__all__ = ["GIVEN", "REF", "Hole", "Reference", "Verbatim", "filled", "find_holes", "parse_reference", "ref"]

REF: Final = "$ref"
LITERAL: Final = "$literal"
GIVEN: Final = "$"
"""In place of a step's name: the inputs of the plan that the step is in."""
MAX_PATH_CHARS: Final = 1_024

Place = tuple[str | int, ...]


class Reference(Struct, frozen=True):
    """At the place `at` of a value stands the part `path` of the output of the step `source`, or of what is GIVEN."""

    at: Place
    source: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.source, *self.path))

    def value_in(self, outputs: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        """The part of `outputs`, by step name, or of `given`. Raises PlanError when there is none."""
        if self.source == GIVEN:
            value: Any = given
        elif self.source in outputs:
            value = outputs[self.source]
        else:
            raise PlanError("the reference leads nowhere", expected=f"an output of {self.source!r}", found="none")
        for depth, part in enumerate(self.path):
            try:
                value = _part(value, part)
            except (KeyError, IndexError, ValueError, TypeError):
                before = ".".join((self.source, *self.path[:depth]))
                raise PlanError(
                    "the reference leads nowhere", expected=f"{shown(part)} in {before}", found=_kind(value),
                    at=str(self),
                ) from None  # fmt: skip
        return value


def _part(value: Any, part: str) -> Any:
    if not isinstance(value, (Mapping, list, tuple)):
        value = msgspec.to_builtins(value)  # a dataclass or a Struct is looked at as what it is in JSON
    if isinstance(value, Mapping):
        return value[part]
    if isinstance(value, (list, tuple)) and part.isdecimal():
        return value[int(part)]
    raise TypeError


def _kind(value: object) -> str:
    return f"a list of {len(value)}" if isinstance(value, (list, tuple)) else f"no such part of {type(value).__name__}"


class Verbatim(Struct, frozen=True):
    """At the place `at` stands `value`, whatever it looks like."""

    at: Place
    value: Any

    def value_in(self, outputs: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        """Its value, which depends on nothing."""
        del outputs, given
        return self.value


Hole = Reference | Verbatim


def ref(path: str) -> dict[str, str]:
    """A reference to a part of a step's output, for a step's inputs: ``ref("flights.0.price")``.

    Raises PlanError for what is no such path.
    """
    parse_reference(path, None)
    return {REF: path}


def parse_reference(path: object, at: str | None, place: Place = ()) -> Reference:
    """The reference that the text `path` is. Raises PlanError, which names `at`, when it is none."""
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_CHARS:
        expected = f'a path of at most {MAX_PATH_CHARS} characters, such as "flights.0.price"'
        raise PlanError("not a reference", expected=expected, found=shown(path), at=at)
    source, *parts = path.split(".")
    try:
        if source != GIVEN:
            check_step_name(source)
    except PlanError:
        source = ""
    if not source or not all(parts) or (source == GIVEN and not parts):
        raise PlanError(
            "not a reference", expected='the name of a step and parts of its output, such as "flights.0.price"',
            found=shown(path), at=at, hint='Write {"$literal": ...} around data that has a $ref of its own.',
        )  # fmt: skip
    return Reference(place, source, tuple(parts))


def find_holes(values: Mapping[str, Any], at: str) -> tuple[Hole, ...]:
    """What stands for something else in `values`, which is JSON, in its order. Raises PlanError, naming `at`."""
    return tuple(_holes(values, at))


def _holes(values: Mapping[str, Any], at: str) -> Iterator[Hole]:
    waiting: list[tuple[Place, Any]] = [((name,), value) for name, value in reversed(list(values.items()))]
    while waiting:  # no recursion: the nesting is that of whoever wrote the plan
        place, value = waiting.pop()
        if isinstance(value, list):
            waiting += [((*place, index), item) for index, item in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            mark = REF if REF in value else LITERAL if LITERAL in value else None
            if mark is None:
                waiting += [((*place, key), item) for key, item in reversed(value.items())]
                continue
            where = f"{at}.{'.'.join(map(str, place))}"
            if len(value) > 1:
                raise PlanError(
                    f"a {mark} beside other members", expected=f"{mark} alone in its object",
                    found=f"{len(value)} members", at=where,
                )  # fmt: skip
            yield parse_reference(value[REF], where, place) if mark == REF else Verbatim(place, value[LITERAL])


def filled(values: Mapping[str, Any], holes: Sequence[Hole], value_of: Callable[[Hole], Any]) -> dict[str, Any]:
    """A copy of `values` in which each of its `holes` is filled with what `value_of` gives for it."""
    copy = dict(values)
    for name in {hole.at[0] for hole in holes if len(hole.at) > 1}:
        copy[str(name)] = _unpack(_pack(copy[str(name)]))
    for hole in holes:
        target: Any = copy
        for key in hole.at[:-1]:
            target = target[key]
        target[hole.at[-1]] = value_of(hole)
    return copy


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
