"""The commands `puras environments` and `puras promote`: what is active where, and promotions after a review."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

from puras.cli import exits, printing
from puras.cli.deployments import finish_activation, without_waiting
from puras.cli.session import Session, command, confirmed, of_a_skillpack
from puras.client.messages import new_key

_STATES: Final = {"passed": "ok", "warning": "warning", "pending": "pending"}
_MAX_CHANGES: Final = 50


def add(commands: Any) -> None:
    """Add the commands."""
    parser = command(
        commands,
        "environments",
        _environments,
        "List the environments with their active versions.",
        "puras environments",
    )
    of_a_skillpack(parser)
    promote = command(
        commands,
        "promote",
        _promote,
        "Show what a promotion changes, and make the version active after a confirmation.",
        "puras promote production",
    )
    promote.add_argument(
        "target",
        choices=("development", "staging", "production"),
        metavar="ENVIRONMENT",
        help="the environment that gets the version: development, staging or production",
    )
    of_a_skillpack(promote)
    promote.add_argument(
        "--from",
        dest="source",
        choices=("development", "staging", "production"),
        help="the environment to promote from; default: development for staging, staging for production",
    )
    promote.add_argument("--version", metavar="N", help="number or ID of a version instead")
    promote.add_argument("--dry-run", action="store_true", help="show the changes only")
    promote.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    promote.add_argument(
        "--force", action="store_true", help="activate although the eval gate has not passed"
    )
    without_waiting(promote)


def _environments(arguments: Namespace, session: Session) -> int:
    found = session.client.request("GET", session.route("/environments"))
    rows = [(one["environment"], _version(one["active"]), _version(one["previous"])) for one in found]
    session.show(found, lambda: printing.table(("ENVIRONMENT", "ACTIVE", "PREVIOUS"), rows))
    return exits.OK


def _promote(arguments: Namespace, session: Session) -> int:
    path = session.route(f"/environments/{arguments.target}/promotion")
    chosen = {"source": arguments.source, "deployment": (arguments.version or "").removeprefix("v") or None}
    review = session.client.request("GET", path, query=chosen)
    if arguments.dry_run:
        session.show(review, lambda: _print_review(review))
        return exits.OK
    if not session.as_json:
        _print_review(review)
    confirmed(f"Make v{review['head']['version']} active in {arguments.target}?", yes=arguments.yes)
    body = {**{name: value for name, value in chosen.items() if value}, "version": review["head"]["version"]}
    query = {"force": arguments.force or None}
    response = session.client.request("POST", path, body=body, query=query, idempotency_key=new_key())
    return finish_activation(arguments, session, response, arguments.target)


def _print_review(review: Any) -> None:
    base = _version(review["base"]) or "no version"
    printing.answer(f"{review['environment']}: {base} -> {_version(review['head'])}")
    changes = review["diff"] or {"skills": [], "files": []}
    for change in changes["skills"][:_MAX_CHANGES]:
        mark = "breaking: " if change["is_breaking"] else ""
        printing.answer(f"  {printing.plain(change['path'])}: {mark}{printing.plain(change['message'])}")
    for file in changes["files"][:_MAX_CHANGES]:
        printing.answer(f"  {file['change']}: {printing.plain(file['path'])}")
    for check in review["checks"]:
        printing.answer(
            f"  {_STATES.get(check['state'], check['state'])}: {printing.plain(check['message'])}"
        )


def _version(version: Any) -> str:
    return f"v{version['version']}" if version else ""
