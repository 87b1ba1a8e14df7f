"""What is dangerous in SQL: the names and texts to look for, and the checks of the statement around a place."""

from __future__ import annotations

import re
from collections.abc import Callable

from axonflow.detect.detector import InContext
from axonflow.detect.sql_statement import (
    ParseSql,
    SqlStatement,
    begins_statement,
    is_within_literal,
    statement_before,
    statements_around,
)
from axonflow.detect.sql_tokens import is_within_quotes, token_classes, without_comments

__all__ = [
    "BEFORE_OBJECT",
    "CATALOGUE_NAME",
    "DDL_TEXT",
    "GAP",
    "GRANT_TEXT",
    "MASS_WRITE_TEXT",
    "OBJECT",
    "PRIVILEGES",
    "QUERY",
    "SHOW_TEXT",
    "WINDOW_CHARS",
    "G",
    "does",
    "in_statement",
    "is_query_before",
    "is_stacked",
    "reaches_files",
    "reads_catalogue",
    "unless_code_calls",
    "writes_all_rows",
]

WINDOW_CHARS = 600
GAP = r"(?:\s{1,8}|/\*[^*]{0,16}\*/|--[^\n]{0,16}\n)"
G = rf"{GAP}{{1,3}}"
_NAME = r"[`\"\[]?[a-z_@#][\w$]*[`\"\]]?(?:\s*\.{1,2}\s*[`\"\[]?\w+[`\"\]]?){0,3}"
_END = r"\s*(?:;|\Z|[\"'`)}\]]|--|\#|/\*|\n\s*\n|,\s*\")"
OBJECT = (
    "table|database|schema|view|index|user|role|login|procedure|function|trigger|sequence|type|extension|tablespace|policy"
    "|column|constraint|materialized|event|server|domain|publication|subscription|rule|package|synonym"
)
BEFORE_OBJECT = (
    rf"(?:(?:or{G}(?:replace|alter)|temp|temporary|unique"
    rf"|global|local|external|materialized|unlogged|virtual){G}){{0,3}}"
)

_Holds = Callable[[SqlStatement], bool]


def _text(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


DDL_TEXT = _text(
    rf"drop\s+(?:{OBJECT})\s+(?:view\s+|concurrently\s+)?(?:if\s+exists\s+)?{_NAME}(?:\s*,\s*{_NAME})*(?:\s*\([^)]*\))?"
    rf"(?:\s+(?:on\s+{_NAME}|cascade|restrict|purge|force))*{_END}"
    rf"|truncate\s+(?:table\s+)?{_NAME}(?:\s*,\s*{_NAME})*(?:\s+(?:cascade|restrict|(?:restart|continue)\s+identity))*{_END}"
    rf"|create\s+(?:\w+\s+){{0,3}}(?:{OBJECT})\s+(?:view\s+)?(?:if\s+not\s+exists\s+)?{_NAME}"
    rf"(?:\s*\(|\s+(?:as|on|using|owner|authorization|with|identified|for|before|after|returns?|password|superuser|is)\b|{_END})"
    rf"|alter\s+(?:{OBJECT})\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}(?:@\S+)?\s+(?:add|drop|alter|modify|change|rename|set"
    r"|owner|enable|disable|with|identified|convert|engine|password|attach|detach|compile|superuser|createrole|createdb|bypassrls)\b"
)
_SAME = r"\(*\s*('[^']*'|[\w.]+)\s*\)*\s*(?:=|like|is|>=|<=)\s*\(*\s*\1\s*\)*"
_ALWAYS = rf"(?:{_SAME}|\(*\s*(?:true|[1-9]\d*)\s*\)*|{_NAME}\s+like\s+'%+')"
MASS_WRITE_TEXT = _text(
    rf"(?:delete\s+(?:from\s+)?{_NAME}(?:\s+as)?(?:\s+(?!where\b|returning\b)\w+)?(?:\s+returning\b[^;)]*)?|update\s+(?:only\s+)?{_NAME}(?:\s+as)?(?:\s+(?!set\b)\w+)?\s+set\s+"
    rf"{_NAME}\s*=(?:'(?:[^']|'')*'|(?!\bwhere\b)[^;'])*+)(?:{_END}|\s*\bwhere\s+(?:[^;]*?\bor\s+)?{_ALWAYS}(?:{_END}|\s+or\b))"
)
CATALOGUE_NAME = (
    rf"(?:(?:information_schema|performance_schema|pg_catalog|sys|sysibm|syscat|master)[`\"\]]?{GAP}{{0,3}}\.{{1,2}}{GAP}{{0,3}}[`\"\[]?\w"
    rf"|mysql[`\"]?{GAP}{{0,3}}\.{GAP}{{0,3}}[`\"]?(?:user|db|tables_priv|proc|global_priv)\b"
    r"|pg_(?:class|tables|user|users|shadow|authid|roles|database|namespace|attribute|proc|settings|stat_activity|indexes|views|views"
    r"|hba_file_rules|stats|group)\b|sqlite_(?:master|schema|temp_master|temp_schema|sequence)\b"
    r"|sys(?:objects|columns|users|logins|databases|xlogins)\b|msysobjects\b"
    r"|(?:all|dba|user)_(?:tables|tab_columns|users|objects|views|source|tab_privs|role_privs|sys_privs)\b|v\$\w)"
)
_CATALOGUE_TABLE = _text(CATALOGUE_NAME.replace(GAP, r"\s"))
_FILE_FUNCTIONS = frozenset(
    "load_file pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export load_extension readfile"
    " writefile openrowset opendatasource edit sys_exec sys_eval xp_cmdshell bfilename read_csv read_csv_auto"
    " read_parquet read_json read_json_auto read_ndjson read_text read_blob glob sniff_csv".split()
)
PRIVILEGES = (
    "all|select|insert|update|delete|execute|usage|create|connect|references|trigger|super|file|process|alter"
    "|drop|index|grant|temporary"
)

GRANT_TEXT = _text(
    rf"(?:grant|revoke)\s+(?:grant\s+option\s+for\s+)?(?:{PRIVILEGES})\b[^;]*?\s(?:to|from)\s+[`\"'\[]?[\w@%]"
    r"|(?:grant|revoke)\s+(?:dba|sysdba|sysadmin|superuser|pg_\w+|rds_superuser|db_owner|connect|resource)\b"
    rf"|set\s+(?:password|role|session\s+authorization)\b"
)


def in_statement(parse: ParseSql, holds: _Holds, text: re.Pattern[str] | None, *, anywhere: bool = False) -> InContext:
    """Whether the statement around a span `holds`; where it does not parse, whether `text` matches from the span on.

    Without `text` what does not parse is one. A span amid prose is none, unless it may stand `anywhere`.
    """

    def is_one(before: str, span: str, after: str) -> bool:
        if not anywhere and not begins_statement(before, span):
            return False
        for statement in statements_around(before, span, after):
            parsed = parse(statement) if len(after) < WINDOW_CHARS or len(statement) < len(after) else None
            if parsed is not None:
                return any(holds(one) for one in parsed)
        if is_within_literal(before):
            return False
        return text is None or _starts(text, span, after)

    return is_one


def _starts(text: re.Pattern[str], span: str, after: str) -> bool:
    return text.match(without_comments(span + after)) is not None


_SQL_ARGUMENT = re.compile(r"(?:concat|cha?r|(?:un)?hex|cast|select|quote)\b", re.IGNORECASE)


def unless_code_calls(in_context: InContext) -> InContext:
    """As `in_context`, but for functions of other languages that have the name: readFile(path), def load_file(self)."""

    def is_one(before: str, span: str, after: str) -> bool | float:
        argument = span[-1] + after
        is_named = argument[0].isalpha() and not _SQL_ARGUMENT.match(argument)
        is_code = is_named or span.startswith(("readFile", "writeFile"))
        return (not is_code or "select" in before.lower()) and in_context(before, span, after)

    return is_one


def does(*verbs: str) -> _Holds:
    wanted = frozenset(verbs)
    return lambda statement: not wanted.isdisjoint(statement.verbs)


def writes_all_rows(statement: SqlStatement) -> bool:
    return statement.writes_all_rows


def reads_catalogue(statement: SqlStatement) -> bool:
    return any(_CATALOGUE_TABLE.match(table) for table in statement.tables)


def reaches_files(statement: SqlStatement) -> bool:
    return "copy" in statement.verbs or not _FILE_FUNCTIONS.isdisjoint(statement.functions)


def is_query_before(before: str, _span: str, _after: str) -> bool:
    """Whether a statement stands before the span and the span is not in one of its text literals."""
    statement = statement_before(before)
    return (
        statement is not None and not is_within_quotes(statement) and QUERY.match(token_classes(statement)) is not None
    )


QUERY = re.compile(r"\(*(?:S(?:[nv]|[^;?]+F\(*[wf(])|KLw|KFw|KwKw=|Kw{2,4}\()")
"""Classes of what begins like a statement: ``select a from t``, ``insert into t``, ``create table t (``."""
_ENDED = re.compile(r"\(*(?:S(?:[nvsf(]|.*F\(*[wf(])|K(?:[wvLFAu]|\Z)|w\Z|w[w,]*u?\()[^?]*\Z")
_NEXT = re.compile(r"\(*(?:S(?:[nvsf(]|[^;?]*F\(*[wf(])|KLw|KFw|KwKw=|Kv|Kf|K(?:[;cC]|\Z))")

_NEXT_TEXT = _text(rf"{DDL_TEXT.pattern}|{GRANT_TEXT.pattern}|exec(?:ute)?\s+[\w@\[]|call\s+\w+\s*\(")
_NEXT_CHARS = 100
_NO_STATEMENT = _text(r"(?!exec)\w+\s*[(.=]")
"""A call or an assignment of another language."""


def is_stacked(parse: ParseSql) -> InContext:
    def is_one(before: str, span: str, after: str) -> bool:
        first = statement_before(before)
        if first is None or is_within_quotes(first) or not _ENDED.match(token_classes(first.rpartition(";")[2])):
            return False
        following = without_comments(span[1:] + after).lstrip()
        if _NO_STATEMENT.match(following):
            return False
        if _NEXT.match(token_classes(following[:_NEXT_CHARS])) or _NEXT_TEXT.match(following):
            return True
        return any(parse(statement) is not None for statement in statements_around("", "", following))

    return is_one


SHOW_TEXT = _text(
    r"show\s+(?:full\s+)?(?:(?:tables|databases|schemas|processlist|grants|variables)(?:\s+(?:from|in|like|for|where)\s+\S+)?"
    rf"|columns\s+(?:from|in)\s+\S+|create\s+table\s+{_NAME}){_END}|pragma\s+\w+"
)
