"""Validate an MCP server among the tools of an agent: its URL, the offered tools, and its headers."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from backend.core.names import suggestion
from backend.core.vault.errors import BadSecret
from backend.core.vault.secret_rules import check_name
from backend.skills.manifest.skill_reader import Section
from backend.skills.manifest.types import Tool
from backend.skills.schemas.messages import shown

PLACEHOLDER: Final = re.compile(r"\$\{secret:([^}]*)\}")
"""Placeholder for a secret in the value of a header."""
_DOLLAR: Final = re.compile(r"\$\{[^}]*\}?")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_VALUE: Final = re.compile(r"[\x20-\x7e]*\Z")
_KEYS: Final = frozenset({"authorization", "x-api-key", "api-key", "x-auth-token", "cookie"})
"""Headers whose value is a credential."""
_KNOWN: Final = ("Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token", "Cookie", "User-Agent")
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade"}
    | {"accept", "accept-encoding", "expect", "keep-alive", "last-event-id", "proxy-authorization"}
)


def check_server(tool: Tool, section: Section) -> Tool:
    """Report a URL or headers that cannot be used."""
    url = tool.mcp or ""
    parts = urlsplit(url) if _is_url(url) else None
    if url and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname):
        section.error("mcp", f"{shown(url)} is not the URL of an MCP server. Write 'https://…'.")
    elif parts is not None and (parts.username or parts.password):
        fix = "Store it as a secret of the project, and send it with 'headers'."
        section.error("mcp", f"The URL contains a password. {fix}")
    headers = section.inner("headers") if tool.headers else None
    if headers is not None:
        for name, value in tool.headers.items():
            if _is_header(headers, name) and (problem := _problem(name, value)):
                headers.error(name, problem)
    has_secret = any(PLACEHOLDER.search(value) for value in tool.headers.values())
    if has_secret and parts is not None and parts.scheme == "http":
        message = "Secrets are sent only over HTTPS. Write 'https://…', or remove the secret from 'headers'."
        section.error("mcp", message)
    return tool


def _is_header(section: Section, name: str) -> bool:
    lower = name.lower()
    if not _HEADER.match(name):
        section.error(name, f"{shown(name)} is not a valid header name: use letters, digits and '-'.")
        return False
    if lower in _OURS or lower.startswith("mcp-"):
        section.error(name, f"The header {name!r} is set by the protocol. Remove it.")
        return False
    if name.lower() not in {known.lower() for known in _KNOWN} and (hint := suggestion(name, _KNOWN)):
        section.warn(name, f"{name!r} cannot be sent.{hint}")
    return True


def _problem(name: str, value: str) -> str | None:
    """Return why the value is not valid for the header."""
    if not _VALUE.match(value):
        return "The value of a header must be printable ASCII in one line."
    for found in _DOLLAR.findall(value):
        secret = PLACEHOLDER.fullmatch(found)
        if secret is None:
            inner = found.strip("${}").rpartition(":")[2].strip() or "NAME"
            return (
                f"{shown(found)} is not a valid placeholder. Write '${{secret:{inner[:40]}}}' for a secret "
                "of the project."
            )
        try:
            check_name(secret[1])
        except BadSecret as error:
            return error.detail
    if name.lower() in _KEYS and not PLACEHOLDER.search(value):
        return (
            f"The header {name!r} contains a credential in plaintext, which must not be in a bundle. Store "
            f"it as a secret of the project, and write '${{secret:NAME}}' instead."
        )
    return None


def _is_url(address: str) -> bool:
    try:
        return urlsplit(address).port is None or True
    except ValueError:
        return False
