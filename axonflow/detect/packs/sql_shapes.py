r"""Shapes of SQL injection: text that breaks out of a value and goes on as SQL.

A well-formed statement is no injection, so each shape asks for what a statement as written by a program does not
have: a literal compared to a literal, a quote that ends and a comment that swallows the rest, a second statement
after a value, or a function that only an attacker calls.

The patterns only say where to look: at a quote before an operator, at ``or``, ``union``, ``;``, ``--``. What stands
there is judged as a row of token classes (`axonflow.detect.sql_tokens`), which sees through white space, comments and
percent-encoding. So patterns stay small, without long repetitions, which keeps RE2's automata small too.
"""

from __future__ import annotations

import re
from itertools import pairwise

from axonflow.detect.detector import InContext, Shape
from axonflow.detect.sql_tokens import token_classes

__all__ = ["SQL_SHAPES"]

_WINDOW_CHARS = 240
_RIGHT_CHARS = 200
_MEMBER_NAME = re.compile(r"\A\w{1,64}: ")

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
_AFTER_QUOTE = _rules(
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
_LOGIC = _rules(
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
_STATEMENT_AFTER_VALUE = _rules(
    r"\A\.?[^K]*[nsqQ)]\)*\|;\(*(?:K(?:Lw|Fw|wKw=|v|\(+n=|A?[w,]*w[cC]?\Z|s|w:|[cC]?\Z)|S(?:f\(|v|[ns](?:,|F|[cC]?\Z)|w(?:,[wn])*F))"
)
_ANOTHER_STATEMENT = _rules(r"\A[^K]*\|")
_PART = rf"(?:[a&=<~,]?{_CONSTANT})*"
_COMMENT_AFTER_VALUE = _rules(
    rf"\A{_PRE}[nsv]\)*(?:[a&=<~]{_PRE}[nsv]\)*)*;?\|c\Z", rf"\A{_PART}[f(]{_PRE}{_PART}\|c\Z"
)
_SUBQUERY_AS_VALUE = _rules(
    rf"\A(?:{_PRE}[nsvw]\)*[a&=<~,]|{_PRE}n\)*|{_PRE}[nsw]q)?{_PRE}\|\(+S(?!.*\)UA?\(S)"
    r"(?:[uf(vA]|.*F\(*[wsf]w?(?:[^w?]|\Z))"
)
_UNION = _rules(
    r"(?:[nvqQ]|\A[^SK]*[s)])\|U[A(]*S",
    r"s\|U[A(]*S.*[cC]\Z",
    rf"\A{_CONSTANT}[^.SK;]*\|UA?\(*S",
    rf"\A{_PRE}(?:[nsv]\)*(?:[a&=<~]{_PRE}[nsv]\)*)*|[nw]?)\|UA?[a(]*(?:[cC]?\.?\Z|\(+S)",
    r"\|UA?\(*S[A(ua]*(?:[nsvf]|w[cC]?\Z|(?:w,)*n)",
)
_ORDER = _rules(rf"\A{_CONSTANT}\|Bn\)*(?:,n\)*)*[cC]?\Z")
_UNFINISHED = _rules(r"S[^F]*[nsv][^F]*\|FwW\Z", r"\AS[^F)]*\([^F)]*\|F")


_ANYWHERE = _rules(
    *(rules.pattern for rules in (_LOGIC, _STATEMENT_AFTER_VALUE, _COMMENT_AFTER_VALUE, _ORDER, _UNION)),
    r"[nsqQ)]\)*\|;K",
)
_AFTER_QUOTE_ANY = _rules(_AFTER_QUOTE.pattern, _AFTER_QUOTE_COMMENT.pattern)
_SQL_SIGNS = re.compile(
    r"(?:%20|%0\w|\+|%2f|\*/|%2[78]|['\"(])(?:or|and|x?or|having|union|select)\b|%27|%22|%3b|;|%7c|%26%26|--|/\*|%23",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")


def _classes_around(before: str, text: str, left_chars: int = _WINDOW_CHARS) -> str:
    """The classes of the last `left_chars` of `before`, a bar, and those of `text`."""
    if len(before) != _WINDOW_CHARS:
        before = _MEMBER_NAME.sub("", before)
    is_cut = len(before) >= left_chars
    left = token_classes(before[-left_chars:])
    if left[-1:] in {"q", "Q"} and before.rstrip(" )\t\n\r")[-1:] not in {"'", '"', "`"}:
        left = left[:-1] + "?"  # inside of a string, not after it
    return f"{'.' if is_cut else ''}{left}|{token_classes(text)}{'' if len(text) < _RIGHT_CHARS else '.'}"


def _is(rules: re.Pattern[str], left_chars: int = 64) -> InContext:
    """Whether one of `rules` is true of the classes of the tokens around."""

    def holds(before: str, span: str, after: str) -> bool:
        return (
            rules.search(_classes_around(before, (span + after)[:_RIGHT_CHARS], left_chars).replace("Q", "q"))
            is not None
        )

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
    return quote in before and before.rstrip()[-1:] in tuple("([{,+|&")


def _breaks_out(rules: re.Pattern[str]) -> InContext:
    """As `_is`, where the span begins with a quote that ends a value, and from the token after it on."""

    def holds(before: str, span: str, after: str) -> bool:
        quote, rest = span[0], span[1:]
        if _opens(before, quote, rest) or not _has_odd_quote(before, quote):
            return False
        classes = _classes_around("", (rest + after)[:_RIGHT_CHARS])
        return rules.search(classes.translate(_QUOTES_SWAPPED) if quote == '"' else classes) is not None

    return holds


def _is_all(before: str, _span: str, after: str) -> bool:
    """Whether the span is the whole text."""
    return not (_MEMBER_NAME.sub("", before).strip() or after.strip())


def _is_commented_out(before: str, span: str, after: str) -> bool:
    """Whether a quote ends a value and a comment sign the text."""
    return before[-1:] not in tuple("([{,=:+ ") and _breaks_out(_AFTER_QUOTE_COMMENT)(before, span, after)


def _is_encoded(before: str, span: str, after: str) -> bool:
    """Whether a percent-encoded text, decoded, is one that any of the rules is true of."""
    if not _SQL_SIGNS.search(f"{before}{span}{after}"):
        return False
    run = before[before.rfind(" ") + 1 :] + span + after[: (after + " ").find(" ")]
    return _is_attack(_PERCENT.sub(lambda found: chr(int(found[0][1:], 16)), run.replace("+", " ")))


def _is_attack(text: str) -> bool:
    """Whether any of the rules is true at any place of `text`, which is a few hundred characters."""
    classes = token_classes(text).replace("Q", "q")
    for at, letter in enumerate(classes):
        if letter in "&HU;(c" or (letter == "B" and at):
            here = f"{classes[:at]}|{classes[at:]}"
            if _ANYWHERE.search(here):
                return True
    return any(text[at] in "'\"" and _breaks_out(_AFTER_QUOTE_ANY)(text[:at], text[at:], "") for at in range(len(text)))


def _ends_in_comment(before: str, span: str, after: str) -> bool:
    """Whether the text is one expression and a comment sign."""
    return not after and _is(_COMMENT_AFTER_VALUE, _WINDOW_CHARS)(before, span, after)


def _is_cut_off(before: str, span: str, after: str) -> bool:
    """Whether a statement that selects constants ends at ``where``."""
    return not after.strip() and _is(_UNFINISHED, _WINDOW_CHARS)(before, span, after)


def _sql(
    *alternatives: str, triggers: tuple[str, ...] = (), in_context: InContext | None = None, confidence: float = 0.9
) -> Shape:
    return Shape(
        pattern=f"(?i:{'|'.join(alternatives)})",
        triggers=triggers,
        in_context=in_context,
        window_chars=_WINDOW_CHARS,
        confidence=confidence,
    )


_Q = r"['\"`]"
_GAP = r"[\s\x00+(!~)-]{0,8}(?:(?:/\*!?\w{0,8}\*?/?|(?:--|#)\w{0,16}\n)[\s+(!~)-]{0,8}){0,2}"
"""White space, brackets, signs and a comment or two."""
_S = r"(?:[\s\x00+(]|/\*!?\w{0,12}(?:\*/)?|(?:--|#)\w{0,16}\n)"
"""What may stand after a word instead of a space."""
_LOGIC_WORD = r"\b(?:or|and|xor|having)"
_WORDS_AFTER_QUOTE = (
    "or|and|xor|union|having|where|order|group|like|rlike|regexp|div|mod|is|in|not|between|limit|sounds|collate"
)

SQL_SHAPES: tuple[Shape, ...] = (
    # ' or 1=1, ") and "a"="a, ' || 1 < 2, ' union select, '; drop table, x' like 'y, a'+(select ...
    _sql(
        rf"{_Q}[\s)]{{0,16}}(?:[-+*/%=<>^&|!;#]|(?:{_WORDS_AFTER_QUOTE})\b)",
        in_context=_breaks_out(_AFTER_QUOTE),
    ),
    # admin'-- with nothing of weight after it
    _sql(rf"{_Q}[\s);]{{0,8}}(?:--|#|/\*)", in_context=_is_commented_out, confidence=0.7),
    # the same inside the statement that it ended up in: name = 'admin'--' and ...
    _sql(r"\w'-{2,8} ?'", triggers=("'--",), confidence=0.7),
    # 1 or 1=1, 1) and 7=(8, x or 'a'='a', having 1=1
    _sql(
        rf"(?:{_LOGIC_WORD}|\|\||&&){_GAP}(?:(?:not|binary)\b{_GAP}){{0,2}}"
        r"(?:[\d'\"@.\\]|null\b|true\b|false\b|current_|localtime|utc_)",
        in_context=_is(_LOGIC),
    ),
    # 1 and ascii(substring(..., 1 or name like 'a%', 1 and (select ...
    _sql(
        rf"(?:{_LOGIC_WORD}\b|\|\||&&){_GAP}(?:not\b{_GAP})?"
        rf"(?:select\b|\w{{1,32}}{_S}?[=<>!(*/+-]|\w{{1,32}}{_S}(?:not{_S})?(?:like|rlike|regexp|between|is|in)\b)",
        in_context=_is(_LOGIC),
    ),
    # union select, after a value or with what a select list begins with
    _sql(r"union\b", triggers=("union",), in_context=_is(_UNION, _WINDOW_CHARS), confidence=0.95),
    # (select id from users limit 1,1) in place of a value
    _sql(
        r"\(\s{0,16}select\b", triggers=("select",), in_context=_is(_SUBQUERY_AS_VALUE, _WINDOW_CHARS), confidence=0.6
    ),
    # 1 order by 10--
    _sql(rf"\b(?:order|group){_S}{{1,8}}by{_S}{{1,8}}\d", triggers=("order", "group"), in_context=_is(_ORDER)),
    # 1 --, 1*1/*
    _sql(r"(?:--|/\*)[-\s+\w]{0,16}", in_context=_ends_in_comment, confidence=0.5),
    # a second statement after a value
    _sql(
        rf";{_S}{{0,16}}(?:"
        r"drop|delete|insert|update|create|alter|exec|execute|declare|shutdown|waitfor|truncate|grant|revoke|call|merge|replace|backup"
        r"|copy|load|begin|goto|handler|prepare|do|set|select)\b",
        in_context=_is(_STATEMENT_AFTER_VALUE, _WINDOW_CHARS),
    ),
    # select 1,(2),3 from t where, cut off
    _sql(rf"\bfrom{_S}{{1,8}}\w{{1,64}}{_S}{{1,8}}where\b", triggers=("where",), in_context=_is_cut_off),
    # a second statement that destroys
    _sql(
        rf";{_S}{{0,16}}(?:drop|alter|truncate){_S}{{1,16}}"
        r"(?:table|database|schema|view|index|user|login|procedure|function|trigger|role)\b",
        rf";{_S}{{0,16}}create{_S}{{1,16}}(?:user|login|role|procedure|trigger)\b",
        rf";{_S}{{0,16}}(?:shutdown\b|waitfor{_S}|declare{_S}{{1,16}}@|load{_S}{{1,16}}(?:data|xml)|begin{_S}{{1,16}}(?:declare|try))",
        rf";{_S}{{0,16}}exec(?:ute)?{_S}{{1,16}}(?:immediate|master|sp_|xp_|@|\w{{1,64}}\s?[@('\"])",
        rf";{_S}{{0,16}}exec(?:ute)?\s{{0,4}}\(\s{{0,4}}['@]|;{_S}{{0,16}}(?:grant|revoke)\b[\w ,]{{1,48}}\bon\b",
        rf";{_S}{{0,16}}copy{_S}{{1,16}}\w{{1,64}}{_S}{{1,16}}(?:from|to){_S}",
        triggers=(
            "drop",
            "alter",
            "truncate",
            "create",
            "shutdown",
            "waitfor",
            "declare",
            "load",
            "begin",
            "exec",
            "copy",
            "grant",
            "revoke",
        ),
        in_context=_is(_ANOTHER_STATEMENT, _WINDOW_CHARS),
    ),
    # time as a side channel
    _sql(
        rf"(?:\b(?:select|and|or|xor|union|then|else|if|when|from|where|all|by){_S}{{1,8}}|[,;'\"=*+|&(!-]\s{{0,8}})"
        r"(?:sleep\s{0,4}\(\s{0,4}(?:\d|@|\(|if)|benchmark\s{0,4}\(\s{0,4}[\d(])",
        r"waitfor\s{1,8}(?:delay|time)\s{1,8}['\"@]",
        r"\bpg_sleep\s{0,4}\(|dbms_(?:pipe\.receive_message|lock\.sleep)\s{0,4}\(",
        r"\bgenerate_series\s{0,4}\(\s{0,4}1\s{0,4},\s{0,4}\d{6}|\brandomblob\s{0,4}\(\s{0,4}\d{7}",
        r"\bbenchmark\s{0,4}\(\s{0,4}\d{1,16}\s{0,4},\s{0,4}\w{1,32}\s{0,4}\(",
        triggers=("sleep", "benchmark", "waitfor", "receive_message", "generate_series", "randomblob"),
    ),
    # functions and procedures that reach outside of the database
    _sql(
        r"\bxp_(?:cmdshell|reg\w{1,32}|dirtree|fileexist|availablemedia|servicecontrol|loginconfig)\s{0,8}['\"(@\[]",
        r"\bexec(?:ute)?[\s(+]{1,8}(?:master\s{0,4}\.{1,3}\s{0,4})?(?:dbo\s{0,4}\.\s{0,4})?[xs]p_\w",
        r"\bsp_(?:oacreate|makewebtask|addsrvrolemember|addextendedproc|add_job)\b\s{0,4}['\"(@n]",
        r"\bexec(?:ute)?\s{0,4}\(\s{0,4}@",
        rf"\bload_file\s{{0,4}}\(|\binto{_S}{{1,16}}(?:out|dump)file\b|\binto{_S}{{1,16}}outfile\b",
        rf"\bload{_S}{{1,16}}data{_S}{{1,16}}(?:local{_S}{{1,16}})?infile\b|\binto{_S}{{1,8}}outfile{_S}",
        r"\butl_(?:http|inaddr|smtp|file)\s{0,4}\.|\bdbms_(?:ldap|xmlquery|java)\w{0,16}\s{0,4}\.",
        r"\bopenrowset\s{0,4}\(\s{0,4}['\"]|\bcopy\s{1,8}\w{1,64}\s{1,8}(?:from|to)\s{1,8}program\b|\blo_import\s{0,4}\(",
        triggers=(
            "xp_",
            "exec",
            "sp_",
            "load_file",
            "outfile",
            "dumpfile",
            "infile",
            "utl_",
            "dbms_",
            "openrowset",
            "program",
            "lo_import",
        ),
    ),
    # errors as a side channel
    _sql(
        r"\b(?:extractvalue|updatexml)\s{0,4}\(\s{0,4}[\w'\"-]{1,64}\s{0,4},\s{0,4}(?:concat|0x|\(?\s{0,4}select|chr|char)",
        rf"\bprocedure{_S}{{1,8}}analyse\s{{0,4}}\(|\bxmltype\s{{0,4}}\(|\bctxsys\.|\bgtid_subset\s{{0,4}}\(",
        r"\bfloor\s{0,4}\(\s{0,4}rand\s{0,4}\(|\bexp\s{0,4}\(\s{0,4}~|\belt\s{0,4}\(\s{0,4}\d{1,16}\s{0,4}=",
        r"\bjson_keys\s{0,4}\(\s{0,4}\({1,4}\s{0,4}select|\bmake_set\s{0,4}\(\s{0,4}\(?\s{0,4}\d",
        r"\bconvert\s{0,4}\(\s{0,4}int\s{0,4},[\s(@]{0,8}(?:select|@@|char)|\brow\s{0,4}\(\s{0,4}\d{1,8}\s{0,4},\s{0,4}\d{1,8}\s{0,4}\)\s{0,4}>",
        r"\bcase\s{1,4}when[\s(]{1,8}\d{1,16}\s{0,4}=|\bcase\s{1,4}(?:\d{1,16}|'\w{0,16}')\s{1,4}when\s{1,4}(?:\d{1,16}|'\w{0,16}')\s{1,4}then\b",
        triggers=(
            "extractvalue",
            "updatexml",
            "analyse",
            "xmltype",
            "ctxsys",
            "gtid_subset",
            "rand",
            "exp",
            "elt",
            "json_keys",
            "make_set",
            "convert",
            "row",
            "case",
        ),
    ),
    # the catalogue of the database
    _sql(
        rf"\b(?:from|join|into|update){_S}{{0,16}}[`\"\[]{{0,2}}(?:information_schema[`\"\]]?{_S}{{0,4}}\.|mysql\s{{0,4}}[`\"]?\s{{0,4}}\.\s{{0,4}}[`\"]?(?:user|db|x)\b"
        r"|pg_(?:shadow|authid)\b|sys(?:objects|columns|users|logins)\b|sqlite_master\b"
        r"|(?:master\s{0,4}\.\.\s{0,4}|sys\.|sysibm\.)sys\w|msysobjects\b|all_(?:tab_columns|tab_tables|users|tables)\b)",
        triggers=("information_schema", "mysql", "pg_", "sys", "sqlite_master", "all_"),
    ),
    # text spelt out so that no quote is needed, and guessing it letter by letter
    _sql(
        r"\b(?:ascii|ord|hex|unhex|bin|length|lower|charset|conv|mid)\s{0,4}\(\s{0,4}\(?\s{0,4}(?:substr|substring|mid|left|right|ifnull|hex"
        r"|load_file|select|concat|database|user|version|compress|current_user)\b",
        r"\b(?:char|chr|nchar)\s{0,4}\(\s{0,4}\d{1,3}\s{0,4}\)\s{0,4}(?:\+|\|\||,|%2b|&)\s{0,4}(?:char|chr|nchar)\s{0,4}\(",
        r"\bchar\s{0,4}\(\s{0,4}\d{1,3}(?:\s{0,4},\s{0,4}\d{1,3}){3}",
        r"\b(?:concat|concat_ws|group_concat|cast|convert|aes_decrypt)\s{0,4}\(\s{0,4}"
        r"(?:\(?\s{0,4}select\b|0x[0-9a-f]{2}|char\s{0,4}\(|@@|aes_encrypt|concat)",
        r"\bselect\s{1,8}@@\w|\bselect\s{1,8}0x[0-9a-f]{8}|\brlike\s{0,4}\(\s{0,4}select\b|\b\d{1,3}\.e\.[\w`]",
        r"\b(?:database|schema|version)\(\)\s{0,4}(?:like|=|<|>)|--[^\n]{0,40}\bsp_password\b",
        triggers=(
            "ascii",
            "ord",
            "hex",
            "bin",
            "length",
            "lower",
            "charset",
            "conv",
            "mid",
            "char",
            "chr",
            "concat",
            "cast",
            "aes_decrypt",
            "@@",
            "0x",
            "rlike",
            ".e.",
            "database",
            "schema",
            "version",
            "sp_password",
        ),
    ),
    # any of these, percent-encoded
    _sql(
        r"%(?:0[9a-d]|2[0-9a-f]|3[b-e]|7c)[!$-;=?-Z_a-z~]{0,48}",
        triggers=("%0", "%2", "%3", "%7c"),
        in_context=_is_encoded,
    ),
    # a quoted operator between two values: A '<' B
    _sql(
        r"\b\w{1,3} '(?:[-+*/%=<>&|^]{1,3}|(?:not )?(?:and|or|xor|like|rlike|regexp|mod|div|sounds like))' \w{1,3}\b",
        in_context=_is_all,
        confidence=0.5,
    ),
)
