"""HTTP requests of the kit: downloads of files that callers name, and requests to the instance.

This is a separate module since the import of urllib takes longer than most jobs.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - `socket` needs it to resolve a host: import it here, not in each process of a job
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
    AbstractHTTPHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
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
RETRY_FOR_S = 120.0
"""Time for which a request is repeated while the instance does not respond, for example during a restart."""
_AGAIN_AFTER_S = 1.0
_UNAVAILABLE = frozenset({502, 503, 504})
_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


class HttpError(Exception):
    """The request failed. The message is a clause such as `it took longer than 60 s.`, for the text after a colon."""


class Unanswered(HttpError):
    """The instance is unavailable, or the connection broke. The instance may have received the request."""


class Fetched(NamedTuple):
    """The content of a URL."""

    data: bytes
    media_type: str


def fetch(url: str) -> Fetched:
    """Return the content of a public URL: at most 50 MB, within 60 seconds.

    Raises:
        HttpError: The URL is not public, there is no response, or the content is too large.
    """
    deadline = time.monotonic() + MAX_S
    try:
        request = Request(quote(url, safe=_URL_CHARACTERS), headers={"User-Agent": "puras-kit"})  # noqa: S310 - checked next
        if request.type not in ("http", "https"):
            raise HttpError("only URLs that start with http:// or https:// are supported.")
        with _public_opener().open(request, timeout=MAX_S) as response:
            return Fetched(_read(response, deadline), response.headers.get_content_type())
    except HTTPError as error:
        error.close()
        if "X-Puras-Refusal" in error.headers:  # a response of the sandbox, not of the server
            raise HttpError(f"{error.reason}.") from error
        raise HttpError(f"the server responded with status {error.code} {error.reason}.") from error
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
    """Send a request to the instance and return the JSON object of the response.

    A repeatable request is repeated for two minutes while the instance does not respond.

    Raises:
        HttpError: The instance rejected the request; the message is that of the response.
        Unanswered: The instance did not respond.
    """
    deadline = time.monotonic() + RETRY_FOR_S
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
    request = Request(  # noqa: S310 - the URL of the instance
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
        method="POST",
    )
    try:
        with _opener(HTTPHandler(), _HttpsHandler()).open(request, timeout=within_s) as response:
            content = json.load(response)
    except HTTPError as error:
        with error:
            raise _rejection(error.read(_CHUNK_BYTES), error.code) from error
    except (OSError, HTTPException, ValueError) as error:
        has_host = not isinstance(getattr(error, "reason", None), socket.gaierror)
        kind = Unanswered if has_host else HttpError
        raise kind(f"the instance does not respond ({_reason(error)}).") from error
    if not isinstance(content, dict):
        raise HttpError("the response of the instance is not a JSON object.")
    return content


def download(url: str, to: Path, headers: Mapping[str, str]) -> None:
    """Download a URL of the instance to a file.

    Raises:
        HttpError: The instance rejected the request or did not respond, or the connection broke.
    """
    request = Request(url, headers=dict(headers))  # noqa: S310 - the URL of the instance
    try:
        with (
            _opener(HTTPHandler(), _HttpsHandler()).open(request, timeout=MAX_S) as response,
            to.open("wb") as file,
        ):
            size_bytes = 0
            while chunk := response.read(_CHUNK_BYTES):
                size_bytes += file.write(chunk)
            declared = response.headers.get("Content-Length", "")
            if declared.isdecimal() and size_bytes < int(declared):
                raise HttpError("the connection broke before the end of the content.")
    except HTTPError as error:
        with error:
            raise HttpError(_detail(error.read(_CHUNK_BYTES), error.code)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise HttpError(f"the download failed ({_reason(error)}).") from error


def path_of(url: str) -> str:
    """Return the path of a URL, without decoding it."""
    return urlsplit(url).path


class _HttpsHandler(AbstractHTTPHandler):
    """Opens https:// URLs. Unlike the handler of urllib, it reads the certificates only when it connects.

    Reading them takes longer than a request to the instance, which has an http:// URL in a sandbox.
    """

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(HTTPSConnection, req)

    https_request = AbstractHTTPHandler.do_request_


class _PublicHttp(HTTPConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._create_connection = _connect  # `http.client` opens all sockets with this function


class _PublicHttps(HTTPSConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._create_connection = _connect


class _PublicHttpHandler(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PublicHttp, req)


class _PublicHttpsHandler(_HttpsHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PublicHttps, req)


def _public_opener() -> OpenerDirector:
    """Return an opener that uses the proxy of the sandbox, if there is one, and connects only to public addresses."""
    redirects = HTTPRedirectHandler()
    return _opener(ProxyHandler(getproxies()), _PublicHttpHandler(), _PublicHttpsHandler(), redirects)


def _opener(*handlers: Any) -> OpenerDirector:
    opener = OpenerDirector()
    for handler in (*handlers, UnknownHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def _connect(address: tuple[str, int], timeout: float | None = None, source: object = None) -> socket.socket:
    """Connect to the IP address that was checked, since a second DNS lookup could return another one."""
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if address not in _proxies():
        for *_, place in found:
            if not is_public(str(place[0])):
                raise OSError(
                    f"{host} is not a public address, and skills can only download from public addresses"
                )
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
    raise failure or OSError(f"{host} has no IP address")


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
        raise HttpError("the connection broke before the end of the content.")
    return b"".join(chunks)


def _too_much() -> str:
    return f"it is larger than {MAX_BYTES // 1024 // 1024} MB. Upload it to the drive and use its drive path."


def _rejection(body: bytes, status: int) -> HttpError:
    """Return the error of a response; one of a proxy has no error code of the instance."""
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        code = "unavailable"
    is_unanswered = status in _UNAVAILABLE and code == "unavailable"
    return (Unanswered if is_unanswered else HttpError)(_detail(body, status))


def _detail(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the instance responded with status {status}."


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return "the host name cannot be resolved, or this skill has no network access"
    return str(reason).rstrip(".") or type(reason).__name__
