"""SQL by sqlglot, which is pure Python and knows the dialects; loaded when the first statement is met.

Its parser recurses, so what is nested too deep to be parsed is given back as not parsed, and so is what it keeps
unread (`exp.Command`). docs/decisions/0011 has the measurements.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from axonflow.detect.sql_statement import MAX_STATEMENT_CHARS, SqlStatement

__all__ = ["parse_sql"]

_MAX_DEPTH = 40
"""Open brackets. Some sixty exhaust Python's stack, and trying takes longer the deeper it goes."""
_VERBS = {
    **{verb: verb for verb in "select insert update delete merge create alter drop copy grant revoke".split()},
    "truncatetable": "truncate",
}


@lru_cache(maxsize=1)
def _sqlglot() -> Any:
    import sqlglot

    # It warns of every statement that it keeps unread, with the statement's text, which is the customer's.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    return sqlglot


def parse_sql(text: str) -> tuple[SqlStatement, ...] | None:
    """The statements of `text` in any of the dialects; None when it is not SQL or beyond the limits. Raises nothing."""
    if len(text) > MAX_STATEMENT_CHARS or _depth(text) > _MAX_DEPTH:
        return None
    sqlglot = _sqlglot()
    for dialect in _dialects(text):
        try:
            trees = sqlglot.parse(text, read=dialect)
            if any(tree is not None and tree.key == "command" for tree in trees):
                continue
            return tuple(_statement(tree) for tree in trees if tree is not None)
        except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
            continue
    return None


def _dialects(text: str) -> tuple[str | None, ...]:
    """Those worth a try: the general one, and the one that the quotes of names speak for."""
    if "`" in text:
        return (None, "mysql")
    if "[" in text or "@" in text:
        return (None, "tsql")
    return (None,)


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return deepest


def _statement(tree: Any) -> SqlStatement:
    verbs: set[str] = set()
    tables: set[str] = set()
    functions: set[str] = set()
    writes_all_rows = False
    func = _sqlglot().exp.Func
    for node in tree.walk():
        verb = _VERBS.get(node.key)
        if verb:
            verbs.add(verb)
            writes_all_rows = writes_all_rows or _writes_all_rows(node)
        elif node.key == "table":
            tables.add(".".join(part.name.lower() for part in node.parts))
        elif isinstance(node, func):
            functions.add(str(node.name if node.key == "anonymous" else node.sql_name()).lower())
    return SqlStatement(
        verbs=frozenset(verbs),
        writes_all_rows=writes_all_rows,
        tables=frozenset(tables),
        functions=frozenset(functions),
    )


def _writes_all_rows(node: Any) -> bool:
    # An update or delete inside of MERGE has its condition there, and no table of its own.
    if node.key not in {"update", "delete"} or node.find_ancestor(_sqlglot().exp.Merge):
        return False
    where = node.args.get("where")
    return where is None or _is_always_true(where.this)


def _is_always_true(node: Any) -> bool:
    """Whether a condition holds for every row (but for nulls): what a person or a model writes to have no condition."""
    kind = node.key
    if kind == "paren":
        return _is_always_true(node.this)
    if kind == "or":
        return any(_is_always_true(side) for side in node.flatten())
    if kind == "and":
        return all(_is_always_true(side) for side in node.flatten())
    if kind == "not":
        return _is_always_false(node.this)
    if kind == "boolean":
        return bool(node.this)
    if kind == "literal":
        return str(node.this) not in {"0", ""}
    if kind in {"eq", "gte", "lte", "nullsafeeq", "is"}:
        return bool(node.left.unnest() == node.right.unnest())
    if kind in {"neq", "gt", "lt"}:
        return _is_comparison_true(node)
    return kind in {"like", "ilike"} and node.expression.is_string and set(node.expression.name) == {"%"}


def _is_always_false(node: Any) -> bool:
    if node.key == "paren":
        return _is_always_false(node.this)
    if node.key == "boolean":
        return not node.this
    if node.key == "eq" and node.left.key == node.right.key == "literal":
        return bool(node.left != node.right)
    return bool(node.key == "literal" and node.this == "0")


def _is_comparison_true(node: Any) -> bool:
    left, right = node.left.unnest(), node.right.unnest()
    if left.key != "literal" or right.key != "literal":
        return False
    if node.key == "neq":
        return bool(left != right)
    if left.is_number != right.is_number:
        return False
    first, second = (float(left.name), float(right.name)) if left.is_number else (left.name, right.name)
    return bool(first > second if node.key == "gt" else first < second)
