"""What is wrong with an instance, and what to do: every check is a line, and nothing is changed unless asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from backend.config import Settings
from backend.operations.checks import machine, models, servers, supabase
from backend.operations.checks.verdict import Check, Verdict

_SIGNS = {Verdict.OK: "ok  ", Verdict.WARN: "warn", Verdict.FAIL: "FAIL"}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order in which one builds on the other."""

    checks: tuple[Check, ...]

    @property
    def has_failed(self) -> bool:
        """Whether something keeps the instance from working."""
        return any(check.verdict is Verdict.FAIL for check in self.checks)

    def as_text(self) -> str:
        """A line for each check, and one that says what to do under those that need it."""
        lines: list[str] = []
        for check in self.checks:
            lines.append(f"{_SIGNS[check.verdict]}  {check.name}: {check.found}")
            if check.remedy:
                lines.append(f"      -> {check.remedy}")
        lines.append("Something is wrong." if self.has_failed else "Nothing is in the way.")
        return "\n".join(lines)

    def as_json(self) -> str:
        """The same for programs."""
        return json.dumps(
            {"ok": not self.has_failed, "checks": [asdict(check) for check in self.checks]}, indent=2
        )


def examine(
    settings: Settings, *, on_supabase: bool = False, create_buckets: bool = False, probe: bool = False
) -> Report:
    """Check the machine, the servers, the pages and the models of the instance that the settings describe.

    With `on_supabase` also its Supabase project; `create_buckets` makes what is missing there. With `probe` the
    providers of models are asked for their lists.
    """
    checks = [*machine.checks(settings), *servers.checks(settings), *models.checks(settings, probe=probe)]
    if on_supabase:
        checks += supabase.checks(settings, create_buckets=create_buckets)
    return Report(tuple(checks))
