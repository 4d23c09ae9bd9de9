"""The key `rails`: guards on what goes in, comes out, or passes a tool."""

from __future__ import annotations

from typing import Any, Final, get_args

from backend.core.names import as_name, is_name, suggestion
from backend.skills.manifest.sections import Section
from backend.skills.manifest.skill_reader import Reading
from backend.skills.manifest.types import Rail, RailAction, RailPoint
from backend.skills.schemas.messages import shown
from backend.skills.schemas.patterns import PatternRefusedError, compiled

MAX_RAILS: Final = 50
MAX_WORDS: Final = 1_000
MAX_WORD_CHARACTERS: Final = 200
PII: Final = (
    *("email", "phone", "iban", "card"),
    *("us_ssn", "uk_nino", "es_nif", "fr_nir", "pl_pesel", "br_cpf", "de_steuer_id", "it_cf"),
)
"""Kinds of data about people that are told by their form."""
_TESTS: Final = ("pattern", "pii", "words", "schema", "entrypoint")
_NO_SPANS: Final = ("schema", "entrypoint")
"""Tests that say yes or no, and not where."""


def read(parent: Section, reading: Reading, *, is_agentic: bool) -> tuple[Rail, ...]:
    """The rails of a skill, in their order."""
    found: list[Rail] = []
    for section in parent.sections("rails", "rails"):
        rail = _rail(section, reading, is_agentic=is_agentic)
        if rail.name and any(rail.name == other.name for other in found):
            section.error("name", f"Two rails are called {rail.name!r}. Rename one.")
        found.append(rail)
    if len(found) > MAX_RAILS:
        parent.error("rails", f"There are more than {MAX_RAILS} rails. Join some of them.")
    return tuple(found)


def _rail(section: Section, reading: Reading, *, is_agentic: bool) -> Rail:
    name = section.text("name", is_required=True) or ""
    if name and not is_name(name):
        section.error("name", f"{shown(name)} is not a name for a rail. Write {as_name(name)!r}.")
    points = _points(section, is_agentic=is_agentic)
    action: Any = section.choice("action", get_args(RailAction)) or "block"
    tests = _tests(section, reading)
    given = [test for test in _TESTS if tests["fits" if test == "schema" else test]]
    if section.raw("criteria") is not None:
        section.error("criteria", f"No model judges rails here. Use one of {', '.join(map(repr, _TESTS))}.")
    elif len(given) != 1:
        section.error(None, f"A rail has exactly one of {', '.join(map(repr, _TESTS))}.")
    _check_action(section, action, points, given, is_agentic=is_agentic)
    timeout_s = section.number("timeout_s", most=60.0, is_positive=True)
    tools, message = section.texts("tools"), section.text("message", most=500) or ""
    if tools and not {"tool", "retrieval"} & set(points):
        section.warn("tools", "'tools' has no effect here: it is for 'tool' and 'retrieval'. Remove it.")
    section.finish("A rail")
    times = {"timeout_s": timeout_s} if timeout_s else {}
    return Rail(name=name, on=points, action=action, tools=tools, message=message, **tests, **times)


def _points(section: Section, *, is_agentic: bool) -> tuple[Any, ...]:
    value, known = section.raw("on"), get_args(RailPoint)
    if isinstance(value, list):
        points = section.choices("on", known)
    else:
        point = section.choice("on", known)
        points = (point,) if point else ()
    if value is None or value == []:
        section.error("on", f"'on' is missing here. Add one of {', '.join(known)}.")
    for point in points:
        if point in ("tool", "retrieval") and not is_agentic:
            section.error("on", f"{point!r} is for agents, and this skill is a function: it has no tools.")
    return points


def _tests(section: Section, reading: Reading) -> dict[str, Any]:
    pattern, entrypoint = section.text("pattern"), section.text("entrypoint")
    if pattern:
        _check_pattern(section, pattern)
    if entrypoint:
        reading.function(section, "entrypoint", entrypoint)
    schema = reading.schema(section, "schema", is_required=False)
    return {
        "pattern": pattern,
        "pii": _pii(section),
        "words": _words(section),
        "fits": schema,
        "entrypoint": entrypoint,
    }


def _check_pattern(section: Section, pattern: str) -> None:
    try:
        matches_nothing = compiled(pattern).search("") is not None
    except PatternRefusedError as error:
        section.error("pattern", f"The pattern {shown(pattern)} is not taken: {error}.")
        return
    if matches_nothing:
        section.warn(
            "pattern", f"The pattern {shown(pattern)} matches the empty text; such matches do not count."
        )


def _pii(section: Section) -> tuple[str, ...]:
    value = section.raw("pii")
    if value == "all":
        return PII
    if isinstance(value, str):
        if value not in PII:
            hint = suggestion(value, PII)
            section.error("pii", f"{value!r} is not 'all', nor one of {', '.join(PII)}.{hint}")
        return (value,) if value in PII else ()
    return section.choices("pii", PII)


def _words(section: Section) -> tuple[str, ...]:
    words = section.texts("words")
    if len(words) > MAX_WORDS:
        section.error(
            "words", f"There are more than {MAX_WORDS:,} words. Use a 'pattern', or an 'entrypoint'."
        )
    for index, word in enumerate(words):
        if len(word) > MAX_WORD_CHARACTERS:
            section.error(("words", index), f"A word has at most {MAX_WORD_CHARACTERS} characters.")
    return words


def _check_action(
    section: Section, action: str, points: tuple[str, ...], given: list[str], *, is_agentic: bool
) -> None:
    if action == "redact" and given and given[0] in _NO_SPANS:
        section.error(
            "action",
            "Only a rail with a 'pattern', 'pii' or 'words' can redact. Use 'block', 'approve' or 'flag'.",
        )
    if action == "approve" and "retrieval" in points:
        section.error("action", "Nobody is asked about the result of a tool. Ask about the call: 'on: tool'.")
    if action == "approve" and "output" in points and not is_agentic:
        section.error(
            "action", "A function would run again after the answer. Ask about its inputs: 'on: input'."
        )
