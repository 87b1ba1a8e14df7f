"""Shapes of SQL injection: text that breaks out of a value and goes on as SQL.

A well-formed statement is no injection, so each shape asks for what a statement as written by a program does not
have: a literal compared to a literal, a quote that ends and a comment that swallows the rest, a second statement
after a value, or a function that only an attacker calls.
"""

from __future__ import annotations

from itertools import pairwise

from axonflow.detect.context_words import has_any, words_of
from axonflow.detect.detector import InContext, Shape

__all__ = ["SQL_SHAPES"]

# What may stand between two tokens: white space, as such or URL-encoded, and comments.
_GAP = r"(?:\s|/\*[^*]*\*/|/\*!\d*|\+|%20|%0[9aAdD]|(?:--|#)[\w ]*\r?\n)"
_QUOTE = r"(?:['\"`]|%27|%22)"
_CLOSE = rf"{_QUOTE}(?:{_GAP}|\))*"
_AND_OR = r"(?:or|and|xor|having|where|div|\|\||&&|%7c%7c|%26%26)"
_SIGNS = rf"(?:{_GAP}|[-+~!(]|not{_GAP}|binary{_GAP})*"
_LITERAL = r"(?:\d+(?:\.\d+)?|0x[0-9a-f]+|'[^'\n]*'?|\"[^\"\n]*\"?|true\b|false\b|null\b|@@?[a-z_]\w*)"
_COMPARES = rf"(?:<=>|<>|!=|>=|<=|=|<|>|%3d|(?:not{_GAP}+)?(?:like|rlike|regexp|in|between|is|sounds)\b)"
_OPERATOR = r"(?:(?:or|and|xor|div|mod|like|rlike|regexp|between|is|in|not|sounds)\b|\|\||&&|[-+*/%=<>^&|!])"


_EXPRESSION_WORDS = frozenset("select or and xor union in like having from where not null is between pi".split())


def _continues_a_value(before: str, span: str, after: str) -> bool:
    """Whether a UNION follows a value; after a table's name it joins two queries of one author."""
    earlier = (before + span[: span.lower().index("union")]).lower()
    if "select" not in earlier or " from " not in earlier:
        return True
    word = (earlier.rstrip(" \t\r\n()").split() or [""])[-1].rpartition("=")[2]
    if word[-1:] in {"'", '"'}:
        return any(sign in after for sign in ("--", "#", "/*"))
    return word[-1:] == "/" or word.lstrip("-.").replace(".", "").isdigit()


def _has_odd_quote(before: str, span: str, _after: str) -> bool:
    """Whether the quote that begins the span has no partner before it, so that it ends a value from outside."""
    parts = before.split(span[:1])
    apostrophes = sum(a[-1:].isalpha() and b[:1].isalpha() for a, b in pairwise(parts))
    return (len(parts) - 1 - apostrophes) % 2 == 0


def _breaks_out(before: str, span: str, after: str) -> bool:
    """Whether the quote ends a value: one after a space and before a word opens one ("AND" in quotes)."""
    if before[-1:].isspace() and not span[1].isspace():
        return False
    return _has_odd_quote(before, span, after)


def _ends_expression(before: str, _span: str, after: str) -> bool:
    """Whether the comment sign is the last of the text and an expression stands before it."""
    return not after.strip() and has_any(words_of(before), _EXPRESSION_WORDS)


def _sql(*alternatives: str, in_context: InContext | None = None, confidence: float = 0.9) -> Shape:
    return Shape(
        pattern=f"(?i:{'|'.join(alternatives)})", in_context=in_context, window_chars=200, confidence=confidence
    )


SQL_SHAPES: tuple[Shape, ...] = (
    # ' or 1=1, ") and "a"="a, ' || 1 < 2, ' or 1 --
    _sql(
        rf"{_CLOSE}{_AND_OR}{_SIGNS}{_LITERAL}(?:{_GAP}|\))*{_COMPARES}",
        rf"{_CLOSE}{_AND_OR}{_SIGNS}(?:\d+|true|false|null|[a-z_]+\(\))(?:{_GAP}|\))*(?:--|#|/\*|;|%23)",
    ),
    # 1 or 1=1, 1) and 7=(8, x or 'a'='a', having 1=1
    _sql(
        rf"(?:\b|\)|['\"])(?:or|and|xor|\|\||&&|having|rlike){_SIGNS}\d+(?:{_GAP}|\))*(?:=|<>|!=|like{_GAP})"
        rf"(?:{_GAP}|[-+~!(])*\d",
        rf"(?:\b|\)|['\"])(?:or|and|xor|\|\||&&|having|rlike){_SIGNS}'[^'\n]*'{_GAP}*=+{_GAP}*'",
        rf"(?:\b|\)|['\"])(?:or|and|xor|\|\||&&|having|rlike){_SIGNS}\"[^\"\n]*\"{_GAP}*=+{_GAP}*\"",
    ),
    # union select, after a value or with what a select list begins with
    _sql(
        rf"\bunion(?:{_GAP}|\()+(?:(?:all|distinct|distinctrow)(?:{_GAP}|\()+)?select(?:{_GAP}|[(@!~-])*"
        rf"(?:[*@'\"\d`]|null\b|char\b|(?:distinct|all|top){_GAP}|[\w.]+{_GAP}*\(|case{_GAP}"
        rf"|[\w.]+(?:{_GAP}*,{_GAP}*[\w.]+)*{_GAP}+from\b|[\w.]+{_GAP}*,{_GAP}*\d)",
        rf"(?:\d|['\")]|@\w+{_GAP}){_GAP}*union(?:{_GAP}|\()+(?:(?:all|distinct)(?:{_GAP}|\()+)?select\b",
        in_context=_continues_a_value,
        confidence=0.95,
    ),
    # a second statement that destroys
    _sql(
        rf";{_GAP}*(?:drop|alter|truncate){_GAP}+"
        r"(?:table|database|schema|view|index|user|login|procedure|function|trigger|role)\b",
        rf";{_GAP}*create{_GAP}+(?:user|login|role|procedure|trigger)\b",
        rf";{_GAP}*(?:shutdown\b|waitfor{_GAP}|declare{_GAP}+@|load{_GAP}+(?:data|xml)|begin{_GAP}+(?:declare|try))",
        rf";{_GAP}*exec(?:ute)?(?:{_GAP}+|\()(?:immediate|master|sp_|xp_|@|\w+\s*[@('\"])",
        rf";{_GAP}*copy{_GAP}+\w+{_GAP}+(?:from|to){_GAP}",
    ),
    # a second statement after a value
    _sql(
        rf"(?:['\"`)\d]|%27)(?:{_GAP}|\))*;{_GAP}*(?:(?:insert|merge|replace){_GAP}+into|delete{_GAP}+from"
        rf"|update{_GAP}+[\w.`\"\[\]]+{_GAP}+set|select{_GAP}+[\w*@('\"]|(?:grant|call|use){_GAP}+\w"
        rf"|exec(?:ute)?{_GAP}|if{_GAP}*\(|set{_GAP}+@)",
    ),
    # admin'-- with nothing after the comment sign but the end of the line
    _sql(
        rf"(?m:{_QUOTE}\)*{_GAP}?\)*;?{_GAP}?(?:(?:--|#|%23)[ +-]*(?:['\"&)]|\r?$)|/\*[^*\n]*\r?$|/\*!))",
        in_context=_has_odd_quote,
        confidence=0.7,
    ),
    # the same inside the statement that it ended up in: name = 'admin'--' and ...
    _sql(r"'--+ ?'", confidence=0.7),
    _sql(r"\)\s*;?\s*(?:--|#)\s*-?", in_context=_ends_expression, confidence=0.5),
    # time as a side channel
    _sql(
        rf"(?:\b(?:select|and|or|xor|union|then|else|if|when|from|where|all|by)\b|[,;'\"=*+|&(-]){_SIGNS}"
        r"(?:sleep\s*\(\s*(?:\d|@|\(|if)|benchmark\s*\(\s*[\d(])",
        r"waitfor\s+(?:delay|time)\s+['\"@]",
        r"\bpg_sleep\s*\(",
        r"dbms_(?:pipe\.receive_message|lock\.sleep)\s*\(",
        r"\bgenerate_series\s*\(\s*1\s*,\s*\d{6}",
        r"\brandomblob\s*\(\s*\d{7}",
        r"\bbenchmark\s*\(\s*\d+\s*,\s*\w+\s*\(",
    ),
    # functions and procedures that reach outside of the database
    _sql(
        r"\bxp_(?:cmdshell|reg\w+|dirtree|fileexist|availablemedia|servicecontrol|loginconfig)\s*['\"(@\[]",
        r"\bexec(?:ute)?[\s(+]+(?:master\s*\.+\s*)?(?:dbo\s*\.\s*)?[xs]p_\w",
        r"\bsp_(?:oacreate|makewebtask|addsrvrolemember|addextendedproc|add_job)\b\s*['\"(@n]",
        rf"\bload_file\s*\(|\binto{_GAP}+(?:out|dump)file\b|\bload{_GAP}+data{_GAP}+(?:local{_GAP}+)?infile\b",
        r"\butl_(?:http|inaddr|smtp|file)\s*\.|\bdbms_(?:ldap|xmlquery|java)\w*\s*\.",
        r"\bopenrowset\s*\(\s*['\"]|\bcopy\s+\w+\s+(?:from|to)\s+program\b|\blo_import\s*\(",
    ),
    # errors as a side channel
    _sql(
        r"\b(?:extractvalue|updatexml)\s*\(\s*[\w'\"-]+\s*,\s*(?:concat|0x|\(?\s*select|chr|char)",
        rf"\bprocedure{_GAP}+analyse\s*\(|\bxmltype\s*\(|\bctxsys\.|\bgtid_subset\s*\(|\bfloor\s*\(\s*rand\s*\(",
        r"\bjson_keys\s*\(\s*\(+\s*select|\bmake_set\s*\(\s*\(?\s*\d|\belt\s*\(\s*\d+\s*=|\bexp\s*\(\s*~",
        r"\bconvert\s*\(\s*int\s*,\s*[(@]*\s*(?:select|@@|char)|\brow\s*\(\s*\d+\s*,\s*\d+\s*\)\s*>",
        rf"\bselect{_GAP}*\(?{_GAP}*case{_GAP}+when{_GAP}*\(?{_GAP}*\d+{_GAP}*=",
    ),
    # the catalogue of the database
    _sql(
        rf"\b(?:from|join|into|update){_GAP}*[`\"\[(]*(?:information_schema[`\"\]]?{_GAP}*\.|mysql\s*\.\s*[`\"]?(?:user|db)\b"
        r"|pg_(?:shadow|authid)\b|sys(?:objects|columns|users|logins)\b|sqlite_master\b"
        r"|(?:master\s*\.\.\s*|sys\.|sysibm\.)sys\w|msysobjects\b|all_(?:tab_columns|tab_tables|users|tables)\b)",
    ),
    # text spelt out so that no quote is needed, and guessing it letter by letter
    _sql(
        r"\b(?:ascii|ord|hex|unhex|bin|length|lower)\s*\(\s*\(?\s*(?:substr|substring|mid|left|right|ifnull|hex|load_file"
        r"|select|concat|database|user|version|compress)\b",
        r"\b(?:char|chr|nchar)\s*\(\s*\d{1,3}\s*\)\s*(?:\+|\|\||,|%2b|&)\s*(?:char|chr|nchar)\s*\(",
        r"\bchar\s*\(\s*\d{1,3}(?:\s*,\s*\d{1,3}){3,}",
        r"\b(?:concat|concat_ws|group_concat|cast|convert|aes_decrypt)\s*\(\s*"
        r"(?:\(?\s*select\b|0x[0-9a-f]{2,}|char\s*\(|@@|aes_encrypt|concat)",
        r"\bselect\s+@@\w",
    ),
    # a value that is broken open and closed again: x' like 'y, a'+(select ..., a'|3='4
    _sql(
        rf"['\"`](?:{_GAP}|\))*{_OPERATOR}+{_SIGNS}(?:like\b{_GAP}*)?(?:['\"`(@]|0x|null\b|true\b|false\b|\\n|[a-z_]\w*\()",
        rf"['\"`](?:{_GAP}|\))*(?:<=>|<>|!=|=|like\b|rlike\b|regexp\b|div\b){_SIGNS}\d",
        r"'[\s)]*[-+*/%<>^&|!=]+[^'\"\na-z]*(?:\b(?:like|not|is|in|or|and|id|null)\b[^'\"\na-z]*)*'\w",
        in_context=_breaks_out,
        confidence=0.6,
    ),
    # ' order by 10--
    _sql(rf"(?:{_QUOTE}|\b\d+{_GAP})(?:{_GAP}|\))*(?:order|group){_GAP}+by{_GAP}+\d+{_GAP}*(?:--|#|/\*|,{_GAP}*\d)"),
)
