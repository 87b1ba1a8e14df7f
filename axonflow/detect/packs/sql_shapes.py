"""Shapes of SQL injection: text that breaks out of a value and goes on as SQL.

A well-formed statement is no injection, so each shape asks for what a statement as written by a program does not
have: a literal compared to a literal, a quote that ends and a comment that swallows the rest, a second statement
after a value, or a function that only an attacker calls.
"""

from __future__ import annotations

from axonflow.detect.detector import Shape

__all__ = ["SQL_SHAPES"]

_GAP = r"(?:\s|/\*[^*]*\*/|/\*!\d*|\+|%20|%0[9aAdD]|(?:--|#)[^\n]{0,40}\n)"
_QUOTE = r"(?:['\"`]|%27|%22|\\')"
_AND_OR = r"(?:or|and|xor|having|where|\|\||&&|div|%7c%7c|%26%26)"
_LITERAL = r"(?:[-+~!]*(?:\d+(?:\.\d+)?|0x[0-9a-f]+)|'[^'\n]{0,40}'?|\"[^\"\n]{0,40}\"?|true\b|false\b|null\b|@@?[a-z_]\w*)"
_COMPARES = r"(?:<=>|<>|!=|>=|<=|=|<|>|%3d|(?:not\b)?(?:\s*)(?:like|rlike|regexp|in|between|is|sounds)\b)"
_TABLES = r"(?:tables|columns|schemata|routines|statistics|key_column_usage|character_sets|user_privileges|engines|files|\w+)"


def _continues_a_value(before: str, span: str, after: str) -> bool:
    """Whether a UNION follows a value; after a table's name it joins two queries of one author."""
    lower = before.lower()
    if "select" not in lower or " from " not in lower:
        return True
    last = before.rstrip(" \t\r\n()")[-1:]
    word = before.rstrip().rpartition(" ")[2]
    return last.isdigit() and not word[:1].isalpha() or last in {"'", '"', "/", ""}


def _has_odd_quote(before: str, span: str, after: str) -> bool:
    """Whether the quote that begins the span has no partner before it, so that it ends a value from outside."""
    quote = span.lstrip()[:1]
    inside_words = sum(
        a.isalpha() and char == quote and b.isalpha() for a, char, b in zip(before, before[1:], before[2:], strict=False)
    )
    return (before.count(quote) - inside_words) % 2 == 0


def _sql(pattern: str, *triggers: str, confidence: float = 0.9) -> Shape:
    return Shape(pattern=f"(?i:{pattern})", triggers=triggers, confidence=confidence)


SQL_SHAPES: tuple[Shape, ...] = (
    # ' or 1=1, ") and "a"="a, ' || 1 < 2
    _sql(
        rf"{_QUOTE}{_GAP}*\)*{_GAP}*{_AND_OR}\b?{_GAP}*(?:not{_GAP}+)?[(!]*{_GAP}*{_LITERAL}{_GAP}*\)*{_GAP}*{_COMPARES}",
        "'", '"', "`", "%27", "%22",
    ),  # fmt: skip
    # 1 or 1=1, 1) and 7=(8, x or 'a'='a'
    _sql(
        rf"(?:\b|\)|['\"])(?:or|and|xor|\|\||&&|having|rlike){_GAP}*(?:not{_GAP}+)?[(!]*{_GAP}*"
        rf"(?:\d+{_GAP}*\)*{_GAP}*(?:=|<>|!=|like{_GAP}){_GAP}*\(*{_GAP}*[-+~!]*\d"
        rf"|'[^'\n]{{0,20}}'{_GAP}*=+{_GAP}*'|\"[^\"\n]{{0,20}}\"{_GAP}*=+{_GAP}*\")",
        "=", "<>", "like",
    ),  # fmt: skip
    # ' or 1 --, ' or true#
    _sql(
        rf"{_QUOTE}{_GAP}*\)*{_GAP}*(?:or|and|\|\||&&){_GAP}*[(!~]*(?:\d+|true|false|null|not\b[^\n]{{0,10}}){_GAP}*\)*{_GAP}*"
        r"(?:--|#|/\*|;|%23)",
        "'", '"', "`", "%27", "%22",
    ),  # fmt: skip
    # union select with what a select list begins with
    Shape(
        pattern=(
            rf"(?i:\bunion(?:{_GAP}|\()+(?:(?:all|distinct|distinctrow)(?:{_GAP}|\()+)?select(?:{_GAP}|[(@!~-])*"
            rf"(?:[*@'\"\d`]|null\b|char\b|0x|(?:distinct|all|top){_GAP}|[\w.]+{_GAP}*\(|case{_GAP}|"
            rf"[\w.]+(?:{_GAP}*,{_GAP}*[\w.]+){{0,8}}{_GAP}+from\b|[\w.]+{_GAP}*,{_GAP}*\d))"
        ),
        triggers=("union",),
        in_context=_continues_a_value,
        window_chars=200,
        confidence=0.95,
    ),
    # a second statement that destroys
    _sql(
        rf";{_GAP}*(?:(?:drop|alter|truncate|create){_GAP}+(?:table|database|schema|view|index|user|login|procedure|function|"
        rf"trigger|role)\b|shutdown\b|exec(?:ute)?(?:{_GAP}+|\()(?:immediate|master|sp_|xp_|@|\w+\s*[@('\"])|waitfor{_GAP}|"
        rf"declare{_GAP}+@|load{_GAP}+data|begin{_GAP}+(?:declare|try)|copy{_GAP}+\w+{_GAP}+(?:from|to){_GAP})",
        ";",
    ),
    # a second statement after a value
    _sql(
        rf"(?:['\"`)]|%27|\b\d{{1,20}}){_GAP}*\)*{_GAP}*;{_GAP}*(?:insert{_GAP}+into|update{_GAP}+[\w.`\"\[\]]+{_GAP}+set|"
        rf"delete{_GAP}+from|select{_GAP}+[\w*@('\"]|grant{_GAP}+\w+|merge{_GAP}+into|replace{_GAP}+into|call{_GAP}+\w+|"
        rf"exec(?:ute)?{_GAP}|if{_GAP}*\(|set{_GAP}+@|use{_GAP}+\w+)",
        ";",
    ),
    # admin'-- with nothing after the comment sign but the end of the line
    Shape(
        pattern=rf"(?im:{_QUOTE}\)*{_GAP}?\)*;?{_GAP}?(?:(?:--|#|%23)[ +-]*(?:['\"&)]|\r?$)|/\*[^*\n]{{0,40}}\r?$|/\*!))",
        triggers=("--", "#", "/*", "%23"),
        in_context=_has_odd_quote,
        window_chars=2000,
        confidence=0.7,
    ),
    _sql(rf"^[^\n]{{0,80}}[\d)'\"]{_GAP}*(?:--|#|/\*)\s*$", "--", "#", "/*", confidence=0.4),
    # time as a side channel
    _sql(
        rf"(?:(?:select|and|or|xor|union|then|else|if|when|from|where|all|by)\b|[,;'\"=*+|&(-]){_GAP}*[(!]*{_GAP}*"
        r"(?:sleep\s*\(\s*(?:\d|@|0x|\(|if)|benchmark\s*\(\s*[\d(][^,\n]{0,12},)"
        r"|waitfor\s+(?:delay|time)\s+['\"@]|\bpg_sleep\s*\(|dbms_(?:pipe\.receive_message|lock\.sleep)\s*\(|\bgenerate_series\s*\(\s*1\s*,\s*\d{6}"
        r"|\brandomblob\s*\(\s*\d{7}",
        "sleep", "benchmark", "waitfor", "dbms_", "generate_series", "randomblob",
    ),  # fmt: skip
    # functions and procedures that reach outside of the database
    _sql(
        r"\bxp_(?:cmdshell|reg\w+|dirtree|fileexist|availablemedia|servicecontrol|loginconfig)\s*['\"(@\[]|\bexec(?:ute)?[\s(+]+"
        r"(?:master\s*\.+\s*)?(?:dbo\s*\.\s*)?[xs]p_\w+|\bsp_(?:oacreate|makewebtask|addsrvrolemember|addextendedproc|add_job)\b\s*['\"(@n]"
        r"|\bload_file\s*\(|\binto(?:\s|\+|/\*[^*]*\*/)+(?:out|dump)file\b|\butl_(?:http|inaddr|smtp|file)\s*\.|\bdbms_(?:ldap|xmlquery|java)\w*\s*\."
        r"|\bload\s+data\s+(?:local\s+)?infile\b|\bopenrowset\s*\(\s*['\"]|\bcopy\s+\w+\s+(?:from|to)\s+program\b|\blo_import\s*\(",
        "xp_", "sp_", "load_file", "outfile", "dumpfile", "utl_", "dbms_", "infile", "openrowset", "program", "lo_import",
    ),  # fmt: skip
    # errors as a side channel, and how sqlmap probes
    _sql(
        rf"\b(?:extractvalue|updatexml)\s*\([^)\n]{{0,40}}(?:concat|0x|select|chr|char|\|\|)|\bprocedure{_GAP}+analyse\s*\("
        r"|\bxmltype\s*\(|\bctxsys\.|\bjson_keys\s*\(\s*\(+\s*select|\bgtid_subset\s*\(|\bfloor\s*\(\s*rand\s*\(|\bmake_set\s*\(\s*\(?\s*\d|\belt\s*\(\s*\d+\s*="
        r"|\bexp\s*\(\s*~|\bconvert\s*\(\s*int\s*,\s*[(@]*\s*(?:select|@@|char)|\bctx_\w+\.|\brow\s*\(\s*\d+\s*,\s*\d+\s*\)\s*>",
        "extractvalue", "updatexml", "analyse", "xmltype", "ctxsys", "json_keys", "gtid_subset", "rand", "make_set", "elt",
        "exp", "convert", "ctx_", "row",
    ),  # fmt: skip
    # the catalogue of the database
    _sql(
        rf"\b(?:from|join|into|update){_GAP}*[`\"\[(]*(?:information_schema[`\"\]]?{_GAP}*\.{_GAP}*[`\"\[]?{_TABLES}|mysql\s*\.\s*[`\"]?(?:user|db)\b"
        r"|pg_(?:shadow|authid)\b|sys(?:objects|columns|users|logins)\b|sqlite_master\b|(?:master\s*\.\.\s*|sys\.)sys\w+|msysobjects\b|all_tab_columns\b"
        r"|wp_users\b|jos_users\b)",
        "information_schema", "mysql", "pg_shadow", "pg_authid", "sys", "sqlite_master", "all_tab_columns", "wp_users", "jos_users",
    ),  # fmt: skip
    # text spelt out so that no quote is needed, and guessing it letter by letter
    _sql(
        rf"\b(?:ascii|ord|hex|unhex|bin|length|lower)\s*\(\s*\(?\s*(?:substr|substring|mid|left|right|ifnull|hex|load_file|select|concat|database|user|version)\b\s*\(?"
        r"|\b(?:char|chr|nchar)\s*\(\s*\d{1,3}\s*\)\s*(?:\+|\|\||,|%2b|&)\s*(?:char|chr|nchar)\s*\(|\bchar\s*\(\s*\d{1,3}(?:\s*,\s*\d{1,3}){3,}"
        r"|\b(?:concat|concat_ws|group_concat|cast|convert|aes_decrypt)\s*\(\s*(?:\(?\s*select\b|0x[0-9a-f]{2,}|char\s*\(|@@|aes_encrypt|concat)"
        r"|\bselect\s+(?:[^\n;]{0,60},\s*)?@@\w+",
        "ascii", "ord", "hex", "bin", "length", "lower", "char", "chr", "concat", "cast", "convert", "aes_", "@@",
    ),  # fmt: skip
    # a value that is broken open and closed again
    Shape(
        pattern=(
            rf"(?i:['\"`]{_GAP}*\)*{_GAP}*(?:(?:or|and|xor|div|mod|like|rlike|regexp|between|is|in|not|sounds)\b|\|\||&&|[-+*/%=<>^&|!])+{_GAP}*"
            rf"(?:[-+~!(]|binary\b|not\b|like\b|{_GAP})*(?:['\"`]|\d|\(|@|0x|null\b|true\b|false\b|\\n|[a-z_]+\())"
        ),
        triggers=("'", '"', "`"),
        in_context=_has_odd_quote,
        window_chars=2000,
        confidence=0.6,
    ),
    # ' order by 10--, ' group by x having 1=1
    _sql(
        rf"(?:{_QUOTE}|\b\d+{_GAP}*)\)*{_GAP}*(?:order|group){_GAP}+by{_GAP}+\d+{_GAP}*(?:--|#|/\*|,{_GAP}*\d)|\bhaving{_GAP}+\d+{_GAP}*=",
        "order", "group", "having",
    ),  # fmt: skip
)
