"""Keep the inputs of the panel Try: those that differ from the defaults, and that the schema still has."""

from __future__ import annotations

from typing import Any, Final

from tests.unit.studio.page_module import run_module

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
    assert run_module("editor/tried.ts", SCRIPT, [entered, known]) == [
        [{"city": "Oslo"}, {"days": 4}, {}],
        [{"city": "Oslo"}, {"town": "Oslo"}, {}],
    ]
