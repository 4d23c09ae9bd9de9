"""The command `puras estimate`: what one run of a skill costs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.session import Session, command, of_a_skillpack, of_an_environment

_MICROS_PER_USD: Final = 1_000_000


def add(commands: Any) -> None:
    """Add the command."""
    estimate = command(
        commands,
        "estimate",
        _estimate,
        "Estimate what one run of a skill costs, from its recent jobs or from its prompt.",
        "puras estimate support",
    )
    estimate.add_argument("skill", help="the skill, or skillpack/skill")
    of_a_skillpack(estimate)
    of_an_environment(estimate, "the environment whose active version is estimated; default: that of the key")
    estimate.add_argument("--version", type=int, help="number of the version; default: the active version")
    estimate.add_argument("--draft", action="store_true", help="the skill in the draft instead")


def _estimate(arguments: Namespace, session: Session) -> int:
    if arguments.draft:
        path, name = session.of_draft(arguments.skill, "/cost-estimate")
        found = session.client.request("GET", path, query={"skill": name})
    else:
        found = session.client.request(
            "GET",
            f"/v1/cost-estimates/{quote(arguments.skill)}",
            query={
                "skillpack": None if "/" in arguments.skill else session.skillpack,
                "version": arguments.version,
                "environment": arguments.environment,
            },
        )
    session.show(found, lambda: _print(found))
    return exits.OK


def _print(found: Any) -> None:
    expected, p95 = found["expected_micros"], found["p95_micros"]
    amount = "unknown" if expected is None else _usd(expected)
    more = f", 95 percent at most {_usd(p95)}" if p95 is not None else ""
    limit = f", limit {_usd(found['max_micros'])}" if found["max_micros"] else ""
    printing.answer(f"{printing.plain(found['skill'])}: {amount}{more}{limit}")
    printing.say(printing.colored(printing.plain(found["explanation"]), "dim"))


def _usd(micros: int) -> str:
    digits = f"{micros / _MICROS_PER_USD:.6f}".rstrip("0").rstrip(".")
    whole, _, fraction = digits.partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"
