"""The table of contents of the documentation, in reading order. A page that is not listed is placed at the end."""

from __future__ import annotations

from typing import Final, NamedTuple


class Section(NamedTuple):
    """Pages under one heading, named by their path below `docs/` without `.md`."""

    title: str
    pages: tuple[str, ...]


SECTIONS: Final = (
    Section(
        "Get started",
        (
            "index",
            "tutorials/quickstart",
            "guides/install",
            "tutorials/first-agent",
            "tutorials/notebook-to-production",
            "tutorials/team-day",
            "faq",
            "comparison",
            "glossary",
        ),
    ),
    Section(
        "Concepts",
        (
            "concepts/overview",
            "concepts/jobs",
            "concepts/deployments",
            "concepts/tenancy",
            "concepts/sandbox",
            "concepts/security",
            "concepts/money",
            "concepts/drive",
            "architecture",
        ),
    ),
    Section(
        "Build skills",
        (
            "guides/agents",
            "guides/call-other-skills",
            "guides/flows",
            "guides/durable-steps",
            "guides/conversations",
            "guides/approvals",
            "guides/mcp-servers",
            "guides/debug-jobs",
            "guides/fork-jobs",
            "guides/files-as-inputs",
            "guides/attachments",
            "guides/media",
            "guides/charts",
            "guides/memory",
            "guides/guardrails",
            "guides/evals",
            "guides/prompts",
            "guides/annotation",
            "guides/models",
            "guides/working-copy",
            "guides/assistant",
            "guides/notebooks",
            "guides/marketplace",
            "guides/migrate-from-puras",
        ),
    ),
    Section(
        "Run jobs",
        (
            "guides/call-from-an-app",
            "guides/openai-sdk",
            "guides/embed",
            "guides/deploy-from-ci",
            "guides/environments",
            "guides/schedules",
            "guides/webhooks",
            "guides/alerts",
            "guides/credit",
            "guides/budgets",
            "troubleshooting",
        ),
    ),
    Section(
        "Operate an instance",
        (
            "guides/self-host",
            "guides/docker",
            "guides/systemd",
            "guides/supabase",
            "guides/backup",
            "guides/data-retention",
            "guides/observability",
            "guides/upgrading",
            "guides/test-against-supabase",
            "data-processing",
            "security-tests",
            "dependencies",
        ),
    ),
    Section(
        "Reference",
        (
            "reference/skill-yaml",
            "reference/flow-yaml",
            "reference/rest",
            "reference/schemas",
            "reference/errors",
            "reference/events",
            "reference/job-statuses",
            "reference/job-errors",
            "reference/permissions",
            "reference/limits",
            "reference/python-client",
            "reference/typescript-client",
            "reference/cli",
            "reference/mcp",
            "reference/settings",
            "reference/prices",
        ),
    ),
)

NOT_SEARCHED: Final = frozenset({"reference/schemas", "security-tests"})
"""Generated tables that repeat the words of all subjects: the search of the site leaves them out, because they would be
ranked above the guides. Other pages link to them."""

FORMER_NAMES: Final = {
    "agents": "guides/agents",
    "attachments": "guides/attachments",
    "billing": "guides/credit",
    "cli": "reference/cli",
    "concepts": "concepts/overview",
    "drafts": "guides/working-copy",
    "drive": "concepts/drive",
    "errors": "reference/errors",
    "evals": "guides/evals",
    "events": "reference/events",
    "inputs": "guides/files-as-inputs",
    "jobs": "reference/job-statuses",
    "limits": "reference/limits",
    "marketplace": "guides/marketplace",
    "mcp": "reference/mcp",
    "media": "guides/media",
    "memory": "guides/memory",
    "migrating": "guides/migrate-from-puras",
    "models": "guides/models",
    "money": "concepts/money",
    "nightly": "tutorials/team-day",
    "notebooks": "guides/notebooks",
    "observability": "guides/observability",
    "one-skill": "tutorials/notebook-to-production",
    "operations": "guides/self-host",
    "permissions": "reference/permissions",
    "quickstart": "tutorials/quickstart",
    "rails": "guides/guardrails",
    "rest": "reference/rest",
    "sandbox": "concepts/sandbox",
    "schedules": "guides/schedules",
    "sdk": "reference/python-client",
    "security": "concepts/security",
    "settings": "reference/settings",
    "shapes": "reference/schemas",
    "skill-yaml": "reference/skill-yaml",
    "supabase": "guides/supabase",
    "typescript": "reference/typescript-client",
    "upgrading": "guides/upgrading",
    "webhooks": "guides/webhooks",
}
"""Names of pages before 0.2.0, which links and clients may still use, and their current names."""
