"""Find personal data, secrets and injected instructions in content, and mask them; the regex engine is injected."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.finding import Finding
from axonflow.detect.packs.code import CODE
from axonflow.detect.packs.injection import INJECTION
from axonflow.detect.packs.pii import PII
from axonflow.detect.packs.secrets import SECRETS
from axonflow.detect.redaction import redact
from axonflow.detect.scanner import Inspection, Scanner

__all__ = ["BUILTIN_DETECTORS", "Detector", "Finding", "Inspection", "Scanner", "redact"]

BUILTIN_DETECTORS: tuple[Detector, ...] = (*PII, *SECRETS, *INJECTION, *CODE)
"""The detectors of this package, in the order of their packs."""
