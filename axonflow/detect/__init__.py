"""Find personal data, secrets and injected instructions in content, and mask them; the regex engine is injected."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.finding import Finding
from axonflow.detect.packs.dangerous_sql import dangerous_sql
from axonflow.detect.packs.injection import INJECTION
from axonflow.detect.packs.pii import PII
from axonflow.detect.packs.secrets import SECRETS
from axonflow.detect.redaction import redact
from axonflow.detect.scanner import Inspection, Scanner
from axonflow.detect.sql_statement import ParseSql, unparsed

__all__ = ["BUILTIN_DETECTORS", "Detector", "Finding", "Inspection", "Scanner", "builtin_detectors", "redact"]


def builtin_detectors(parse_sql: ParseSql) -> tuple[Detector, ...]:
    """The detectors of this package, in the order of their packs; those of SQL judge what `parse_sql` makes of it."""
    return (*PII, *SECRETS, *INJECTION, *dangerous_sql(parse_sql))


BUILTIN_DETECTORS: tuple[Detector, ...] = builtin_detectors(unparsed)
"""As they are without a parser of SQL, which then is judged by its text."""
