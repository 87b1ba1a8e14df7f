"""Numbers of people in Germany, France, Spain, Italy and Portugal."""

from __future__ import annotations

from axonflow.detect.checks.europe import de_id_card, de_tax_id, es_dni, fr_nir, it_codice_fiscale, pt_nif
from axonflow.detect.nearby import Nearby
from axonflow.detect.packs.pii_shapes import number, personal

__all__ = ["SOUTHERN_EUROPE"]

_names_id_card = Nearby(
    "ausweis*", "personalausweis*", "perso", "identity card*", "id card*", "ausweisnummer*", "idnr", "german id*",
    "dokumentennummer*",
)  # fmt: skip
_names_de_tax = Nearby(
    "steuer*", "steuerid*", "idnr", "identifikationsnummer*", "tin", "tax id*", "tax*", "german*", "deutsch*"
)
_names_nir = Nearby(
    "nir*", "securite sociale*", "secu", "insee*", "numero de secu*", "social security*", "ssn", "vitale"
)
_names_nif = Nearby("nif*", "contribuinte*", "fiscal*", "identificacao fiscal", "financas", "portug*", "vat*", "tax*")
_names_dni = Nearby("dni*", "nif*", "nie*", "documento*", "identidad*", "spanish*", "spain", "espan*")

# Where two people would have the same code, letters stand for digits (D.M. 23.12.1976): in small letters that is not
# told from a word by anything but the check letter.
_CF = r"[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"
_CF_OF_NAMESAKES = r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-7LMNPQRST][0-9LMNPQRSTUV][A-Z][0-9LMNPQRSTUV]{3}[A-Z]"
_CF_SPACED = (
    r"[A-Z]{3} [A-Z]{3} [0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-7LMNPQRST][0-9LMNPQRSTUV] [A-Z][0-9LMNPQRSTUV]{3}[A-Z]"
)

SOUTHERN_EUROPE = (
    personal(
        "de_tax_id",
        "A tax identification number of Germany (Steuer-IdNr).",
        number(r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", min_digit_run=11, validate=de_tax_id, in_context=_names_de_tax),
        number(r"[1-9]\d \d{3} \d{3} \d{3}", min_digit_run=11, validate=de_tax_id),
        number(r"[1-9]\d/\d{3}/\d{3}/\d{3}", min_digit_run=11, validate=de_tax_id),
        max_span_chars=14,
        examples=(
            "Steuer-ID 36574261809",
            "36 574 261 809",
            "Identifikationsnummer: 86095742719",
            "IdNr. 86 095 742 719",
        ),
        counter_examples=("Steuer-ID 36574261890", "36574261809", "Steuer-ID 12345678901", "Bestellung 36 574 261 809"),
    ),
    personal(
        "de_id_card",
        "The number of an identity card of Germany with its check digit, where the words around say so.",
        number(r"(?i:[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8})\d", validate=de_id_card, in_context=_names_id_card),
        number(r"\d{10}", min_digit_run=10, validate=de_id_card, in_context=_names_id_card, confidence=0.7),
        max_span_chars=10,
        examples=("Personalausweis L01X00T471", "Ausweisnummer: LZ6311T475", "ID card l01x00t471"),
        counter_examples=("L01X00T471", "Personalausweis L01X00T472", "Personalausweis order L01X00T471"),
    ),
    personal(
        "fr_nir",
        "A social security number of France (NIR).",
        number(
            r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AaBb]) ?\d{3} ?\d{3} ?\d{2}", min_digit_run=8, validate=fr_nir
        ),
        number(
            r"[1-478][ .-]?\d{2}[ .-]?\d{2}[ .-]?(?:\d{2}|2[AaBb])[ .-]?\d{3}[ .-]?\d{3}[ ./-]?\d{2}",
            min_digit_run=8,
            validate=fr_nir,
            in_context=_names_nir,
        ),
        max_span_chars=21,
        examples=(
            "2 95 10 99 126 111 93",
            "securite sociale 295109912611193",
            "1 84 12 2A 451 089 33",
            "NIR 3 46 41 23 389 135 85",
        ),
        counter_examples=(
            "2 95 10 99 126 111 94",
            "2 95 13 99 126 111 93",
            "commande 295109912611193",
            "3 46 41 23 389 135 85",
        ),
    ),
    personal(
        "es_dni",
        "An identity number of Spain (DNI, NIE).",
        number(r"(?:[XYZ][ -]?\d{7}|\d{8})[ -]?[A-HJ-NP-TV-Z]", min_digit_run=7, validate=es_dni),
        number(
            r"(?i:(?:[XYZ][ -]?\d{7}|\d{8})[ -]?[A-HJ-NP-TV-Z])",
            min_digit_run=7,
            validate=es_dni,
            in_context=_names_dni,
        ),
        number(r"(?i:\d{2}\.\d{3}\.\d{3}[ -]?[A-HJ-NP-TV-Z])", min_digit_run=8, validate=es_dni),
        max_span_chars=12,
        examples=("DNI 12345678Z", "NIE: X1234567L", "54362315-K", "dni 12345678z", "12.345.678-Z"),
        counter_examples=("12345678A", "X1234567M", "pedido 12345678Z", "12345678z", "A12345678Z"),
    ),
    personal(
        "it_codice_fiscale",
        "A tax code of Italy (codice fiscale).",
        number(rf"(?i:{_CF})", validate=it_codice_fiscale, confidence=0.99),
        number(_CF_OF_NAMESAKES, validate=it_codice_fiscale, confidence=0.99),
        number(_CF_SPACED, validate=it_codice_fiscale, confidence=0.95),
        max_span_chars=19,
        examples=("RSSMRA85T10A562S", "codice fiscale rssmra85t10a562s", "RSS MRA 85T10 A562S", "CF: RCCMNL83S18D969H"),
        counter_examples=("RSSMRA85T10A562T", "RSSMRA85T99A562S", "XRSSMRA85T10A562S"),
    ),
    personal(
        "pt_nif",
        "A tax number of Portugal (NIF), where the words around say so.",
        number(r"\d{3}[ .]?\d{3}[ .]?\d{3}", min_digit_run=9, validate=pt_nif, in_context=_names_nif),
        max_span_chars=11,
        examples=("NIF 123456789", "contribuinte n. 501 964 843", "numero fiscal: 501964843"),
        counter_examples=("123456789", "NIF 123456788", "NIF telefone 123456780", "NIF telefono 123456789"),
    ),
)
