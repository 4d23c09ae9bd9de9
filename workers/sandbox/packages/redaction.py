"""Hide the operator's settings of the installer in what it prints.

Metadata of packages may name variables (`${…}`), which uv replaces in URLs and then prints: as they are, encoded, in
lower case where a host would be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from backend.data.secrets.scrub import Scrubber

WITHHELD: Final = "[a line with credentials of the package index is not shown]"

_MIN_CHARACTERS: Final = 4
"""Shorter values occur in any text."""
_LOGIN: Final = re.compile(r"://([^/\s\"'<>]+)@")
_QUERY: Final = re.compile(r"://[^\s\"'<>?]*\?([^\s\"'<>]+)")
_NAMES_OF_CREDENTIALS: Final = re.compile(r"PASSWORD|USERNAME|TOKEN|SECRET|KEY|AUTH|CREDENTIAL|HEADER")
_PARTS: Final = re.compile(r"[/\\?#@:&=\s]")
"""Characters between the parts of a URL."""


class Hidden:
    """Text that must not be printed.

    This includes values of variables, and the credentials of URLs in them and in the configuration.
    """

    def __init__(self, variables: Mapping[str, str] | None = None, configuration: str = "") -> None:
        variables = variables or {}
        credentials = {
            value for name, value in variables.items() if _NAMES_OF_CREDENTIALS.search(name.upper())
        }
        for text in (*variables.values(), configuration):
            credentials.update(_credentials(text))
        self._scrubber = Scrubber({*variables.values(), *credentials})
        # Parts of them: `http://x/${NAME}/../` is printed without the last one.
        parts = {part for value in credentials for part in (value, *_PARTS.split(value))}
        found = {_bare(part) for part in parts}
        self._bare = sorted(part for part in found if len(part) >= _MIN_CHARACTERS)

    def clean(self, text: str) -> str:
        """Return whole lines without any of them."""
        text = self._scrubber.scrub(text)
        if not self._bare:
            return text
        return "".join(self._line(line) for line in text.splitlines(keepends=True))

    def _line(self, line: str) -> str:
        bare = _bare(line)
        if any(part in bare for part in self._bare):
            return WITHHELD + line[len(line.rstrip("\r\n")) :]
        return line


def _credentials(text: str) -> Iterator[str]:
    """Yield passwords of URLs, user names without a password (which may be tokens), and query strings."""
    for login in _LOGIN.findall(text):
        user, _, password = login.partition(":")
        yield from (password or user, unquote(password or user))
    yield from _QUERY.findall(text)


def _bare(text: str) -> str:
    """Return only letters and digits, in lower case, regardless of their encoding."""
    return re.sub(r"[\W_]+", "", unquote(unquote(text))).casefold()
