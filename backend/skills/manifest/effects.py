"""Name the effects that an agent can cause, so that those that need an approval can be combined and compared.

An effect is a pair of a kind and a name. It is the same in every version, and for every way to cause it.
"""

from __future__ import annotations

import posixpath
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

ANY_TOOL: Final = "*"
_PORTS: Final = {"http": 80, "https": 443}


class Effect(NamedTuple):
    """Something that an agent can cause."""

    kind: Literal["skill", "function", "text", "server", "builtin"]
    name: str
    """The full name of a skill, `path/in/bundle.py:function`, the path of a prompt in the bundle, the URL of an MCP
    server and a tool of it, or the name of a built-in tool."""


Effects = frozenset[Effect]
NONE: Final[Effects] = frozenset()


def function_in(folder: str, entrypoint: str) -> Effect:
    """Return the effect of calling a Python function that is named relative to the folder of a skill."""
    return Effect("function", posixpath.normpath(posixpath.join(folder, entrypoint)))


def prompt_in(folder: str, entrypoint: str) -> Effect:
    """Return the effect of running an agent on a prompt that is named relative to the folder of a skill."""
    return Effect("text", posixpath.normpath(posixpath.join(folder, entrypoint)))


def server_tool(url: str, tool: str) -> Effect:
    """Return the effect of calling a tool of an MCP server, whatever query or fragment its URL has."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # such a URL is rejected when the bundle is pushed
        port = 0
    host = (parts.hostname or "").removesuffix(".")
    return Effect("server", f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')} {tool}")
