"""The same act from code: curl and Python, with the person's own names filled in."""

from __future__ import annotations

import json

import reflex as rx

from studio.components.elements import code
from studio.components.live import Tabs

LANGUAGES = [
    {"id": "curl", "label": "curl"},
    {"id": "python", "label": "Python"},
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
    """The same from Python, with the standard library alone."""
    return f"""\
import json, os, urllib.request

request = urllib.request.Request(
    "{origin}/v1/jobs?wait=true",
    json.dumps({{"skill": "{skill}", "inputs": {json.loads(inputs)!r}}}).encode(),
    {{"Authorization": "Bearer " + os.environ["PURAS_API_KEY"], "Content-Type": "application/json"}},
)
print(json.load(urllib.request.urlopen(request))["result"])"""


def snippets(texts: rx.Var[dict[str, str]], current: rx.Var[str], on_pick: rx.EventHandler) -> rx.Component:
    """Both ways as tabs."""
    return rx.el.div(
        Tabs.create(items=LANGUAGES, current=current, label="Language", on_pick=on_pick),
        code(texts[current], is_bare=True),
        class_name="pane",
    )
