"""Personal data: the packs of addresses, accounts, documents and numbers of people as one."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.contact import CONTACT
from axonflow.detect.packs.documents import DOCUMENTS
from axonflow.detect.packs.national_ids_americas import AMERICAS
from axonflow.detect.packs.national_ids_asia_pacific import ASIA_PACIFIC
from axonflow.detect.packs.national_ids_europe_north import NORTHERN_EUROPE
from axonflow.detect.packs.national_ids_europe_south import SOUTHERN_EUROPE
from axonflow.detect.packs.network import NETWORK
from axonflow.detect.packs.payment import PAYMENT

__all__ = ["PII"]

PII: tuple[Detector, ...] = (
    *CONTACT,
    *PAYMENT,
    *NETWORK,
    *DOCUMENTS,
    *AMERICAS,
    *NORTHERN_EUROPE,
    *SOUTHERN_EUROPE,
    *ASIA_PACIFIC,
)
