"""The commands `puras failures`, `resolve-failure`, `ignore-failure` and `reopen-failure`: errors of failed jobs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from puras.cli import exits, printing
from puras.cli.session import Session, command, of_an_environment


def add(commands: Any) -> None:
    """Add the commands."""
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
        "--state",
        choices=("open", "resolved", "ignored", "all"),
        default="open",
        help="only errors in this state; default: %(default)s",
    )
    failures.add_argument(
        "--limit", type=int, default=20, help="maximum number of errors; default: %(default)s"
    )
    resolve = command(
        commands,
        "resolve-failure",
        _resolve,
        "Mark an error as resolved, until a job that is submitted later fails with it.",
        'puras resolve-failure 3f9a1c0b7d2e4a68 --note "Fixed the timeout"',
    )
    resolve.add_argument("signature", help="signature of the error, from `puras failures`")
    resolve.add_argument("--note", default="", help="a note for the members of the project")
    resolve.add_argument(
        "--next-version",
        action="store_true",
        help="the fix is in the version after the active one: failures of the active one do not open the error again",
    )
    ignore = command(
        commands,
        "ignore-failure",
        _ignore,
        "Ignore an error permanently, until a time, or for a number of further failed jobs.",
        "puras ignore-failure 3f9a1c0b7d2e4a68 --jobs 100",
    )
    ignore.add_argument("signature", help="signature of the error, from `puras failures`")
    ignore.add_argument("--note", default="", help="a note for the members of the project")
    ignore.add_argument("--until", metavar="TIME", help="until this time, for example 2026-05-01T12:00:00Z")
    ignore.add_argument("--jobs", type=int, help="until this number of further jobs has failed")
    reopen = command(
        commands,
        "reopen-failure",
        _reopen,
        "Mark an error that was resolved or ignored as open.",
        "puras reopen-failure 3f9a1c0b7d2e4a68",
    )
    reopen.add_argument("signature", help="signature of the error, from `puras failures`")


def _failures(arguments: Namespace, session: Session) -> int:
    query = {
        "skill": arguments.skill,
        "version": arguments.version,
        "environment": arguments.environment,
        "since": arguments.since,
        "state": arguments.state,
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
            "regressed" if one["is_regressed"] else one["state"],
            printing.shortened(f"{one['error_code']}: {one['message']}", 60),
        )
        for one in found["clusters"]
    ]
    head = ("SIGNATURE", "JOBS", "SHARE", "SKILL", "VERSIONS", "LAST", "STATE", "ERROR")
    session.show(found, lambda: printing.table(head, rows))
    return exits.OK


def _resolve(arguments: Namespace, session: Session) -> int:
    decided = session.client.resolve_failure(
        arguments.signature, note=arguments.note, fixed_in="next" if arguments.next_version else "active"
    )
    since = f" in v{decided['fixed_in_version']}" if decided["fixed_in_version"] else ""
    session.show(decided, lambda: printing.say(f"The error is resolved{since}."))
    return exits.OK


def _ignore(arguments: Namespace, session: Session) -> int:
    decided = session.client.ignore_failure(
        arguments.signature, note=arguments.note, until=arguments.until, jobs=arguments.jobs
    )
    session.show(decided, lambda: printing.say("The error is ignored."))
    return exits.OK


def _reopen(arguments: Namespace, session: Session) -> int:
    decided = session.client.reopen_failure(arguments.signature)
    session.show(decided, lambda: printing.say("The error is open."))
    return exits.OK


def _versions(cluster: Any) -> str:
    shown = ", ".join(f"v{one}" for one in cluster["versions"][:3]) or "drafts"
    return f"{shown} (new)" if cluster["is_new"] else shown
