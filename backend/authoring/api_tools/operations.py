"""Describe the requests that function tools make, without the values of credentials."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from backend.core.errors import Invalid, Problem
from backend.core.net.egress.rules import Rule
from backend.core.net.host_patterns import USUAL_PORTS

Place = Literal["path", "query", "header", "body", "form", "whole_body"]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING: Final = frozenset({"GET", "HEAD"})
MAX_NAME: Final = 60
MAX_PARAMETERS: Final = 100
"""Parameters of one operation."""
MAX_TEXT: Final = 500
"""Characters of a description."""
_CREDENTIAL: Final = re.compile(
    r"authorization|cookie|password|passwd|secret|(^|[-_])(api[-_]?key|key|token|auth|sig|signature)($|[-_])"
    r"|apikey|access[-_]?token|appid",
    re.IGNORECASE,
)
_RESERVED: Final = frozenset({"secret", "json", "urllib", "base64", "str", "dict", "isinstance"})
"""Names that the generated functions use."""


class SourceInvalid(Invalid):
    """The text is not a curl command or an OpenAPI document from which tools can be made."""

    code = "api_source_invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem("source", message)])


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a tool, and its place in the request."""

    name: str
    """Name of the argument."""
    key: str
    """Name in the request."""
    place: Place
    schema: dict[str, Any]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """A value that a secret provides: `Bearer ` and the secret in a header, for example."""

    key: str
    place: Literal["header", "query", "body", "form"]
    secrets: tuple[str, ...]
    """Names of the secrets; two for Basic authentication: the user name and the password."""
    prefix: str = ""
    is_basic: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A request to an API."""

    name: str
    method: str
    url: str
    """Without a query; parameters of the path are in braces."""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Constant headers."""
    credentials: tuple[Credential, ...] = ()
    problem: str = ""
    """Why no tool can be made of it; empty if one can."""

    @property
    def host(self) -> str:
        """The host as an entry of `network`."""
        parts = urlsplit(self.url)
        port = parts.port
        return f"{parts.hostname}" if port is None or port in USUAL_PORTS else f"{parts.hostname}:{port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that it needs."""
        return tuple(dict.fromkeys(name for one in self.credentials for name in one.secrets))


def is_credential(name: str) -> bool:
    """Return whether a header, parameter or field of this name usually contains a credential."""
    return _CREDENTIAL.search(name) is not None


def identifier(text: str) -> str:
    """Return the text as a name of a Python function or parameter, in lower case."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:MAX_NAME].strip("_") or "call"
    name = f"n_{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in _RESERVED else name


def unused(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number if it is taken."""
    known, count, found = set(taken), 2, name
    while found in known:
        found, count = f"{name}_{count}", count + 1
    return found


def secret_name(host: str, what: str) -> str:
    """Return a name for a secret of an API: `EXAMPLE_TOKEN` for the host `api.example.org`."""
    labels = [one for one in host.split(".") if one not in ("api", "www")]
    owner = labels[-2] if len(labels) > 1 else labels[0] if labels else "API"
    name = re.sub(r"[^A-Z0-9]+", "_", f"{owner}_{what}".upper()).strip("_")
    return (
        f"API_{name}" if name[:1].isdigit() or name.startswith(("PURAS_", "PYTHON", "LD_", "LC_")) else name
    )


def checked_url(url: str) -> str:
    """Return a URL of a public server without a query.

    Raises:
        SourceInvalid: It is not one, or it contains a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SourceInvalid(f"{url[:100]!r} is not a valid URL. Write 'https://…'.") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.-]+", host) or "." not in host:
        raise SourceInvalid(
            f"{url[:100]!r} is not the URL of a public server. Tools can only call 'https://' and 'http://' hosts."
        )
    if parts.username or parts.password:
        raise SourceInvalid("The URL contains a user name or a password. Pass them with 'curl -u' instead.")
    where = host if port is None else f"{host}:{port}"
    try:
        Rule.of([host if port is None or port in USUAL_PORTS else where])
    except ValueError as error:
        raise SourceInvalid(f"Tools cannot call {where}: {error}") from None
    return f"{parts.scheme}://{where}{quoted(parts.path)}"


def quoted(path: str) -> str:
    """Return a path as URLs contain it, with the braces of its parameters."""
    return quote(path, safe="/{}%:@!$&'()*+,;=~-._")
