"""How an installation redacts: its key, whether it has a vault, and which detectors can have tokens of their format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from axonflow.detect.formats import FormatTokens, suits
from axonflow.detect.redaction_key import RedactionKey
from axonflow.detect.scanner import Scanner
from axonflow.detect.styles import KEYED, Replacing, Style, TenantKey
from axonflow.errors import ConfigurationError

__all__ = ["NO_MEANS", "RedactionMeans", "Redactor"]


class RedactionMeans(NamedTuple):
    """What there is to redact with beyond masks."""

    key: RedactionKey | None = None
    has_vault: bool = False


NO_MEANS = RedactionMeans()


class Redactor:
    """Makes the replacing for one content. Share one among all requests."""

    __slots__ = ("_alone", "_fit", "_has_vault", "_key", "_scanner")

    def __init__(self, scanner: Scanner, means: RedactionMeans = NO_MEANS) -> None:
        self._scanner = scanner
        self._key = means.key
        self._has_vault = means.has_vault
        self._alone: dict[str, Scanner] = {}
        self._fit: dict[str, bool] = {}

    def check(self, style: Style, detector_ids: Iterable[str]) -> None:
        """Raises ConfigurationError when these detectors' findings cannot be redacted in `style` here."""
        if style in KEYED and self._key is None:
            raise ConfigurationError(
                f"the style {style} needs a key",
                expected="redaction_key=, or --redaction-key FILE",
                found="none",
                hint="Make one with: openssl rand -hex 32 > redaction.key",
            )
        if style == "vault" and not self._has_vault:
            raise ConfigurationError("the style vault needs a vault", expected="vault=", found="none")
        if style == "format":
            unfit = [detector_id for detector_id in detector_ids if not self.suits(detector_id)]
            if unfit:
                raise ConfigurationError(
                    "what has the format of a finding would be found again",
                    expected="detectors whose findings a check digit or a range confirms",
                    found=", ".join(unfit),
                    hint="Choose another style for these: pseudonym keeps joins too.",
                )

    def replacing(self, styles: Mapping[str, Style], tenant_id: str) -> Replacing:
        """For one content of a tenant, with the style of each detector."""
        key = None if self._key is None else TenantKey(self._key, tenant_id)
        return Replacing(styles, key, FormatTokens(self._is_found, self._is_taken))

    def _is_found(self, detector_id: str, text: str) -> bool:
        alone = self._alone.get(detector_id)
        if alone is None:
            alone = self._alone[detector_id] = self._scanner.out_of_context(detector_id)
        return alone.inspect(text).any((detector_id,))

    def _is_taken(self, detector_id: str, text: str) -> bool:
        # All of the pack, not only those in force: tokens are the same whatever else a policy redacts.
        pack = self._scanner.resolve(detector_id.partition(".")[0])
        return self._scanner.inspect(text).any(pack)

    def suits(self, detector_id: str) -> bool:
        """Whether the detector's findings can be redacted in the style format: its own examples can have tokens."""
        fit = self._fit.get(detector_id)
        if fit is None:
            fit = self._fit[detector_id] = suits(self._is_found, detector_id, self._examples(detector_id))
        return fit

    def _examples(self, detector_id: str) -> list[str]:
        return [
            example[finding.start : finding.end]
            for detector in self._scanner.detectors
            if detector.id == detector_id
            for example in detector.examples
            for finding in self._scanner.inspect(example).findings((detector_id,))
        ]
