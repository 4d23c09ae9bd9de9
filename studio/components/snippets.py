"""The same act from code, in one language at a time; `studio.calls` writes the texts."""

from __future__ import annotations

from typing import Final

import reflex as rx

from studio.components.elements import code
from studio.components.live import Tabs

LANGUAGES: Final = [
    {"id": "curl", "label": "curl"},
    {"id": "python", "label": "Python"},
    {"id": "typescript", "label": "TypeScript"},
    {"id": "mcp", "label": "MCP"},
]


def snippets(
    texts: rx.Var[dict[str, str]],
    current: rx.Var[str],
    on_pick: rx.EventHandler,
    languages: rx.Var[list[dict[str, str]]] | list[dict[str, str]] = LANGUAGES,
) -> rx.Component:
    """The ways as tabs."""
    return rx.el.div(
        Tabs.create(items=languages, current=current, label="Language", on_pick=on_pick),
        code(texts[current], is_bare=True),
        class_name="pane",
    )
