"""The same act from code: curl, Python and MCP, with the person's own names filled in."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import code
from studio.components.live import Tabs

LANGUAGES = [
    {"id": "curl", "label": "curl"},
    {"id": "python", "label": "Python"},
    {"id": "mcp", "label": "MCP"},
]


def curl(origin: str, skill: str, inputs: str) -> str:
    """Submit a job and wait for it, from a shell."""
    quoted = inputs.replace("'", "'\\''")
    return (
        f"curl '{origin}/v1/jobs?wait=true' \\\n"
        '  -H "Authorization: Bearer $PURAS_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"skill": "{skill}", "inputs": {quoted}}}\''
    )


def python(origin: str, skill: str, inputs: str) -> str:
    """The same from Python."""
    return (
        "from puras import Client\n\n"
        f'client = Client(api_base="{origin}")  # the key comes from PURAS_API_KEY\n'
        f'result = client.run("{skill}", {inputs})\n'
        "print(result)"
    )


def mcp(origin: str) -> str:
    """The instance as an MCP server of an editor."""
    return (
        '{\n  "mcpServers": {\n    "puras": {\n      "command": "puras-mcp",\n'
        f'      "env": {{"PURAS_API_BASE": "{origin}", "PURAS_API_KEY": "puras_live_…"}}\n'
        "    }\n  }\n}"
    )


def snippets(texts: rx.Var[dict[str, str]], current: rx.Var[str], on_pick: rx.EventHandler) -> rx.Component:
    """The three ways as tabs."""
    return rx.el.div(
        Tabs.create(items=LANGUAGES, current=current, label="Language", on_pick=on_pick),
        code(texts[current], is_bare=True),
        class_name="pane",
    )
