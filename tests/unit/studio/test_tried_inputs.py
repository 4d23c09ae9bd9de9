"""Keep the inputs of the panel Try: those that differ from the defaults, and that the schema still has."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

from backend.core.release_files import ROOT
from rxconfig import BUN

MODULE: Final = ROOT / "assets" / "ui" / "editor" / "tried.ts"
SCRIPT: Final = """
const { enteredInputs, knownInputs } = await import(process.argv[1]);
const [entered, known] = JSON.parse(await Bun.stdin.text());
console.log(JSON.stringify([entered.map((one) => enteredInputs(...one)), known.map((one) => knownInputs(...one))]));
"""
SCHEMA: Final = {"properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3}}}


def test_inputs_are_kept_without_defaults_and_without_removed_fields() -> None:
    entered: list[Any] = [[SCHEMA, {"city": "Oslo", "days": 3}], [SCHEMA, {"days": 4}], [{}, {}]]
    known: list[Any] = [
        [SCHEMA, {"city": "Oslo", "town": "Oslo"}],
        [{**SCHEMA, "additionalProperties": True}, {"town": "Oslo"}],
        [{}, {"town": "Oslo"}],
    ]
    done = subprocess.run(
        [BUN, "-e", SCRIPT, str(MODULE)],
        input=json.dumps([entered, known]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == [
        [{"city": "Oslo"}, {"days": 4}, {}],
        [{"city": "Oslo"}, {"town": "Oslo"}, {}],
    ]
