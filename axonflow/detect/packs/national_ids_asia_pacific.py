"""Numbers of people in India, Singapore, Indonesia and Australia."""

from __future__ import annotations

from axonflow.detect.checks.asia_pacific import au_medicare, au_tfn, id_nik, in_aadhaar, in_pan, sg_nric
from axonflow.detect.nearby import Nearby
from axonflow.detect.packs.pii_shapes import number, personal

__all__ = ["ASIA_PACIFIC"]

_names_aadhaar = Nearby("aadhaar*", "aadhar*", "adhaar*", "adhar*", "uidai*", "uid", "unique identification*", "india*")
_names_pan = Nearby("pan", "pan card*", "pan number*", "permanent account*", "income tax*", "pancard*", "pan no*")
_names_nric = Nearby("nric*", "fin", "ic", "identity card*", "singapore*", "work permit*", "work pass*")
_names_nik = Nearby(
    "nik", "nomor induk*", "ktp*", "ektp*", "kependudukan", "kartu keluarga", "kk", "indonesia*", "identitas"
)
_names_tfn = Nearby("tfn*", "tax file*", "ato", "australian tax*", "tax number*")
_names_medicare = Nearby("medicare*", "irn")

ASIA_PACIFIC = (
    personal(
        "in_aadhaar",
        "An Aadhaar number of India, where the words around say so.",
        number(r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", min_digit_run=12, validate=in_aadhaar, in_context=_names_aadhaar),
        max_span_chars=14,
        examples=("Aadhaar 2345 6789 0124", "my aadhar number is 234567890124", "UIDAI: 2345-6789-0124"),
        counter_examples=("2345 6789 0124", "Aadhaar 2345 6789 0125", "Aadhaar 1234 5678 9012", "order 234567890124"),
    ),
    personal(
        "in_pan",
        "A Permanent Account Number of India.",
        number(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", validate=in_pan, confidence=0.85),
        number(r"(?i:[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z])", min_digit_run=4, validate=in_pan, in_context=_names_pan),
        max_span_chars=10,
        examples=("PAN: ABCPK1234F", "AAAPL1234C belongs to her", "pan abcpk1234f"),
        counter_examples=("ABCDK1234F", "PAN ABCPK0000F", "order ABCPK1234F", "abcpk1234f", "XABCPK1234F"),
    ),
    personal(
        "sg_nric",
        "An identity number of Singapore (NRIC, FIN).",
        number(r"[STFGM]\d{7}[A-Z]", min_digit_run=7, validate=sg_nric),
        number(r"(?i:[STFGM]\d{7}[A-Z])", min_digit_run=7, validate=sg_nric, in_context=_names_nric),
        max_span_chars=9,
        examples=("NRIC S1234567D", "G1234567X", "fin m1234567k"),
        counter_examples=("S1234567E", "s1234567d", "AS1234567D", "order S1234567D"),
    ),
    personal(
        "id_nik",
        "An identity number of Indonesia (NIK), where the words around say so.",
        number(r"\d{16}", min_digit_run=16, validate=id_nik, in_context=_names_nik),
        max_span_chars=16,
        examples=("NIK 3171011708450001", "nomor KTP: 3273014505900002", "NIK saya 3578100101800007"),
        counter_examples=("3171011708450001", "NIK 3171013308450001", "NIK 9971011708450001", "NIK 3171011708450000"),
    ),
    personal(
        "au_tfn",
        "A tax file number of Australia, where the words around say so.",
        number(r"\d{3}[ -]?\d{3}[ -]?\d{2,3}", min_digit_run=8, validate=au_tfn, in_context=_names_tfn),
        max_span_chars=11,
        examples=("TFN 123 456 782", "my tax file number is 123456782", "tfn: 876-543-210"),
        counter_examples=("123 456 782", "TFN 123 456 783", "tax file number order 123456782"),
    ),
    personal(
        "au_medicare",
        "A Medicare card number of Australia, where the words around say so.",
        number(
            r"[2-6]\d{3}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?",
            min_digit_run=10,
            validate=au_medicare,
            in_context=_names_medicare,
        ),
        max_span_chars=14,
        examples=("Medicare 2123 45670 1", "medicare card: 2123456701", "my Medicare number is 2123 45670 1/2"),
        counter_examples=(
            "2123 45670 1",
            "Medicare 2123 45680 1",
            "Medicare 7123 45670 1",
            "Medicare order 2123456701",
        ),
    ),
)
