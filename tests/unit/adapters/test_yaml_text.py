"""YAML and JSON text as plain values: the 1.2 core schema, its bounds, and where each value stands."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters import yaml_text
from axonflow.adapters.yaml_text import KEY, MAX_DEPTH, Locator, parse_json, parse_yaml
from axonflow.errors import PolicyError


def refusal(parse, text):
    with pytest.raises(PolicyError) as raised:
        parse(text, "p")
    return str(raised.value)


# -- scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("yes", "no", "on", "off", "y", "N", "nULL", "tRUE", "1_000", "0b11", "12:30:45")),
        *(
            (word, word)
            for word in ("2026-11-21", "1.2.3", "1e", ".", "+", "-a", "0o8", "0xg", "0O7", "=", "<<", "+.nan")
        ),
        ("12", 12),
        ("-0", 0),
        ("+7", 7),
        ("012", 12),
        ("0o17", 15),
        ("0xfF", 255),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("000000000000000000000000000000012", 12),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("+1.5E-2", 0.015),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
    ],
)
def test_scalar_of_the_core_schema_has_its_value(text, value):
    (found,) = parse_yaml(f"x: {text}", "p")
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


def test_scalar_that_is_not_a_number_is_one_of_its_own():
    (found,) = parse_yaml("[.nan, .NaN, .NAN]", "p")
    assert all(value != value for value in found)  # noqa: PLR0124  which is what NaN means


BEYOND_64_BITS = [
    "9223372036854775808", "-9223372036854775809", "0xffffffffffffffff", "0o7777777777777777777777", "9" * 5_000,
    "0x" + "f" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("number", BEYOND_64_BITS, ids=lambda number: number[:20])
def test_integer_beyond_64_bits_is_refused_with_its_place(number):
    message = refusal(parse_yaml, f"x: {number}")
    assert message.startswith("p:1:4: number out of range: expected an integer of 64 bits")
    assert "Quote it" in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: !!int 5", "p:1:4: tags are not supported: expected none, or !!str here, found !!int"),
        ("x: !!binary aGk=", "p:1:4: tags are not supported"),
        ("x: !!set {a, b}", "p:1:4: tags are not supported: expected none, or !!map here, found !!set"),
        ("x: !!map [a]", "p:1:4: tags are not supported: expected none, or !!seq here, found !!map"),
        ("x: !!seq a", "p:1:4: tags are not supported: expected none, or !!str here, found !!seq"),
        ("x: !python/name:os.system a", "p:1:4: tags are not supported"),
        ("%TAG ! tag:x,2000:\n---\n!a b", "tags are not supported"),
    ],
)
def test_tag_that_is_not_of_json_is_refused(text, message):
    assert message in refusal(parse_yaml, text)


def test_tag_that_says_what_the_value_is_anyway_changes_nothing():
    assert parse_yaml("!!map {a: !!seq [!!str b], c: ! [d], e: ! {}}", "p") == [{"a": ["b"], "c": ["d"], "e": {}}]


# -- keys, anchors and documents


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("{reason: No, never}", "never", "p:1:14"),
        ("- {when: f(a, b), id: x}", "b)", "p:1:15"),
        ("x: {env: prod,\n  staging }", "staging", "p:2:3"),
        ("{a: {b: 1}, 'c'}", "c", "p:1:13"),
        ("{reason: , id: x}", "reason", "p:1:2"),
    ],
)
def test_comma_within_a_flow_mapping_that_leaves_a_key_alone_says_what_to_do(text, key, place):
    message = refusal(parse_yaml, text)
    assert message.startswith(f"{place}: a key without a value: expected key: value, found '{key}'")
    assert "quote a text that holds one" in message


@pytest.mark.parametrize("text", ["{a: '', b: null, c: ~}", "a:\nb: ''", "{a: '1, 2', b: [1, ], }"])
def test_value_that_is_empty_on_purpose_is_read(text):
    (value,) = parse_yaml(text, "p")
    assert set(value) >= {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "p:3:1: repeated key: expected each key once, found 'a'"),
        ('{a: 1, "a": 2}', "p:1:8: repeated key"),
        ("x: {y: [{a: 1, a: 2}]}", "p:1:16: repeated key"),
        ("1: a", "p:1:1: wrong key: expected text, found int. Quote it."),
        ("true: a", "found bool"),
        ("~: a", "found NoneType"),
        ("? [a]\n: b", "found list"),
        ("? {a: b}\n: c", "found dict"),
        ("&k [a]: b", "found list"),
    ],
)
def test_key_that_is_repeated_or_no_text_is_refused(text, message):
    assert message in refusal(parse_yaml, text)


def test_merge_key_is_a_key_like_any_other():
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a}", "p") == [{"a": {"x": 1}, "b": {"<<": {"x": 1}}}]


def test_alias_is_the_value_that_its_anchor_had_last():
    assert parse_yaml("[&a 1, *a, &a [2], *a, &b {c: *a}, *b, {&k key: *k}]", "p") == [
        [1, 1, [2], [2], {"c": [2]}, {"c": [2]}, {"key": "key"}]
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *b", "p:1:4: unknown anchor: expected one defined above, found *b"),
        ("a: &a [*a]", "p:1:8: unknown anchor"),  # what would hold itself
        ("--- &a 1\n--- *a", "p:2:5: unknown anchor"),  # of another document
    ],
)
def test_alias_without_its_anchor_is_refused(text, message):
    assert message in refusal(parse_yaml, text)


def test_aliases_that_multiply_are_refused_before_they_are_built(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_NODES", 1_000)
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 5)}]\n" for n in range(1, 9))
    assert "p:5:" in refusal(parse_yaml, "a0: &a0 [x, x]\n" + laughs)
    assert parse_yaml("[" + ", ".join(["1"] * 998) + "]", "p")
    assert "document too large" in refusal(parse_yaml, "[" + ", ".join(["1"] * 1_000) + "]")


def test_aliases_nest_no_deeper_than_brackets_may():
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))
    assert f"p:{MAX_DEPTH}:" in refusal(parse_yaml, chain)
    brackets = MAX_DEPTH - 1
    assert parse_yaml(f"a: {'[' * brackets}{']' * brackets}", "p")
    assert "nested too deep" in refusal(parse_yaml, f"a: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("# nothing", []),
        ("---\n", [None]),
        ("a", ["a"]),
        ("a: 1\n---\nb: 2\n...\n---\n- c\n", [{"a": 1}, {"b": 2}, ["c"]]),
        ("%YAML 1.2\n--- a\n", ["a"]),
        ("\ufeffa: 1", [{"a": 1}]),
        ("a: 1\r\nb: 2\r\n", [{"a": 1, "b": 2}]),
    ],
)
def test_stream_is_as_many_documents_as_it_holds(text, values):
    assert parse_yaml(text, "p") == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML: did not find expected node content"),
        ("a: b: c", "p:1:5: not YAML: mapping values are not allowed"),
        ("\ta: 1", "p:1:1: not YAML: found character that cannot start any token"),
        ("%YAML 3.0\n--- a", "not YAML: found incompatible YAML document"),
        ("a: \x07", "not YAML"),
        ("a: '\ud800'", "p: not UTF-8: expected text without lone surrogates, found one at character 5"),
        ("a: " + "[" * 100_000, "nested too deep"),
        ("- " * 10_000, "nested too deep"),
    ],
    ids=["open", "colons", "tab", "version", "control", "surrogate", "brackets", "dashes"],
)
def test_text_that_is_no_yaml_is_refused(text, message):
    assert message in refusal(parse_yaml, text)


# -- JSON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p:1:1: not JSON"),
        ('{"a": 1,\n "b": }', "p:2:7: not JSON: Expecting value"),
        ("[1] 2", "p:1:5: not JSON: Extra data"),
        ('{"a": 1,\n\t"a": 2}', "p:2:2: repeated key: expected each key once, found 'a'"),
        ('["NaN", "\\"NaN",\n 1, NaN]', "p:2:5: not JSON: expected a finite number, found NaN"),
        ('{"a\\/": "\x7f", "a\\/": 2}', "p: repeated key: expected each key once, found 'a/'"),
        ("[-Infinity]", "found -Infinity"),
        ("[9223372036854775808]", "p: number out of range: expected an integer of 64 bits"),
        ("9" * 5_000, "number out of range"),
        ("[" * 65 + "]" * 65, "p: nested too deep: expected at most 64 levels"),
        ('{"a":' * 65 + "1" + "}" * 65, "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        ("\ufeff{}", "p:1:1: not JSON"),
        ("'a'", "not JSON"),
    ],
    ids=["empty", "value", "extra", "repeated", "nan", "no YAML", "infinity", "int", "digits", "lists", "maps",
         "deepest", "bom", "quotes"],
)  # fmt: skip
def test_text_that_is_no_json_is_refused(text, message):
    assert message in refusal(parse_json, text)


def test_json_as_deep_as_the_limit_is_read():
    (value,) = parse_json("[" * 64 + "]" * 64, "p")
    for _ in range(63):
        (value,) = value
    assert value == []


# -- whatever the text


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
ONLY_A_NUMBER_IN_12 = re.compile(r"[-+]?\.?[0-9][0-9a-fA-FoxeE.+-]*")
"""PyYAML writes for YAML 1.1, in which 0o17 and 1e3 are text that needs no quotes."""


@given(st.dictionaries(TEXTS, SCALARS) | st.lists(VALUES))
def test_value_written_by_pyyaml_is_read_the_same(value):
    if not any(ONLY_A_NUMBER_IN_12.fullmatch(text) for text in texts(value)):
        (found,) = parse_yaml(yaml.safe_dump(value, sort_keys=False), "p")
        assert found == value
        assert repr(found) == repr(value)  # to Python 1 is True and 1.0


@given(VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_value_written_as_json_is_read_the_same(value, indent, ensure_ascii):
    if "Infinity" not in json.dumps(value):
        text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
        assert repr(parse_json(text, "p")) == repr([value])


@given(
    st.text()
    | st.lists(st.sampled_from([*"[]{}:,-?&*!|>'\"%@`#~ \n\t\\a1", "&a ", "*a", "- ", ": ", "---\n"])).map("".join)
)
def test_any_text_is_read_or_refused_with_a_policy_error(text):
    for parse in (parse_yaml, parse_json):
        try:
            assert isinstance(parse(text, "p"), list)
        except PolicyError as error:
            assert str(error).startswith("p")  # noqa: PT017  it may as well be read
    assert Locator(text, "p").at(0, ("a", 0), 3).startswith("p")


# -- where a value stands


PAGE = """\
a: plain text
b: 'it''s quoted'
c: "tab\\there, end"
d: |
  block
  of text
e: [x, {f: 'deep'}]
g: &anchor anchored
h: *anchor
i: "not escaped"
j: broken
  over lines
ü: 'ä €'
---
a: second
"""


@pytest.mark.parametrize(
    ("path", "offset", "place"),
    [
        (("a",), 0, "p:1:4"),
        (("a",), 6, "p:1:10"),
        (("a", KEY), 0, "p:1:1"),
        (("b",), 0, "p:2:4"),
        (("b",), 6, "p:2:4 (character 7 of the value)"),  # an escape before it would shift the column
        (("c",), 6, "p:3:4 (character 7 of the value)"),
        (("i",), 4, "p:10:9"),
        (("d",), 0, "p:4:4"),
        (("d",), 9, "p:4:4 (character 10 of the value)"),
        (("e", 0), 0, "p:7:5"),
        (("e", 1, "f"), 2, "p:7:15"),
        (("e", 1, "f", KEY), 0, "p:7:9"),
        (("g",), 3, "p:8:4 (character 4 of the value)"),
        (("h",), 3, "p:9:4 (character 4 of the value)"),
        (("j",), 9, "p:11:4 (character 10 of the value)"),
        (("ü",), 2, "p:13:7"),
        (("e", 1, "missing"), 5, "p:7:8"),
        (("nowhere", 3), 0, "p:1:1"),
        ((), 0, "p:1:1"),
    ],
)
def test_locator_of_a_path_names_line_and_column(path, offset, place):
    assert Locator(PAGE, "p").at(0, path, offset) == place


def test_locator_knows_the_documents_of_a_stream_apart():
    locator = Locator(PAGE, "p")
    assert locator.at(1, ("a",)) == "p:15:4"
    assert locator.at(2, ("a",)) == "p"


@pytest.mark.parametrize("text", ['{"a": "\x7f"}', '{"a": "\ud800"}', "a: ["])
def test_locator_in_text_that_is_no_yaml_names_the_text(text):
    assert Locator(text, "p").at(0, ("a",), 2) == "p"


def test_locator_in_an_empty_text_names_the_text():
    assert Locator("# nothing", "p").at(0, ("a",)) == "p"


PRINTED = st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"])
KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=["Cs", "Cc"]), max_size=9)
LEAVES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(PRINTED, max_size=9)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
       st.sampled_from([None, 1, "\t"]), st.booleans())  # fmt: skip
def test_locator_in_json_points_at_each_value(value, indent, ensure_ascii):
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    locator = Locator(text, "p")
    for path, leaf in paths(value):
        line, column = map(int, locator.at(0, path).split(":")[1:])
        assert text.split("\n")[line - 1][column - 1 :].startswith(json.dumps(leaf, ensure_ascii=ensure_ascii))


def paths(value, path=()):
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(item, (*path, key))
    else:
        yield path, value


def texts(value):
    if isinstance(value, dict):
        yield from value
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value
