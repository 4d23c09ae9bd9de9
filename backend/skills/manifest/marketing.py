"""The `marketing` key: what a skill's public page says."""

from __future__ import annotations

from typing import Any

from backend.skills.manifest.sections import Section


def read(parent: Section) -> dict[str, Any] | None:
    """The parts that pages show; other keys below it are allowed and left out."""
    section = parent.section("marketing")
    if section is None:
        return None
    read: dict[str, Any] = {
        "keywords": list(section.texts("keywords")),
        "features": _titled(section, "features"),
        "personas": _titled(section, "personas"),
        "comparison": _comparison(section),
        "faq": [
            {"q": entry.text("q", is_required=True) or "", "a": entry.text("a", is_required=True) or ""}
            for entry in section.sections("faq", "questions with 'q' and 'a'")
        ],
    }
    return {key: value for key, value in read.items() if value}


def _titled(section: Section, key: str) -> list[dict[str, str]]:
    return [
        {"title": entry.text("title", is_required=True) or "", "body": entry.text("body") or ""}
        for entry in section.sections(key, "entries with 'title' and 'body'")
    ]


def _comparison(parent: Section) -> dict[str, Any] | None:
    section = parent.section("comparison")
    if section is None:
        return None
    rows = [
        {name: row.text(name, is_required=True) or "" for name in ("dimension", "competitor", "puras")}
        for row in section.sections("rows", "rows with 'dimension', 'competitor' and 'puras'")
    ]
    if not rows:
        section.error("rows", "A comparison has at least one row. Add one, or remove 'comparison'.")
    return {"competitor_label": section.text("competitor_label") or "Other tools", "rows": rows}
