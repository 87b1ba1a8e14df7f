"""Text that a program would run or open: commands, paths, addresses, templates, calls."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.code_calls import CALLS
from axonflow.detect.packs.code_paths import PATHS
from axonflow.detect.packs.code_shell import SHELL
from axonflow.detect.packs.code_takeover import TAKEOVER
from axonflow.detect.packs.code_targets import TARGETS
from axonflow.detect.packs.code_templates import TEMPLATES

__all__ = ["CODE"]

CODE: tuple[Detector, ...] = (*SHELL, *TAKEOVER, *PATHS, *TARGETS, *TEMPLATES, *CALLS)
