"""Find personal data, secrets and injected instructions in content, and redact them; the regex engine is injected."""

from __future__ import annotations

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.finding import Finding
from axonflow.detect.given import with_given
from axonflow.detect.packs.code import CODE
from axonflow.detect.packs.dangerous_sql import dangerous_sql
from axonflow.detect.packs.injection import INJECTION
from axonflow.detect.packs.pii import PII
from axonflow.detect.packs.secrets import SECRETS
from axonflow.detect.redaction import redact
from axonflow.detect.redaction_key import RedactionKey
from axonflow.detect.redactor import NO_MEANS, RedactionMeans, Redactor
from axonflow.detect.scanner import Inspection, Scanner
from axonflow.detect.sql_statement import ParseSql, unparsed
from axonflow.detect.styles import Replacing, Style

__all__ = [
    "BUILTIN_DETECTORS",
    "NO_MEANS",
    "Detector",
    "Finding",
    "Inspection",
    "RedactionKey",
    "RedactionMeans",
    "Redactor",
    "Replacing",
    "Scanner",
    "Shape",
    "Style",
    "builtin_detectors",
    "redact",
    "with_given",
]


def builtin_detectors(parse_sql: ParseSql) -> tuple[Detector, ...]:
    """The detectors of this package, in the order of their packs; those of SQL judge what `parse_sql` makes of it."""
    return (*PII, *SECRETS, *INJECTION, *CODE, *dangerous_sql(parse_sql))


BUILTIN_DETECTORS: tuple[Detector, ...] = builtin_detectors(unparsed)
"""As they are without a parser of SQL, which then is judged by its text."""
