"""Connect to the MCP servers of a skill for one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from urllib.parse import urlsplit

from mcp_types import Tool as Offered

from backend.core.net.egress.connector import Connector
from backend.data.secrets.scrub import Scrubber
from backend.execution.events.types import LogEvent
from backend.integrations.mcp_servers.connection import Connection, ServerUnavailable
from backend.integrations.mcp_servers.credentials import filled
from backend.integrations.mcp_servers.offered import rule_for, without_secrets
from backend.skills.manifest.confirmed import covers_server_tool
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Skill
from backend.skills.manifest.types import Tool as Section
from workers.agent.mcp_servers.naming import Names
from workers.agent.mcp_servers.tools import SectionNames, known_tools, unavailable_tools
from workers.agent.types import Tool
from workers.agent.web.access import RunEgress
from workers.sandbox.egress.network_use import NetworkUse
from workers.types import Recorder


@asynccontextmanager
async def server_tools(
    skill: Skill,
    taken: Sequence[str],
    recorder: Recorder,
    *,
    vision: bool,
    connector: Connector,
    secrets: Mapping[str, str] = MappingProxyType({}),
    confirmed: Effects = NONE,
    own_url: str = "",
    private_hosts: Collection[str] = (),
) -> AsyncIterator[list[Tool]]:
    """Provide the tools of all servers of the skill; no tool gets a name in `taken`.

    `confirmed` contains the effects that need an approval in this run. `own_url` is the URL of this instance: with its
    MCP server, an agent could run skills, push bundles and decide approvals. `private_hosts` are those of the operator.
    """
    hidden = Scrubber(secrets.values())
    network_use = NetworkUse(recorder)
    pairs = [
        (
            section,
            Connection(
                section.mcp,
                RunEgress(
                    rule_for(section.mcp, private_hosts), network_use, connector.allowing(private_hosts)
                ),
                credentials=filled(section.headers, secrets),
            ),
        )
        for section in skill.tools
        if section.mcp
    ]
    try:
        found: list[Tool] = []
        listings = await asyncio.gather(*(_listed(connection) for _, connection in pairs))
        names = Names([section for section, _ in pairs], taken)
        for section_index, ((section, connection), offered) in enumerate(zip(pairs, listings, strict=True)):
            section_names = SectionNames(section_index, names)
            rules = _ApprovalRules(section, confirmed, own_url)
            if isinstance(offered, ServerUnavailable):
                tools = unavailable_tools(
                    connection, section, section_names, vision=vision, is_confirmed=rules.by_name
                )
                text = f"{offered}; the run continues, and the server may be available again later."
            else:
                shown = without_secrets(offered, hidden)
                tools = known_tools(
                    connection, section, section_names, shown, vision=vision, is_confirmed=rules.of
                )
                text = f"The MCP server {connection.shown} offers {_list_tools(section, tools)}."
            recorder.record(LogEvent(stream="system", text=text + "\n"))
            found += tools
        yield found
    finally:
        for _, connection in pairs:
            await connection.close()


class _ApprovalRules:
    """Decides which tools of a server need an approval in addition to those that its section confirms."""

    def __init__(self, section: Section, confirmed: Effects, own_url: str) -> None:
        self._section = section
        self._confirmed = confirmed
        self._is_own = bool(confirmed) and _host(section.mcp) == _host(own_url)

    def by_name(self, name: str) -> bool:
        """Return whether a tool needs an approval of which only the name is known."""
        return self._is_own or covers_server_tool(self._confirmed, self._section, name)

    def of(self, offered: Offered) -> bool:
        """Return whether a tool needs an approval; read-only tools of this instance's own server do not."""
        hints = offered.annotations
        only_reads = hints is not None and hints.read_only_hint is True
        is_own = self._is_own and not only_reads
        return is_own or covers_server_tool(self._confirmed, self._section, offered.name)


def _host(address: str | None) -> str:
    return (urlsplit(address or "").hostname or "").removesuffix(".")


async def _listed(connection: Connection) -> list[Offered] | ServerUnavailable:
    try:
        return await connection.listed()
    except ServerUnavailable as error:
        return error


def _list_tools(section: Section, tools: Sequence[Tool]) -> str:
    names = [tool.spec.name for tool in tools]
    missing = [] if section.allow is None else sorted(set(section.allow) - set(names))
    listing = ", ".join(names) or "no tool that can be used"
    return listing + (f"; it does not have {', '.join(missing)}" if missing else "")
