"""The command `puras assist`: let the assistant propose changes of the draft, and apply them."""

from __future__ import annotations

import difflib
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, of_a_skillpack
from puras.client.messages import Body

_BUDGET_USD: Final = 1.0
_TIMEOUT_S: Final = 1_800.0


def add(commands: Any) -> None:
    """Add the command."""
    assist = command(
        commands,
        "assist",
        _assist,
        "Let the assistant build, fix or explain skills of the draft. It proposes changes as a diff.",
        'puras assist "Add an input language to summarize" --apply',
    )
    assist.add_argument("task", help="what the assistant should do")
    assist.add_argument(
        "--budget",
        type=float,
        default=_BUDGET_USD,
        metavar="USD",
        help="what the job may cost, including the runs that it starts (default: %(default)s)",
    )
    assist.add_argument("--model", help="the language model; default: that of the instance")
    assist.add_argument("--job", metavar="JOB", help="a job that the task is about")
    assist.add_argument("--apply", action="store_true", help="apply the changes to the draft")
    assist.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    of_a_skillpack(assist)


def _assist(arguments: Namespace, session: Session) -> int:
    client = session.client
    body = {"task": arguments.task, "budget_usd": arguments.budget}
    body |= {"model": arguments.model} if arguments.model else {}
    body |= {"job_id": arguments.job} if arguments.job else {}
    started = client.request("POST", session.route("/drafts/assistant"), body=body)
    printing.say(f"The assistant works as job {started['job_id']}, for at most ${arguments.budget:g}.")
    job = client.wait(started["job_id"], timeout=_TIMEOUT_S)
    if job["status"] != "succeeded":
        session.show(job, lambda: printing.say(printing.plain(job["error"] or job["status"])))
        return exits.FAILED
    proposal: dict[str, Any] = job["result"]
    session.show(job, lambda: _print(proposal))
    if arguments.apply and proposal["files"]:
        confirmed(f"Apply these changes of {len(proposal['files'])} files to the draft?", yes=arguments.yes)
        _apply(session, proposal["files"])
        printing.say("Applied to the draft.")
    return exits.OK


def _print(proposal: Mapping[str, Any]) -> None:
    printing.answers(_lines(proposal["files"]))
    printing.say(printing.plain_lines(proposal["summary"]))
    for problem in proposal.get("problems", ()):
        printing.say(f"With all changes, the draft has a problem: {printing.plain(problem)}")


def _lines(files: list[dict[str, Any]]) -> Iterator[str]:
    """Return the changes as a unified diff."""
    for file in files:
        before, after = file["before"].splitlines(), file["after"].splitlines()
        path = printing.plain(file["path"])
        names = (
            "/dev/null" if file["action"] == "create" else f"a/{path}",
            "/dev/null" if file["action"] == "delete" else f"b/{path}",
        )
        for line in difflib.unified_diff(before, after, *names, lineterm=""):
            yield printing.plain(line)


def _apply(session: Session, files: list[dict[str, Any]]) -> None:
    """Write the files, unless one of them has changed since the assistant started.

    Raises:
        UsageProblem: One has changed; nothing is written then.
    """
    listed = session.client.request("GET", session.route("/drafts"))["files"]
    known = {one["path"]: int(one["revision"]) for one in listed if not one["is_deleted"]}
    for file in files:
        _require_unchanged(session, file, exists=file["path"] in known)
    for file in files:
        route = _route(session, file["path"])
        headers = {"If-Match": str(known[file["path"]])} if file["path"] in known else {}
        if file["action"] == "delete":
            session.client.request("DELETE", route, headers=headers)
        else:
            body = Body.of(file["after"].encode(), "application/octet-stream")
            session.client.request("PUT", route, body=body, headers=headers)


def _require_unchanged(session: Session, file: Mapping[str, Any], *, exists: bool) -> None:
    """Require that the text of a file is the one that the assistant has read, or that a new file is new.

    Raises:
        UsageProblem: It is not.
    """
    is_new = file["action"] == "create"
    if is_new != exists and (
        is_new or session.client.content(_route(session, file["path"])).decode() == file["before"]
    ):
        return
    raise UsageProblem(
        f"{printing.plain(file['path'])} has changed since the assistant started. Nothing was applied. Start it "
        "again, or accept single changes in the editor."
    )


def _route(session: Session, path: str) -> str:
    return session.route(f"/drafts/files/{quote(path)}")
