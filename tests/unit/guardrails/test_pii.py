"""Personal data is detected by its format and its check digit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backend.skills.guardrails.pii import FINDERS


def found(kind: str, text: str) -> list[str]:
    return [text[start:end] for find in FINDERS[kind] for start, end in find(text)]


@pytest.mark.parametrize(
    ("kind", "number", "wrong"),
    [
        ("iban", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
        ("iban", "de89370400440532013000", "de89370400440532013001"),
        ("card", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("card", "5555-5555-5555-4444", "5555-5555-5555-4445"),
        ("us_ssn", "536-90-4399", "666-90-4399"),
        ("es_nif", "12345678Z", "12345678A"),
        ("es_nif", "x1234567l", "x1234567k"),
        ("fr_nir", "2 95 10 99 126 111 93", "2 95 10 99 126 111 94"),
        ("fr_nir", "253072b07300470", "253072a07300470"),
        ("pl_pesel", "44051401359", "44051401358"),
        ("br_cpf", "390.533.447-05", "390.533.447-06"),
        ("br_cpf", "39053344705", "11111111111"),
        ("de_steuer_id", "36 574 261 809", "36 574 261 890"),
        ("it_cf", "RCCMNL83S18D969H", "RCCMNL83S18D967H"),
    ],
)
def test_number_is_found_only_with_a_valid_check_digit(kind: str, number: str, wrong: str) -> None:
    assert found(kind, f"It is {number}, I think.") == [number]
    assert found(kind, f"It is {wrong}, I think.") == []


@pytest.mark.parametrize(
    ("kind", "number"),
    [("pl_pesel", "44991401350"), ("de_steuer_id", "01234567896"), ("de_steuer_id", "11111111119")],
)
def test_number_that_is_never_issued_is_not_found(kind: str, number: str) -> None:
    assert found(kind, number) == []


def test_non_ascii_digits_and_letters_cause_no_error() -> None:
    assert found("it_cf", "AB\u212aDEF12A12A123A") == []
    assert found("es_nif", "1234567\u212a") == []


def test_library_is_imported_with_the_first_number() -> None:
    code = (
        "import sys\n"
        "from backend.skills.guardrails.pii import FINDERS\n"
        "print('stdnum' in sys.modules, end=' ')\n"
        "list(FINDERS['es_nif'][0]('12345678Z'))\n"
        "print('stdnum' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
