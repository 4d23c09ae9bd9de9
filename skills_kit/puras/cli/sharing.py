"""The commands `puras share` and `puras share-job`: links to pages that run a skill or show a job."""

from __future__ import annotations

from argparse import Namespace
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, urlencode

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command

_DEFAULT_DAILY_CAP: Final = "1"
_VISITORS: Final = "sessions:anonymous"
"""The scope with which visitors of the page chat without a signed user."""
_MICROS_PER_USD: Final = 1_000_000


def add(commands: Any) -> None:
    """Add the command."""
    share = command(
        commands,
        "share",
        _share,
        "Create a link to a page that runs a skill. It contains a publishable key, and ends when you revoke the key.",
        "puras share greet --daily-cap 2",
    )
    share.add_argument("skill", help="the skill, or skillpack/skill")
    share.add_argument(
        "--daily-cap",
        metavar="USD",
        default=_DEFAULT_DAILY_CAP,
        help="what all runs with the link may cost per day (default: %(default)s)",
    )
    share.add_argument(
        "--form-only", action="store_true", help="for an agent: the page has a form, and no chat"
    )
    share.add_argument("--name", help="the name of the key in the list of keys (default: Link to SKILL)")
    job = command(
        commands,
        "share-job",
        _share_job,
        "Create a link to a page that shows status, timeline and result of a job, without its inputs.",
        "puras share-job JOB_ID --hours 24",
    )
    job.add_argument("job_id", help="ID of the job")
    job.add_argument(
        "--hours",
        type=int,
        default=72,
        help="hours until the link expires; default: %(default)s, maximum: 720",
    )
    action = job.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="list the links of the job instead")
    action.add_argument("--revoke", metavar="ID", help="revoke a link instead")


def _share(arguments: Namespace, session: Session) -> int:
    client = session.client
    found = client.request("GET", f"/v1/embeds/{quote(arguments.skill)}")
    skill, has_chat = found["full_name"], found["is_agentic"] and not arguments.form_only
    body = {
        "kind": "publishable",
        "name": arguments.name or f"Link to {skill}",
        "skill_allowlist": [skill],
        "daily_cap_micros": _micros(arguments.daily_cap),
        **({"scopes": [_VISITORS]} if has_chat else {}),
    }
    key = client.request("POST", "/v1/api-keys", body=body)
    url = f"{client.api_base}/share#{urlencode({'skill': skill, 'key': key['key']}, safe='/')}"
    shared = {
        "url": url,
        "skill": skill,
        "has_chat": has_chat,
        "key_id": key["id"],
        "daily_cap_micros": key["daily_cap_micros"],
    }
    session.show(shared, lambda: _print(url, arguments.daily_cap, has_chat=has_chat))
    return exits.OK


def _share_job(arguments: Namespace, session: Session) -> int:
    client = session.client
    path = f"/v1/jobs/{quote(arguments.job_id, safe='')}/shares"
    if arguments.revoke:
        client.request("DELETE", f"{path}/{quote(arguments.revoke, safe='')}")
        session.show({"revoked": arguments.revoke}, lambda: printing.say("The link does not work any more."))
    elif arguments.list:
        shares = client.request("GET", path)
        rows = [(one["id"], one["created_by"], one["expires_at"]) for one in shares]
        session.show(shares, lambda: printing.table(("LINK", "CREATED BY", "EXPIRES"), rows))
    else:
        shared = client.request("POST", path, body={"expires_in_hours": arguments.hours})
        session.show(shared, lambda: _print_job(shared))
    return exits.OK


def _print_job(shared: dict[str, Any]) -> None:
    printing.answer(printing.plain(shared["url"]))
    printing.say(
        f"Everyone with this link can read status, timeline and result of the job until {shared['expires_at']}."
    )


def _micros(usd: str) -> int:
    try:
        micros = Decimal(usd) * _MICROS_PER_USD
    except InvalidOperation:
        raise UsageProblem(f"--daily-cap {usd} is not an amount of dollars, such as 2.50.") from None
    if not 0 < micros <= 10**15 or micros != int(micros):
        raise UsageProblem(f"--daily-cap {usd} is not an amount of dollars above 0, such as 2.50.")
    return int(micros)


def _print(url: str, daily_cap: str, *, has_chat: bool) -> None:
    printing.answer(printing.plain(url))
    printing.say(
        f"Everyone with this link can run {'and chat with ' if has_chat else ''}the skill, for at most "
        f"${daily_cap} per day in all. "
        "To end it, revoke its key in the settings of the project."
    )
