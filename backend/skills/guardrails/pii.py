"""Find personal data with a recognizable form, in most cases with a check digit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from backend.skills.schemas.patterns import compiled

Span = tuple[int, int]
Find = Callable[[str], Iterator[Span]]

_IBANS: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 "
    "LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 "
    "TN24 TR26 UA29 VA22 VG24 XK20"
)
_IBAN_LENGTHS: Final = {one[:2]: int(one[2:]) for one in _IBANS.split(" ")}
_SEPARATORS: Final = frozenset(" -.\u00a0")
_DOUBLED: Final = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))
_LEAST_CARD_DIGITS: Final = 13
_MAX_CARD_DIGITS: Final = 19
_GROUPS: Final = re.compile(r"[0-9]+")


def _matches(pattern: str, is_one: Callable[[str], bool] = lambda _: True) -> Find:
    """Yield the matches of the pattern that pass the check."""

    def find(text: str) -> Iterator[Span]:
        for found in compiled(pattern).finditer(text):
            if is_one(found.group()):
                yield found.span()

    return find


def _digits(text: str) -> str:
    return "".join(one for one in text if "0" <= one <= "9")


def _is_phone(text: str) -> bool:
    return 7 <= len(_digits(text)) <= 15


def _luhn(digits: str) -> bool:
    """Return whether the check digit of a card is valid.

    `stdnum` takes 2.5 times as long for each run of digits.
    """
    turned = digits[::-1]
    return (sum(map(int, turned[::2])) + sum(_DOUBLED[one] for one in turned[1::2])) % 10 == 0


def _cards(text: str) -> Iterator[Span]:
    """Yield card numbers: groups of digits with single separators that pass the Luhn check."""
    for run in compiled(r"[0-9](?:[ .\-]?[0-9]){12,40}").finditer(text):
        groups = [group.span() for group in _GROUPS.finditer(run.group())]
        at = 0
        while at < len(groups):
            end = _card_end(run.group(), groups, at)
            if end is not None:
                yield run.start() + groups[at][0], run.start() + groups[end - 1][1]
            at = at + 1 if end is None else end


def _card_end(run: str, groups: list[Span], at: int) -> int | None:
    """Return the index after the last group of the longest card number that starts here, if any."""
    digits, ends = "", None
    for end in range(at, len(groups)):
        digits += run[groups[end][0] : groups[end][1]]
        if len(digits) > _MAX_CARD_DIGITS or digits[0] not in "23456":
            break
        if len(digits) >= _LEAST_CARD_DIGITS and len(set(digits)) > 1 and _luhn(digits):
            ends = end + 1
    return ends


def _ibans(text: str) -> Iterator[Span]:
    for found in compiled(r"[A-Za-z]{2}[0-9]{2}[ \-.]?[A-Za-z0-9]").finditer(text):
        length = _IBAN_LENGTHS.get(found.group()[:2].upper(), 0)
        start, at, kept = found.start(), found.start(), ""
        if start and text[start - 1].isalnum():
            continue
        while at < len(text) and len(kept) < length:
            if text[at].isascii() and text[at].isalnum():
                kept += text[at].upper()
            elif text[at] not in _SEPARATORS or text[at - 1] in _SEPARATORS:
                break
            at += 1
        is_over = at >= len(text) or not text[at].isalnum()
        if length and len(kept) == length and is_over and _is_mod97(kept):
            yield start, at


def _is_ssn(text: str) -> bool:
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


# `stdnum` takes 60 ms of CPU time to import, so each check imports it when the first text has a number of its form.


def _is_mod97(iban: str) -> bool:
    from stdnum.iso7064 import mod_97_10

    return mod_97_10.is_valid(iban[4:] + iban[:4])


def _is_nif(text: str) -> bool:
    from stdnum.es import dni, nie

    number = text.upper()
    calculated = nie.calc_check_digit if number[0] in "XYZ" else dni.calc_check_digit
    return calculated(number[:-1]) == number[-1]


def _is_nir(text: str) -> bool:
    from stdnum.fr import nir

    number = text.upper().replace(" ", "")
    return nir.calc_check_digits(number[:13]) == number[13:]


def _is_pesel(text: str) -> bool:
    from stdnum.pl import pesel

    return (
        pesel.calc_check_digit(text[:10]) == text[10]
        and 1 <= int(text[2:4]) % 20 <= 12
        and 1 <= int(text[4:6]) <= 31
    )


def _is_cpf(text: str) -> bool:
    from stdnum.br import cpf

    return len(set(_digits(text))) > 1 and cpf.is_valid(text)


def _is_steuer_id(text: str) -> bool:
    from stdnum.iso7064 import mod_11_10

    digits = _digits(text)
    return digits[0] != "0" and len(set(digits[:10])) in (8, 9) and mod_11_10.is_valid(digits)


def _is_codice_fiscale(text: str) -> bool:
    from stdnum.it import codicefiscale

    number = text.upper()  # a case-insensitive pattern also matches the Kelvin sign
    return number.isascii() and codicefiscale.calc_check_digit(number[:15]) == number[15]


FINDERS: Final[dict[str, tuple[Find, ...]]] = {
    "email": (_matches(r"[\pL\pN._%+'\-]+@[\pL\pN\-]+(?:\.[\pL\pN\-]+)+"),),
    "phone": (
        _matches(r"(?:\+|\b00)[1-9][0-9 ().\-/]{6,20}[0-9]", _is_phone),
        _matches(r"\(?\b0[0-9]{1,5}\)?[ /.\-][0-9][0-9 ./\-]{4,14}[0-9]\b", _is_phone),
        _matches(r"\(?\b[2-9][0-9]{2}\)?[ .\-][2-9][0-9]{2}[ .\-][0-9]{4}\b"),
    ),
    "iban": (_ibans,),
    "card": (_cards,),
    "us_ssn": (_matches(r"\b[0-9]{3}[\- ][0-9]{2}[\- ][0-9]{4}\b", _is_ssn),),
    "uk_nino": (_matches(r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]\b"),),
    "es_nif": (_matches(r"(?i)\b[XYZ0-9][0-9]{7}[A-Z]\b", _is_nif),),
    "fr_nir": (
        _matches(
            r"(?i)\b[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b", _is_nir
        ),
    ),
    "pl_pesel": (_matches(r"\b[0-9]{11}\b", _is_pesel),),
    "br_cpf": (_matches(r"\b[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}\b", _is_cpf),),
    "de_steuer_id": (_matches(r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", _is_steuer_id),),
    "it_cf": (
        _matches(r"(?i)\b[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]\b", _is_codice_fiscale),
    ),
}
"""The matcher of each kind; each takes linear time."""
