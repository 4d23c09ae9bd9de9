"""Heads of proxied requests: unambiguous, or rejected."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.net.egress.errors import EgressDenied, Malformed
from workers.sandbox.egress.request import label_of, named_host, read_request

SENT = b"POST http://Example.ORG:8080/a?b=1 HTTP/1.1\r\nHost: other.example\r\n"


def _label(label: str) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(label.encode()) + b"\r\n"


def test_forwarded_head_names_the_checked_host_without_hop_headers() -> None:
    head = (
        SENT
        + _label("job:17")
        + b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n"
        + b"TE: trailers\r\nAuthorization: Bearer x\r\nContent-Length: 5\r\n\r\n"
    )
    request = read_request(head)
    assert request.job == 17
    assert request.body_bytes == 5
    assert request.forwarded_head.decode() == (
        "POST /a?b=1 HTTP/1.1\r\nHost: example.org:8080\r\nauthorization: Bearer x\r\nContent-Length: 5\r\n"
        "Connection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://example.org", "/"),
        ("HTTP://example.org?x=1", "/?x=1"),
        ("http://example.org/a%20b", "/a%20b"),
    ],
)
def test_paths_are_forwarded_unchanged(target: str, path: str) -> None:
    assert read_request(f"GET {target} HTTP/1.1\r\n\r\n".encode()).forwarded_head.startswith(
        f"GET {path} HTTP/1.1\r\n".encode()
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET /path HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET https://example.org/ HTTP/1.1\r\n\r\n",
        b"GET ftp://example.org/ HTTP/1.1\r\n\r\n",
        b"GET http:///example.org HTTP/1.1\r\n\r\n",
        b"GET http://user:word@example.org/ HTTP/1.1\r\n\r\n",
        b"GET http://example.org\\@evil.net/ HTTP/1.1\r\n\r\n",
        b"GET http://example.org/a b HTTP/1.1\r\n\r\n",
        b"GET http://example.org/\nX HTTP/1.1\r\n\r\n",
        b"GET http://example.org/ HTTP/2\r\n\r\n",
        b"GET http://example.org/\r\n\r\n",
        b"G@T http://example.org/ HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"CONNECT http://example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT user@example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT example.org HTTP/1.1\r\n\r\n",
        SENT + b" folded\r\n\r\n",
        SENT + b"No colon\r\n\r\n",
        SENT + b"Name : value\r\n\r\n",
        SENT + b"X: a\nContent-Length: 3\r\n\r\n",
        SENT + b"X: a\rY: b\r\n\r\n",
        SENT + b"X: a\0b\r\n\r\n",
        SENT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        SENT + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        SENT + b"Content-Length: 5, 5\r\n\r\n",
        SENT + b"Content-Length: +5\r\n\r\n",
        SENT + b"Content-Length: -1\r\n\r\n",
        SENT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        SENT + b"Transfer-Encoding: xchunked\r\n\r\n",
        SENT + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        SENT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        SENT.replace(b"1.1\r\n", b"1.0\r\n", 1) + b"Transfer-Encoding: chunked\r\n\r\n",
        SENT + b"".join(b"X: y\r\n" for _ in range(300)) + b"\r\n",
    ],
)
def test_ambiguous_requests_are_malformed(head: bytes) -> None:
    with pytest.raises(Malformed):
        read_request(head)


@pytest.mark.parametrize(
    ("label", "job"),
    [("job:1", 1), ("job:x", None), ("x:1", None), ("job:-1", None), ("job:1234567890", None)],
)
def test_job_number_is_read_from_the_label(label: str, job: int | None) -> None:
    assert read_request(b"CONNECT example.org:443 HTTP/1.1\r\n" + _label(label) + b"\r\n").job == job


def test_label_that_is_not_base64_is_ignored() -> None:
    assert (
        read_request(b"CONNECT example.org:443 HTTP/1.1\r\nProxy-Authorization: Basic ???\r\n\r\n").job
        is None
    )
    assert label_of(b"GET\r\n" + _label("job:3") + b"\r\n") == 3


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"GET http://u:secret@evil.net/path?token=1 HTTP/1.1\r\n\r\n", "evil.net"),
        (b"CONNECT 0x7f.1:80 HTTP/1.1\r\n\r\n", "0x7f.1:80"),
        (b"CONNECT \x1b[31m\xff HTTP/1.1\r\n\r\n", "[31m"),
        (b"CONNECT " + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", "a" * 100),
        (b"", ""),
    ],
)
def test_only_the_host_of_a_malformed_request_is_shown(head: bytes, shown: str) -> None:
    assert named_host(head) == shown


@given(st.binary(max_size=300))
def test_any_head_is_parsed_or_denied(text: bytes) -> None:
    head = text.replace(b"\r\n\r\n", b"") + b"\r\n\r\n"
    named_host(head)
    label_of(head)
    try:
        request = read_request(head)
    except EgressDenied:
        return
    assert request.forwarded_head.count(b"\r\n\r\n") <= 1
