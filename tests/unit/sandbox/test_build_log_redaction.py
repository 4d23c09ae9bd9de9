"""Redaction of the operator's settings in the output of the installer, in every encoding that programs use."""

from __future__ import annotations

from base64 import b64encode

import pytest

from workers.sandbox.packages.build_log import BuildLog
from workers.sandbox.packages.redaction import WITHHELD, Hidden

PASSWORD = 'Pa$$ w/rd-7"x'
HIDDEN = Hidden(
    {"UV_INDEX_CORP_PASSWORD": PASSWORD, "UV_HTTP_TIMEOUT": "300", "UV_INDEX_CORP_TOKEN": "k9"},
    'url = "https://user:c0nf%2Dsecret@pypi.corp.invalid/simple?token=abcdefgh"',
)


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        "Pa$$%20w/rd-7%22x",
        "Pa%24%24%20w%2Frd-7%22x",
        "http://" + PASSWORD.lower() + "/",
        "Pa%2524%2524%2520w%252Frd-7%2522x",
        b64encode(PASSWORD.encode()).decode(),
        "https://user:c0nf%2Dsecret@pypi.corp.invalid/",
        "https://user:c0nf-secret@pypi.corp.invalid/",
        "?token=abcdefgh",
    ],
)
def test_value_is_redacted_in_every_encoding(text: str) -> None:
    shown = HIDDEN.clean(f"before\nerror: {text} is wrong\nafter\n")
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter\n")
    assert "[secret]" in shown or WITHHELD in shown
    assert not any(part in shown for part in ("Pa$$", "Pa%", "rd-7", "c0nf", "abcdefgh", "pa$$"))


def test_other_text_is_not_redacted() -> None:
    text = "error: after 300 s no answer of https://pypi.corp.invalid/simple/six/\n"
    assert HIDDEN.clean(text) == text
    assert Hidden().clean(text) == text


def test_value_that_arrives_in_pieces_is_redacted() -> None:
    log, parts = BuildLog(["/home/of/"], HIDDEN), []
    log.listen(parts.append)
    for character in f"error: /home/of/it {PASSWORD} is wrong\nand {PASSWORD}":
        log.write(character)
    log.flush()
    assert "".join(parts) == log.text
    assert "wrong" in log.text or WITHHELD in log.text
    assert PASSWORD[:4] not in log.text
    assert "/home/of" not in log.text
