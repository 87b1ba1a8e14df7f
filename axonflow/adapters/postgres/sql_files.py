"""The SQL that this adapter runs, read from its folder once."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import Final

from msgspec import Struct

__all__ = ["Migration", "migrations", "named_queries"]

_FOLDER: Final = files("axonflow.adapters.postgres") / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_OLDEST_CODE: Final = re.compile(r"^-- oldest code: (\d+)$", re.MULTILINE)
_MIGRATION: Final = re.compile(r"(\d{4})_\w+\.sql")


class Migration(Struct, frozen=True):
    """One step from an empty database to the schema of this code."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the text with Unix line ends, which a checkout may have changed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def oldest_code(self) -> int | None:
        """The oldest version whose code still works on the schema that this step gives: a step that takes something
        away says so (``-- oldest code: 7``). None: every one does, so tasks of any release go on meanwhile."""
        said = _OLDEST_CODE.search(self.sql)
        return int(said[1]) if said else None


def named_queries(file_name: str) -> dict[str, str]:
    """The statements of a file in sql/, each under the name in the comment above it (``-- name: write``)."""
    _, *parts = _NAME.split((_FOLDER / file_name).read_text("utf-8"))
    return dict(zip(parts[::2], (sql.strip() for sql in parts[1::2]), strict=True))


def migrations() -> list[Migration]:
    """All migrations of this code, in order."""
    found = []
    for path in (_FOLDER / "migrations").iterdir():
        match = _MIGRATION.fullmatch(path.name)
        if match:
            sql = path.read_text("utf-8").replace("\r\n", "\n")
            found.append(Migration(int(match[1]), path.name.removesuffix(".sql"), sql))
    return sorted(found, key=lambda migration: migration.version)
