"""HTTP for the kit: fetching what callers point to, and asking the instance.

Kept apart from its users because urllib takes longer to load than most jobs run.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
    getproxies,
)

from puras._addresses import is_public

MAX_BYTES = 50 * 1024 * 1024
MAX_S = 60.0
_ASK_S = 30.0
_CHUNK_BYTES = 64 * 1024
PATIENCE_S = 120.0
"""How long a request is sent again that the instance does not answer: while it is restarted, or its host cut off."""
_AGAIN_AFTER_S = 1.0
_UNAVAILABLE = frozenset({502, 503, 504})
_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


class HttpError(Exception):
    """The request got no good answer; the text completes a sentence."""


class Unanswered(HttpError):
    """The instance is unavailable, or the connection to it was lost: it may have received the request."""


class Fetched(NamedTuple):
    """What an address holds."""

    data: bytes
    media_type: str


def fetch(url: str) -> Fetched:
    """The content at a public address, of at most 50 MB, within 60 seconds.

    Raises:
        HttpError: the address is not public, does not answer, or holds too much.
    """
    deadline = time.monotonic() + MAX_S
    try:
        request = Request(quote(url, safe=_URL_CHARACTERS), headers={"User-Agent": "puras-kit"})  # noqa: S310 - checked next
        if request.type not in ("http", "https"):
            raise HttpError("only http:// and https:// addresses can be.")
        with _public_opener().open(request, timeout=MAX_S) as response:
            return Fetched(_read(response, deadline), response.headers.get_content_type())
    except HTTPError as error:
        error.close()
        if "X-Puras-Refusal" in error.headers:  # not the server's answer, but the sandbox's
            raise HttpError(f"{error.reason}.") from error
        raise HttpError(f"the server answered {error.code} {error.reason}.") from error
    except (OSError, HTTPException, ValueError) as error:
        raise HttpError(f"{_reason(error)}.") from error


def post_json(
    url: str,
    body: Mapping[str, object],
    headers: Mapping[str, str],
    *,
    within_s: float = _ASK_S,
    is_repeatable: bool = False,
) -> dict[str, Any]:
    """Return the JSON object that the instance answers.

    A request that may be received twice is sent again, for `PATIENCE_S`, while the instance does not answer.

    Raises:
        HttpError: it refuses, with its own sentence.
        Unanswered: it does not answer.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _post_json(url, body, headers, within_s=within_s)
        except Unanswered:
            if not is_repeatable or time.monotonic() + _AGAIN_AFTER_S >= deadline:
                raise
        time.sleep(_AGAIN_AFTER_S)


def _post_json(
    url: str, body: Mapping[str, object], headers: Mapping[str, str], *, within_s: float
) -> dict[str, Any]:
    request = Request(  # noqa: S310 - the instance's own address
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
        method="POST",
    )
    try:
        with _opener(HTTPHandler(), HTTPSHandler()).open(request, timeout=within_s) as response:
            answer = json.load(response)
    except HTTPError as error:
        with error:
            raise _refusal(error.read(_CHUNK_BYTES), error.code) from error
    except (OSError, HTTPException, ValueError) as error:
        has_host = not isinstance(getattr(error, "reason", None), socket.gaierror)
        kind = Unanswered if has_host else HttpError
        raise kind(f"the instance does not answer ({_reason(error)}).") from error
    if not isinstance(answer, dict):
        raise HttpError("the instance answered something that is not an object.")
    return answer


def download(url: str, to: Path, headers: Mapping[str, str]) -> None:
    """Write what the instance has at the address into a file.

    Raises:
        HttpError: it refuses, with its own sentence, does not answer, or breaks off.
    """
    request = Request(url, headers=dict(headers))  # noqa: S310 - the instance's own address
    try:
        with (
            _opener(HTTPHandler(), HTTPSHandler()).open(request, timeout=MAX_S) as response,
            to.open("wb") as file,
        ):
            size_bytes = 0
            while chunk := response.read(_CHUNK_BYTES):
                size_bytes += file.write(chunk)
            declared = response.headers.get("Content-Length", "")
            if declared.isdecimal() and size_bytes < int(declared):
                raise HttpError("the connection broke before the end.")
    except HTTPError as error:
        with error:
            raise HttpError(_told(error.read(_CHUNK_BYTES), error.code)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise HttpError(f"it did not arrive ({_reason(error)}).") from error


def path_of(url: str) -> str:
    """The path of an address, as it is written."""
    return urlsplit(url).path


class _PublicHttp(HTTPConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._create_connection = _dial  # the one place where `http.client` opens sockets


class _PublicHttps(HTTPSConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._create_connection = _dial


class _PublicHttpHandler(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PublicHttp, req)


class _PublicHttpsHandler(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PublicHttps, req)


def _public_opener() -> OpenerDirector:
    """Goes through the sandbox's proxy where there is one, and dials public addresses alone."""
    redirects = HTTPRedirectHandler()
    return _opener(ProxyHandler(getproxies()), _PublicHttpHandler(), _PublicHttpsHandler(), redirects)


def _opener(*handlers: Any) -> OpenerDirector:
    opener = OpenerDirector()
    for handler in (*handlers, UnknownHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def _dial(address: tuple[str, int], timeout: float | None = None, source: object = None) -> socket.socket:
    """Connect to the very address that was checked: asking the name again could give another one."""
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if address not in _proxies():
        for *_, place in found:
            if not is_public(str(place[0])):
                raise OSError(f"{host} is not a public address, and a skill fetches from public ones alone")
    failure: OSError | None = None
    for family, kind, protocol, _, place in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure or OSError(f"{host} has no address")


def _proxies() -> set[tuple[str, int]]:
    places = (urlsplit(proxy if "//" in proxy else f"//{proxy}") for proxy in getproxies().values())
    return {(place.hostname, place.port or 80) for place in places if place.hostname}


def _read(response: HTTPResponse, deadline: float) -> bytes:
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > MAX_BYTES:
        raise HttpError(_too_much())
    chunks: list[bytes] = []
    size_bytes = 0
    while chunk := response.read1(_CHUNK_BYTES):
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > MAX_BYTES:
            raise HttpError(_too_much())
        if time.monotonic() > deadline:
            raise HttpError(f"it took longer than {MAX_S:.0f} s.")
    if declared.isdecimal() and size_bytes < int(declared):
        raise HttpError("the connection broke before the end.")
    return b"".join(chunks)


def _too_much() -> str:
    return f"it holds more than {MAX_BYTES // 1024 // 1024} MB. Upload it to the drive and give its path."


def _refusal(body: bytes, status: int) -> HttpError:
    """Return the error of a bad answer; a proxy's says nothing that is ours."""
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        code = "unavailable"
    is_unanswered = status in _UNAVAILABLE and code == "unavailable"
    return (Unanswered if is_unanswered else HttpError)(_told(body, status))


def _told(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the instance answered {status}."


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return "its host cannot be found, or this skill has no network"
    return str(reason).rstrip(".") or type(reason).__name__
