"""Dates of birth, machine-readable lines and numbers of travel documents and licences."""

from __future__ import annotations

from axonflow.detect.checks.check_digits import is_date

__all__ = ["birth_date", "document_number", "gb_driving_licence", "licence_number", "mrz_line", "record_locator"]

# The first three letters of each month: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish,
# Danish, Finnish, Indonesian. French juin and juillet differ in the fourth letter only, so both may have 31 days.
_MONTHS: dict[str, int] = {
    start: number
    for number, starts in enumerate(
        (
            "jan ene gen sty tam",
            "feb fev fab lut hel",
            "mar maa mae mrz",
            "apr avr abr kwi huh",
            "may mai mei mag maj tou",
            "jun giu cze kes",
            "jul jui lug lip hei",
            "aug aou ago agu sie elo",
            "sep set wrz syy",
            "oct okt oto ott out paz lok",
            "nov nop lis",
            "dec dez dic des gru jou",
        ),
        start=1,
    )
    for start in starts.split()
}


def birth_date(text: str) -> bool:
    """Whether `text` is a day, month and year in a usual order, from 1900 on when the year has four digits."""
    parts = "".join([char if char.isalnum() else " " for char in text.lower()]).split()
    numbers: list[int] = []
    month = 0
    for part in parts:
        digits = part.rstrip("stndrhe") if part[0].isdigit() else ""
        if digits.isdigit():
            numbers.append(int(digits))
        elif part not in {"of", "de", "del"}:
            month = _MONTHS.get(part[:3], 0)
            if not month:
                return False
    if month:
        return len(numbers) == 2 and _is_birth_day(max(numbers), month, min(numbers))
    return len(numbers) == 3 and _is_numeric(*numbers)


def _is_birth_day(year: int, month: int, day: int) -> bool:
    return (1900 <= year < 2100 or year < 100) and is_date(year, month, day)


def _is_numeric(first: int, second: int, third: int) -> bool:
    if first > 31:
        return _is_birth_day(first, second, third)
    return _is_birth_day(third, second, first) or _is_birth_day(third, first, second)


def mrz_line(line: str) -> bool:
    """Whether a line of a passport's machine-readable zone is one (ICAO Doc 9303 part 4, section 4.2)."""
    if line.startswith("P") and line[5:].replace("<", "").isalpha():
        return "<<" in line[5:]
    number, birth, expiry = line[:10], line[13:20], line[21:28]
    whole = line[:10] + line[13:20] + line[21:44]
    return all(_has_mrz_digit(field) for field in (number, birth, expiry, whole))


def _has_mrz_digit(field: str) -> bool:
    if not field[-1].isdigit():
        return False
    values = [0 if char == "<" else int(char, 36) for char in field[:-1]]
    return sum([value * (7, 3, 1)[at % 3] for at, value in enumerate(values)]) % 10 == int(field[-1])


def document_number(text: str) -> bool:
    """Whether `text` has the look of a document's number: at least four digits, and not one digit only."""
    return sum(map(str.isdigit, text)) >= 4 and len(set(text)) > 2


def passport_number(text: str) -> bool:
    """As `document_number`, with three digits, which is the least that passports of the Netherlands have had."""
    return sum(map(str.isdigit, text)) >= 3 and len(set(text)) > 2


def licence_number(text: str) -> bool:
    """Whether `text` can be a licence's number: at least six letters and digits, not a date, not a span of years."""
    length = sum(map(str.isalnum, text))
    is_years = len(text) == 9 and text[:2] in {"19", "20"} and text[5:7] in {"19", "20"} and not text[4].isalnum()
    is_twice = text[: len(text) // 2] == text[-(len(text) // 2) :]  # a range: 670-670
    return 6 <= length <= 18 and document_number(text) and not (is_years or is_twice or birth_date(text))


def gb_driving_licence(text: str) -> bool:
    """Five letters of the name, then decade, month (women: plus 50), day, and year of birth (DVLA, driver number)."""
    month, day = int(text[6:8]), int(text[8:10])
    return is_date(int(text[5] + text[10]), month - 50 if month > 50 else month, day)


def record_locator(text: str) -> bool:
    """Whether six letters or digits are more likely generated than a word: both kinds, or hardly a vowel."""
    if text.isalpha():
        return sum(char in "AEIOUY" for char in text) <= 1
    return not text.isdigit()


def mixed_locator(text: str) -> bool:
    """Whether six letters or digits are both, so that they are neither a word nor a number."""
    return sum(map(str.isalpha, text)) > 1 and not text.isalpha()
