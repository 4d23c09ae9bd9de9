"""Name the tools of MCP servers by the skill's declarations, independent of which servers respond.

Guardrails, `tool_limits`, `allowed_tools` and approvals refer to names. If a name moved to another server
while the first one is unavailable, they would apply to the wrong tool.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from backend.skills.manifest.types import Tool as Section

MAX_NAME: Final = 64
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


class Names:
    """The names of the tools of every server section of one skill.

    A short name belongs to the first section that lists the tool in `allow`, else to the first section without
    `allow`, whether or not its server offers such a tool now. Other sections have the host in front of it.
    """

    def __init__(self, sections: Sequence[Section], taken: Collection[str] = ()) -> None:
        """Create the names.

        No tool of a server gets a name in `taken`, which contains the run's other tools.
        """
        self._sections = sections
        self._hosts = [_cleaned(urlsplit(section.mcp or "").hostname or "server") for section in sections]
        self._allowed = [
            None if section.allow is None else {plain(name) for name in section.allow} for section in sections
        ]
        self._taken = set(taken)
        self._fallbacks: dict[int, str] = {}
        for index, allowed in enumerate(self._allowed):
            if allowed is None:
                name = next(
                    name
                    for name in self._candidates(index, plain(f"mcp_{self._hosts[index]}"))
                    if name not in self._taken
                )
                self._fallbacks[index] = name
                self._taken.add(name)

    def fallback(self, index: int) -> str:
        """Return the name of the tool that replaces an unavailable server without `allow`."""
        return self._fallbacks[index]

    def of(self, index: int, tool: str) -> str:
        """Return the name of a tool of the section with this index."""
        short = plain(tool)
        listing = [at for at, allowed in enumerate(self._allowed) if allowed is not None and short in allowed]
        open_ones = [at for at, allowed in enumerate(self._allowed) if allowed is None]
        used: set[str] = set()
        for at in dict.fromkeys((*listing, *open_ones, index)):
            name = next(
                name
                for name in self._candidates(at, short)
                if name not in self._taken and name not in used and not self._is_of_another(at, short, name)
            )
            if at == index:
                return name
            used.add(name)
        raise AssertionError(index)  # the loop ends with the index itself

    def distinct(self, index: int, tools: Sequence[str]) -> dict[str, str]:
        """Return the names of several tools of one section: two that differ only in what names cannot hold differ."""
        found: dict[str, str] = {}
        for tool in sorted(tools, key=lambda tool: (plain(tool) != tool, tool)):
            name = self.of(index, tool)
            found[tool] = name if name not in found.values() else _with_digest(name, tool)
        return found

    def all_of(self, index: int, tool: str) -> tuple[str, ...]:
        """Return each name by which a guardrail or a limit may mean a tool, its own name first."""
        return tuple(
            dict.fromkeys((self.of(index, tool), plain(tool), _longer(self._hosts[index], plain(tool))))
        )

    def _candidates(self, index: int, short: str) -> Iterator[str]:
        yield short
        longer = _longer(self._hosts[index], short)
        yield longer
        for count in range(2, len(self._sections) + len(self._taken) + 3):
            yield f"{longer[: MAX_NAME - 4]}_{count}"
        yield _with_digest(longer, f"{index} {short}")

    def _is_of_another(self, index: int, short: str, name: str) -> bool:
        """Return whether a name has the prefix of another section: a server must not choose such a name."""
        own = self._hosts[index]
        others = {host for host in self._hosts if host != own}
        if name == short:
            return len(self._sections) > 1 and any(name.startswith(f"{host}_") for host in self._hosts)
        return not name.endswith(_digest(f"{index} {short}")) and any(
            len(host) > len(own) and name.startswith(f"{host}_") for host in others
        )


def plain(name: str) -> str:
    """Return a tool's own name with the characters that models take in names."""
    return _cleaned(name).strip("_")[:MAX_NAME] or "tool"


def _cleaned(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text)


def _longer(host: str, short: str) -> str:
    name = f"{host}_{short}"
    return name if len(name) <= MAX_NAME else _with_digest(name, name)


def _with_digest(name: str, of: str) -> str:
    return f"{name[: MAX_NAME - 9]}_{_digest(of)}"


def _digest(of: str) -> str:
    return sha256(of.encode(errors="surrogatepass")).hexdigest()[:8]
