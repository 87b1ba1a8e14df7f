r"""SQL read as a row of token classes, one letter a token, so that a rule about it is a short expression over letters.

White space and comments between tokens vanish, in every spelling that hides them from patterns over characters:
``1/**/oR(1)=1`` and ``1 or ( 1 ) = 1`` both read ``n&(n)=n``. The classes:

=====  ================================================================================================
``n``  number, ``null``, ``true``, ``false``       ``v``  variable or a function without arguments
``s``  string                                      ``q``  ``'`` or `````, ``Q`` ``"`` that nothing closes
``w``  name or word                                ``f``  function of SQL, with ``(`` after it
``=``  equality and its negation                   ``<``  other comparison by a sign
``~``  comparison by a word (``like``)             ``a``  arithmetic
``&``  ``or``, ``and``, ``xor``                    ``u``  what negates or converts: ``not``, ``!``, ``~``, ``binary``
``S``  ``select``   ``U``  ``union``   ``F``  ``from``   ``W``  ``where``   ``H``  ``having``   ``B``  ``order by``
``A``  ``all``      ``L``  ``limit``   ``K``  a verb that begins another statement   ``,`` ``;`` ``(`` ``)``
``c``  comment to the end with a few characters    ``C``  longer comment to the end      ``?``  anything else
=====  ================================================================================================
"""

from __future__ import annotations

import re

__all__ = ["is_within_quotes", "token_classes", "without_comments"]

_WORDS = {
    word: letter
    for letter, words in {
        "n": "null true false unknown",
        "v": "current_user current_date current_time current_timestamp localtime localtimestamp utc_date utc_time"
        " utc_timestamp session_user system_user sysdate",
        "=": "",
        "~": "like rlike regexp ilike between glob in is div mod collate against",
        "&": "or and xor",
        "u": "not binary exists any some case distinctrow match",
        "S": "select",
        "U": "union intersect except minus",
        "F": "from",
        "W": "where",
        "H": "having",
        "A": "all distinct",
        "L": "limit offset into procedure",
        ",": "when then else",
        ")": "end",
        "K": "drop delete insert update create alter exec execute declare shutdown waitfor truncate grant revoke call"
        " merge"
        " replace backup copy load begin goto handler prepare do set",
    }.items()
    for word in words.split()
}
_SILENT = frozenset("outfile dumpfile asc desc as rollup escape sounds for".split())
_FUNCTIONS = frozenset(
    "abs acos aes_decrypt aes_encrypt ascii asin atan avg benchmark bin bit_count cast ceil char charset chr coalesce"
    " concat concat_ws conv convert cos cot count crc32 database dcount elt exp export_set extractvalue field"
    " find_in_set floor format get_lock group_concat hex if ifnull iif insert instr isnull json_keys lcase left len"
    " length like load_file locate log lower lpad ltrim make_set match max md5 mid min nchar now nullif nvl oct ord"
    " pg_sleep pi position pow quote rand randomblob repeat replace reverse right round row rpad rtrim schema sha1 sin"
    " sleep soundex space sqrt strcmp substr substring substring_index sum tan to_char trim typeof ucase unhex upper"
    " updatexml user version xmltype".split()
)
_ENGLISH = frozenset(
    "database field format if insert left length like lower match position replace reverse right round row schema"
    " space upper user version".split()
)
"""Functions whose names are words that prose puts before a bracket."""
_SHORT_COMMENT_CHARS = 8
_OPEN_STRING_CHARS = 48
_KEYWORDS = "union|or|and|xor|from|where|select|having|limit|order|group|like"
_TOKEN = re.compile(
    rf"""[\s\x00]*(?:
     (?P<word>(?![nxbe]'|\\n)[a-z_][\w$]*(?:\.{{1,2}}`?[\w$*]+`?)*)
    |(?P<number>(?:0x[0-9a-f]*|0b[01]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+|\\n)f?(?=\W|$|(?:{_KEYWORDS})\b))
    |(?P<string>[nxbe]?'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|\$\$.*?\$\$)
    |(?P<punctuation>[(),;])
    |(?P<comment>/\*|(?:--|\#)[^\n]*)
    |(?P<name>`[^`]*`|\[[a-z_][\w ]*\])
    |(?P<open>['"`])
    |(?P<variable>@{{1,2}}[`'"]?[\w\x1a]+[`'"]?|:\w+)
    |(?P<other>\d[\w$]*)
    |(?P<logic>\|\||&&)
    |(?P<equality><=>|<>|!=|={{1,3}}|\^=)
    |(?P<shift><<|>>)
    |(?P<comparison><=|>=|<|>)
    |(?P<arithmetic>[-+*/%^|&])
    |(?P<sign>[!~])
    |(?P<space>\\(?=[^nN])|$)
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_LETTERS = {
    "string": "s",
    "name": "w",
    "number": "n",
    "variable": "v",
    "logic": "&",
    "equality": "=",
    "comparison": "<",
    "sign": "u",
    "shift": "a",
    "other": "w",
}
_INLINE_COMMENT = re.compile(r"/\*(?!!).*?\*/|/\*!\d{0,6}|\*/", re.DOTALL)
"""MySQL runs what stands in ``/*! */``; all others are a gap."""
_PLUS_AS_SPACE = re.compile(r"\+[a-z]\w*\+", re.IGNORECASE)
_AFTER_IS = re.compile(r"\s*(?:not\b|null\b|true\b|false\b|\d|\\n)", re.IGNORECASE)
_BY = re.compile(r"\s+by\b", re.IGNORECASE)
_CALL = re.compile(r"\s*\(")
_EMPTY_CALL = re.compile(r"\s*\(\s*\)")


def token_classes(text: str) -> str:
    """The classes of the tokens of `text`, read from its first character on."""
    text = without_comments(text)
    if text.count("+") > text.count(" ") and _PLUS_AS_SPACE.search(text):
        text = text.replace("+", " ")
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if not text[at].isspace():
                found.append("?")
            at += 1
            continue
        at = _read(match, text, found)
    return "".join(found)


def _read(match: re.Match[str], text: str, found: list[str]) -> int:
    """Append the class of a token, if it has one; returns where to read on."""
    kind, at = str(match.lastgroup), match.end()
    if kind == "word":
        return _read_word(match["word"].lower(), text, at, found)
    if kind == "comment":
        return _read_comment(match["comment"], text, at, found)
    if kind == "open":
        found.append(_unclosed(text, at))
        return len(text)
    if kind == "arithmetic":
        # After "select" and in "count(*)" the star stands for all columns.
        found.append("w" if match["arithmetic"] == "*" and found[-1:] in (["S"], [","], ["("], ["A"]) else "a")
    elif kind == "punctuation":
        found.append(match["punctuation"])
    elif kind != "space":
        found.append(_LETTERS[kind])
    return at


def is_within_quotes(text: str) -> bool:
    """Whether a quote in `text`, which begins outside of quotes, is still open where it ends."""
    rest = _QUOTED.sub("", text)
    return "'" in rest or '"' in rest


def without_comments(text: str) -> str:
    """`text` with a space for every comment that ends within it."""
    return _INLINE_COMMENT.sub(" ", text) if "/*" in text or "*/" in text else text


def _unclosed(text: str, at: int) -> str:
    """The class of a quote before `at` that nothing closes: a short rest is the value that an attack leaves open."""
    if len(text) - at > _OPEN_STRING_CHARS or any(char in "<>=" for char in text[at:]):
        return "?"
    return "Q" if text[at - 1] == '"' else "q"


def _read_word(word: str, text: str, at: int, found: list[str]) -> int:
    """Append the class of a word that ends at `at`; returns where to read on."""
    if word in _FUNCTIONS and (_CALL.match(text, at) if word not in _ENGLISH else text[at : at + 1] == "("):
        empty = _EMPTY_CALL.match(text, at)
        found.append("v" if empty else "f")
        return empty.end() if empty else at
    if word in {"order", "group"} and (by := _BY.match(text, at)):
        found.append("B")
        return by.end()
    letter = _WORDS.get(word, "w")
    if (word == "in" and not _CALL.match(text, at)) or (word == "is" and not _AFTER_IS.match(text, at)):
        letter = "w"
    if letter == "," and found[-1:] == ["u"]:  # "case when": nothing between them
        return at
    if word not in _SILENT:
        found.append(letter)
    return at


def _read_comment(comment: str, text: str, at: int, found: list[str]) -> int:
    """Append the class of a comment that nothing follows; returns where to read on."""
    if comment == "/*":
        found.append("c")
        return len(text)
    if at == len(text):
        is_short = len(comment.strip()) - 2 <= _SHORT_COMMENT_CHARS and not any(char in "'\"" for char in comment)
        found.append("c" if is_short else "C")
    return at
