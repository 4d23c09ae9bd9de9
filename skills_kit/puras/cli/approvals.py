"""The commands `puras approvals`, `approve` and `deny`: calls of agents that await approval."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from typing import Any, Final
from urllib.parse import quote

from puras.cli import exits, inputs, local, printing
from puras.cli.session import Session, command, of_an_environment
from puras.client import Client, Job, JobTimeout

_INTERVAL_S: Final = 2.0
"""Interval between two requests for pending approvals."""


def add(commands: Any) -> None:
    """Add the commands."""
    listed = command(
        commands,
        "approvals",
        _approvals,
        "List the calls of agents that await approval.",
        "puras approvals --job JOB_ID",
    )
    listed.add_argument("--job", metavar="JOB", help="only approvals of this job")
    listed.add_argument("--skill", help="only approvals of jobs of this skill")
    listed.add_argument("--session", metavar="SESSION", help="only approvals of turns of this session")
    of_an_environment(listed, "only approvals of jobs of this environment")
    _of_a_local_instance(listed)
    approve = command(
        commands,
        "approve",
        _approve,
        "Approve the call of an agent, or a step of a flow.",
        "puras approve APPROVAL_ID",
    )
    approve.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one value of the form of a step, as JSON or text; `@FILE` uploads a file to the drive",
    )
    approve.add_argument(
        "--form",
        metavar="JSON",
        help="all values of the form as one JSON object; `@FILE` reads a file, `-` reads stdin",
    )
    approve.add_argument(
        "-a",
        "--argument",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one argument of the call, as JSON or text",
    )
    approve.add_argument(
        "--arguments",
        metavar="JSON",
        help="all arguments of the call as one JSON object; `@FILE` reads a file, `-` reads stdin",
    )
    deny = command(
        commands,
        "deny",
        _deny,
        "Reject the call of an agent. The agent continues without it.",
        'puras deny APPROVAL_ID --reason "Wrong order"',
    )
    for one in (approve, deny):
        one.add_argument("approval", help="ID of the approval, from `puras approvals`")
        one.add_argument("--reason", default="", help="message to the agent")
        _of_a_local_instance(one)


def ended(client: Client, job_id: str, timeout: float, *, is_local: bool) -> Job:
    """Wait for the end of a job, and print the approvals that it waits for.

    Raises:
        JobTimeout: The job has not ended in time.
    """
    deadline, printed = time.monotonic() + timeout, set[str]()
    while True:
        left = deadline - time.monotonic()
        try:
            return client.wait(job_id, timeout=min(left, _INTERVAL_S), poll_interval=_INTERVAL_S)
        except JobTimeout as late:
            if late.job["status"] == "waiting":
                printed |= print_pending(client, job_id, printed, is_local=is_local)
            if left <= _INTERVAL_S:
                raise


def print_pending(client: Client, job_id: str, printed: set[str], *, is_local: bool) -> set[str]:
    """Print the pending approvals that were not printed before, and return the IDs of all."""
    option = " --local" if is_local else ""
    waiting = _pending(client, job_id)
    for one in waiting:
        if one["id"] not in printed:
            printing.say(f"Awaiting approval: {_call(one)}")
            values = "".join(f" -i {printing.plain(name)}=VALUE" for name in _fields(one))
            printing.say(f"  puras approve{option} {one['id']}{values}    or: puras deny{option} {one['id']}")
    return {str(one["id"]) for one in waiting}


def _of_a_local_instance(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--local",
        action="store_true",
        help="use the instance that `puras serve` or `puras run --local` has started",
    )


def _client(arguments: Namespace, session: Session) -> Client:
    return local.running() if arguments.local else session.client


def _pending(client: Client, job_id: str | None, **filters: str | None) -> list[dict[str, Any]]:
    query = {"status": "pending", "job_id": job_id, **filters}
    query = {name: value for name, value in query.items() if value}
    found: list[dict[str, Any]] = client.request("GET", "/v1/approvals", query=query)
    return found


def _approvals(arguments: Namespace, session: Session) -> int:
    filters = {
        "skill": arguments.skill,
        "environment": arguments.environment,
        "session_id": arguments.session,
    }
    found = _pending(_client(arguments, session), arguments.job, **filters)
    rows = [(one["id"], one["job_id"], one["expires_at"][:19].replace("T", " "), _call(one)) for one in found]
    session.show(found, lambda: printing.table(("APPROVAL", "JOB", "EXPIRES", "CALL"), rows))
    return exits.OK


def _approve(arguments: Namespace, session: Session) -> int:
    values: dict[str, Any] = {}
    if form := inputs.read_form(arguments):
        values["form"] = _client(arguments, session).with_files(form)
    changed = _changed_arguments(arguments, session)
    if changed is not None:
        values["arguments"] = changed
    return _decide("approve", arguments, session, values)


def _changed_arguments(arguments: Namespace, session: Session) -> dict[str, Any] | None:
    """Return all arguments of the call with the changes of the command line; None if there are none."""
    if arguments.arguments is None and not arguments.argument:
        return None
    if arguments.arguments is not None:
        whole = inputs.json_object(arguments.arguments, "--arguments")
    else:
        path = f"/v1/approvals/{quote(arguments.approval, safe='')}"
        whole = _client(arguments, session).request("GET", path)["input"]
    return {**whole, **inputs.pairs(arguments.argument)}


def _deny(arguments: Namespace, session: Session) -> int:
    return _decide("deny", arguments, session, {})


def _decide(verb: str, arguments: Namespace, session: Session, values: dict[str, Any]) -> int:
    path = f"/v1/approvals/{quote(arguments.approval, safe='')}/{verb}"
    client, body = _client(arguments, session), {"reason": arguments.reason}
    made = client.request("POST", path, body={**body, **values})
    changed = " with changes" if made.get("arguments") is not None else ""
    session.show(made, lambda: printing.answer(f"{made['status']}{changed}: {_call(made)}"))
    return exits.OK


def _fields(approval: dict[str, Any]) -> list[str]:
    """Return the values that the form of an approval requires."""
    schema = approval.get("form_json_schema") or {}
    return [str(name) for name in schema.get("required", ())]


def _call(approval: dict[str, Any]) -> str:
    message = approval.get("message")
    if message is not None:
        text = f"{printing.plain(approval['tool'])}: {printing.shortened(printing.plain(message), 120)}"
        shown = approval.get("show")
        return text if shown is None else f"{text} {_json(shown)}"
    used = approval.get("arguments")
    given = approval["input"] if used is None else used
    return f"{printing.plain(approval['tool'])}({_json(given)})"


def _json(value: Any) -> str:
    return printing.shortened(json.dumps(value, ensure_ascii=False), 120)
