"""Numbers that money goes by: cards, accounts, banks, addresses of crypto currencies."""

from __future__ import annotations

from axonflow.detect.checks.americas import aba_routing
from axonflow.detect.checks.cards import card_numbers_in
from axonflow.detect.checks.countries import DIGIT_IBANS, IBAN_LENGTHS, is_bic, is_iban
from axonflow.detect.checks.crypto_addresses import (
    base58_address,
    bech32_address,
    checksummed_ethereum_address,
    ethereum_address,
)
from axonflow.detect.nearby import Nearby, stands_alone
from axonflow.detect.packs.pii_shapes import number, personal
from axonflow.detect.validators import digits_of

__all__ = ["PAYMENT"]

_names_card = Nearby(
    "card*", "credit", "debit", "visa", "mastercard*", "maestro*", "amex", "american express", "discover", "diners*",
    "payment*", "pan", "cc", "pay", "paid", "charge*", "karte*", "kreditkarte*", "carte*", "tarjeta*", "carta",
    "cartao", "kaart*", "karta",
)  # fmt: skip


def _card_in_context(before: str, span: str, after: str) -> bool:
    if not stands_alone(before, span, after):
        return False
    # One number in fifty of these lengths passes by chance: 12 and 13 digits are also order numbers and times.
    return len(digits_of(span)) > 13 or _names_card(before, span, after)


# Only the first four digits that an issuer has: a year or an amount in front must not take the card's first groups.
_FIRST_FOUR = r"(?:[3-6]\d{3}|2[2-7]\d{2}|2131|1800|0604|81\d{2}|9792)"
_CARD_LAYOUTS = "|".join(
    [
        r"\d{12,19}",
        *(rf"{_FIRST_FOUR}(?:{mark}\d{{4}}){{3}}(?:{mark}\d{{1,3}})?" for mark in (" ", "-", r"\.")),
        *(rf"{_FIRST_FOUR}{mark}\d{{4}}{mark}\d{{4}}(?:{mark}\d{{1,3}})?" for mark in (" ", "-", r"\.")),
        *(rf"{_FIRST_FOUR}{mark}\d{{4}}{mark}\d{{5,7}}" for mark in (" ", "-", r"\.")),
        *(rf"3\d{{3}}{mark}\d{{6}}{mark}\d{{4,5}}" for mark in (" ", "-", r"\.")),
    ]
)


def _iban_pattern() -> str:
    """An alternative for each form: a match ends where the country's numbers do, whatever follows it."""
    forms: dict[tuple[int, str], list[str]] = {}
    for country, length in IBAN_LENGTHS.items():
        forms.setdefault((length, r"\d" if country in DIGIT_IBANS else "[A-Z0-9]"), []).append(country)
    alternatives = (
        rf"(?:{_country('|'.join(countries))}\d{{2}}(?i:(?:[ -]?{char}){{{length - 4}}}))"
        for (length, char), countries in sorted(forms.items())
    )
    return "|".join(alternatives)


def _country(codes: str) -> str:
    """In small letters nothing comes between it and its digits, else ``on 12`` and ``by 20`` might begin a number."""
    return f"(?:(?:{codes})[ -]?|(?i:{codes}))"


def _iban_in_context(_before: str, _span: str, after: str) -> bool:
    return not after[:1].isalnum()


_names_bank = Nearby("bic*", "swift*", before_words=6, after_words=3)
_names_routing = Nearby(
    "aba", "routing*", "rtn", "transit number", "bank*", "wire*", "ach", "fedwire", "account*", "checking", "savings",
)  # fmt: skip
_names_wallet = Nearby(
    "eth", "ethereum*", "ether", "etherscan", "wallet*", "crypto*", "token*", "erc", "usdt", "usdc", "metamask",
    "contract*", "address*", "blockchain", "polygon", "bnb", "send*", "sent", "deposit*", "withdraw*",
)  # fmt: skip


PAYMENT = (
    personal(
        "credit_card",
        "A payment card number with its issuer's prefix and a valid check digit.",
        number(_CARD_LAYOUTS, min_digit_run=12, carve=card_numbers_in, in_context=_card_in_context, confidence=0.95),
        max_span_chars=24,
        examples=(
            "card 4111111111111111 exp 12/27",
            "4111-1111-1111-1111",
            "in 2024 5555 5555 5555 4444 was charged",
            "amex 3782 822463 10005.",
            "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
            "maestro card 501800000009",
            "card_4111111111111111_visa",
            "4111 1111 1111 1111 123",
        ),
        counter_examples=(
            "4111111111111112",
            "order 41111111111111110000000",
            "0.4111111111111111",
            "x4111111111111111",
            "id 1234567812345670",
            "550e8400-e29b-41d4-a716-501800000009",
            "4111 1111-1111 1111",
        ),
    ),
    personal(
        "iban",
        "An international bank account number with a valid checksum.",
        number(
            f"(?:{_iban_pattern()})",
            marks=(
                "[A-Z]{2}[ -]?[0-9]{2}(?:[ -]?[A-Za-z0-9]){4}",
                "[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){4}",
            ),
            min_digit_run=5,
            validate=is_iban,
            in_context=_iban_in_context,
            confidence=0.99,
        ),
        max_span_chars=68,
        examples=(
            "IBAN DE89 3704 0044 0532 0130 00 please",
            "gb82west12345698765432",
            "room AB12 is for NO93 8601 1117 947",
            "iban_FR1420041010050500013M02606",
        ),
        counter_examples=(
            "DE89 3704 0044 0532 0130 01",
            "DE893704004405320130001",
            "ZZ89370400440532013000",
            "AT12 people came to the 34 places and 567 more",
        ),
    ),
    personal(
        "bic",
        "The code of a bank (BIC, SWIFT), where the words around say so.",
        number(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", validate=is_bic, in_context=_names_bank, confidence=0.85),
        max_span_chars=11,
        severity="low",
        examples=("BIC: COBADEFFXXX", "SWIFT code DEUTDEFF500", "the SWIFT/BIC is BNPAFRPP."),
        counter_examples=("BIC: QQQQQQQQ", "COBADEFFXXX is a word", "SWIFT TRANSFER", "the swift brown fox DEUTDEFFX"),
    ),
    personal(
        "us_bank_routing",
        "A routing number of a bank of the United States (ABA), where the words around say so.",
        number(r"\d{9}", min_digit_run=9, validate=aba_routing, in_context=_names_routing),
        number(r"\d{4}-\d{4}-\d", min_digit_run=9, validate=aba_routing, in_context=_names_routing),
        max_span_chars=11,
        severity="medium",
        examples=("routing number 021000021", "ABA: 0210-0002-1", "wire to 122105155 (routing)"),
        counter_examples=(
            "021000021 people",
            "routing number 021000022",
            "routing table of 900000003",
            "bank order 021000021",
        ),
    ),
    personal(
        "crypto_address",
        "An address of Bitcoin, Litecoin, Dogecoin, TRON or Ethereum with a checksum; Ethereum's also by words around.",
        number(
            r"[13LMDAT9][1-9A-HJ-NP-Za-km-z]{25,34}",
            marks=("[^A-Za-z0-9][13LMDAT9][1-9A-HJ-NP-Za-km-z]{25}",),
            validate=base58_address,
            in_context=stands_alone,
        ),
        number(
            r"(?i:(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,71})",
            triggers=("bc1", "tb1", "ltc1"),
            validate=bech32_address,
            in_context=stands_alone,
            confidence=0.99,
        ),
        number(
            r"0x[0-9A-Fa-f]{40}",
            triggers=("0x",),
            validate=checksummed_ethereum_address,
            in_context=stands_alone,
            confidence=0.99,
        ),
        number(
            r"0x[0-9A-Fa-f]{40}",
            triggers=("0x",),
            validate=ethereum_address,
            in_context=_names_wallet,
            confidence=0.85,
        ),
        max_span_chars=90,
        examples=(
            "send it to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq is mine",
            "BC1P0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQZK5JJ0",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "my wallet: 0xde709f2102306220921060314715629080e2fb77",
        ),
        counter_examples=(
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
            "hash 0xde709f2102306220921060314715629080e2fb77",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "wallet 0x0000000000000000000000000000000000000000",
            "0xde709f2102306220921060314715629080e2fb77aa22",
        ),
    ),
)
