"""Rules of SQL injection over the classes of tokens, and the checks of a place in a text that are made of them."""

from __future__ import annotations

import re
from itertools import pairwise

from axonflow.detect.detector import InContext
from axonflow.detect.sql_tokens import token_classes

__all__ = [
    "AFTER_QUOTE",
    "ANOTHER_STATEMENT",
    "LOGIC",
    "ORDER",
    "STATEMENT_AFTER_VALUE",
    "SUBQUERY_AS_VALUE",
    "UNION",
    "WINDOW_CHARS",
    "breaks_out",
    "ends_in_comment",
    "is_commented_out",
    "is_cut_off",
    "is_percent_encoded",
    "is_whole_text",
    "stands",
    "unless_build_condition",
]

WINDOW_CHARS = 240
_RIGHT_CHARS = 160
_MAX_PLACES = 12
_MEMBER_NAME = re.compile(r"\A[\w .-]{1,64}: ")

# An expression over token classes. An operator is one letter, so there is one way to read a text and no backtracking.
_PRE = r"[uaSAf(]*"
_ANY = rf"{_PRE}[nsvwq]\)*"
_CONSTANT = rf"{_PRE}[nsvq]\)*"
_OPERATOR = r"u?[a&=<~,FLWBHU]"
_REST = rf"(?:{_OPERATOR}{_ANY})*"
_VALUE = rf"{_PRE}[nsvw]?\)*"
"""What a field held before the attack: one value, at the start of the text."""


_QUOTES_SWAPPED = str.maketrans("qQ", "Qq")
"""What is left open counts as such where it is the quote that was broken out of."""


def _rules(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in alternatives))


# Each rule is about the classes left of the place, a bar, and the classes from there on. A dot marks text that was cut
# off at either end, so that "\A" and "\Z" in a rule mean the ends of the text.
AFTER_QUOTE = _rules(
    # ' or 1=1, ' or name like 'a, ' and sleep(5), ' or 1--
    rf"\|\)*a*[&W]{_PRE}[nsvq]\)*u?[=<~]",
    rf"\|\)*a*[&W]{_PRE}w\)*(?:[=<]{_PRE}[nsvqwf]|u?~{_PRE}[nsq(])",
    rf"\|\)*a*[&W]{_PRE}(?:f\(|\(+S|S|v\)*a)",
    rf"\|\)*a*&{_PRE}[nvsq]\)*[cC;]",
    rf"\|\)*a*&{_PRE}[nv]\)+\Z",
    # ' union select, ' having 1, ' order by 3, '; drop
    rf"\|\)*(?:{_OPERATOR}{_ANY})*a*U[A(]*S",
    rf"\|\)*a*HF?{_PRE}[ns]",
    r"\|\)*a*Bn\)*(?:[cC,]|\Z)",
    r"\|\)*;K(?:\(|w|v|[cC]|\Z|n=)",
    r"\|\)*;[wSK].*[cC]\Z",
    # an expression that goes on to the end: ' + ', '*a-0-'0, ' like 'x, '-1-- x
    rf"\|\)*(?:{_OPERATOR}{_ANY})*{_OPERATOR}{_PRE}q\Z",
    rf"\|\)*(?:{_OPERATOR}{_ANY})+;?[cC]\Z",
    rf"\|\)*[a=~]{_PRE}(?:\(S|f\()",
    rf"\|\)*[a=<~]{_PRE}[nv]\)*[=<~&]{_PRE}[nvsqw]\)*",
)
_AFTER_QUOTE_COMMENT = _rules(r"\|\)*;?\)*c\Z")
LOGIC = _rules(
    # or 1=1, or 'a'='a, and 1 not between 0 and 1, wherever it stands
    rf"\|[&H]{_PRE}[nv]\)*={_PRE}[nvsq]",
    rf"\|[&H]{_PRE}[sq]\)*[=~]{_PRE}[nvsq]",
    rf"\|&{_PRE}n\)*u?~{_PRE}[nsq]",
    rf"\|&{_PRE}n\)*[cC]\Z",
    # 1 and sleep(5), 1 and 2>1, 1 or name like 'a%', 1 or 1 --, after a value at the start of the text
    rf"\A{_VALUE}\|&{_PRE}(?:f\(|\(*S|u\(*f\()",
    rf"\A{_VALUE}\|&{_PRE}[nv]\)*<{_PRE}[nv]",
    rf"\A{_CONSTANT}{_REST}\|&{_ANY}{_REST};?[cC]\Z",
    rf"\A{_CONSTANT}\|[&H]{_ANY}{_REST}u?[=~]{_ANY}{_REST}[cC]?\Z",
    rf"\A{_PRE}n\)+\|&{_PRE}n\)*\Z",
    rf"\A{_ANY}\|H{_PRE}[nsv]",
    rf"\A{_CONSTANT}={_CONSTANT}\|&{_CONSTANT}\Z",
)
STATEMENT_AFTER_VALUE = _rules(
    r"\A\.?[^K]*[nsqQ)]\)*\|;\(*(?:K(?:Lw|Fw|wKw=|v|\(+n=|A?[w,]*w[cC]?\Z|s|w:|[cC]?\Z)|S(?:f\(|v|[ns](?:,|F|[cC]?\Z)|w(?:,[wn])*F))"
)
ANOTHER_STATEMENT = _rules(r"\A[^K]*\|")
_PART = rf"(?:[a&=<~,]?{_CONSTANT})*"
_COMMENT_AFTER_VALUE = _rules(
    rf"\A{_PRE}[nsv]\)*(?:[a&=<~]{_PRE}[nsv]\)*)*;?\|c\Z", rf"\A{_PART}[f(]{_PRE}{_PART}\|c\Z"
)
SUBQUERY_AS_VALUE = _rules(
    rf"\A(?:{_PRE}[nsvw]\)*[a&=<~,]|{_PRE}n\)*|{_PRE}[nsw]q)?{_PRE}\|\(+S(?!.*\)UA?\(S)"
    r"(?:[uf(vA]|[ns][,)]|.*F\(*[wsf]w?(?:[^w?]|\Z))"
)
UNION = _rules(
    r"(?:[nvqQ]|\A[^SK]*[s)])\|U[A(]*S",
    r"s\|U[A(]*S.*[cC]\Z",
    rf"\A{_CONSTANT}[^.SK;]*\|UA?\(*S",
    rf"\A{_PRE}(?:[nsv]\)*(?:[a&=<~]{_PRE}[nsv]\)*)*|[nw]?)\|UA?[a(]*(?:[cC]?\.?\Z|\(+S)",
    r"\|UA?\(*S[A(ua]*(?:[nsvf]|w[cC]?\Z|(?:w,)*n)",
)
ORDER = _rules(rf"\A{_CONSTANT}\|Bn\)*(?:,n\)*)*[cC]?\Z")
_UNFINISHED = _rules(r"S[^F]*[nsv][^F]*\|FwW\Z", r"\AS[^F)]*\([^F)]*\|F")


_ANYWHERE = _rules(
    *(rules.pattern for rules in (LOGIC, STATEMENT_AFTER_VALUE, _COMMENT_AFTER_VALUE, ORDER, UNION)),
    r"[nsqQ)]\)*\|;K",
)
_SQL_SIGNS = re.compile(
    r"(?:%20|%0\w|\+|%2f|\*/|%2[78]|['\"(])(?:or|and|x?or|having|union|select)\b|%27|%22|%3b|;|%7c|%26%26|&&|\|\||--|/\*|%23",
    re.IGNORECASE,
)
_ENDING_QUOTE = re.compile(r"(?:['\"`][\s)]+|(?:\A|\S)['\"`])\Z")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")


def _classes_before(before: str) -> str:
    left = token_classes(before)
    if left[-1:] in {"q", "Q"} and not _ENDING_QUOTE.search(before):
        return left[:-1] + "?"  # inside of a string, not after it
    return left


def _classes_from(text: str, limit_chars: int = _RIGHT_CHARS) -> str:
    return token_classes(text) if len(text) < limit_chars else token_classes(text[:limit_chars]) + "."


def stands(rules: re.Pattern[str], left_chars: int = WINDOW_CHARS, *, amid_chars: int = _RIGHT_CHARS) -> InContext:
    """Whether one of `rules` is true of the classes of the last `left_chars` before a place and of those from there on.

    Amid a longer text, where no rule about its start can be true, only `amid_chars` from the place on are read: with
    0 all rules are about the start.
    """

    def holds(before: str, span: str, after: str) -> bool | float:
        left = (before if len(before) == WINDOW_CHARS else _MEMBER_NAME.sub("", before)).rstrip("+")
        if len(left) < left_chars:
            classes = f"{_classes_before(left)}|{_classes_from(span + after)}"
        elif amid_chars:
            classes = f".{_classes_before(left[-left_chars:])}|{_classes_from(span + after, amid_chars)}"
        else:
            return False
        return rules.search(classes.replace("Q", "q")) is not None

    return holds


_SIGNS_ALONE = re.compile(r"""[^\w\s'"]{1,4}['"]""")
_BUILD_CONDITION = re.compile(r"""condition=["'][^<>]{0,240}\Z""", re.IGNORECASE)


def unless_build_condition(in_context: InContext) -> InContext:
    """As `in_context`, but for the conditions of MSBuild, which compare quoted properties: ``and '$(OS)' == ''``."""

    def holds(before: str, span: str, after: str) -> bool | float:
        is_property = after[:2] in {"$(", "%(", "@("} and _BUILD_CONDITION.search(before) is not None
        return not is_property and in_context(before, span, after)

    return holds


def _has_odd_quote(before: str, quote: str) -> bool:
    """Whether `quote` has no partner before it on its line, so that it ends a value from outside."""
    line = before[before.rfind("\n") + 1 :]
    parts = line.split(quote)
    apostrophes = sum(a[-1:].isalpha() and b[:1].isalpha() for a, b in pairwise(parts))
    return (len(parts) - 1 - apostrophes) % 2 == 0


def _opens(before: str, quote: str, rest: str) -> bool:
    """Whether `quote` is where a quoted text begins, by the characters beside it."""
    if before[-1:].isspace() and not rest[:1].isspace():
        return True
    if rest[:1].isalpha() and before[-1:] in tuple("([{,=:+"):
        return True
    if before[-1:] in tuple("([{,+") and _SIGNS_ALONE.match(rest):
        return True  # RegExp("^" + prefix)
    return quote in before and before.rstrip()[-1:] in tuple("([{,+|&")


def breaks_out(rules: re.Pattern[str]) -> InContext:
    """As `stands`, where the span begins with a quote that ends a value, and from the token after it on."""

    def holds(before: str, span: str, after: str) -> bool | float:
        quote, rest = span[0], span[1:]
        if _opens(before, quote, rest + after) or not _has_odd_quote(before, quote):
            return False
        classes = "|" + _classes_from(rest + after)
        return rules.search(classes.translate(_QUOTES_SWAPPED) if quote == '"' else classes) is not None

    return holds


def is_whole_text(before: str, _span: str, after: str) -> bool:
    """Whether the span is the whole text."""
    return not (_MEMBER_NAME.sub("", before).strip() or after.strip())


def is_commented_out(before: str, span: str, after: str) -> bool | float:
    """Whether a quote ends a value and a comment sign the text."""
    return before[-1:] not in tuple("([{,=:+ ") and breaks_out(_AFTER_QUOTE_COMMENT)(before, span, after)


_BREAKS_OUT_ANYHOW = breaks_out(_rules(AFTER_QUOTE.pattern, _AFTER_QUOTE_COMMENT.pattern))


def is_percent_encoded(before: str, span: str, after: str) -> bool:
    """Whether a percent-encoded text, decoded, is one that any of the rules is true of."""
    if not _SQL_SIGNS.search(f"{before}{span}{after}"):
        return False
    run = before[before.rfind(" ") + 1 :] + span + after[: (after + " ").find(" ")]
    return _is_attack(_PERCENT.sub(lambda found: chr(int(found[0][1:], 16)), run.replace("+", " ")))


def _is_attack(text: str) -> bool:
    """Whether any of the rules is true at one of the first places of `text`, which is a few hundred characters."""
    classes = token_classes(text).replace("Q", "q")
    places = [at for at, letter in enumerate(classes) if letter in "&HUB;(c"][:_MAX_PLACES]
    if any(_ANYWHERE.search(f"{classes[:at]}|{classes[at:]}") for at in places):
        return True
    quotes = [at for at, char in enumerate(text) if char in "'\""][:_MAX_PLACES]
    return any(_BREAKS_OUT_ANYHOW(text[:at], text[at:], "") for at in quotes)


def ends_in_comment(before: str, span: str, after: str) -> bool | float:
    """Whether the text is one expression and a comment sign."""
    return not after and stands(_COMMENT_AFTER_VALUE, amid_chars=0)(before, span, after)


def is_cut_off(before: str, span: str, after: str) -> bool | float:
    """Whether a statement that selects constants ends at ``where``."""
    return not after.strip() and stands(_UNFINISHED)(before, span, after)
