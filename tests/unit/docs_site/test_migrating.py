"""The page for projects that come from Puras names every variable of its worker, and settings that exist."""

from __future__ import annotations

import re

from backend.docs_site import pages

WORKER_VARIABLES = {
    *(
        "WORKER_CONCURRENCY",
        "JOB_LANE",
        "FUNCTION_TIMEOUT_SECONDS",
        "CHILD_MEM_LIMIT_MB",
        "MAX_JOB_COST_MICROS",
    ),
    *("MAX_TOOL_CALLS_PER_RUN", "WORKDIR_ROOT", "SKILL_ENV_PASSTHROUGH", "CLAUDE_MODEL", "FAL_KEY"),
    *(
        "SECRETS_ENC_KEY",
        "PURAS_MARGIN_PCT",
        "PURAS_TEXT_MARGIN_PCT",
        "PURAS_API_BASE",
        "PURAS_SERVICE_TOKEN",
    ),
    *("PURAS_WORKSPACE_ID", "PURAS_JOB_ID", "PURAS_DEPLOYMENT_ROOT"),
}


def test_page_has_every_worker_variable_and_only_existing_settings() -> None:
    text = next(page.text for page in pages.all_() if page.name == "guides/migrate-from-puras")
    settings = next(page.text for page in pages.all_() if page.name == "reference/settings")
    known = set(re.findall(r"^\| `([A-Z_]+)` \|", settings, re.MULTILINE))
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    named = {name for there, _ in rows for name in re.findall(r"`([A-Z][A-Z_]{3,})`", there)}
    assert WORKER_VARIABLES - named == set()
    ours = {name for _, here in rows for name in re.findall(r"`(PURAS_[A-Z_]+)`", here)}
    assert len(ours) > 8
    assert ours - known - WORKER_VARIABLES == set()
