"""Find the functions of a draft, and ask MCP servers for their tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.agent_tools.errors import McpServerUnavailable
from backend.authoring.agent_tools.schemas import DraftFunctionRead, McpServerConnect, McpToolRead
from backend.authoring.drafts import reading
from backend.context import AppContext
from backend.core.errors import Invalid, Problem
from backend.core.net.egress.run_egress import RunEgress
from backend.core.net.public_urls import listed
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.mcp_servers import check_server
from backend.skills.manifest.reader import read_part
from backend.skills.manifest.signatures import signatures
from backend.skills.manifest.skill_reader import Section
from backend.skills.manifest.types import Tool
from backend.skills.manifest.yaml_document import read_document
from backend.skills.skillpacks.tables import Skillpack

if TYPE_CHECKING:
    from mcp_types import Tool as Offered

MAX_SOURCE_BYTES: Final = 1 << 20
MAX_TOOLS: Final = 256
_MAX_DESCRIPTION: Final = 500
_MAX_WAIT_S: Final = 10.0


async def functions(
    session: AsyncSession, principal: Principal, pack: Skillpack, folder: str
) -> list[DraftFunctionRead]:
    """Return the functions of the Python files in a folder of the draft; none of them is executed."""
    principal.require(Role.VIEWER, "deployments:read")
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    files = await reading.python_files(session, principal, pack.id, prefix)
    return await asyncio.to_thread(_functions_of, files)


def _functions_of(files: Mapping[str, bytes]) -> list[DraftFunctionRead]:
    found: list[DraftFunctionRead] = []
    left = MAX_SOURCE_BYTES
    for path, content in files.items():
        left -= len(content)
        if left < 0:
            break
        found += [DraftFunctionRead(path=path, **one._asdict()) for one in signatures(content)]
    return found


async def server_tools(
    context: AppContext, principal: Principal, skillpack: str | None, wanted: McpServerConnect
) -> list[McpToolRead]:
    """Return the tools that an MCP server offers, over the guarded connection that runs of agents use.

    Raises:
        Invalid: The URL or a header is not valid.
        McpServerUnavailable: The server cannot be reached, or does not respond with a list of tools.
    """
    _check(wanted)
    async with context.database.transaction() as session:
        pack = await reading.get_or_create(session, principal, skillpack, storage=context.storage)
        held = await secrets.for_job(
            session,
            context.vault,
            project_id=principal.project_id,
            skillpack_id=pack.id,
            environment=principal.environment,
        )
        # The request carries secrets to the server, so that it is recorded like a change.
        await audit.record(session, principal, "mcp_server.listed", pack.slug, url=_without_query(wanted.url))
    hidden = Scrubber(held.values.values())
    try:
        async with asyncio.timeout(_MAX_WAIT_S):
            await context.web_access.servers.acquire()
    except TimeoutError:
        raise McpServerUnavailable(
            "The instance is connecting to many servers now. Try again in a moment."
        ) from None
    try:
        offered = await _offered(context, principal, wanted, held.values, hidden)
    finally:
        context.web_access.servers.release()
    return await asyncio.to_thread(_described, offered, hidden)


def _check(wanted: McpServerConnect) -> None:
    """Apply the rules of a server in a skill.yaml."""
    value = {"mcp": wanted.url, **({"headers": wanted.headers} if wanted.headers else {})}
    document, findings = read_document("server", json.dumps(value).encode()), Findings()
    section = Section(document, findings, (), value)
    check_server(read_part(Tool, section), section)
    if findings.errors:
        problems = [Problem(_field_of(one), one.message) for one in findings.errors]
        raise Invalid(problems[0].message, problems)


def _field_of(problem: Problem) -> str:
    """Return the field of the request that a problem of the server concerns."""
    return ".".join("url" if key == "mcp" else str(key) for key in problem.keys or ()) or "url"


def _without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


async def _offered(
    context: AppContext,
    principal: Principal,
    wanted: McpServerConnect,
    values: Mapping[str, str],
    hidden: Scrubber,
) -> list[Offered]:
    # The client of MCP takes most of a second to import, and most processes never need it.
    from backend.integrations.mcp_servers.connection import Connection, ServerUnavailable
    from backend.integrations.mcp_servers.credentials import filled
    from backend.integrations.mcp_servers.offered import rule_for

    private_hosts = listed(context.settings.mcp_hosts)
    connector = context.web_access.connector_of(principal.project_id).allowing(private_hosts)
    rule = rule_for(wanted.url, private_hosts)
    egress = RunEgress(rule, _NotRecorded(), connector, context.web_access.heavy)
    connection = Connection(wanted.url, egress, credentials=filled(wanted.headers, values))
    try:
        return (await connection.listed())[:MAX_TOOLS]
    except ServerUnavailable as error:
        detail = hidden.scrub(str(error))
        raise McpServerUnavailable(f"{detail[:1].upper()}{detail[1:]}.") from None
    finally:
        await connection.close()


class _NotRecorded:
    """Records no rejected connection: the response contains the reason."""

    def refused(self, facts: dict[str, Any]) -> None:
        """Do nothing."""


def _described(offered: list[Offered], hidden: Scrubber) -> list[McpToolRead]:
    """Return what a server offers; large schemas take so long that this must not run in the event loop."""
    from backend.integrations.mcp_servers.offered import without_secrets

    return [_read(one) for one in without_secrets(offered, hidden)]


def _read(offered: Offered) -> McpToolRead:
    from backend.integrations.mcp_servers.offered import is_usable

    hints = offered.annotations
    return McpToolRead(
        name=offered.name,
        description=" ".join((offered.description or offered.title or "").split())[:_MAX_DESCRIPTION],
        read_only=hints is not None and hints.read_only_hint is True,
        is_usable=is_usable(offered.input_schema),
    )
