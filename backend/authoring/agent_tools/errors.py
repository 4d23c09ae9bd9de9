"""Errors of tools of agents."""

from __future__ import annotations

from backend.core.errors import PurasError


class McpServerUnavailable(PurasError):
    """The MCP server cannot be reached, or did not respond with its tools."""

    status = 502
    code = "mcp_server_unavailable"
