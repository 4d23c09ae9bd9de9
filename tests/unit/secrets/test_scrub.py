"""The scrubber redacts every form of a secret, and keeps everything else."""

from __future__ import annotations

import base64
import binascii
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest

from backend.data.secrets.scrub import HIDDEN, Scrubber

SECRET = 'pa$$ wörd/"with"+everything?&=%~'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        repr(SECRET.encode())[2:-1],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower().replace("%c3%b6", "%c3%b6"),
        urlencode({"q": SECRET})[2:],
        SECRET.encode().hex(),
        binascii.hexlify(SECRET.encode()).decode().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_secret_is_redacted_in_common_encodings(written: str) -> None:
    assert Scrubber([SECRET]).scrub(f"before {written} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
@pytest.mark.parametrize("after", [b"", b"x", b"xy", b"@host"])
def test_secret_inside_of_longer_base64_is_redacted(before: bytes, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + b"s3cr3t-t0ken" + after).decode()
        shown = Scrubber(["s3cr3t-t0ken"]).scrub(f"Basic {text}")
        assert HIDDEN in shown
        assert (
            len(shown.replace(HIDDEN, "").removeprefix("Basic ").rstrip("="))
            <= 4 + len(before + after) * 4 // 3
        )


def test_short_values_and_other_text_are_kept() -> None:
    text = "the 7 chars secre7x and nothing else"
    assert Scrubber(["secre7x", "", "of"]).scrub(text) == text
    assert Scrubber([]).scrub(text) == text


def test_json_is_scrubbed_in_a_copy() -> None:
    value = {"a": ["12345678", {"x-12345678": 12345678}], "b": (True, None, 1.5, 1234), "c": -912345678}
    before = json.dumps(value)
    assert Scrubber(["12345678"]).scrub(value) == {
        "a": [HIDDEN, {f"x-{HIDDEN}": HIDDEN}],
        "b": [True, None, 1.5, 1234],
        "c": f"-9{HIDDEN}",
    }
    assert json.dumps(value) == before


def test_values_nested_deeper_than_the_recursion_limit_are_scrubbed() -> None:
    nested: list[object] = ["top-secret-value"]
    for _ in range(50_000):
        nested = [nested]
    scrubbed = Scrubber(["top-secret-value"]).scrub(nested)
    while isinstance(scrubbed[0], list):
        scrubbed = scrubbed[0]
    assert scrubbed == [HIDDEN]
    while isinstance(nested[0], list):  # level by level, because freeing the whole list would recurse
        nested = nested[0]


def test_huge_numbers_are_kept() -> None:
    assert Scrubber(["12345678"]).scrub([10**20_000]) == [10**20_000]


def test_longer_of_two_secrets_with_a_common_prefix_is_redacted() -> None:
    assert Scrubber(["abcdefgh", "abcdefghijkl"]).scrub("abcdefghijkl abcdefghi") == f"{HIDDEN} {HIDDEN}i"


def test_each_line_of_a_private_key_is_redacted() -> None:
    lines = [
        "-----BEGIN KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
        "-----END KEY-----",
    ]
    scrubber = Scrubber(["\n".join(lines)])
    assert [scrubber.scrub(line) for line in lines] == [lines[0], HIDDEN, HIDDEN, lines[3]]
    assert scrubber.scrub("\n".join(lines)) == HIDDEN


def test_visible_part_of_a_long_secret_is_redacted() -> None:
    secret = "".join(f"{number:05d}" for number in range(5000)) + '"' + "z" * 1000
    scrubber = Scrubber([secret])
    assert scrubber.scrub(f"<{secret}>") == f"<{HIDDEN}>"
    assert scrubber.scrub(f"<{json.dumps(secret)}>") == f'<"{HIDDEN}">'
    assert scrubber.scrub(f"<{secret[:700]}>") == f"<{HIDDEN}>"
    assert scrubber.scrub(f"<{secret[:200]}>") == f"<{secret[:200]}>"


def test_secret_split_between_two_chunks_is_redacted_without_delay() -> None:
    stream = Scrubber(["s3cr3t-t0ken"]).stream()
    assert stream.feed("plain line\n") == "plain line\n"
    assert stream.feed("it is s3c") == "it is "
    assert stream.feed("r3t-t0") == ""
    assert stream.feed("ken!") == f"{HIDDEN}!"
    assert stream.feed("s3cr3t-t0") == ""
    assert stream.end() == "s3cr3t-t0"
    assert stream.end() == ""


def test_representation_of_a_scrubber_contains_no_secret() -> None:
    assert "s3cr3t-t0ken" not in repr(Scrubber(["s3cr3t-t0ken"]))
