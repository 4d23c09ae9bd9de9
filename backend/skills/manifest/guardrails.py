"""Rules of the key `rails` that concern several of its keys."""

from __future__ import annotations

from typing import Final

from backend.skills.manifest.skill_reader import Section
from backend.skills.manifest.types import Rail
from backend.skills.schemas.messages import shown
from backend.skills.schemas.patterns import PatternRefusedError, compiled

_TESTS: Final = ("pattern", "pii", "words", "schema", "entrypoint")
_WITHOUT_SPANS: Final = ("schema", "entrypoint")
"""Tests that reject a value as a whole."""


def check_rail(rail: Rail, section: Section) -> Rail:
    """Report a guardrail without exactly one test, or whose test, action and point contradict each other."""
    given = [test for test in _TESTS if section.value.get(test)]
    if section.value.get("criteria") is not None:
        section.error(
            "criteria",
            f"Models do not evaluate guardrails on this instance. Use one of {', '.join(map(repr, _TESTS))}.",
        )
    elif len(given) != 1:
        section.error(None, f"A guardrail has exactly one of {', '.join(map(repr, _TESTS))}.")
    if rail.pattern:
        _check_pattern(section, rail.pattern)
    points = rail.on or ()
    for point in points:
        if point in ("tool", "retrieval") and not section.reading.is_agentic:
            section.error(
                "on", f"{point!r} is only for agents; this skill is a function, which has no tools."
            )
    if rail.tools and not {"tool", "retrieval"} & set(points):
        section.warn("tools", "'tools' has an effect only with 'tool' and 'retrieval'. Remove it.")
    _check_action(rail, section, given)
    return rail


def _check_pattern(section: Section, pattern: str) -> None:
    try:
        matches_nothing = compiled(pattern).search("") is not None
    except PatternRefusedError as error:
        section.error("pattern", f"The pattern {shown(pattern)} is not supported: {error}.")
        return
    if matches_nothing:
        message = f"The pattern {shown(pattern)} matches the empty text; such matches are ignored."
        section.warn("pattern", message)


def _check_action(rail: Rail, section: Section, given: list[str]) -> None:
    points = rail.on or ()
    if rail.action == "redact" and given and given[0] in _WITHOUT_SPANS:
        message = "Only a guardrail with a 'pattern', 'pii' or 'words' can redact. Use 'block', 'approve' or 'flag'."
        section.error("action", message)
    if rail.action == "approve" and "retrieval" in points:
        section.error(
            "action", "The result of a tool cannot be approved. Require an approval of the call: 'on: tool'."
        )
    if rail.action == "approve" and "output" in points and not section.reading.is_agentic:
        message = (
            "A function would run again after the approval. Require an approval of its inputs: 'on: input'."
        )
        section.error("action", message)
