"""Read a curl command as an operation. Values of credentials are replaced by secrets."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from backend.authoring.api_tools.operations import (
    MAX_PARAMETERS,
    MAX_TEXT,
    METHODS,
    Credential,
    Operation,
    Parameter,
    SourceInvalid,
    checked_url,
    identifier,
    is_credential,
    secret_name,
    unused,
)
from backend.core.schemas import unstorable

_MAX_CHARACTERS: Final = 64 << 10
_WITH_VALUE: Final = {
    **dict.fromkeys(("-X", "--request"), "method"),
    **dict.fromkeys(("-H", "--header"), "header"),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-binary", "--data-ascii"), "data"),
    "--data-urlencode": "data",
    "--json": "json",
    **dict.fromkeys(("-u", "--user"), "user"),
    "--url": "url",
    **dict.fromkeys(("-A", "--user-agent"), "agent"),
    **dict.fromkeys(("-b", "--cookie"), "cookie"),
}
_IGNORED_WITH_VALUE: Final = frozenset(
    {
        "-o",
        "--output",
        "-m",
        "--max-time",
        "--connect-timeout",
        "--retry",
        "-w",
        "--write-out",
        "-e",
        "--referer",
    }
)
_UNSUPPORTED: Final = frozenset(
    {"-F", "--form", "-T", "--upload-file", "-x", "--proxy", "-K", "--config", "-E", "--cert"}
)
_SET_BY_CODE: Final = frozenset(
    {"content-type", "content-length", "host", "accept-encoding", "connection", "cookie"}
)
_ALONE: Final = {
    **dict.fromkeys(("-G", "--get"), ("get", "")),
    **dict.fromkeys(("-I", "--head"), ("method", "HEAD")),
}
_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
}


@dataclass(slots=True)
class _Command:
    """The options of a command."""

    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    user: str = ""
    is_json: bool = False
    is_get: bool = False


def operation_of(text: str) -> Operation:
    """Return the request that a curl command makes.

    Raises:
        SourceInvalid: The command cannot be read, or has an option that tools do not support.
    """
    command = _command(_words(text))
    if len(command.urls) != 1:
        raise SourceInvalid("The command must contain exactly one URL.")
    address = command.urls[0] if "://" in command.urls[0] else f"https://{command.urls[0]}"
    url = checked_url(address)
    query = parse_qsl(urlsplit(address).query, keep_blank_values=True)
    body, place = _body(command)
    if command.is_get:
        query, body = [*query, *((key, str(value)) for key, value in body)], []
    method = command.method or ("POST" if body else "GET")
    if method not in METHODS:
        raise SourceInvalid(f"The method {method[:20]!r} is not supported. Use one of {', '.join(METHODS)}.")
    host = urlsplit(url).hostname or ""
    arguments = _Arguments(host)
    arguments.add("query", query)
    arguments.add(place, body)
    headers = arguments.headers(command.headers)
    if command.user:
        names = (secret_name(host, "USER"), secret_name(host, "PASSWORD"))
        arguments.credentials.append(Credential("Authorization", "header", names, is_basic=True))
    last = next((one for one in reversed(urlsplit(url).path.split("/")) if re.search("[A-Za-z]", one)), host)
    return Operation(
        identifier(f"{method} {last}"),
        method,
        url,
        f"Calls {method} {url}."[:MAX_TEXT],
        tuple(arguments.parameters),
        headers,
        tuple(arguments.credentials),
    )


def _words(text: str) -> list[str]:
    if len(text) > _MAX_CHARACTERS:
        raise SourceInvalid(f"The command is longer than {_MAX_CHARACTERS:,} characters. Shorten it.")
    try:
        words = shlex.split(re.sub(r"\\\r?\n", " ", text.strip()), comments=False)
    except ValueError as error:
        raise SourceInvalid(f"The command cannot be read: {str(error).lower()}. Check its quotes.") from None
    if not words or words[0] != "curl":
        raise SourceInvalid("The command must start with 'curl'.")
    return words[1:]


def _command(words: list[str]) -> _Command:
    command = _Command()
    for option, value in _options(words):
        match option:
            case "url":
                command.urls.append(value)
            case "method":
                command.method = value.upper()
            case "header" | "agent" | "cookie":
                line = (
                    value
                    if option == "header"
                    else f"{'User-Agent' if option == 'agent' else 'Cookie'}: {value}"
                )
                name, _, content = line.partition(":")
                command.headers[name.strip()] = content.strip()
            case "data" | "json":
                command.data.append(value)
                command.is_json |= option == "json"
            case "user":
                command.user = value
            case "get":
                command.is_get = True
    return command


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the options with their values; those without an effect on the request are ignored."""
    rest = iter(_separated(words))
    for word in rest:
        if word in _UNSUPPORTED:
            raise SourceInvalid(
                f"The option {word} is not supported. Remove it, or write the tool in Python."
            )
        if word in _WITH_VALUE:
            yield _WITH_VALUE[word], _next(rest, word)
        elif word in _IGNORED_WITH_VALUE:
            _next(rest, word)
        elif word in _ALONE:
            yield _ALONE[word]
        elif not word.startswith("-"):
            yield "url", word


def _separated(words: list[str]) -> Iterator[str]:
    """Yield options and values as separate words: `-XPOST` and `--url=…` have both in one."""
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("--") and equals:
            yield from (name, value)
        elif re.match("-[A-Za-z].", word) and word[:2] in _WITH_VALUE:
            yield from (word[:2], word[2:])
        else:
            yield word


def _next(rest: Iterator[str], name: str) -> str:
    value = next(rest, None)
    if value is None:
        raise SourceInvalid(f"The option {name} has no value.")
    return value


def _body(command: _Command) -> tuple[list[tuple[str, Any]], Literal["body", "form"]]:
    """Return the fields of the body with their examples."""
    text = "&".join(command.data)
    if any(part.startswith("@") for part in command.data):
        raise SourceInvalid("The body is read from a file. Paste its content into the command.")
    kinds = [value for name, value in command.headers.items() if name.lower() == "content-type"]
    if text and (
        command.is_json or any("json" in kind for kind in kinds) or text.lstrip().startswith(("{", "["))
    ):
        try:
            value = json.loads(text, parse_constant=_rejected)
        except (ValueError, RecursionError):
            raise SourceInvalid("The body of the command is not valid JSON.") from None
        if not isinstance(value, dict):
            raise SourceInvalid("The JSON of the body must be an object.")
        if problem := unstorable(value):
            raise SourceInvalid(f"The body cannot be used: {problem[:MAX_TEXT]}.")
        return list(value.items()), "body"
    return list(parse_qsl(text, keep_blank_values=True)), "form"


def _rejected(constant: str) -> Any:
    raise ValueError(constant)


class _Arguments:
    """Collects parameters and credentials."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.parameters: list[Parameter] = []
        self.credentials: list[Credential] = []

    def add(self, place: Literal["query", "body", "form"], pairs: list[tuple[str, Any]]) -> None:
        """Make a parameter of each pair, with its value as the default; a credential becomes a secret."""
        if len(self.parameters) + len(pairs) > MAX_PARAMETERS:
            raise SourceInvalid(
                f"The command has more than {MAX_PARAMETERS} parameters. Remove some of them."
            )
        for key, value in pairs:
            if is_credential(key):
                secret = secret_name(self._host, key)
                self.credentials.append(Credential(key, place, (secret,)))
                continue
            name = unused(identifier(key), (one.name for one in self.parameters))
            schema = {"type": _TYPES.get(type(value), "string")}
            is_scalar = isinstance(value, str | int | float)
            default = (
                {"default": value}
                if is_scalar
                else {"description": f"For example: {json.dumps(value)[:200]}"}
            )
            self.parameters.append(
                Parameter(name, key, place, {**schema, **default}, is_required=not is_scalar)
            )

    def headers(self, given: dict[str, str]) -> dict[str, str]:
        """Return the constant headers; a credential becomes a secret."""
        constant = {}
        for name, value in given.items():
            if is_credential(name):
                scheme = re.match(r"(Bearer|Token|Basic) ", value, re.IGNORECASE)
                what = "TOKEN" if name.lower() == "authorization" else name
                secret = secret_name(self._host, what)
                self.credentials.append(Credential(name, "header", (secret,), scheme[0] if scheme else ""))
            elif name.lower() not in _SET_BY_CODE:
                constant[name] = value
        return constant
