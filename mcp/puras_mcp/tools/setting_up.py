"""Which instance is asked, with which key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from puras_mcp import config
from puras_mcp.api import Api
from puras_mcp.errors import Refused
from puras_mcp.offer import READ, SET, Offer
from puras_mcp.shapes import Configuration
from puras_mcp.world import Call, api_of, bearer


async def configure(
    api_base: Annotated[str, Field(description="Address of the instance, such as http://127.0.0.1:8000.")],
    api_key: Annotated[
        str, Field(description="A secret key of the project: `puras_live_…`, from the studio under Settings.")
    ],
    project_id: Annotated[
        str, Field(description="Id of the project; only compared with the key's own. Leave it empty.")
    ] = "",
) -> Configuration:
    """Save address and key of an instance in ~/.purasbackend/config.json, after asking the instance whether they fit.

    Call it once, or when a tool says that there is no key. Ask the person for the key; never invent one.
    PURAS_API_KEY in the environment wins over what is saved here.
    """
    address = config.address(api_base)
    me = await Api(address, api_key).get("/v1/me")
    if project_id and project_id != me["project_id"]:
        raise Refused(f"The key is of project {me['project_id']}, not of {project_id}. Nothing was saved.")
    config.write(address, api_key, me["project_id"] or "")
    return _told(config.read(), me)


async def show_config() -> Configuration:
    """Tell which instance is asked and as whom: the address, the key's prefix, its project and what it may do.

    Call it first when something is refused. The key itself is never shown.
    """
    found = config.read()
    try:
        return _told(found, await Api(found.api_base, found.api_key).get("/v1/me"))
    except Refused as refused:
        return _told(found, {}, problem=str(refused))


async def show_hosted_config(call: Call) -> Configuration:
    """Tell which project the key of this connection is for, and what it may do. The key itself is never shown."""
    me = await api_of(call).get("/v1/me")
    key = bearer(call.headers or {})
    return _told(config.Config("this instance", key, "", "none"), me, source="the connection's bearer")


def _told(found: config.Config, me: dict[str, Any], *, problem: str = "", source: str = "") -> Configuration:
    return Configuration(
        api_base=found.api_base,
        key=config.shown(found.api_key),
        source=source or found.source,
        project_id=me.get("project_id") or found.project_id or None,
        key_kind=me.get("kind", ""),
        can_do=me.get("scopes", []),
        problem=problem,
    )


LOCAL = (
    Offer(configure, "Configure", SET),
    Offer(show_config, "Show the configuration", READ),
)
HOSTED = (Offer(show_hosted_config, "Show the configuration", READ),)
