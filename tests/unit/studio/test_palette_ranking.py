"""The ranking of the command palette: the first entry is selected with Enter."""

from __future__ import annotations

from typing import Final

import pytest

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { fitting } = await import(process.argv[1]);
const { commands, words } = JSON.parse(await Bun.stdin.text());
console.log(JSON.stringify(fitting(commands, words).map((one) => one.label)));
"""
COMMANDS: Final = [
    {"label": "Switch between light and dark", "group": "This page"},
    {"label": "Settings", "group": "Project"},
    {"label": "Try thumbnail", "group": "Skills"},
    {"label": "Try birthday", "group": "Skills"},
    {"label": "thumbnail 462a0b99", "group": "Jobs"},
]


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (
            "th",
            ["Try thumbnail", "thumbnail 462a0b99", "Try birthday", "Switch between light and dark"],
        ),
        ("light", ["Switch between light and dark"]),
        ("thumb job", ["thumbnail 462a0b99"]),
        ("project", ["Settings"]),
        ("", [one["label"] for one in COMMANDS]),
        ("nothing like it", []),
    ],
)
def test_word_prefixes_rank_first_and_group_names_last(words: str, labels: list[str]) -> None:
    assert run_module("ranking.ts", SCRIPT, {"commands": COMMANDS, "words": words}) == labels
