"""Define the tools for the URL and the key of the instance."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from puras_mcp import config
from puras_mcp.api import Api
from puras_mcp.errors import CallRejected
from puras_mcp.offer import READ, SET, Offer
from puras_mcp.shapes import Configuration
from puras_mcp.world import Call, api_of, bearer


async def configure(
    api_base: Annotated[str, Field(description="URL of the instance, such as http://127.0.0.1:8000.")],
    api_key: Annotated[
        str,
        Field(description="A secret key of the project (`puras_live_…`), from the studio under Settings."),
    ],
    project_id: Annotated[
        str, Field(description="ID of the project, which is compared with that of the key. Usually empty.")
    ] = "",
) -> Configuration:
    """Save the URL and the key of an instance in ~/.puras/config.json, after a check with the instance.

    It does the same as the command `puras login`. Call it when a tool reports that there is no key. Ask the user for
    the key; never invent one.
    PURAS_API_KEY in the environment overrides the saved key.
    """
    address = config.address(api_base)
    me = await Api(address, api_key).get("/v1/me")
    if project_id and project_id != me["project_id"]:
        raise CallRejected(
            f"The key belongs to the project {me['project_id']}, not to {project_id}. Nothing was saved."
        )
    config.write(address, api_key)
    return _configuration(config.read(), me)


async def show_config() -> Configuration:
    """Show the URL of the instance, and the prefix, project and scopes of the key.

    Call it first when a request is rejected. The key itself is never shown.
    """
    found = config.read()
    try:
        return _configuration(found, await Api(found.api_base, found.api_key).get("/v1/me"))
    except CallRejected as rejected:
        return _configuration(found, {}, problem=str(rejected))


async def show_hosted_config(call: Call) -> Configuration:
    """Show the project and the scopes of the key of this connection. The key itself is never shown."""
    me = await api_of(call).get("/v1/me")
    key = bearer(call.headers or {})
    return _configuration(
        config.Config("this instance", key, "none"), me, source="Authorization header of the connection"
    )


def _configuration(
    found: config.Config, me: dict[str, Any], *, problem: str = "", source: str = ""
) -> Configuration:
    return Configuration(
        api_base=found.api_base,
        key=config.shown(found.api_key),
        source=source or found.source,
        project_id=me.get("project_id") or None,
        key_kind=me.get("kind", ""),
        can_do=me.get("scopes", []),
        problem=problem,
    )


LOCAL = (
    Offer(configure, "Configure", SET),
    Offer(show_config, "Show the configuration", READ),
)
HOSTED = (Offer(show_hosted_config, "Show the configuration", READ),)
