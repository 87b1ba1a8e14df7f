"""Find personal data, secrets and injected instructions in content, and mask them; the regex engine is injected."""

from __future__ import annotations

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.finding import Finding
from axonflow.detect.given import with_given
from axonflow.detect.packs.injection import INJECTION
from axonflow.detect.packs.pii import PII
from axonflow.detect.packs.secrets import SECRETS
from axonflow.detect.redaction import redact
from axonflow.detect.scanner import Inspection, Scanner

__all__ = ["BUILTIN_DETECTORS", "Detector", "Finding", "Inspection", "Scanner", "Shape", "redact", "with_given"]

BUILTIN_DETECTORS: tuple[Detector, ...] = (*PII, *SECRETS, *INJECTION)
"""The detectors of this package, in the order of their packs."""
