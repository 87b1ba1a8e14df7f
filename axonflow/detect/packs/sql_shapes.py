r"""Shapes of SQL injection: text that breaks out of a value and goes on as SQL.

A well-formed statement is no injection, so each shape asks for what a statement as written by a program does not
have: a literal compared to a literal, a quote that ends and a comment that swallows the rest, a second statement
after a value, or a function that only an attacker calls.

The patterns only say where to look: at a quote before an operator, at ``or``, ``union``, ``;``, ``--``. What stands
there is judged as a row of token classes (`axonflow.detect.sql_tokens`), which sees through white space, comments and
percent-encoding. So patterns stay small, without long repetitions, which keeps RE2's automata small too.
"""

from __future__ import annotations

from axonflow.detect.detector import InContext, Shape
from axonflow.detect.packs.sql_rules import (
    AFTER_QUOTE,
    ANOTHER_STATEMENT,
    LOGIC,
    ORDER,
    STATEMENT_AFTER_VALUE,
    SUBQUERY_AS_VALUE,
    UNION,
    WINDOW_CHARS,
    breaks_out,
    ends_in_comment,
    is_commented_out,
    is_cut_off,
    is_percent_encoded,
    is_whole_text,
    stands,
    unless_build_condition,
)

__all__ = ["SQL_SHAPES"]


def _called(names: str) -> str:
    """A mark: one of these functions, which are words of other texts too, with its bracket."""
    return rf"(?i:{'|'.join(names.split())})[ \t\n\f\r]{{0,4}}[(]"


def _sql(
    *alternatives: str,
    triggers: tuple[str, ...] = (),
    marks: tuple[str, ...] = (),
    in_context: InContext | None = None,
    confidence: float = 0.9,
) -> Shape:
    return Shape(
        pattern=f"(?i:{'|'.join(alternatives)})",
        triggers=triggers,
        marks=marks,
        in_context=in_context,
        window_chars=WINDOW_CHARS,
        confidence=confidence,
    )


_Q = r"['\"`]"
_GAP = r"[\s\x00+(!~)-]{0,32}(?:(?:/\*!?\w{0,8}\*?/?|(?:--|#)\w{0,16}\n)[\s+(!~)-]{0,8}){0,2}"
"""White space, brackets, signs and a comment or two."""
_S = r"(?:[\s\x00+(]{1,8}|/\*!?\w{0,12}(?:\*/)?|(?:--|#)\w{0,16}\n)"
"""What may stand after a word instead of a space."""
_LOGIC_WORD = r"\b(?:or|and|xor|having)"
_WORDS_AFTER_QUOTE = (
    "or|and|xor|union|having|where|order|group|like|rlike|regexp|div|mod|is|in|not|between|limit|sounds|collate"
)

SQL_SHAPES: tuple[Shape, ...] = (
    # ' or 1=1, ") and "a"="a, ' || 1 < 2, ' union select, '; drop table, x' like 'y, a'+(select ...
    _sql(
        rf"{_Q}[\s)]{{0,16}}(?:[-+*/%=<>^&|!;#]|(?:{_WORDS_AFTER_QUOTE})\b)",
        in_context=breaks_out(AFTER_QUOTE),
    ),
    # admin'-- with nothing of weight after it
    _sql(rf"{_Q}[\s);]{{0,8}}(?:--|#|/\*)", in_context=is_commented_out, confidence=0.7),
    # the same inside the statement that it ended up in: name = 'admin'--' and ...
    _sql(r"\w'-{2,8} ?'", triggers=("'--",), confidence=0.7),
    # user=admin'--&password=x
    _sql(
        r"=[\w.@+%-]{0,64}['\"]\)?(?:--|#|/\*)[-+ ]{0,2}&\w{1,32}=",
        triggers=("'--", '"--', "'#", '"#', ")--", ")#", "/*"),
        confidence=0.7,
    ),
    # 1 or 1=1, 1) and 7=(8, x or 'a'='a', having 1=1
    _sql(
        rf"(?:{_LOGIC_WORD}|\|\||&&){_GAP}(?:(?:not|binary)\b{_GAP}){{0,2}}"
        r"(?:[\d'\"@.\\]|null\b|true\b|false\b|current_|localtime|utc_)",
        in_context=unless_build_condition(stands(LOGIC, 48, amid_chars=64)),
    ),
    # 1 and ascii(substring(..., 1 or name like 'a%', 1 and (select ...
    _sql(
        rf"(?:{_LOGIC_WORD}\b|\|\||&&){_GAP}(?:not\b{_GAP})?"
        rf"(?:select\b|\w{{1,32}}{_S}?[=<>!(*/+-]|\w{{1,32}}{_S}(?:not{_S})?(?:like|rlike|regexp|between|is|in)\b)",
        in_context=stands(LOGIC, 48, amid_chars=64),
    ),
    # union select, after a value or with what a select list begins with
    _sql(
        rf"union\b(?:{_S}{{1,4}}(?:(?:all|distinct){_S}{{1,4}})?select\b)?",
        triggers=("union",),
        in_context=stands(UNION),
        confidence=0.95,
    ),
    # (select id from users limit 1,1) in place of a value
    _sql(
        r"\(\s{0,16}select\b", triggers=("select",), in_context=stands(SUBQUERY_AS_VALUE, amid_chars=0), confidence=0.6
    ),
    # 1 order by 10--
    _sql(
        rf"\b(?:order|group){_S}{{1,4}}by{_S}{{1,4}}\d",
        triggers=("order", "group"),
        in_context=stands(ORDER, 48, amid_chars=0),
    ),
    # 1 --, 1*1/*
    _sql(r"(?:--|/\*)[-\s+\w]{0,16}", in_context=ends_in_comment, confidence=0.5),
    # a second statement after a value
    _sql(
        rf";{_S}{{0,4}}(?:"
        r"drop|delete|insert|update|create|alter|exec|execute|declare|shutdown|waitfor|truncate|grant|revoke|call|merge|replace|backup"
        r"|copy|load|begin|goto|handler|prepare|do|set|select)\b",
        triggers=(";",),
        in_context=stands(STATEMENT_AFTER_VALUE),
    ),
    # select 1,(2),3 from t where, cut off
    _sql(rf"\bfrom{_S}{{1,4}}\w{{1,64}}{_S}{{1,4}}where\b", triggers=("where",), in_context=is_cut_off),
    # a second statement that destroys
    _sql(
        rf";{_S}{{0,4}}(?:drop|alter|truncate){_S}{{1,4}}"
        r"(?:table|database|schema|view|index|user|login|procedure|function|trigger|role)\b",
        rf";{_S}{{0,4}}create{_S}{{1,4}}(?:user|login|role|procedure|trigger)\b",
        rf";{_S}{{0,4}}(?:shutdown\b|waitfor{_S}|declare{_S}{{1,4}}@|load{_S}{{1,4}}(?:data|xml)|begin{_S}{{1,4}}(?:declare|try))",
        rf";{_S}{{0,4}}exec(?:ute)?{_S}{{1,4}}(?:immediate|master|sp_|xp_|@|\w{{1,64}}\s?[@('\"])",
        rf";{_S}{{0,4}}exec(?:ute)?\s{{0,4}}\(\s{{0,4}}['@]|;{_S}{{0,4}}(?:grant|revoke)\b[\w ,]{{1,48}}\bon\b",
        rf";{_S}{{0,4}}copy{_S}{{1,4}}\w{{1,64}}{_S}{{1,4}}(?:from|to){_S}",
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
        in_context=stands(ANOTHER_STATEMENT),
    ),
    # time as a side channel
    _sql(
        rf"(?:\b(?:select|and|or|xor|union|then|else|if|when|from|where|all|by){_S}{{1,4}}|[,;'\"=*+|&(!-]\s{{0,8}})"
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
        rf"\bload_file\s{{0,4}}\(|\binto{_S}{{1,4}}(?:out|dump)file\b|\binto{_S}{{1,4}}outfile\b",
        rf"\bload{_S}{{1,4}}data{_S}{{1,4}}(?:local{_S}{{1,4}})?infile\b|\binto{_S}{{1,4}}outfile{_S}",
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
        rf"\bprocedure{_S}{{1,4}}analyse\s{{0,4}}\(|\bxmltype\s{{0,4}}\(|\bctxsys\.|\bgtid_subset\s{{0,4}}\(",
        r"\bfloor\s{0,4}\(\s{0,4}rand\s{0,4}\(|\bexp\s{0,4}\(\s{0,4}~|\belt\s{0,4}\(\s{0,4}\d{1,16}\s{0,4}=",
        r"\bjson_keys\s{0,4}\(\s{0,4}\({1,4}\s{0,4}select|\bmake_set\s{0,4}\(\s{0,4}\(?\s{0,4}\d",
        r"\bconvert\s{0,4}\(\s{0,4}int\s{0,4},[\s(@]{0,8}(?:select|@@|char)|\brow\s{0,4}\(\s{0,4}\d{1,8}\s{0,4},\s{0,4}\d{1,8}\s{0,4}\)\s{0,4}>",
        r"\bcase\s{1,4}when[\s(]{1,8}\d{1,16}\s{0,4}=|\bcase\s{1,4}(?:\d{1,16}|'\w{0,16}')\s{1,4}when\s{1,4}(?:\d{1,16}|'\w{0,16}')\s{1,4}then\b",
        marks=(
            _called("extractvalue updatexml analyse xmltype gtid_subset floor exp elt json_keys make_set convert row"),
            r"(?i:ctxsys[.])",
            r"(?i:case[ \t\n\f\r]{1,4}(?:when|[0-9]{1,16}|'[A-Za-z0-9_]{0,16}'))",
        ),
    ),
    # the catalogue of the database
    _sql(
        rf"\b(?:from|join|into|update){_S}{{0,4}}[`\"\[]{{0,2}}(?:information_schema[`\"\]]?{_S}{{0,4}}\.|mysql\s{{0,4}}[`\"]?\s{{0,4}}\.\s{{0,4}}[`\"]?(?:user|db|x)\b"
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
        marks=(
            _called("ascii ord hex bin length lower charset conv mid rlike"),
            _called("char chr concat concat_ws cast convert aes_decrypt"),
            "@@",
            "0[xX]",
            "[.][eE][.]",
            "(?i:database|schema|version)[(][)]",
            "(?i:sp_password)",
        ),
    ),
    # any of these, percent-encoded
    _sql(
        r"%(?:0[9a-d]|2[0-9a-f]|3[b-e]|7c)[!$-;=?-Z_a-z~]{0,48}",
        triggers=("%0", "%2", "%3", "%7c"),
        in_context=is_percent_encoded,
    ),
    # a quoted operator between two values: A '<' B
    _sql(
        r"\b\w{1,3} '(?:[-+*/%=<>&|^]{1,3}|(?:not )?(?:and|or|xor|like|rlike|regexp|mod|div|sounds like))' \w{1,3}\b",
        in_context=is_whole_text,
        confidence=0.5,
    ),
)
