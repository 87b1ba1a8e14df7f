"""Numbers of people, providers and companies in the United States, Canada and Brazil."""

from __future__ import annotations

from axonflow.detect.checks.americas import br_cnpj, br_cpf, ca_sin, us_itin, us_npi, us_ssn
from axonflow.detect.nearby import Nearby
from axonflow.detect.packs.pii_shapes import number, personal

__all__ = ["AMERICAS"]

_names_ssn = Nearby(
    "ssn*", "ssns", "social*", "soc sec", "taxpayer*", "tax id*", "tin", "sin", before_words=6, after_words=3
)
_names_itin = Nearby("itin*", "taxpayer*", "tax id*", "tin", "irs", before_words=6, after_words=3)
_names_npi = Nearby("npi*", "national provider*", "provider id*", "provider number", "prescriber*", "taxonomy")
_names_sin = Nearby("sin", "social insurance*", "nas", "assurance sociale", "canada*", "canadian")
_names_cpf = Nearby("cpf*", "cadastro*", "contribuinte*", "receita federal", "documento", "brazil*", "brasil*", "tax*")
_names_cnpj = Nearby("cnpj*", "empresa*", "cadastro nacional", "company*", "inscricao", "brazil*", "brasil*")

AMERICAS = (
    personal(
        "us_ssn",
        "A Social Security number of the United States.",
        number(r"\d{3}-\d{2}-\d{4}", min_digit_run=9, validate=us_ssn),
        number(r"\d{3}[ .]\d{2}[ .]\d{4}", min_digit_run=9, validate=us_ssn, in_context=_names_ssn),
        number(r"\d{9}", min_digit_run=9, validate=us_ssn, in_context=_names_ssn, confidence=0.8),
        max_span_chars=11,
        examples=("SSN: 460-89-9847", "my social security number is 460 89 9847", "ssn=460899847", "id_460-89-9847"),
        counter_examples=(
            "000-12-3456 and 666-12-3456",
            "900-12-3456",
            "460-00-9847, 460-89-0000",
            "078-05-1120",
            "part 12-460-89-9847",
            "460-89 9847",
            "ticket 460899847",
            "460 89 9847 rows",
        ),
    ),
    personal(
        "us_itin",
        "An individual taxpayer number of the United States (ITIN).",
        number(r"9\d{2}-\d{2}-\d{4}", min_digit_run=9, validate=us_itin),
        number(r"9\d{2} ?\d{2} ?\d{4}", min_digit_run=9, validate=us_itin, in_context=_names_itin, confidence=0.8),
        max_span_chars=11,
        examples=("ITIN 912-70-1234", "my tax id is 912 91 1234", "itin: 998581234"),
        counter_examples=("912-66-1234", "912-93-1234", "ticket 912701234", "call 912 70 1234 rows"),
    ),
    personal(
        "us_npi",
        "A number of a health care provider in the United States (NPI), where the words around say so.",
        number(r"[12]\d{9}", min_digit_run=10, validate=us_npi, in_context=_names_npi),
        max_span_chars=10,
        severity="low",
        examples=("NPI: 1234567893", "the provider id is 1245319599", "prescriber NPI#1245319599"),
        counter_examples=("1234567893 seconds", "NPI 1234567894", "NPI order 1234567893"),
    ),
    personal(
        "ca_sin",
        "A Social Insurance number of Canada, where the words around say so.",
        number(r"\d{3}-\d{3}-\d{3}", min_digit_run=9, validate=ca_sin, in_context=_names_sin),
        number(r"\d{3} ?\d{3} ?\d{3}", min_digit_run=9, validate=ca_sin, in_context=_names_sin, confidence=0.8),
        max_span_chars=11,
        examples=("SIN 130-692-544", "social insurance number: 130 692 544", "numero d'assurance sociale 130692544"),
        counter_examples=("130-692-544", "SIN 130-692-545", "SIN 046 454 286", "a sin of 111111111"),
    ),
    personal(
        "br_cpf",
        "A number of a person in Brazil (CPF).",
        number(r"\d{3}\.\d{3}\.\d{3}-\d{2}", min_digit_run=11, validate=br_cpf, confidence=0.97),
        number(r"\d{3}\.?\d{3}\.?\d{3}[-/]?\d{2}", min_digit_run=11, validate=br_cpf, in_context=_names_cpf),
        max_span_chars=14,
        examples=("529.982.247-25", "CPF 52998224725", "meu cpf: 529982247-25"),
        counter_examples=("529.982.247-26", "52998224725", "CPF 111.111.111-11", "pedido 529.982.247-25"),
    ),
    personal(
        "br_cnpj",
        "A number of a company in Brazil (CNPJ), with digits or, since 2026, letters.",
        number(
            r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}",
            triggers=("/",),
            validate=br_cnpj,
            confidence=0.97,
        ),
        number(r"\d{14}", min_digit_run=14, validate=br_cnpj, in_context=_names_cnpj),
        number(r"[0-9A-Z]{12}\d{2}", validate=br_cnpj, in_context=Nearby("cnpj*"), confidence=0.85),
        max_span_chars=18,
        severity="medium",
        examples=("11.222.333/0001-81", "CNPJ: 11222333000181", "CNPJ 12.ABC.345/01DE-35", "cnpj 12ABC34501DE35"),
        counter_examples=("11.222.333/0001-82", "11222333000181", "CNPJ 00.000.000/0000-00", "12ABC34501DE35"),
    ),
)
