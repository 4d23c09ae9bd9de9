"""In which order the pages stand. A page that is not named here stands at the end."""

from __future__ import annotations

from typing import Final, NamedTuple


class Section(NamedTuple):
    """Pages under one heading, by the names of their files."""

    title: str
    pages: tuple[str, ...]


SECTIONS: Final = (
    Section("Begin", ("quickstart", "concepts", "glossary", "migrating")),
    Section(
        "Write skills",
        (
            "skill-yaml",
            "inputs",
            "agents",
            "attachments",
            "media",
            "memory",
            "rails",
            "evals",
            "drafts",
            "marketplace",
            "models",
            "sandbox",
        ),
    ),
    Section(
        "Use them", ("sdk", "cli", "typescript", "mcp", "webhooks", "schedules", "notebooks", "one-skill")
    ),
    Section(
        "Look up",
        (
            "rest",
            "errors",
            "events",
            "jobs",
            "drive",
            "money",
            "billing",
            "security",
            "permissions",
            "limits",
        ),
    ),
    Section(
        "Operate",
        (
            "operations",
            "settings",
            "observability",
            "supabase",
            "upgrading",
            "security-tests",
            "architecture",
            "dependencies",
        ),
    ),
)
