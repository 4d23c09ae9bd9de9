"""The command `puras failures`: the failed jobs of a period, grouped by their error."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from puras.cli import exits, printing
from puras.cli.session import Session, command, of_an_environment


def add(commands: Any) -> None:
    """Add the command."""
    failures = command(
        commands,
        "failures",
        _failures,
        "Group the failed jobs of the last week by their error, the most frequent first.",
        "puras failures --skill report",
    )
    failures.add_argument("--skill", help="only jobs of this skill")
    failures.add_argument("--version", type=int, help="only jobs of this version")
    of_an_environment(failures, "only jobs of this environment")
    failures.add_argument(
        "--since", metavar="TIME", help="only jobs created after this time, for example 2026-05-01T12:00:00Z"
    )
    failures.add_argument(
        "--limit", type=int, default=20, help="maximum number of errors; default: %(default)s"
    )


def _failures(arguments: Namespace, session: Session) -> int:
    query = {
        "skill": arguments.skill,
        "version": arguments.version,
        "environment": arguments.environment,
        "since": arguments.since,
        "limit": max(1, min(arguments.limit, 100)),
    }
    found = session.client.request("GET", "/v1/job-failures", query=query)
    rows = [
        (
            one["error_signature"],
            one["jobs"],
            f"{100 * one['share']:.0f} %",
            one["skill_name"],
            _versions(one),
            one["last_seen_at"][:19].replace("T", " "),
            printing.shortened(f"{one['error_code']}: {one['message']}", 60),
        )
        for one in found["clusters"]
    ]
    head = ("SIGNATURE", "JOBS", "SHARE", "SKILL", "VERSIONS", "LAST", "ERROR")
    session.show(found, lambda: printing.table(head, rows))
    return exits.OK


def _versions(cluster: Any) -> str:
    shown = ", ".join(f"v{one}" for one in cluster["versions"][:3]) or "drafts"
    return f"{shown} (new)" if cluster["is_new"] else shown
