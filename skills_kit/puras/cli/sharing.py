"""The command `puras share`: a link to a page that runs one skill for everyone who has it."""

from __future__ import annotations

from argparse import Namespace
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, urlencode

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command

_DEFAULT_DAILY_CAP: Final = "1"
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
    share.add_argument("--name", help="the name of the key in the list of keys (default: Link to SKILL)")


def _share(arguments: Namespace, session: Session) -> int:
    client = session.client
    skill = client.request("GET", f"/v1/embeds/{quote(arguments.skill)}")["full_name"]
    body = {
        "kind": "publishable",
        "name": arguments.name or f"Link to {skill}",
        "skill_allowlist": [skill],
        "daily_cap_micros": _micros(arguments.daily_cap),
    }
    key = client.request("POST", "/v1/api-keys", body=body)
    url = f"{client.api_base}/share#{urlencode({'skill': skill, 'key': key['key']}, safe='/')}"
    shared = {"url": url, "skill": skill, "key_id": key["id"], "daily_cap_micros": key["daily_cap_micros"]}
    session.show(shared, lambda: _print(url, arguments.daily_cap))
    return exits.OK


def _micros(usd: str) -> int:
    try:
        micros = Decimal(usd) * _MICROS_PER_USD
    except InvalidOperation:
        raise UsageProblem(f"--daily-cap {usd} is not an amount of dollars, such as 2.50.") from None
    if not 0 < micros <= 10**15 or micros != int(micros):
        raise UsageProblem(f"--daily-cap {usd} is not an amount of dollars above 0, such as 2.50.")
    return int(micros)


def _print(url: str, daily_cap: str) -> None:
    printing.answer(printing.plain(url))
    printing.say(
        f"Everyone with this link can run the skill, for at most ${daily_cap} per day in all. "
        "To end it, revoke its key in the settings of the project."
    )
