"""Passports, driving licences, dates of birth and booking references, most of them by the words around."""

from __future__ import annotations

from axonflow.detect.checks.documents import (
    birth_date,
    gb_driving_licence,
    licence_number,
    mixed_locator,
    mrz_line,
    passport_number,
    record_locator,
)
from axonflow.detect.context_words import mentions
from axonflow.detect.detector import Shape
from axonflow.detect.nearby import Nearby, stands_alone
from axonflow.detect.packs.pii_shapes import number, personal

__all__ = ["DOCUMENTS"]

_names_passport = Nearby(
    "passport*", "passeport*", "reisepass*", "pasaporte*", "passaporto*", "passaporte*", "paspoort*", "paszport*",
    "pass nr", "passnummer*", "passi", "paspor*", "travel document*", before_words=8,
)  # fmt: skip


class _NearLicence(Nearby):
    """Not the colours of style sheets: in those of highlighters, ``.dl`` is a delimiter."""

    __slots__ = ()

    def __call__(self, before: str, span: str, after: str) -> bool:
        return not (before.endswith("#") and mentions(before, "color")) and super().__call__(before, span, after)


_names_licence = _NearLicence(
    "driver license*", "drivers license*", "driver s license*", "driver licence*", "drivers licence*",
    "driver s licence*", "driving licence*", "driving license*", "license number*", "licence number*",
    "license no*", "licence no*", "fuhrerschein*", "fuehrerschein*", "permis de conduire",
    "licencia de conducir", "carnet de conducir", "rijbewijs*", "prawo jazdy", "korkort*",
    "korekort*",
    "carta de conducao", "carteira de motorista", "cnh", "driver id*", "driver permit*", "learner s permit",
    before_words=6, after_words=3,
)  # fmt: skip
_labels_licence = _NearLicence("dl", "dln", "license", "licence", "permis", "patente", before_words=2, after_words=0)
_names_birth = Nearby(
    "born*", "birth*", "dob", "d o b", "bday", "birthday*", "birthdate*", "date of birth", "geb", "geboren*",
    "geburts*", "ne le", "nee le", "naissance*", "nacido*", "nacida*", "nacimiento*", "nato", "nata", "nascita*",
    "nascido*",
    "nascida*", "nascimento*", "geboortedatum*", "urodz*", "ur", "fodd*", "fodt*", "fodsel*", "syntyn*", "syntyma*",
    "lahir", before_words=6, after_words=6,
)  # fmt: skip


class _OfLicence:
    """Whether the words around name a licence."""

    literals = (*_names_licence.literals, *_labels_licence.literals)

    def __call__(self, before: str, span: str, after: str) -> bool:
        return _names_licence(before, span, after) or _labels_licence(before, span, after)


_MONTH = r"[A-Za-z]{3,12}\.?"
_SUFFIX = r"(?:st|nd|rd|th|er|\.)?"
_DATES = "|".join(
    (
        r"\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})",
        r"\d{1,2}(?:\. |\.? |, ?)\d{1,2}(?:\. |\.? |, ?)\d{4}",
        r"\d{4}[./-]\d{1,2}[./-]\d{1,2}",
        rf"\d{{1,2}}{_SUFFIX}[ -]?(?:of |de )?{_MONTH},?[ -]?(?:de |del )?(?:\d{{4}}|\d{{2}})",
        rf"{_MONTH} \d{{1,2}}{_SUFFIX},? \d{{4}}",
    )
)
_BOOKING_WORDS = (
    "booking", "reservation", "confirmation", "locator", "localizador", "buchung", "reservierung", "prenotazione",
    "boeking", "dossier",
)  # fmt: skip
_BOOKING = (
    r"(?i:\bpnr|\brecord[ _-]?locator|\bbooking confirmation"
    r"|\b(?:booking|reservation|confirmation|airline)[ _-]?(?:ref(?:erence)?|code|number|no|id)"
    r"|\b(?:buchungs|reservierungs|boekings)[ _-]?(?:code|nummer|nr)"
    r"|(?:numero|code|reference) de (?:reservation|dossier)"
    r"|(?:localizador|codigo) de reserva|codice (?:di )?prenotazione)"
    r"(?i:(?:'s)?[ :.#=()\"'\\-]{1,16}"
    r"(?:(?:is|was|number|nr|no|code|ref|ist|est|es|e|lautet|pnr)[ :.#=\"'-]{1,3}){0,2})"
)
_BOOKING_ALONE = rf"(?i:\b(?:{'|'.join(_BOOKING_WORDS)})[ :#=(\"'\\]{{1,12}})"
_names_booking = Nearby(
    "pnr*", "record locator*", "booking*", "reservation*", "confirmation*", "locator*", before_words=4
)


_BOOKED = (
    "booking",
    "booked",
    "reservation",
    "flight",
    "itinerary",
    "airline",
    "boarding",
    "check-in",
    "buchung",
    "flug",
)


def _is_booked(before: str, span: str, after: str) -> bool:
    return stands_alone(before, span, after) and (mentions(before, *_BOOKED) or mentions(after, *_BOOKED))


def _is_named_locator(before: str, span: str, after: str) -> bool:
    return stands_alone(before, span, after) and span.isupper() and _names_booking(before, span, after)


DOCUMENTS = (
    personal(
        "passport",
        "The number of a passport, where the words around say so, and the machine-readable lines of one.",
        number(
            r"(?i:[A-Z]{1,3}\d{6,8}[A-Z]?|\d{8,9}|\d{2}[A-Z]{2}\d{5}|[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?"
            r"|(?-i:[A-Z][A-Z0-9]{6,8}))",
            validate=passport_number,
            in_context=_names_passport,
            confidence=0.8,
        ),
        number(r"[A-NP-Z]{2} \d{6,7}", min_digit_run=6, in_context=_names_passport, confidence=0.75),
        number(r"(?i:[A-Z]) \d{7,8}", min_digit_run=7, in_context=_names_passport, confidence=0.75),
        Shape(
            pattern=r"\b(?:P[A-Z<][A-Z]{3}[A-Z<]{39}|[A-Z0-9<]{9}\d[A-Z]{3}\d{6}\d[MFX<]\d{7}[A-Z0-9<]{15}\d)",
            triggers=("<",),
            validate=mrz_line,
            confidence=0.99,
        ),
        max_span_chars=44,
        examples=(
            "passport number 533401372",
            "Reisepass Nr. C01X00T47",
            "Passport: K1234567",
            "passeport 12AB34567",
            "Paspoort NWRK8B9C1, passport P123456AA or M123A4567",
            "passport AB 123456",
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        ),
        counter_examples=(
            "533401372 people",
            "my passport came with order 533401372",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<11",
            "passport PASSENGER",
            "passport photo 35x45",
        ),
    ),
    personal(
        "driver_license",
        "The number of a driving licence, where the words around say so, and the British one by its form.",
        number(
            r"(?:[A-Z][ -])?(?i:[A-Z]{0,4}\d[A-Z0-9]{0,14}(?:[ -]\d[A-Z0-9]{0,8}){0,4})",
            min_digit_run=2,
            validate=licence_number,
            in_context=_OfLicence(),
            confidence=0.75,
        ),
        number(
            r"(?i:[A-Z]{2,5}9{0,3})\d[0156]\d[0-3]\d\d(?i:[A-Z][A-Z9][A-Z0-9][A-Z]{2})",
            min_digit_run=6,
            validate=gb_driving_licence,
            confidence=0.95,
        ),
        max_span_chars=24,
        examples=(
            "driver's license D1234567",
            "my driver's license number is 2270-66-1551",
            "Driving licence: MORGA657054SM9IJ",
            "Fuhrerschein B072RRE2I55",
            "DL# F255-921-50-094-0",
            "license: 12345678",
            "MORGA657054SM9IJ",
        ),
        counter_examples=(
            "license Apache 2.0",
            "a driver of 12 years",
            "order D1234567",
            "MIT license 2024",
            "BSD license, Copyright (c) 2004-2025",
            "license 2004-2025",
            "(merge 8232a0ff48 dl/packet-read)",
            "driver license issued 12/31/2024",
            "MORGA699054SM9IJ",
            "bank='SA' 670-670 bank='CNH'",
            ".highlight .dl { color: #4e9a06 }",
            "limitations under the License. --> $Rev: 1877104 $",
        ),
    ),
    personal(
        "date_of_birth",
        "A date, where the words around say that somebody was born on it.",
        number(_DATES, min_digit_run=1, validate=birth_date, in_context=_names_birth, confidence=0.85),
        max_span_chars=40,
        severity="medium",
        examples=(
            "DOB: 12/03/1985",
            "born on March 12, 1985",
            "Geburtsdatum 12.03.1985",
            "1985-03-12 is my date of birth",
            "n\u00e9 le 1er ao\u00fbt 1970",
            "fecha de nacimiento: 3 de enero de 1990",
        ),
        counter_examples=(
            "due 12/03/1985",
            "DOB: 45/45/1985",
            "the birth of jazz in 1917",
            "born 10 months 1200",
            "DOB 1985",
            "expires 19 JAN 2031, DOB unknown",
            "recdate='03/11/86', birthdate=''",
        ),
    ),
    personal(
        "booking_reference",
        "The code of a booking (PNR, record locator), where the words around say so.",
        Shape(
            pattern=rf"{_BOOKING}\b([A-Z0-9]{{6}})\b",
            group=1,
            triggers=("pnr", "airline", "buchungs", "reservierungs", "boekings", " de reserva", *_BOOKING_WORDS),
            validate=record_locator,
            in_context=stands_alone,
            confidence=0.8,
        ),
        Shape(
            pattern=rf"{_BOOKING_ALONE}\b([A-Z0-9]{{6}})\b",
            group=1,
            triggers=_BOOKING_WORDS,
            validate=mixed_locator,
            in_context=stands_alone,
            confidence=0.75,
        ),
        Shape(
            pattern=r"(?i:\b(?:reference|locator|ref)(?: (?:number|no\.?|code|is))?[ :#]{1,3})([A-Z0-9]{6})\b",
            group=1,
            triggers=("reference", "locator", "ref ", "ref:", "ref#"),
            validate=record_locator,
            in_context=_is_booked,
            confidence=0.75,
        ),
        Shape(
            pattern=r"(?m:^)([A-Z0-9]{6})(?m:$)",
            marks=(r"[\x00\n][A-Z0-9]{6}[\x00\n]",),
            group=1,
            validate=record_locator,
            in_context=_is_named_locator,
            confidence=0.75,
        ),
        max_span_chars=6,
        severity="medium",
        examples=(
            "PNR: X7K9QZ",
            "booking reference is QWRTZB",
            "record locator #6TGH2P",
            "Buchungscode: Z3XK8P",
            "Your booking is confirmed. Reference: QX7M2L",
            "Booking QX7M2L is confirmed, bookingReference=X7K9QZ",
            '{"recordLocator":"X7K9QZ"}',
        ),
        counter_examples=(
            "X7K9QZ",
            "booking reference SUMMER",
            "PNR 123456",
            "booking number is PLEASE",
            "PNR x7k9qz",
            "Reference: QX7M2L",
            "booking BRKFST, reservation FRIDAY, confirmation 202612",
        ),
    ),
)
