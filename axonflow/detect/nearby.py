"""Whether the words near a number say what it is; for numbers whose check digits alone prove too little."""

from __future__ import annotations

import re

from axonflow.detect.context_words import words_of

__all__ = ["RIVALS", "Nearby", "not_called_otherwise", "stands_alone"]

RIVALS = frozenset(
    "phone telephone tel mobile cell fax order invoice ticket tracking sku isbn issn doi version build model batch lot "
    "part serial case receipt transaction reference ref claim commit timestamp zip postcode plz article item product "
    "bestellung rechnung rechnungsnummer bestellnummer telefon telefono telefoon telefonnummer handy factura facture "
    "commande pedido ordine fattura bestelling rev revision".split()
)
"""Words that name another number; one of them right before a number outweighs what stands farther off."""
_OTHER_IDS = frozenset(
    "routing aba iban bic swift account konto kto passport reisepass license licence ssn itin npi nhs nino mrn aadhaar "
    "expires expiry expiration expired valid issued gultig ablauf caducidad scadenza".split()
)
"""Words that name another number of a person, or another date, where what one is looked for is not called so."""
_FILLERS = frozenset(
    "number numbers no nr num nummer numero is was are of the my his her your our their a an s id ids code for "
    "die der das ist le la el il de du del em e est es y and und et new old num".split()
)
_MANY_WORDS = 10
_ASSIGNED = re.compile(r"""\w["']?\s?=>?\s?\\?["']?\Z|\w\\?["']\s{0,2}:\s{0,2}\\?["']?\Z""")
"""``name=``, ``"name": "``: what comes behind such a value is about the next one."""


def stands_alone(before: str, _span: str, after: str) -> bool:
    """Whether the characters beside are no part of a longer number, fraction or identifier."""
    last = before[-1:]
    if last.isalnum() or last == "+" or after[:1].isalnum():
        return False
    if last in {".", "-"} and (before[-2:-1].isdigit() or (last == "-" and _is_uuid_group(before[-5:-1]))):
        return False
    return not (after[:1] in {".", "-"} and after[1:2].isdigit())


def not_called_otherwise(before: str, span: str, after: str) -> bool:
    """Whether the characters beside and the word before leave a well-formed number what it looks like."""
    return stands_alone(before, span, after) and _label_of(words_of(before)) not in RIVALS


def _is_uuid_group(text: str) -> bool:
    return len(text) == 4 and all(char in "0123456789abcdefABCDEF" for char in text)


def _label_of(words: list[str]) -> str:
    """The word nearest before a number that is not "number", "is" and the like."""
    return next((word for word in reversed(words[-4:]) if word not in _FILLERS), "")


class Nearby:
    """An `InContext`: one of `phrases` stands near, and the word right before names no other number.

    A phrase is one or more lower-case words, found however they are joined (``tax id``, ``tax-ID``, ``taxId``,
    ``TAXID``); a trailing ``*`` lets its last word go on (``passport*``: passports, passportNumber).
    """

    __slots__ = ("_after_words", "_before_words", "_needles", "_own", "literals")

    literals: tuple[str, ...]
    """Where none of these is in the text around, in lower case, no number is confirmed: a cheap check beforehand."""

    def __init__(self, *phrases: str, before_words: int = _MANY_WORDS, after_words: int = 5) -> None:
        needles: set[str] = set()
        for phrase in phrases:
            words, end = phrase.removesuffix("*"), "" if phrase.endswith("*") else " "
            needles |= {f" {words}{end}", f" {words.replace(' ', '')}{end}"}
        self._needles = tuple(sorted(needles))
        self._own = frozenset(word for phrase in phrases for word in phrase.removesuffix("*").split())
        self.literals = tuple(sorted({max(phrase.removesuffix("*").split(), key=len) for phrase in phrases}))
        self._before_words = before_words
        self._after_words = after_words

    def __call__(self, before: str, span: str, after: str) -> bool:
        """Whether the words around `span` say that it is one."""
        if not stands_alone(before, span, after):
            return False
        lower = f"{before} {after}".lower()
        if not any(literal in lower for literal in self.literals):
            return False
        earlier = words_of(_parted(before))
        label = _label_of(earlier)
        if (label in RIVALS or label in _OTHER_IDS) and label not in self._own:
            return False
        if self._is_named(before, earlier):
            return True
        return _ASSIGNED.search(before) is None and self._has(words_of(_parted(after))[: self._after_words])

    def _has(self, words: list[str]) -> bool:
        text = f" {' '.join(words)} "
        return any(needle in text for needle in self._needles)

    def _is_named(self, before: str, earlier: list[str]) -> bool:
        # IdNr is one word to some and two to others.
        words = self._before_words
        return self._has(earlier[-words:]) or (not before.islower() and self._has(words_of(before)[-words:]))


def _parted(text: str) -> str:
    """`text` with the words of camelCase names apart."""
    if text.islower():
        return text
    return "".join(
        [f" {char}" if char.isupper() and text[at - 1 : at].islower() else char for at, char in enumerate(text)]
    )
