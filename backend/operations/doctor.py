"""Check an instance and report how to fix its problems, without changes unless they are requested."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from backend.config import Settings
from backend.operations.checks import machine, models, servers, supabase
from backend.operations.checks.verdict import Check, Verdict

_LABELS = {Verdict.OK: "ok  ", Verdict.WARN: "warn", Verdict.FAIL: "FAIL"}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks; each may depend on the ones before it."""

    checks: tuple[Check, ...]

    @property
    def has_failed(self) -> bool:
        """Return whether a problem prevents the instance from working."""
        return any(check.verdict is Verdict.FAIL for check in self.checks)

    def as_text(self) -> str:
        """Return a line for each check, followed by a line with the fix if one is needed."""
        lines: list[str] = []
        for check in self.checks:
            lines.append(f"{_LABELS[check.verdict]}  {check.name}: {check.found}")
            if check.remedy:
                lines.append(f"      -> {check.remedy}")
        lines.append("At least one check failed." if self.has_failed else "No check failed.")
        return "\n".join(lines)

    def as_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(
            {"ok": not self.has_failed, "checks": [asdict(check) for check in self.checks]}, indent=2
        )


def examine(
    settings: Settings, *, on_supabase: bool = False, create_buckets: bool = False, probe: bool = False
) -> Report:
    """Check the host, the servers, the pages and the models of the instance that the settings describe.

    Args:
        settings: Settings of the instance.
        on_supabase: Also check its Supabase project.
        create_buckets: Create buckets that are missing there.
        probe: Request the model lists of the providers.
    """
    checks = [*machine.checks(settings), *servers.checks(settings), *models.checks(settings, probe=probe)]
    if on_supabase:
        checks += supabase.checks(settings, create_buckets=create_buckets)
    return Report(tuple(checks))
