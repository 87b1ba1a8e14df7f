"""Telephone numbers in runs of digits and punctuation.

Layouts that only telephone numbers have (international, North American 3-3-4, a trunk 0, an area code in
parentheses) stand on their own; any other grouping needs a word beside it that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from axonflow.detect.context_words import has_any, words_of
from axonflow.detect.validators import groups_of

__all__ = ["phone_in_context", "phone_layout", "phones_in"]

Layout = Literal["international", "national", "plain"]

# ITU-T, list of E.164 country codes: no code begins with 0, nor with these.
_SPARE_CODES = frozenset({"28", "83", "89"})
_MIN_DIGITS, _MAX_DIGITS = 7, 18  # 15 (E.164), and 00 before or (0) within
_MAX_GROUPS, _MAX_LONE_DIGITS = 7, 2
_PHONE_STEMS = (
    "phone", "mobile", "whatsapp", "fax", "telefon", "telephon", "cellular", "celular", "hotline", "helpline",
    "landline",
    "voicemail", "portable", "movil", "telemovel",
)  # fmt: skip
_PHONE_WORDS = frozenset(
    "tel cell call calls called calling dial ring ph handy gsm tlf sms text texted texting message "
    "messages reach contact answering pager".split()
)
# Labels of a number when they stand right beside it, ordinary words elsewhere.
_LABELS = _PHONE_WORDS | {"desk", "office", "home", "work", "direct", "hp", "wa", "kom", "mob", "gsm"}
_OTHER_WORDS = frozenset(
    "order invoice ticket account acct id ref reference serial zip isbn issn doi tracking sku case po "
    "part item version receipt transaction confirmation policy claim model batch lot vin iban bic build "
    "passport license licence ssn itin ein tin routing aba nhs npi nino cpf cnpj bsn dni nie nif "
    "siren siret sin tfn abn mrn steuernummer idnr ust konto kontonummer blz kto artikel".split()
)
_OTHER_STEMS = (
    "bestell", "rechnung", "auftrag", "kundennummer", "kundennr", "factura", "facture", "commande", "pedido", "fattura",
    "ordine",
)  # fmt: skip


_COMMON_OTHERS: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\d|\d{1,9}\.\d{1,2}", re.ASCII)
"""Dates and amounts, of which texts have more than of telephone numbers."""


def phones_in(run: str) -> Iterator[tuple[int, int]]:
    """The candidates in a run: whole groups of digits with what belongs to them (plus, parentheses, extension).

    A plain candidate may overlap a better one after it; the words around decide which of them holds.
    """
    if _COMMON_OTHERS.fullmatch(run):
        return
    text = _without_extension(run)
    groups = groups_of(text)
    candidates = _Candidates(text, groups)
    first = 0
    while first < len(groups):
        found = candidates.at(first)
        if found is None:
            first += 1
            continue
        last, layout = found
        yield _start_of(text, groups, first), len(run) if last == len(groups) - 1 else groups[last][1]
        # A plain candidate may begin with a number that stands before a telephone number ("room 5 415-555-2671").
        is_hiding = layout == "plain" and any(candidates.is_better_at(later) for later in range(first + 1, last + 1))
        first = first + 1 if is_hiding else last + 1


class _Candidates:
    """The longest candidate that begins with each group of a run, looked for once."""

    __slots__ = ("_found", "_groups", "_text")

    def __init__(self, text: str, groups: list[tuple[int, int]]) -> None:
        self._text = text
        self._groups = groups
        self._found: dict[int, tuple[int, Layout] | None] = {}

    def at(self, first: int) -> tuple[int, Layout] | None:
        """The last group and the layout of the candidate that begins with group `first`."""
        if first not in self._found:
            self._found[first] = None if first and self._is_cut(first - 1) else self._longest(first)
        return self._found[first]

    def is_better_at(self, first: int) -> bool:
        """Whether a candidate with a layout that only telephone numbers have begins with group `first`."""
        found = self.at(first)
        return found is not None and found[1] != "plain"

    def _longest(self, first: int) -> tuple[int, Layout] | None:
        text, groups = self._text, self._groups
        start = _start_of(text, groups, first)
        parts: list[str] = []
        ends: list[int] = []
        digit_count = lone_digits = 0
        for at in range(first, min(first + _MAX_GROUPS, len(groups))):
            group_start, group_end = groups[at]
            digit_count += group_end - group_start
            lone_digits += group_end - group_start == 1
            if (
                digit_count > _MAX_DIGITS
                or lone_digits > _MAX_LONE_DIGITS
                or (at > first and not _joins(text[groups[at - 1][1] : group_start]))
            ):
                break
            parts.append(text[group_start:group_end])
            if digit_count >= _MIN_DIGITS and not self._is_cut(at):
                ends.append(at)
        for last in reversed(ends):
            layout = _layout_of(text[start : groups[last][1]], parts[: last - first + 1])
            if layout is not None:
                return last, layout
        return None

    def _is_cut(self, last: int) -> bool:
        """Whether the group after `last` hangs on to it without a space."""
        groups = self._groups
        return last + 1 < len(groups) and self._text[groups[last][1]] not in " ("


def _without_extension(text: str) -> str:
    """`text` up to ``x12`` or ``ext. 12``, the only letters in it."""
    at = text.lower().find("x")
    if at < 0:
        return text
    return text[: at - 1 if text[at - 1 : at] in {"e", "E"} else at].rstrip()


def _start_of(run: str, groups: list[tuple[int, int]], first: int) -> int:
    start = groups[first][0]
    if start and run[start - 1] == "(" and ")" in run[start : start + 6]:
        start -= 1
    if start and run[start - 1] == "+":
        start -= 1
        return start - 1 if start and run[start - 1] == "(" and ")" in run[start : start + 6] else start
    return start


def _joins(separator: str) -> bool:
    return (len(separator) <= 2 and "+" not in separator) or separator == " / "


def phone_layout(text: str) -> Layout | None:
    """How `text` is laid out as a telephone number; None when it cannot be one."""
    text = _without_extension(text)
    return _layout_of(text, [text[start:end] for start, end in groups_of(text)])


def _layout_of(text: str, parts: list[str]) -> Layout | None:
    layout = _layout_of_digits(text, parts, "".join(parts))
    return None if layout is None or _is_date(text, parts) else layout


def _layout_of_digits(text: str, parts: list[str], digits: str) -> Layout | None:
    if len(set(digits)) < 3 or (len(parts) == 2 and _is_pair(text, *parts)):
        return None
    if text.startswith(("+", "(+")) or (parts[0].startswith("00") and len(parts) > 2 and _kinds_of_marks(text) <= 1):
        is_code_points = len(parts[0]) == 4 == len(parts[-1]) and text[0] == "0"  # 0069 0307 0303
        return "international" if _is_international(text, digits) and not is_code_points else None
    if len(digits) > 12:
        return None
    sizes = [len(part) for part in parts]
    if _is_north_american(text, sizes, digits) or _is_trunk(text, sizes, digits) or _is_area(text, sizes, digits):
        return "national"
    is_list = min(sizes[1:], default=2) < 2  # 11 10 12 1 0
    return "plain" if len(digits) >= 7 and len(sizes) <= 5 and "(" not in text and not is_list else None


def _is_pair(text: str, first: str, second: str) -> bool:
    """Whether two groups are two years, a fraction, or two of something: nobody's number goes on with a zero.

    Ranges (03700-03999) and coordinates of ISO 6709 (+3217-06446) do.
    """
    if _is_year(first) and _is_year(second):
        return True
    is_fraction = "." in text and (first == "0" or len(second) > 4)
    return is_fraction or (second[0] == "0" and "-" in text and len(first) > 3)


def _is_international(text: str, digits: str) -> bool:
    digits = digits.removeprefix("00")
    if "(0)" in text:
        digits = digits.replace("0", "", 1)
    if digits.startswith("1"):
        return len(digits) == 11 and digits[1] > "1"
    return 8 <= len(digits) <= 15 and digits[0] != "0" and digits[:2] not in _SPARE_CODES


def _is_north_american(text: str, sizes: list[int], digits: str) -> bool:
    if sizes[0] == 1 and digits[0] == "1":
        sizes, digits = sizes[1:], digits[1:]
    is_area_first = text.find("(") < 4  # not a page range and a year: 692-701 (1981
    if sizes == [3, 3, 4] and "." in text and " " in text and text[0] != "(":
        return False  # coordinates: 340 325.2598
    return (
        sizes == [3, 3, 4] and is_area_first and digits[0] > "1" and digits[1:3] != "11" and _kinds_of_marks(text) <= 1
    )


def _is_trunk(text: str, sizes: list[int], digits: str) -> bool:
    """A trunk 0 and an area code, then the subscriber's number in groups of at least two."""
    most = 12 if digits[:2] in {"01", "08"} else 11  # mobile numbers of Germany and Indonesia
    if digits[0] != "0" or digits[1] == "0" or not 9 <= len(digits) <= most:
        return False
    # How the United States and Brazil lay out numbers of people and ZIP+4 codes.
    if sizes == [3, 2, 4] or ("-" in text and ("." in text or sizes == [5, 4])):
        return False
    return 2 <= len(sizes) <= 5 and 2 <= sizes[0] <= 5 and min(sizes) >= 2 and _kinds_of_marks(text) <= 2


def _kinds_of_marks(text: str) -> int:
    return ("-" in text) + ("." in text) + ("/" in text)


def _is_area(text: str, sizes: list[int], digits: str) -> bool:
    if text[0] != "(" or not 8 <= len(digits) <= 12 or len(sizes) > 4:
        return False
    return 2 <= sizes[0] <= 5 and min(sizes[1:], default=0) >= 2 and not _is_year(digits[: sizes[0]])


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and digits[:2] in {"18", "19", "20"}


def _is_date(text: str, parts: list[str]) -> bool:
    for at in range(len(parts) - 2):
        year_first, middle, year_last = parts[at : at + 3]
        if len(middle) > 2 or int(middle) > 31:
            continue
        if _is_year(year_first) and len(year_last) <= 2:
            return True
        if _is_year(year_last) and len(year_first) <= 2 and int(year_first) <= 31:
            return True
    is_pairs = len(parts) == 5 and parts[0][0] == "0" and all(len(part) == 2 for part in parts)  # 06.12.34.56.78
    return len(parts) >= 4 and text.count(".") >= 3 and all(int(part) < 256 for part in parts) and not is_pairs


def phone_in_context(before: str, span: str, after: str) -> bool:
    """Whether the words around allow a number laid out like `span` to be a telephone number."""
    if _is_part_of_longer(before, after):
        return False
    layout = phone_layout(span)
    if layout == "international":
        return True
    if layout == "plain" and not (_has_letter(before) or _has_letter(after)):
        return False
    earlier, later = words_of(before)[-6:], words_of(after)[:8]
    names_other = has_any(earlier[-3:], _OTHER_WORDS, _OTHER_STEMS)
    if layout == "national":
        return not names_other or has_any(earlier[-1:], _PHONE_WORDS, _PHONE_STEMS)
    if has_any(earlier[-1:], _OTHER_WORDS, _OTHER_STEMS):
        return False
    is_labelled = has_any(earlier[-1:], _LABELS) or has_any(later[:1], _LABELS) or _is_somebodys(earlier, later)
    return is_labelled or has_any(earlier, _PHONE_WORDS, _PHONE_STEMS) or has_any(later[:2], _PHONE_WORDS, _PHONE_STEMS)


_OWNERS = frozenset("my his her our their your mon ma mein meine mi mio meu mijn min".split())
_NUMBERS = frozenset("number num no numero nummer".split())
_OF = frozenset("de di da do der des of for fur van".split())
"""What my number of something is says another word."""
_REACHED = frozenset("me us him them".split())
_REACHING = frozenset("reach call ring text phone contact message dial".split())


def _is_somebodys(earlier: list[str], later: list[str]) -> bool:
    """Whether somebody's number is named ("my number is ..."), or somebody to be reached ("if you want to call me")."""
    near = [*earlier[-4:], ""]
    is_owned = any(
        word in _OWNERS and name in _NUMBERS and of not in _OF
        for word, name, of in zip(near, near[1:], near[2:], strict=False)
    )
    return is_owned or any(verb in _REACHING and whom in _REACHED for verb, whom in pairwise(later))


def _has_letter(text: str) -> bool:
    # Only letters differ between the cases: on rows of numbers this takes a tenth of cutting them into words.
    return text.upper() != text.lower()


_IBAN_HEAD: Final = re.compile(r"\b[A-Z]{2}\d\d \Z", re.ASCII)


def _is_part_of_longer(before: str, after: str) -> bool:
    last, following = before[-1:], after[:1]
    if last == " " and _IBAN_HEAD.search(before):
        return True
    if last.isalnum() or last in {"$", "#"} or following.isalnum() or following == "%":
        return True
    if last in {"-", ".", "/", ":"} and before[-2:-1].isalnum():
        return last != ":" or before[-2:-1].isdigit()
    return following in {"-", ".", "/", ":"} and after[1:2].isdigit()
