"""AxonFlow's own functions: patterns of names, versions, and hours of the week."""

# ruff: noqa: E501  rows of a table

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect, Request
from axonflow.errors import ExpressionError, PolicyError
from axonflow.policy.cel.functions import hours, policies
from axonflow.policy.cel.functions.standard import to_zone
from axonflow.policy.cel.globs import Glob
from axonflow.policy.cel.values import CelError
from axonflow.policy.cel.versions import SemVer, read_semver
from tests.strategies import policy_set
from tests.unit.policy.cel.expressions import value

TRUE = [
    "'prod-7'.glob('prod-*') && 'prod-'.glob('prod-*') && !'Prod-7'.glob('prod-*') && !'xprod-7'.glob('prod-*')",
    "'a.b'.glob('a.b') && !'axb'.glob('a.b') && !'a.bc'.glob('a.b') && ''.glob('') && ''.glob('*') && !''.glob('?')",
    "'db/eu/1'.glob('db/*') && 'db/eu/1'.glob('*/1') && 'db/eu/1'.glob('*eu*') && 'db/eu/1'.glob('d*e*1') && !'db'.glob('d*b*b')",
    r"'ä'.glob('?') && '\U0001F600'.glob('?') && 'a*'.glob('a\\*') && !'ab'.glob('a\\*') && 'a?\\'.glob('a\\?\\\\') && '[a]'.glob('[a]')",
    "'xabc'.glob('*a?c') && 'xaxcabcx'.glob('*a?c?*b?x') && !'abab'.glob('*a?a?*b') && 'a\\nb'.glob('a*b')",
    "context.globs.exists(g, resource.id.glob(g)) && !context.globs.all(g, resource.id.glob(g))",
    "semver('1.0.0-alpha') < semver('1.0.0-alpha.1') && semver('1.0.0-alpha.1') < semver('1.0.0-alpha.beta')",
    "semver('1.0.0-alpha.beta') < semver('1.0.0-beta') && semver('1.0.0-beta') < semver('1.0.0-beta.2')",
    "semver('1.0.0-beta.2') < semver('1.0.0-beta.11') && semver('1.0.0-beta.11') < semver('1.0.0-rc.1') && semver('1.0.0-rc.1') < semver('1.0.0')",
    "semver('2.0.0') > semver('1.9.9') && semver('1.10.0') >= semver('1.9.0') && semver(context.version) <= semver('1.4.2')",
    "semver('1.0.0+a') == semver('1.0.0+b') && semver('1.0.0-a') != semver('1.0.0') && [semver('2.0.0'), semver('1.0.0')].sort()[0] == semver('1.0.0')",
    "dyn(semver('1.0.0')) < dyn(semver('1.0.1')) && type(semver('1.0.0')) == semver && string(semver('1.0.0-rc.1+b')) == '1.0.0-rc.1'",
    "isSemver('1.0.0-0A.is.legal') && isSemver('1.0.0--') && isSemver('0.0.0+001') && !isSemver('1.0') && !isSemver('01.0.0') && !isSemver('1.0.0-01') && !isSemver('1.0.0 ')",
    "!isSemver('') && !isSemver('v1.0.0') && !isSemver('1.0.0-') && !isSemver('1.0.0-a..b') && !isSemver('1.0.0+') && !isSemver('1.0.1234567890123456789')",
    "semver('10.20.30').major() == 10 && semver('10.20.30').minor() == 20 && dyn(semver('10.20.30')).patch() == 30",
    "'1.4.2'.matchesSemver('>=1.2 <2') && !'2.0.0'.matchesSemver('>=1.2 <2') && '2.0.0-rc.1'.matchesSemver('<2') && !'2.0.0-rc.1'.matchesSemver('<2.0.0-0')",
    "'1.2.0'.matchesSemver('1.2.0') && '1.2.0'.matchesSemver('=1.2.0') && '1.2.0'.matchesSemver('<=1.2.0') && !'1.2.0'.matchesSemver('>1.2.0 || !=1.2.0')",
    "semver('3.1.4').matchesSemver('<1||>=3') && dyn(semver('3.1.4')).matchesSemver(context.range) && context.version.matchesSemver('  >=1   <2  ')",
    "!time.within('Sun 00:00-24:00', 'UTC') || time.getDayOfWeek('UTC') == 0",
    "timestamp('2026-11-20T16:29:59Z').within('Mon-Fri 09:00-17:30', 'Europe/Berlin') && !timestamp('2026-11-20T16:30:00Z').within('Mon-Fri 09:00-17:30', 'Europe/Berlin')",
    "timestamp('2026-11-22T12:00:00Z').within('Fri-Mon 09:00-17:00', 'UTC') && !timestamp('2026-11-24T12:00:00Z').within('Fri-Mon 09:00-17:00', 'UTC')",
    "timestamp('2026-11-21T01:00:00Z').within('Fri 22:00-06:00', 'UTC') && !timestamp('2026-11-20T01:00:00Z').within('Fri 22:00-06:00', 'UTC')",
    "timestamp('2026-11-23T01:00:00Z').within('Sun 22:00-06:00', 'UTC') && timestamp('2026-11-22T23:00:00Z').within('Sun 22:00-24:00', 'UTC')",
    "timestamp('2026-11-21T10:00:00Z').within('Mon-Thu 09:00-17:30, Fri 09:00-15:00,Sat 10:00-14:00', '+00:00')",
    "timestamp('2026-11-21T23:30:00Z').within('00:00-02:00', '+02:00') && timestamp('2026-11-21T23:30:00Z').within(context.hours, context.zone)",
    # Clocks go forward on 2026-03-29 and back on 2026-10-25, at 01:00 UTC.
    "!timestamp('2026-03-29T00:59:00Z').within('Sun 02:00-03:00', 'Europe/Berlin') && !timestamp('2026-03-29T01:00:00Z').within('Sun 02:00-03:00', 'Europe/Berlin')",
    "timestamp('2026-10-25T00:30:00Z').within('Sun 02:00-03:00', 'Europe/Berlin') && timestamp('2026-10-25T01:30:00Z').within('Sun 02:00-03:00', 'Europe/Berlin')",
]
FAILS = [
    ("'a'.glob(context.bad)", "a pattern in which a \\ is not before *, ? or \\"),
    ("'a'.glob(context.long)", "a pattern of more than 1024 characters"),
    ("context.risk.glob('a')", "expected string, found int"),
    ("'a'.glob(context.risk)", "expected string, found int"),
    ("semver(context.env)", "not a version such as 1.2.3 or 1.2.3-rc.1"),
    ("semver(context.long)", "not a version such as 1.2.3 or 1.2.3-rc.1"),
    ("semver(dyn('1.0.0-01'))", "a number in a pre-release starts with 0"),
    ("dyn(semver('1.0.0')) < dyn('1.0.0')", "< does not take semver and string"),
    ("context.env.matchesSemver('>=1')", "not a version such as"),
    ("dyn(1).matchesSemver('>=1')", "matchesSemver() does not take int"),
    ("'1.0.0'.matchesSemver(context.env)", "a version in a range has three numbers"),
    ("'1.0.0'.matchesSemver(context.bad)", "not a range of versions such as"),
    ("'1.0.0'.matchesSemver(context.long)", "a range of versions of more than 1024 characters"),
    ("time.within(context.env, 'UTC')", "not hours such as"),
    ("time.within(context.long, 'UTC')", "hours of more than 1024 characters"),
    ("time.within('00:00-24:00', context.env)", "unknown time zone"),
    ("timestamp('0001-01-01T00:00:00Z').within('00:00-24:00', '-01:00')", "time out of range"),
    ("dyn(1).within('00:00-24:00', 'UTC')", "expected timestamp, found int"),
]
REFUSED = [
    ("resource.id.glob('a\\\\b')", 17, "a pattern in which a \\ is not before"),
    ("resource.id.glob('a\\\\')", 17, "a pattern in which a \\ is not before"),
    ("resource.id.glob(1)", 17, "wrong kind for glob(): expected string, found int"),
    ("semver('1.2')", 7, "not a version such as 1.2.3"),
    ("semver('1.2.3') < '1.2.4'", 16, "< compares like with like"),
    ("context.v.matchesSemver('')", 24, "a range of versions with nothing in it"),
    ("context.v.matchesSemver('>=1 ||')", 24, "a range of versions with nothing in it"),
    ("context.v.matchesSemver('>1.2')", 24, "only after >= and < it may have fewer"),
    ("context.v.matchesSemver('1.2')", 24, "only after >= and < it may have fewer"),
    ("context.v.matchesSemver('>= 1')", 24, "not a range of versions such as"),
    ("context.v.matchesSemver('^1.2.3')", 24, "not a range of versions such as"),
    ("context.v.matchesSemver('>=01')", 24, "a version in a range has three numbers"),
    ("time.within('Mon', 'UTC')", 12, "not hours such as Mon-Fri 09:00-17:30"),
    ("time.within('Mon,Tue 09:00-17:00', 'UTC')", 12, "not hours"),
    ("time.within('mon 09:00-17:00', 'UTC')", 12, "not hours"),
    ("time.within('9:00-17:00', 'UTC')", 12, "not hours"),
    ("time.within('09:00-24:01', 'UTC')", 12, "not hours"),
    ("time.within('', 'UTC')", 12, "not hours"),
    ("time.within('09:00-09:00', 'UTC')", 12, "hours that end where they begin; all day is 00:00-24:00"),
    ("time.within('24:00-06:00', 'UTC')", 12, "hours that end where they begin"),
    ("time.within('09:00-17:00', 'Mars')", 27, "unknown time zone"),
    ("time.within('09:00-17:00')", 5, "within() is not called like this"),
]
REQUEST = Request(
    "user:ann", "tool.call", "tool:prod-7",
    {
        "globs": ["dev-*", "prod-?"], "version": "1.4.2", "range": ">=3 <4", "env": "prod", "risk": 5, "bad": "a\\b",
        "long": "1" * 2_000, "hours": "Sat 22:00-02:00", "zone": "UTC",
    },
    time=1_795_000_000_000_000,
)  # fmt: skip


@pytest.mark.parametrize("expression", TRUE)
def test_expression_with_functions_for_policies_is_true(expression):
    assert value(expression, REQUEST) is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_with_functions_for_policies_that_has_no_value_says_why(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression, REQUEST)
    assert message in str(raised.value)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_with_a_literal_that_a_function_does_not_take_is_refused(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression, REQUEST)
    assert message in str(raised.value)
    assert raised.value.offset == offset


def test_policy_with_a_bad_literal_is_refused_and_a_good_one_decides():
    rule = {"id": "r", "effect": "deny", "when": "resource.id.glob('prod-*') && !context.ip.inCIDR(['10.0.0.0/8'])"}
    flow = AxonFlow.open(policy_set([rule], default="allow"))
    wanted = {"10.1.2.3": Effect.ALLOW, "11.1.2.3": Effect.DENY, "nowhere": Effect.DENY}
    for address, effect in wanted.items():
        assert flow.decide(Request("user:ann", "tool.call", "tool:prod-7", {"ip": address})).effect is effect
    with pytest.raises(PolicyError, match="not a block of IP addresses"):
        AxonFlow.open(policy_set([{**rule, "when": rule["when"].replace("/8", "/99")}], default="allow"))


# -- patterns


CHARACTERS = "ab"
PATTERNS = st.text("ab*?", max_size=10)


def like(pattern, text):
    @cache
    def at(one, other):
        if one == len(pattern):
            return other == len(text)
        if pattern[one] == "*":
            return at(one + 1, other) or (other < len(text) and at(one, other + 1))
        return other < len(text) and pattern[one] in {"?", text[other]} and at(one + 1, other + 1)

    return at(0, 0)


@given(PATTERNS, st.text(CHARACTERS, max_size=14))
def test_pattern_matches_a_text_if_trying_everything_does(pattern, text):
    assert Glob(pattern).matches(text) is like(pattern, text)


@given(PATTERNS, st.data())
def test_pattern_matches_what_is_made_from_it(pattern, data):
    parts = {"*": st.text(CHARACTERS, max_size=4), "?": st.sampled_from(CHARACTERS)}
    text = "".join(data.draw(parts.get(character, st.just(character))) for character in pattern)
    assert Glob(pattern).matches(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_pattern_of_an_escaped_text_matches_nothing_but_the_text(text):
    escaped = "".join(f"\\{character}" if character in "*?\\" else character for character in text)
    assert Glob(escaped).matches(text)
    assert not Glob(escaped).matches(f"{text}a")
    assert Glob(f"*{escaped}*").matches(f"a{text}b")


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a*a*a*b", "*" + "a" * 500 + "b*", "*" + "a?" * 500 + "b*c"])
def test_pattern_that_a_long_text_almost_matches_takes_linear_time(pattern):
    assert not Glob(pattern).matches("a" * 65_536)


def test_pattern_that_would_be_looked_for_in_steps_is_not_in_a_huge_text():
    assert Glob("a?*a*?a").matches("a" * 4_000_000)
    with pytest.raises(CelError, match=r"a \? between two stars, and a text of more than 65536 characters"):
        Glob("*a?*").matches("a" * 65_537)


# -- versions


IDENTIFIERS = st.integers(0, 12).map(str) | st.text("0aZ-", min_size=1, max_size=3).filter(
    lambda word: not word.isdigit() or word == "0"
)


def before(one, other):
    """Section 11 of the standard, word for word."""
    (core, words), (other_core, other_words) = one, other
    if core != other_core:
        return core < other_core
    if not words or not other_words:
        return bool(words) and not other_words
    for left, right in zip(words, other_words, strict=False):
        if left == right:
            continue
        if left.isdigit() and right.isdigit():
            return int(left) < int(right)
        return left.isdigit() if left.isdigit() or right.isdigit() else left < right
    return len(words) < len(other_words)


VERSIONS = st.tuples(st.tuples(*[st.integers(0, 3)] * 3), st.lists(IDENTIFIERS, max_size=3))


def written(version, build=""):
    core, words = version
    return ".".join(map(str, core)) + ("-" + ".".join(words) if words else "") + build


@given(VERSIONS, VERSIONS)
def test_versions_are_in_the_order_of_the_standard(one, other):
    left, right = read_semver(written(one)), read_semver(written(other, "+b.1"))
    assert (left < right, left > right, left == right) == (before(one, other), before(other, one), one == other)
    assert str(left) == written(one)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_range_of_versions_holds_those_that_keep_its_bounds(version, low, high):
    known = {"": read_semver(written(version)), "low": read_semver(written(low)), "high": read_semver(written(high))}
    wanted = policies.to_semver_range(f">={written(low)} <{written(high)} || ={written(high)}")
    inside = known["low"] <= known[""] < known["high"] or known[""] == known["high"]
    assert policies.matches_semver(written(version), wanted) is inside


def test_version_of_all_zeros_is_the_least_release():
    assert SemVer(0, 0, 0) == read_semver("0.0.0")
    assert read_semver("0.0.0-0") < SemVer(0, 0, 0)


# -- hours


NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SPANS = st.tuples(
    st.none() | st.tuples(st.integers(0, 6), st.none() | st.integers(0, 6)), st.integers(0, 1439), st.integers(0, 1440)
).filter(lambda span: span[1] != span[2])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "+05:45", "-11:00"])


def hours_text(spans):
    def clock(minutes):
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def days(names):
        return "" if names is None else NAMES[names[0]] + ("" if names[1] is None else f"-{NAMES[names[1]]}") + " "

    return ", ".join(f"{days(names)}{clock(begin)}-{clock(end)}" for names, begin, end in spans)


def shows(span, local):
    """Whether the span holds the local time, or began the day before and holds it still."""
    names, begin, end = span
    first, last = (0, 6) if names is None else (names[0], names[0] if names[1] is None else names[1])
    every = [(first + ahead) % 7 for ahead in range(7)]
    days = every[: every.index(last) + 1]
    minute = local.hour * 60 + local.minute
    if begin < end:
        return local.weekday() in days and begin <= minute < end
    return (local.weekday() in days and minute >= begin) or ((local.weekday() - 1) % 7 in days and minute < end)


@given(
    st.lists(SPANS, min_size=1, max_size=3),
    st.integers(1_735_689_600, 1_830_297_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    ZONES,
)
def test_moment_is_within_hours_if_the_clock_on_the_wall_says_so(spans, moment, name):
    where = to_zone(name)
    assert hours.is_within(moment, hours.to_hours(hours_text(spans)), where) is any(
        shows(span, moment.astimezone(where)) for span in spans
    )


def test_hours_of_a_zone_follow_its_clocks_when_they_change():
    berlin, wanted = ZoneInfo("Europe/Berlin"), hours.to_hours("Mon-Fri 09:00-17:00")
    opened = [
        moment
        for day in range(1, 28)
        if hours.is_within(moment := datetime(2026, 3, 1, 7, 30, tzinfo=UTC) + timedelta(days=day), wanted, berlin)
    ]
    assert opened == []  # 08:30 all through
    assert hours.is_within(datetime(2026, 3, 30, 7, 30, tzinfo=UTC), wanted, berlin)  # 09:30 now
