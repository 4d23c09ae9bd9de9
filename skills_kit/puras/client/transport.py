"""Send HTTP requests to an instance, one for each connection, and repeat them when this has no second effect.

After a broken connection, the client does not know whether the instance has processed the request. Therefore only
requests that read or replace something, or that have an `Idempotency-Key`, are repeated.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from puras.client.errors import NoResponse, PurasAPIError, rejection
from puras.client.messages import Answer, Request

PAUSES_S: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pause before each retry. Together they are longer than the restart of an instance after a crash."""
_MAX_PAUSE_S: Final = 60.0
_BUSY: Final = frozenset({429, 502, 503, 504})
_WITHOUT_BODY: Final = frozenset({204, 304})


class Opened(NamedTuple):
    """A response whose body was not read yet. `disconnect` stops the read from any thread."""

    response: HTTPResponse
    connection: HTTPConnection
    socket: socket.socket

    def disconnect(self) -> None:
        """Stop the thread that reads the body; can be called from any thread."""
        with suppress(OSError):  # the server has closed the connection before
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection. Only the thread that reads the body may call this."""
        self.response.close()
        self.connection.close()


class Transport:
    """Sends requests to one instance with one key."""

    def __init__(self, base: str, key: str | None, *, timeout_s: float, retries: int) -> None:
        self.base = base.rstrip("/")
        self.timeout_s = timeout_s
        self.pauses_s = PAUSES_S[:retries]
        self._place = _place(self.base)
        self._headers = {"User-Agent": "puras-kit", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, request: Request) -> Answer:
        """Send a request and return the complete response.

        Raises:
            NoResponse: The instance did not respond, also after the retries.
            PurasAPIError: The instance rejected the request.
        """
        for number in range(len(self.pauses_s) + 1):
            is_last = number == len(self.pauses_s) or not request.may_be_repeated
            try:
                response = self._once(request)
            except (OSError, HTTPException) as error:
                if is_last or _is_permanent(error):
                    raise self.no_response(error) from error
                threading.Event().wait(_jittered(self.pauses_s[number]))
                continue
            if response.status < 300 or (response.status == 404 and request.method == "DELETE" and number):
                return response
            if is_last or response.status not in _BUSY:
                raise self._rejection(response)
            threading.Event().wait(pause_s(response.headers, self.pauses_s[number]))
        raise AssertionError("the last attempt returns or raises")

    def open(self, request: Request) -> Opened:
        """Send a request once, and return the response before its body was read.

        Raises:
            OSError, HTTPException: There is no connection, or it broke.
            PurasAPIError: The instance rejected the request.
        """
        opened = self._send(request)
        if opened.response.status < 300:
            return opened
        with closing(opened):
            raise self._rejection(_read(opened.response, request.method))

    def no_response(self, error: Exception) -> NoResponse:
        """Return the error for a request that failed after all attempts."""
        reason = str(error).rstrip(".") or type(error).__name__
        return NoResponse(
            f"{self.base} does not respond ({reason}). Check the URL, and that the instance is running."
        )

    def _once(self, request: Request) -> Answer:
        with closing(self._send(request)) as opened:
            return _read(opened.response, request.method)

    def _send(self, request: Request) -> Opened:
        connection, prefix = self._connection(request.timeout_s or self.timeout_s)
        try:
            connection.connect()
            sock: socket.socket = connection.sock
            headers = {**self._headers, **request.headers, "Connection": "close"}
            body = None
            if request.body is not None:
                headers |= {
                    "Content-Type": request.body.media_type,
                    "Content-Length": str(request.body.size_bytes),
                }
                body = request.body.open()
            try:
                connection.request(request.method, prefix + self._place.path + request.target, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the instance may have sent an error before it disconnected
            finally:
                if body is not None:
                    body.close()
            return Opened(connection.getresponse(), connection, sock)
        except BaseException:
            connection.close()
            raise

    def _connection(self, timeout_s: float) -> tuple[HTTPConnection, str]:
        """Return a connection that is not open yet, and the prefix of paths on it."""
        host, port = self._place.hostname or "", self._place.port
        is_tls = self._place.scheme == "https"
        kind = HTTPSConnection if is_tls else HTTPConnection
        proxy = getproxies().get(self._place.scheme)
        if not proxy or proxy_bypass(host):
            return kind(host, port, timeout=timeout_s), ""
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        credentials = _proxy_credentials(through)
        connection = kind(through.hostname or "", through.port or 80, timeout=timeout_s)
        if is_tls:
            connection.set_tunnel(host, port or 443, headers=credentials)
            return connection, ""
        self._headers.update(credentials)
        return connection, f"http://{self._place.netloc}"

    def _rejection(self, response: Answer) -> PurasAPIError:
        if 300 <= response.status < 400:
            to = response.headers.get("location", "elsewhere")
            return PurasAPIError(
                f"{self.base} redirects to {to}. Use the URL of the instance itself (PURAS_API_BASE).",
                status=response.status,
                code="elsewhere",
                location=to,
            )
        return rejection(response.status, response.body)


def pause_s(headers: Mapping[str, str], otherwise_s: float) -> float:
    """Return the pause before a retry: that of the header `Retry-After`, otherwise the given one."""
    requested = headers.get("retry-after", "")
    return _jittered(min(float(requested), _MAX_PAUSE_S) if requested.isdecimal() else otherwise_s)


def _read(response: HTTPResponse, method: str) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    # After a disconnect within the headers, the response looks like one that ends with its connection.
    is_measured = response.chunked or headers.get("content-length", "").isdecimal()
    if not is_measured and response.status not in _WITHOUT_BODY and method != "HEAD" and not _is_json(body):
        raise HTTPException("the connection broke before the end of the response")
    return Answer(response.status, headers, body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _is_permanent(error: Exception) -> bool:
    """Return whether a retry would fail with the same error."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_NONAME
    return isinstance(error, ssl.SSLCertVerificationError)


def _jittered(pause: float) -> float:
    return pause * random.uniform(1.0, 1.25)  # noqa: S311 - prevents that many clients retry at the same time


def _place(base: str) -> SplitResult:
    place = urlsplit(base)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise ValueError(
            f"The URL of the instance is invalid: {base!r}. Use http://HOST:PORT or https://HOST."
        )
    return place


def _proxy_credentials(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
