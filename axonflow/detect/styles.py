"""The ways to replace what was found, and the replacing of one content's findings with a count of what was done."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from axonflow.detect.finding import SEVERITIES, Finding
from axonflow.detect.formats import FormatTokens
from axonflow.detect.labels import label_of, mask_of
from axonflow.detect.redaction_key import RedactionKey, code_of

__all__ = ["KEYED", "STREAMED", "STYLES", "Replacing", "Style", "TenantKey", "partial", "strictest"]

Style = Literal["drop", "mask", "pseudonym", "hash", "vault", "format", "partial"]
"""Strictest first, by what is left to learn: nothing; the kind; whether two values of a tenant are equal; of any
tenant; the value, for who may open the vault; its format; its last characters."""

STYLES: Final[tuple[Style, ...]] = get_args(Style)
KEYED: Final[frozenset[Style]] = frozenset({"pseudonym", "hash", "vault", "format"})
STREAMED: Final[frozenset[Style]] = frozenset({"mask", "pseudonym", "hash", "partial"})
"""They need the finding and the key, no more, so a text can go on in them while it comes. Of the others, drop empties
all of the text for one finding; the tokens of format depend on those given before them, in every round; and the values
behind the labels of a vault have to be in it before the labels go on."""

_LABELS: Final = frozenset({"mask", "pseudonym", "hash", "vault"})
_SHOWN_CHARS: Final = 4
_SHOWN_PART: Final = 4
"""At most one in so many characters."""
_SEPARATORS: Final = frozenset(" -./:@()+,")
_SPACING: Final = str.maketrans("", "", " -./()+")
_MIN_SPACED_DIGITS: Final = 9
"""A number this long is written in groups as one likes; of a shorter one, a date, the groups may matter."""


def strictest(styles: Sequence[Style]) -> Style:
    """The one of `styles`, at least one, that leaves least to learn."""
    return min(styles, key=STYLES.index)


def partial(text: str, *, is_secret: bool) -> str:
    """`text` with asterisks for all but its last characters: four, and at most a quarter.

    Separators stay and do not count, but for a secret, in which they may be part of the key. Of a text with a backslash
    nothing is shown: half an escape would spoil the literal that it stands in.
    """
    places = [at for at, char in enumerate(text) if is_secret or char not in _SEPARATORS]
    shown_chars = 0 if "\\" in text else min(_SHOWN_CHARS, len(places) // _SHOWN_PART)
    first_shown = len(places) - shown_chars
    chars = list(text)
    for at in places[:first_shown]:
        chars[at] = "*"
    return "".join(chars)


class TenantKey(NamedTuple):
    """The key of the installation, and the tenant whose values are replaced."""

    key: RedactionKey
    tenant_id: str

    def for_style(self, style: Style, detector_id: str) -> bytes:
        """The derived key. Hashes are the same for every tenant and detector: they are there to compare with others."""
        if style == "hash":
            return self.key.derived(style)
        return self.key.derived(style, self.tenant_id, detector_id)


class Replacing:
    """Replaces the findings of one content, in the style of each one's detector; a detector without one is masked.

    `done` counts findings by detector and style. `kept` holds the value behind each label of a vault: never show it.
    """

    __slots__ = ("_formats", "_key", "_styles", "done", "kept")

    def __init__(
        self,
        styles: Mapping[str, Style] | None = None,
        key: TenantKey | None = None,
        formats: FormatTokens | None = None,
    ) -> None:
        """`key` is needed for the `KEYED` styles, and `formats` for format."""
        self._styles = styles or {}
        self._key = key
        self._formats = formats
        self.done: dict[str, dict[Style, int]] = {}
        self.kept: dict[str, str] = {}

    def drops(self, findings: Sequence[Finding]) -> bool:
        """Whether a leaf with these findings is emptied: when one of them is to be dropped."""
        if any(self._style_of(finding) == "drop" for finding in findings):
            self._count(findings, "drop")
            return True
        return False

    def replacement(self, findings: Sequence[Finding], text: str) -> str:
        """What stands in place of `text`, in which `findings` overlap or touch: one thing, in the strictest of their
        styles, named after the most severe (then the longest, then by id)."""
        style = strictest([self._style_of(finding) for finding in findings])
        if style in ("partial", "format") and len({finding.detector for finding in findings}) > 1:
            style = "mask"  # where one kind ends and another begins is nobody's format
        named = min(findings, key=lambda f: (-SEVERITIES.index(f.severity), f.start - f.end, f.detector))
        replaced = self._in_style(style, named, text)
        if replaced is None:
            style, replaced = "mask", mask_of(named.detector)
        if replaced != text:  # else it was replaced before: the last characters of a key, with asterisks, may match
            self._count(findings, style)
        return replaced

    @property
    def writes_labels(self) -> bool:
        """Whether all that it writes is labels, which are never findings themselves."""
        return _LABELS.issuperset(self._styles.values())

    @property
    def needs_whole(self) -> bool:
        """Whether a style of it needs the whole text: see `STREAMED`."""
        return not STREAMED.issuperset(self._styles.values())

    @property
    def changes(self) -> int:
        """How many findings were replaced so far."""
        return sum(count for counts in self.done.values() for count in counts.values())

    def _style_of(self, finding: Finding) -> Style:
        return self._styles.get(finding.detector, "mask")

    def _count(self, findings: Sequence[Finding], style: Style) -> None:
        for finding in findings:
            counts = self.done.setdefault(finding.detector, {})
            counts[style] = counts.get(style, 0) + 1

    def _in_style(self, style: Style, finding: Finding, text: str) -> str | None:
        """None where only a mask will do."""
        if style == "partial":
            if finding.category in {"code", "injection"}:
                return None  # an attack has no last characters to know it by
            left = partial(text, is_secret=finding.category == "secret")
            return left if "*" in left else None  # it is of separators alone, such as ../..
        if style not in KEYED or self._key is None:
            return None
        key = self._key.for_style(style, finding.detector)
        if style == "format":
            return None if self._formats is None else self._formats.token(key, finding.detector, text)
        if style == "vault":
            label = label_of(finding.detector, style, code_of(key, text))
            self.kept[label] = text
            return label
        return label_of(finding.detector, style, code_of(key, _canonical(finding, text)))


def _canonical(finding: Finding, text: str) -> str:
    """One spelling for all of a value, so that joins survive. Secrets differ by every character."""
    if finding.category == "secret":
        return text
    spelled = unicodedata.normalize("NFKC", text).casefold()
    # Groups are the value in 1.12.123.4 and 11.21.23.4; so are the marks in a mail address.
    is_address = finding.detector == "pii.ip_address" or "@" in spelled or ":" in spelled
    is_long_number = sum(char.isdecimal() for char in spelled) >= _MIN_SPACED_DIGITS
    return spelled.translate(_SPACING) if is_long_number and not is_address else spelled
