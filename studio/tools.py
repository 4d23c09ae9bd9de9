"""The MCP tools at `/mcp`. They are imported at the first call, since the import takes a sixth of the start time."""

from __future__ import annotations

from starlette.types import ASGIApp

from studio.lazy_application import LazyApplication, Loaded


class Tools(LazyApplication):
    """ASGI application for one path; requests wait until the tools are loaded."""

    def __init__(self, api: ASGIApp, *, public_url: str) -> None:
        super().__init__("tools at /mcp")
        self._api = api
        self._public_url = public_url

    def load(self) -> Loaded:
        """Import the tools."""
        from puras_mcp import hosted

        tools = hosted.Hosted(self._api, public_url=self._public_url)
        return Loaded(tools, tools.running)
