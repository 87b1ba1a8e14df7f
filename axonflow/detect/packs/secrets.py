"""Keys and passwords, by the formats that their issuers document and by the names that they are given."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.secrets_cloud import CLOUD
from axonflow.detect.packs.secrets_development import DEVELOPMENT
from axonflow.detect.packs.secrets_keys import KEYS
from axonflow.detect.packs.secrets_models import MODELS
from axonflow.detect.packs.secrets_named import NAMED
from axonflow.detect.packs.secrets_services import SERVICES

__all__ = ["SECRETS"]

SECRETS: tuple[Detector, ...] = (*CLOUD, *DEVELOPMENT, *MODELS, *SERVICES, *KEYS, *NAMED)
