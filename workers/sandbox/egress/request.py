"""Parse the head of a proxied request strictly, so that it is unambiguous."""

from __future__ import annotations

import base64
import re
from typing import Final, NamedTuple

from backend.core.net.egress.errors import Malformed
from backend.core.net.egress.rules import Target, read_target

MAX_HEAD_BYTES: Final = 32 * 1024
_MAX_HEADERS: Final = 200
_MAX_SHOWN: Final = 100
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_PATH: Final = re.compile(r"[\x21-\x7e\x80-\xff]*\Z")
_LENGTH: Final = re.compile(r"[0-9]{1,15}\Z")
_LABEL: Final = re.compile(r"job:([0-9]{1,9})\Z")
_OF_THIS_HOP: Final = frozenset(
    {"connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)


class Header(NamedTuple):
    """One line of a head."""

    name: str
    """The name in lower case."""
    value: str


class Request(NamedTuple):
    """A request of a job to the proxy."""

    target: Target
    is_tunnel: bool
    """`CONNECT`: arbitrary bytes in both directions."""
    job: int | None
    """The number of the job, as the request names it; it only decides for which job the request is
    recorded."""
    forwarded_head: bytes
    """The head that the other side gets; empty for a tunnel."""
    body_bytes: int | None
    """The size of the body; none for one in chunks."""


def read_request(head: bytes) -> Request:
    """Return the request of a head, which ends with its empty line.

    Raises:
        Malformed: it is invalid or ambiguous.
    """
    lines = head.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not _TOKEN.match(parts[0]) or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise Malformed("the request's first line is not METHOD TARGET HTTP/1.1")
    method, address, version = parts
    headers = _headers(lines[1:])
    if method == "CONNECT":
        target = read_target(address, default_port=None)
        return Request(target, True, _job(headers), b"", 0)
    target, path = _absolute(address)
    body_bytes = _body_bytes(headers)
    if body_bytes is None and version == "HTTP/1.0":
        raise Malformed("a chunked body requires HTTP/1.1")
    framing = _framing(headers, body_bytes)
    forwarded_head = [
        f"{method} {path} {version}",
        f"Host: {target.authority}",
        *_forwarded_headers(headers),
        *framing,
    ]
    text = "\r\n".join([*forwarded_head, "Connection: close"]) + "\r\n\r\n"
    return Request(target, False, _job(headers), text.encode("latin-1"), body_bytes)


def named_host(head: bytes) -> str:
    """Return the host that a malformed head names, for display only."""
    parts = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    place = parts[1] if len(parts) > 1 else ""
    if "://" in place:
        place = re.split(r"[/?#\\]", place.split("://", 1)[1], maxsplit=1)[0]
    return "".join(character for character in place.rpartition("@")[2] if "\x21" <= character <= "\x7e")[
        :_MAX_SHOWN
    ]


def label_of(head: bytes) -> int | None:
    """Return the number of the job that sent a head which is not a request."""
    try:
        return _job(_headers(head.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")[1:]))
    except Malformed:
        return None


def _headers(lines: list[str]) -> list[Header]:
    if len(lines) > _MAX_HEADERS:
        raise Malformed(f"the request has more than {_MAX_HEADERS} headers")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.match(name) or not _VALUE.match(value):
            raise Malformed("a header of the request is not NAME: VALUE on one line")
        headers.append(Header(name.lower(), value.strip(" \t")))
    return headers


def _absolute(address: str) -> tuple[Target, str]:
    if address[:7].lower() != "http://":
        raise Malformed("the proxy requires CONNECT host:port for https, and http://host/path for http")
    rest = address[7:]
    end = next((index for index, character in enumerate(rest) if character in "/?#\\"), len(rest))
    target = read_target(rest[:end], default_port=80)
    path = rest[end:]
    if not _PATH.match(path) or path.startswith(("\\", "#")):
        raise Malformed("the path of the request has spaces or control characters. Percent-encode them")
    return target, path if path.startswith("/") else f"/{path}"


def _body_bytes(headers: list[Header]) -> int | None:
    lengths = [header.value for header in headers if header.name == "content-length"]
    encodings = [header.value.lower() for header in headers if header.name == "transfer-encoding"]
    if encodings:
        if encodings != ["chunked"] or lengths:
            raise Malformed(
                "the length of the request's body is declared twice, or with an encoding other than chunked"
            )
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.match(lengths[0]):
        raise Malformed("the Content-Length of the request is not one number")
    return int(lengths[0])


def _framing(headers: list[Header], body_bytes: int | None) -> list[str]:
    if body_bytes is None:
        return ["Transfer-Encoding: chunked"]
    has_length = any(header.name == "content-length" for header in headers)
    return [f"Content-Length: {body_bytes}"] if has_length else []


def _forwarded_headers(headers: list[Header]) -> list[str]:
    """Return the headers for the other side, without those between a job and its proxy."""
    named = {
        name.strip().lower()
        for header in headers
        if header.name == "connection"
        for name in header.value.split(",")
    }
    dropped = _OF_THIS_HOP | named
    return [
        f"{header.name}: {header.value}"
        for header in headers
        if header.name not in dropped and not header.name.startswith("proxy-")
    ]


def _job(headers: list[Header]) -> int | None:
    for header in headers:
        if header.name == "proxy-authorization" and header.value[:6].lower() == "basic ":
            try:
                credentials = base64.b64decode(header.value[6:].strip(), validate=True).decode("ascii")
            except ValueError:  # characters that are not base64
                return None
            found = _LABEL.match(credentials)
            return int(found[1]) if found else None
    return None
