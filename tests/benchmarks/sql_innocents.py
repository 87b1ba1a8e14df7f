"""Texts that have the words and signs of SQL and are no attack: prose, chat about SQL, queries as written, code."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["HARD", "innocents"]

HARD = (
    "Select the union of both sets, then drop the duplicates and order them by date.",
    "Can I use OR instead of UNION here? I'd rather not select twice; it's slow.",
    "What does LEFT JOIN do, and when would you use INNER JOIN instead?",
    "I don't know whether 'and' or 'or' binds tighter in SQL -- can you explain?",
    "The teachers' union selected a new president; drop by at 5 or 6.",
    "How do I write a WHERE clause with two conditions, e.g. age > 18 and city = 'Rome'?",
    "Explain this query: SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3 ORDER BY 2 DESC",
    "DROP TABLE removes the table, DELETE FROM only its rows, TRUNCATE is faster.",
    "Is it safe to build queries with string concatenation? What is SQL injection?",
    "WITH recent AS (SELECT * FROM orders WHERE day > now() - interval '7 days') SELECT count(*) FROM recent",
    "SELECT id FROM a WHERE x = 1 AND y = 2 OR z IN (1, 2, 3) -- only these",
    "(SELECT a FROM t1 WHERE a = 10) UNION (SELECT a FROM t2 WHERE a = 11) ORDER BY a LIMIT 10",
    "SELECT a FROM t1 UNION ALL SELECT a FROM t2",
    "SELECT 'it''s' AS s, \"Name\" FROM \"People\" WHERE note LIKE '%--%' AND id <> 3",
    "INSERT INTO log (msg, at) VALUES ('user said: or else', now()), ('x; y', now());",
    "UPDATE t SET n = n + 1, note = CONCAT(note, ' - ', 'seen') WHERE id = 4 AND n < 10",
    "SELECT CASE WHEN a = 1 THEN 'one' WHEN a = 2 THEN 'two' ELSE 'many' END FROM t",
    "SELECT u.id FROM users u WHERE NOT EXISTS (SELECT 1 FROM bans b WHERE b.uid = u.id) AND (u.age > 3 OR u.vip)",
    "BEGIN; UPDATE a SET n = n - 10 WHERE id = 1; UPDATE a SET n = n + 10 WHERE id = 2; COMMIT;",
    'cursor.execute("SELECT * FROM users WHERE name = %s AND age > %s", (name, age))',
    "db.query('SELECT * FROM t WHERE id = ' + id + ' AND kind = \"x\"')",
    "if (a == 'x' || b == 'y' && c != \"z\") { return 'a' + 'b'; } // either 'or' works",
    "const sql = `select ${cols} from ${table} where id = ${id}`; let s = 'a' || 'b';",
    "x = 'or' if y else 'and'  # pick 'or' or 'and'",
    "for (int i = 0; i < n && v[i] != 0; i++) { if (i == 1 || i == 2) continue; }",
    "print('--'); print(\"#\"); print('/*')",
    "curl -X POST 'https://api.example.com/v1/items?q=a%20b&sort=id' --data '{\"n\": 1}' # ok",
    "grep -rn 'union select' src/ | sort -u; ls -la --color=auto",
    "git commit -m 'Fix the union; drop old code' -- 'src/*.py'",
    "https://shop.example/search?q=select+and+order&min=10&max=20&sort=price%20asc",
    "/s?q=15%22+laptop+case+or+sleeve&page=2&brand=%22Acme%22",
    "/wiki/Rock_%27n%27_Roll?action=edit&section=1%2C2",
    "redirect=https%3A%2F%2Fexample.com%2Flogin%3Fnext%3D%252Fhome%26lang%3Den",
    "name=O%27Brien&street=5%20King%27s%20Road&note=call%20before%2010%20or%20after%205",
    "Tom's and Ann's house; the dogs' and cats' food -- all of it.",
    "'90s and '00s music, rock 'n' roll, ol' man's 'hat'",
    "a 15\" laptop and a 17\" monitor, 2' x 4' boards - 10' long or 12' max",
    "6'2\" and 180 lb; 5'11\" or 6'",
    'She said "no" or "maybe" -- then left; "yes" came later.',
    "Il a dit 'oui' et 'non'; l'union fait la force -- c'est l'ordre.",
    "L'article 1 ou l'article 2 de l'accord; s'il n'est pas d'accord, selectionnez 'autre'.",
    "Wählen Sie 'Ja' oder 'Nein'; die Union gewann 3 oder 4 Sitze -- mehr nicht.",
    "Seleccione 'sí' o 'no'; la unión de 1 y 2 es {1,2}.",
    "Scegli tra 'a' e 'b'; dall'1 all'8 - l'ordine è 'x', poi 'y'.",
    "如果 a = 1 或 b = 2,请选择 'union' 或 'join'。",
    "If 2 + 2 = 4 and x = 3 then y = 5 or 6.",
    "Table 1; select 5 items from the list and order by 10.",
    "Press '*' again or '#' to go back; 'A' and 'B' are fine.",
    "1 or 2 tablets; do not exceed 8. Set 3 aside.",
    "version 2; update your app. Room 12; use the side door. Chapter 3; set in Rome.",
    "I ordered 3; call me if it's late. Row 5; replace the seal.",
    "| id | name | -- | # | \n|----|------|\n| 1 | 'a' |",
    "-----BEGIN MESSAGE-----\n-- \nJohn Smith\n'Senior' Engineer",
    "/* header */ body { content: 'x'; } /* end */",
    "--- a/file.py\n+++ b/file.py\n@@ -1,3 +1,4 @@\n-x = 'a'\n+x = 'b' or 'c'",
    "SELECT * FROM users WHERE name = 'Robert' ORDER BY name; -- list of Roberts",
    "select count(*) from events where kind in ('a','b') group by day having count(*) > 10 order by 1",
    "MERGE INTO t USING s ON (t.id = s.id) WHEN MATCHED THEN UPDATE SET t.v = s.v WHEN NOT MATCHED THEN DO NOTHING",
    "EXPLAIN ANALYZE SELECT * FROM t WHERE a BETWEEN 1 AND 10 AND b IS NOT NULL OR c LIKE 'x%'",
    "thread.sleep(5); await timer.sleep(0.5) or sleep 10 && echo done",
    "Call user() and then version() to log in; the database() helper is gone.",
    "Use char(10) for the name and varchar(255), concat(first, ' ', last) for the label.",
    "left (20%) or right (30%), upper (10) and lower (5)",
    'Sizes 10-12, 14 or 16; 1/2" - 3/4" pipe; 3" x 5" cards',
    "the \"AND\" gate, the 'OR' gate and the \"NOT\" gate; 'XOR' too",
    "WHERE TO EAT: 1 Union Square, select dishes from $5",
    "Having 2 or more children is not unusual; having 1 is.",
)
"""Written by hand, each for a reason that some pattern had."""

_NAMES = "Ann Bob O'Brien D'Angelo M'Baye Chloé Łukasz Jürgen Núria 小明 Сергей".split()
_NOUNS = "order union table group index view user key value column row select drop set case limit copy match".split()
_PROSE = (
    "{n} and {n2} ordered {d} or {d2} of them, 'as is'.",
    "{n}'s {w} is {d}\" by {d2}\" -- not the '{w2}' one.",
    "Please {w} the {w2}; {n} said it's fine, or isn't it?",
    '{n}: "{w} or {w2}?" {n2}: "{w}, and fast."',
    "Die {w} von {n} hat {d} oder {d2} Zeilen; '{w2}' fehlt.",
    "L'{w} de {n} n'a que {d} ou {d2} lignes, 'sic'.",
    "El {w} de {n} tiene {d} o {d2} filas; no '{w2}'.",
    "La '{w}' di {n} è l'unica; {d} o {d2} per l'altra.",
    "De {w} van {n} kost {d} of {d2} euro; zo'n '{w2}'.",
    "{n} ma {d} lub {d2} '{w}'; reszta - jutro.",
    "What is the difference between {W} and {W2} in SQL? I've {d} rows.",
    "Should I use '{W}' or '{W2}' here? It has {d} rows -- or more.",
    "Why does my {W} query return {d} rows, and {n}'s returns {d2}?",
    "Item {d}; {w} {d2} and {w2} (see '{n}')",
    "{d} {w}s or {d2} {w2}s? {n} wants {d}, {n2} wants {d2}.",
    "Meet {n} at {d} and {w} by {d2}; don't forget '{w2}'",
)
_QUERIES = (
    "SELECT {w}_id, name FROM {w2}s WHERE id = {d} AND state = 'open' ORDER BY name LIMIT {d2}",
    "select a.{w}, b.{w2} from a join b on a.id = b.id where a.n > {d} or b.n < {d2}",
    "INSERT INTO {w}s (a, b, note) VALUES ({d}, {d2}, '{w2} and more')",
    "UPDATE {w}s SET n = {d}, s = '{w2}' WHERE id = {d2}",
    "DELETE FROM {w}s WHERE id IN ({d}, {d2}) AND kind <> '{w2}'",
    "SELECT {w}, count(*) FROM t GROUP BY {w} HAVING count(*) > {d} ORDER BY 2",
    "SELECT name FROM {w}s UNION ALL SELECT name FROM {w2}s",
    "SELECT * FROM {w}s WHERE note LIKE '%{w2}%' OR n BETWEEN {d} AND {d2}",
    "SELECT * FROM t WHERE a = '{w}' AND (b = {d} OR c = {d2}) -- {w2} rows",
    "SELECT max({w}) FROM t WHERE d >= '2024-01-0{d}' AND d < '2024-02-01'",
)
_CODE = (
    "if {w} == '{w2}' and n > {d}: return '{w}' + '{w2}'",
    "if ({w} === \"{w2}\" || n < {d}) {{ {w2} = '{w}'; }} // {n}",
    'rows = db.all("select * from {w}s where id = ?", [{d}])  # {w2}',
    "let {w} = {w2} || {d}; set('{w}', {d2}); update({w2});",
    "echo '{w}' && {w2} --limit {d} # {w}",
    'String s = "{w}" + \'-\' + "{w2}"; int n = {d} * {d2};',
    '{{"{w}": "{w2} or \'{n}\'", "n": {d}}}',
    "GET /api/{w}?id={d}&name={w2}%20and%20{w}&sort=-{w}",
    "assert {w} or {d} < {d2}, f\"{{{w}}} - '{w2}'\"",
    "<a href='/{w}' title=\"{w2}\">{n} & '{w}'</a>",
)


def innocents(seed: int, count: int) -> Iterator[str]:
    """`count` texts of one to three sentences, queries or lines, none of them an attack."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choices((_PROSE, _QUERIES, _CODE), (3, 1, 1))[0]
        lines = rng.choices(kind, k=1 if kind is _QUERIES else rng.randrange(1, 4))
        text = rng.choice((" ", "\n")).join(lines)
        word, other = rng.choice(_NOUNS), rng.choice(_NOUNS)
        yield text.format(
            n=rng.choice(_NAMES),
            n2=rng.choice(_NAMES),
            w=word,
            w2=other,
            W=word.upper(),
            W2=other.upper(),
            d=rng.randrange(1, 9),
            d2=rng.randrange(10, 500),
        )
