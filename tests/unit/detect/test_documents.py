"""Dates of birth, lines of passports, numbers of licences and bookings; addresses of machines."""

import pytest

from axonflow.detect.checks.documents import (
    birth_date,
    document_number,
    gb_driving_licence,
    licence_number,
    mrz_line,
    record_locator,
)
from axonflow.detect.checks.machines import hardware_address, has_credentials


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("12/03/1985", True),
        ("1985-03-12", True),
        ("31.12.85", True),
        ("12/31/1985", True),
        ("12 March 1985", True),
        ("March 12th, 1985", True),
        ("3 de enero de 1990", True),
        ("1er aout 1970", True),
        ("24. Dezember 1999", True),
        ("31 juillet 1999", True),
        ("12 Mars 1985", True),
        ("12 Foo 1985", False),
        ("31 February 1985", False),
        ("12/31/1885", False),
        ("13/13/1985", False),
        ("12 3x 1985", False),
        ("March 1985", False),
        ("12 1985", False),
    ],
)
def test_date_of_birth_is_a_day_in_a_usual_order(text, valid):
    assert birth_date(text) is valid


@pytest.mark.parametrize(
    ("line", "valid"),
    [  # the specimen of ICAO Doc 9303 part 4
        ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", True),
        ("P<UTOERIKSSON".ljust(44, "A"), False),
        ("L898902C36UTO7408122F1204159ZE184226B<<<<<10", True),
        ("L898902C37UTO7408122F1204159ZE184226B<<<<<10", False),
        ("L898902C36UTO7408122F1204159ZE184226B<<<<<1<", False),
    ],
)
def test_machine_readable_line_has_its_check_digits(line, valid):
    assert mrz_line(line) is valid


@pytest.mark.parametrize(("text", "valid"), [("K1234567", True), ("PASSENGER", False), ("11111111", False)])
def test_document_number_has_digits_that_differ(text, valid):
    assert document_number(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [("D1234567", True), ("D1234", False), ("12/31/2024", False), ("2004-2025", False), ("1234567890123456789", False)],
)
def test_licence_number_is_neither_short_nor_a_date(text, valid):
    assert licence_number(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"), [("MORGA657054SM9IJ", True), ("MORGA657554SM9IJ", False), ("MORGA615055SM9IJ", False)]
)
def test_british_licence_holds_a_day_of_birth(text, valid):
    assert gb_driving_licence(text) is valid


@pytest.mark.parametrize(("text", "valid"), [("X7K9QZ", True), ("QWRTZB", True), ("SUMMER", False), ("123456", False)])
def test_record_locator_is_no_word_and_no_number(text, valid):
    assert record_locator(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("3c:22:fb:9a:0e:71", True),
        ("ff:ff:ff:ff:ff:ff", False),
        ("001b.6384.45e6", True),
        ("1234.5678.9012", False),
        ("abcd.efab.cdef", False),
    ],
)
def test_hardware_address_belongs_to_one_device(text, valid):
    assert hardware_address(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"), [("ann:word", True), ("ann:***", False), ("ann:{pw}", False), ("ann:$PW", False)]
)
def test_credentials_hold_a_password_and_no_place_holder(text, valid):
    assert has_credentials(text) is valid
