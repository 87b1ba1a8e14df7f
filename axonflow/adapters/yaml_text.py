"""YAML and JSON text to plain values, within bounds, and back from a path to its line and column.

Scalars follow the YAML 1.2 core schema, so ``no`` and ``on`` are strings. Values are built from parser events, not by
recursion: nesting, aliases and size are bounded before anything is built from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import yaml

from axonflow.errors import PolicyError

__all__ = ["MAX_BYTES", "Locator", "parse_json", "parse_yaml"]

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 2_000_000
"""Values in one document, each alias counted as often as it is used."""

Path = tuple[str | int, ...]

KEY: Final = "[key]"
"""As last part of a path: the key itself rather than its value."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_EVENTS_A_SLICE: Final = 40
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_INT_CHARS: Final = 100
"""64 bits take 20 digits, or more with leading zeros. Python itself refuses to read thousands."""
_TAG: Final = "tag:yaml.org,2002:"
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def _at(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name


def _int(text: str, at: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    value = int(text[2:] if base != 10 else text, base) if len(text) <= _MAX_INT_CHARS else 2**64
    if not -(2**63) <= value < 2**63:
        raise PolicyError(
            "number out of range", expected="an integer of 64 bits", found=text[:40], at=at,
            hint="Quote it if it is text.",
        )  # fmt: skip
    return value


def _check_tag(event: Any, kind: str, name: str) -> None:
    if event.tag is not None and event.tag not in {_TAG + kind, "!"}:
        raise PolicyError(
            "tags are not supported", expected=f"none, or !!{kind} here", found=event.tag[:64].replace(_TAG, "!!"),
            at=_at(name, event.start_mark),
        )  # fmt: skip


def _scalar(event: Any, name: str) -> Any:
    _check_tag(event, "str", name)
    text = event.value
    if event.tag is not None or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _int(text, _at(name, event.start_mark))
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("event", "height", "key", "key_event", "value", "weight")

    def __init__(self, value: Any, event: Any) -> None:
        self.value = value
        self.event = event
        self.key: Any = _NO_KEY
        self.key_event: Any = None
        self.weight = 1
        self.height = 1


_NO_KEY: Final = object()


class _Composer:
    """Builds the values of one document from its events."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self.root: Any = None

    def feed(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(_scalar(event, self._name), 1, 0, event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            is_map = isinstance(event, yaml.MappingStartEvent)
            _check_tag(event, "map" if is_map else "seq", self._name)
            self._stack.append(_Open({} if is_map else [], event))
            self._check_depth(0, event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            closed = self._stack.pop()
            self._add(closed.value, closed.weight, closed.height, closed.event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def _check_depth(self, below: int, event: Any) -> None:
        if len(self._stack) + below > MAX_DEPTH:
            raise PolicyError(
                "nested too deep", expected=f"at most {MAX_DEPTH} levels", at=_at(self._name, event.start_mark)
            )

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise PolicyError(
                "unknown anchor",
                expected="one defined above",
                found=f"*{event.anchor[:64]}",
                at=_at(self._name, event.start_mark),
            )
        self._add(*known, event)

    def _add(self, value: Any, weight: int, height: int, event: Any) -> None:
        """`weight` values in all, containers in each other `height` levels high."""
        at = _at(self._name, event.start_mark)
        self._check_depth(height, event)
        if not isinstance(event, yaml.AliasEvent) and event.anchor:
            self._anchors[event.anchor] = (value, weight, height)
        if not self._stack:
            self.root = value
            return
        parent = self._stack[-1]
        parent.weight += weight
        parent.height = max(parent.height, height + 1)
        if parent.weight > MAX_NODES:
            raise PolicyError("document too large", expected=f"at most {MAX_NODES} values", found="more", at=at)
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is _NO_KEY:
            if not isinstance(value, str):
                raise PolicyError("wrong key", expected="text", found=type(value).__name__, at=at, hint="Quote it.")
            if value in parent.value:
                raise PolicyError("repeated key", expected="each key once", found=f"{value[:64]!a}", at=at)
            parent.key, parent.key_event = value, event
        else:
            if parent.event.flow_style and _is_nothing(event):
                raise _no_value(parent.key_event, self._name)
            parent.value[parent.key] = value
            parent.key = _NO_KEY


def _is_nothing(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and not event.value and event.implicit[0]


def _no_value(key_event: Any, name: str) -> PolicyError:
    """Within { } a comma ends a plain text: the rest of a sentence, or of an expression, is a key then."""
    return PolicyError(
        "a key without a value", expected="key: value", found=f"{key_event.value[:64]!a}",
        at=_at(name, key_event.start_mark), hint="Within { } a comma ends a text: quote a text that holds one.",
    )  # fmt: skip


def _events(text: str, name: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        problem = " ".join(part for part in (error.problem, error.context) if part)
        raise PolicyError(f"not YAML: {problem}", at=_at(name, error.problem_mark or error.context_mark)) from None
    except yaml.YAMLError as error:
        raise PolicyError(f"not YAML: {str(error).splitlines()[0]}", at=name) from None
    except UnicodeEncodeError as error:
        raise PolicyError(
            "not UTF-8", expected="text without lone surrogates", found=f"one at character {error.start + 1}", at=name
        ) from None


def parse_yaml(text: str, name: str, pause: Callable[[], None] = lambda: None) -> list[Any]:
    """The documents in `text`; `name` is how messages call it. Raises PolicyError with line and column.

    `pause` is called every now and then, for who reads beside other work.
    """
    documents: list[Any] = []
    composer = _Composer(name)
    for number, event in enumerate(_events(text, name)):
        if number % _EVENTS_A_SLICE == 0:
            pause()
        if isinstance(event, yaml.DocumentStartEvent):
            composer = _Composer(name)
        elif isinstance(event, yaml.DocumentEndEvent):
            documents.append(composer.root)
        else:
            composer.feed(event)
    return documents


def parse_json(text: str, name: str) -> list[Any]:
    """The one document in `text`. Raises PolicyError with line and column."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in pairs:
            if key in out:
                raise _repeated(key, text, name)
            out[key] = value
        return out

    def no_number(word: str) -> Any:
        raise PolicyError("not JSON", expected="a finite number", found=word, at=_place_of(word, text, name))

    def integer(digits: str) -> int:
        return _int(digits, name)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_constant=no_number)
    except json.JSONDecodeError as error:
        raise PolicyError(f"not JSON: {error.msg}", at=f"{name}:{error.lineno}:{error.colno}") from None
    except RecursionError:
        raise PolicyError("nested too deep", expected=f"at most {MAX_DEPTH} levels", at=name) from None
    if _is_deep(value):
        raise PolicyError("nested too deep", expected=f"at most {MAX_DEPTH} levels", at=name)
    return [value]


def _repeated(key: str, text: str, name: str) -> PolicyError:
    try:
        parse_yaml(text.replace("\t", " "), name)
    except PolicyError as error:  # it knows the place; but not all JSON is YAML
        if error.message == "repeated key":
            return error
    return PolicyError("repeated key", expected="each key once", found=f"{key[:64]!a}", at=name)


def _place_of(word: str, text: str, name: str) -> str:
    """Where `word` first stands outside of the strings of `text`."""
    offset = next(found.start() for found in _STRING_OR_WORD.finditer(text) if found[0] == word)
    return f"{name}:{text.count(chr(10), 0, offset) + 1}:{offset - text.rfind(chr(10), 0, offset)}"


_STRING_OR_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for each in level if isinstance(each, (dict, list)) for item in _items(each)]
    return any(isinstance(each, (dict, list)) for each in level)


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_verbatim(event: Any) -> bool:
    """Whether the value stands in its text character by character: no escapes, anchors, blocks or broken lines."""
    start, end = event.start_mark, event.end_mark
    if not isinstance(event, yaml.ScalarEvent) or start.line != end.line:
        return False
    quotes = 2 if event.style in {"'", '"'} else 0
    return bool(end.column - start.column - quotes == len(event.value))


class Locator:
    """Finds where a value stands in its text. Parses again: errors are rare, and marks for every value are not free."""

    def __init__(self, text: str, name: str) -> None:
        # What JSON has and YAML has not, in as many characters: tabs as indentation, and surrogates as escapes.
        self._text = _SURROGATE_ESCAPE.sub(r"\\u0020", text.replace("\t", " "))
        self._name = name
        self._documents: list[dict[Path, Any]] | None = None

    def at(self, document: int, path: Path, offset: int = 0) -> str:
        """``name:line:column`` of the value at `path` or of its nearest parent, `offset` characters further on."""
        if self._documents is None:
            try:
                self._documents = list(self._marks())
            except PolicyError:  # JSON that is no YAML, such as a control character in a string: the name must do
                self._documents = []
        if document >= len(self._documents):
            return self._name
        marks = self._documents[document]
        while path and path not in marks:
            path, offset = path[:-1], 0
        event = marks[path]
        mark = event.start_mark
        place = f"{self._name}:{mark.line + 1}:{mark.column + 1}"
        if not offset:
            return place
        if _is_verbatim(event):
            return f"{self._name}:{mark.line + 1}:{mark.column + 1 + offset + bool(event.style)}"
        return f"{place} (character {offset + 1} of the value)"

    def _marks(self) -> Iterator[dict[Path, Any]]:
        marks: dict[Path, Any] = {}
        stack: list[list[Any]] = []  # per open container: [path, next index, or the key that awaits its value]
        for event in _events(self._text, self._name):
            if isinstance(event, yaml.DocumentStartEvent):
                marks, stack = {}, []
            elif isinstance(event, yaml.DocumentEndEvent):
                yield marks
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                stack.pop()
            elif isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent, yaml.CollectionStartEvent)):
                self._mark(event, marks, stack)

    @staticmethod
    def _mark(event: Any, marks: dict[Path, Any], stack: list[list[Any]]) -> None:
        path: Path = ()
        if stack:
            parent = stack[-1]
            if isinstance(parent[1], int):
                path = (*parent[0], parent[1])
                parent[1] += 1
            elif parent[1] is None:
                parent[1] = getattr(event, "value", "")
                marks[*parent[0], str(parent[1]), KEY] = event
                return
            else:
                key: str = parent[1]
                path = (*parent[0], key)
                parent[1] = None
        marks[path] = event
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append([path, None if isinstance(event, yaml.MappingStartEvent) else 0])
