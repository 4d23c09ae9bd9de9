"""HTTP to an instance: one request a connection, tried again when that cannot do harm.

A broken connection tells nothing of whether the work was done. So a request is repeated only when doing it twice is
doing it once: it reads, it replaces, or it carries an `Idempotency-Key`.
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

from puras.client.errors import NoAnswer, PurasAPIError, refusal
from puras.client.messages import Answer, Request

PAUSES_S: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each new try; together longer than an instance needs to be back after a crash."""
_MAX_PAUSE_S: Final = 60.0
_BUSY: Final = frozenset({429, 502, 503, 504})
_WITHOUT_BODY: Final = frozenset({204, 304})


class Opened(NamedTuple):
    """An answer whose body is still to be read; `hang_up` ends that from any thread."""

    response: HTTPResponse
    connection: HTTPConnection
    line: socket.socket

    def hang_up(self) -> None:
        """Wake who reads it, from any thread."""
        with suppress(OSError):  # the other side was first
            self.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the connection; only by who reads it."""
        self.response.close()
        self.connection.close()


class Transport:
    """The way to one instance, with one key."""

    def __init__(self, base: str, key: str | None, *, timeout_s: float, retries: int) -> None:
        self.base = base.rstrip("/")
        self.timeout_s = timeout_s
        self.pauses_s = PAUSES_S[:retries]
        self._place = _place(self.base)
        self._headers = {"User-Agent": "puras-kit", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, request: Request) -> Answer:
        """The answer, read whole.

        Raises:
            NoAnswer: there was none, each time.
            PurasAPIError: the instance refuses.
        """
        for number in range(len(self.pauses_s) + 1):
            is_last = number == len(self.pauses_s) or not request.may_be_repeated
            try:
                answer = self._once(request)
            except (OSError, HTTPException) as error:
                if is_last or _is_hopeless(error):
                    raise self.no_answer(error) from error
                threading.Event().wait(_jittered(self.pauses_s[number]))
                continue
            if answer.status < 300 or (answer.status == 404 and request.method == "DELETE" and number):
                return answer
            if is_last or answer.status not in _BUSY:
                raise self._refusal(answer)
            threading.Event().wait(pause_s(answer.headers, self.pauses_s[number]))
        raise AssertionError("the last try returns or raises")

    def open(self, request: Request) -> Opened:
        """One try at an answer that is read bit by bit.

        Raises:
            OSError, HTTPException: the connection broke, or there is none.
            PurasAPIError: the instance refuses.
        """
        opened = self._send(request)
        if opened.response.status < 300:
            return opened
        with closing(opened):
            raise self._refusal(_read(opened.response, request.method))

    def no_answer(self, error: Exception) -> NoAnswer:
        """The error for somebody who has given up."""
        reason = str(error).rstrip(".") or type(error).__name__
        return NoAnswer(
            f"{self.base} does not answer ({reason}). Check the address, and that the instance runs."
        )

    def _once(self, request: Request) -> Answer:
        with closing(self._send(request)) as opened:
            return _read(opened.response, request.method)

    def _send(self, request: Request) -> Opened:
        connection, prefix = self._connection(request.timeout_s or self.timeout_s)
        try:
            connection.connect()
            line: socket.socket = connection.sock
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
                pass  # the instance may have said why it hung up
            finally:
                if body is not None:
                    body.close()
            return Opened(connection.getresponse(), connection, line)
        except BaseException:
            connection.close()
            raise

    def _connection(self, timeout_s: float) -> tuple[HTTPConnection, str]:
        """A connection to be made, and what stands before the path on it."""
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

    def _refusal(self, answer: Answer) -> PurasAPIError:
        if 300 <= answer.status < 400:
            to = answer.headers.get("location", "elsewhere")
            return PurasAPIError(
                f"{self.base} sends on to {to}. Give that instance's own address.",
                status=answer.status,
                code="elsewhere",
                location=to,
            )
        return refusal(answer.status, answer.body)


def pause_s(headers: Mapping[str, str], otherwise_s: float) -> float:
    """How long a busy instance asks to be left alone."""
    asked = headers.get("retry-after", "")
    return _jittered(min(float(asked), _MAX_PAUSE_S)) if asked.isdecimal() else _jittered(otherwise_s)


def _read(response: HTTPResponse, method: str) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    # A line that was cut within the headers looks like an answer that ends with its connection.
    is_measured = response.chunked or headers.get("content-length", "").isdecimal()
    if not is_measured and response.status not in _WITHOUT_BODY and method != "HEAD" and not _is_json(body):
        raise HTTPException("the connection broke within the answer")
    return Answer(response.status, headers, body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _is_hopeless(error: Exception) -> bool:
    """Whether it will be the same the next time."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_NONAME
    return isinstance(error, ssl.SSLCertVerificationError)


def _jittered(pause: float) -> float:
    return pause * random.uniform(1.0, 1.25)  # noqa: S311 - so that many do not come back at once


def _place(base: str) -> SplitResult:
    place = urlsplit(base)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise ValueError(
            f"The address {base!r} is not one of an instance. Write http://host:port or https://host."
        )
    return place


def _proxy_credentials(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
