"""Numbers of people in the United Kingdom, the Netherlands, Belgium, Poland, Sweden, Denmark and Finland."""

from __future__ import annotations

import re

from axonflow.detect.checks.europe import (
    be_national_number,
    dk_cpr,
    dk_cpr_checked,
    fi_hetu,
    gb_nhs,
    gb_nino,
    nl_bsn,
    pl_pesel,
    se_personnummer,
)
from axonflow.detect.nearby import Nearby, not_called_otherwise
from axonflow.detect.packs.pii_shapes import number, personal

__all__ = ["NORTHERN_EUROPE"]

_names_nino = Nearby("national insurance*", "nino*", "ni", "ni number*", "insurance number*", "ni no")
_names_nhs = Nearby("nhs*", "national health*", "patient*")
_names_bsn = Nearby("bsn*", "burgerservice*", "sofi*", "citizen service*", "sofinummer", "fiscaal nummer", "dutch*")
_names_belgium = Nearby(
    "rijksregister*", "nationaal nummer*", "registre national*", "numero national*", "national number*",
    "national register*", "niss*", "insz*", "nn", "rrn", "bis nummer", "belg*", "nationalregister*",
)  # fmt: skip
_names_pesel = Nearby("pesel*", "ewidencyjny*", "polish*", "poland", "obywatel*")
_names_sweden = Nearby(
    "personnummer*",
    "personnr*",
    "samordningsnummer*",
    "swedish*",
    "sweden",
    "pnr",
    "person number*",
    "personal identity*",
)
_TIME = re.compile(r"(?:20|\A)[0-3]\d{5}[-+](?:[01]\d|2[0-3])[0-5]\d\Z")


def _unless_moment(before: str, span: str, after: str) -> bool:
    """Files are named by the day and minute they were made: 20221206-1408. One in ten has the check digit."""
    return not_called_otherwise(before, span, after) and (
        _TIME.search(span) is None or _names_sweden(before, span, after)
    )


_names_denmark = Nearby("cpr*", "personnummer*", "danish*", "denmark", "cprnr")

NORTHERN_EUROPE = (
    personal(
        "gb_nino",
        "A National Insurance number of the United Kingdom.",
        number(r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]", min_digit_run=6, validate=gb_nino, confidence=0.85),
        number(r"[A-Z]{2}-\d{2}-\d{2}-\d{2}-[A-D]", min_digit_run=6, validate=gb_nino, confidence=0.85),
        number(
            r"(?i:[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]?)", min_digit_run=6, validate=gb_nino, in_context=_names_nino
        ),
        max_span_chars=13,
        examples=("NI number AB123456C", "AA 12 34 56 B", "nino: ab 12 34 56 c", "CE-12-34-56-D"),
        counter_examples=("DB123456C", "BG123456C", "part AB123456C", "AB123456E", "ab123456c", "XAB123456C"),
    ),
    personal(
        "gb_nhs",
        "A number of a patient of the NHS, where the words around say so.",
        number(r"\d{3}[ -]?\d{3}[ -]?\d{4}", min_digit_run=10, validate=gb_nhs, in_context=_names_nhs),
        max_span_chars=12,
        examples=("NHS number 943 476 5919", "nhs: 9434765919", "the patient (943-476-5919)"),
        counter_examples=("943 476 5919", "NHS number 943 476 5918", "NHS phone 943 476 5919"),
    ),
    personal(
        "nl_bsn",
        "A citizen service number of the Netherlands (BSN), where the words around say so.",
        number(r"\d{9}", min_digit_run=9, validate=nl_bsn, in_context=_names_bsn),
        number(r"\d{4}[. ]\d{2}[. ]\d{3}", min_digit_run=9, validate=nl_bsn, in_context=_names_bsn),
        number(r"\d{3}[. -]\d{3}[. -]\d{3}", min_digit_run=9, validate=nl_bsn, in_context=_names_bsn),
        max_span_chars=11,
        examples=("BSN 111222333", "burgerservicenummer: 1112.22.333", "mijn bsn is 123456782"),
        counter_examples=("111222333", "BSN 111222334", "BSN 000000000", "BSN bestelling 111222333"),
    ),
    personal(
        "be_national_number",
        "A national register number of Belgium.",
        number(r"\d{2}\.\d{2}\.\d{2}-\d{3}[.-]\d{2}", min_digit_run=11, validate=be_national_number),
        number(
            r"\d{2}[. ]?\d{2}[. ]?\d{2}[- ]?\d{3}[. -]?\d{2}",
            min_digit_run=11,
            validate=be_national_number,
            in_context=_names_belgium,
        ),
        max_span_chars=15,
        examples=("85.07.30-033.28", "rijksregisternummer 85073003328", "numero national 17 07 30 033 84"),
        counter_examples=("85073003328", "85.07.30-033.29", "85.13.30-033.28", "order 85073003328", "85.07.30-000.61"),
    ),
    personal(
        "pl_pesel",
        "A PESEL number of Poland, where the words around say so.",
        number(r"\d{11}", min_digit_run=11, validate=pl_pesel, in_context=_names_pesel),
        max_span_chars=11,
        examples=("PESEL 44051401359", "numer PESEL: 02070803628", "pesel=44051401359"),
        counter_examples=("44051401359", "PESEL 44051401358", "PESEL 44131401359", "PESEL tel 44051401359"),
    ),
    personal(
        "se_personnummer",
        "A personal identity or coordination number of Sweden.",
        number(r"(?:\d{2})?\d{6}[-+]\d{4}", min_digit_run=10, validate=se_personnummer, in_context=_unless_moment),
        number(r"\d{10}(?:\d{2})?", min_digit_run=10, validate=se_personnummer, in_context=_names_sweden),
        number(r"(?:\d{2})?\d{6} \d{4}", min_digit_run=10, validate=se_personnummer, in_context=_names_sweden),
        max_span_chars=13,
        examples=(
            "811218-9876",
            "personnummer 198112189876",
            "19811218-9876",
            "personnr: 811278-9873",
            "personnr 20221206-1408",
        ),
        counter_examples=(
            "811218-9875",
            "811318-9876",
            "8112189876",
            "21811218-9876",
            "ref 811218-9876",
            "dump 20221206-1408",
        ),
    ),
    personal(
        "dk_cpr",
        "A CPR number of Denmark.",
        number(r"\d{6}-\d{4}", min_digit_run=10, validate=dk_cpr_checked, confidence=0.8),
        number(r"\d{6}[- ]?\d{4}", min_digit_run=10, validate=dk_cpr, in_context=_names_denmark),
        max_span_chars=11,
        examples=("CPR 211062-5629", "cpr-nr. 2110625629", "211062-5629", "CPR-nummer 010107 1234"),
        counter_examples=("2110625629", "CPR 321062-5629", "211062-5620", "ordre order 211062-5629"),
    ),
    personal(
        "fi_hetu",
        "A personal identity code of Finland.",
        number(r"\d{6}[-+A-FYXWVU]\d{3}[0-9A-FHJ-NPR-Y]", min_digit_run=6, validate=fi_hetu, confidence=0.97),
        number(r"(?i:\d{6}[-+A-FYXWVU]\d{3}[0-9A-FHJ-NPR-Y])", min_digit_run=6, validate=fi_hetu),
        max_span_chars=11,
        examples=("131052-308T", "hetu: 131052-308t", "henkilotunnus 131052A308T"),
        counter_examples=("131052-308U", "321052-308T", "131352-308T", "131052-3080T"),
    ),
)
