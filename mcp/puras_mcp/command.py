"""`puras-mcp`: the server over stdio, for Cursor, Claude Code, VS Code and others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from puras_mcp import places, server


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the client hangs up."""
    parser = argparse.ArgumentParser(
        prog="puras-mcp",
        description="An MCP server for Puras Studio, over stdio. Address and key: PURAS_API_BASE and PURAS_API_KEY, "
        "else ~/.purasbackend/config.json, which the tool `configure` writes.",
        epilog=f"{places.ROOT_VARIABLE}=/path keeps the tools from reading and writing files elsewhere.",
    )
    parser.add_argument(
        "--skills-as-tools", action="store_true", help="one more tool for each deployed skill"
    )
    parser.add_argument("--version", action="version", version=server._version())
    options = parser.parse_args(arguments)
    server.local(skills_as_tools=options.skills_as_tools).run("stdio")
    return 0
