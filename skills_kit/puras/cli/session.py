"""The common parts of all commands: options, the client, and the skillpack of the current folder."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from puras.cli import printing
from puras.cli.exits import NoKey, UsageProblem
from puras.client import Client

PACK_FILE: Final = "puras.yaml"
_RETRIES: Final = 3
"""A command fails after about 1.5 seconds without a connection, since a user waits for it."""


class Pack(NamedTuple):
    """The fields of a puras.yaml, and the folder that contains it."""

    folder: Path
    slug: str | None
    title: str | None


class Session:
    """The instance and the output format of one command."""

    def __init__(self, arguments: Namespace) -> None:
        self.as_json: bool = getattr(arguments, "json", False) is True
        self._base: str | None = getattr(arguments, "api_base", None)
        self._skillpack: str | None = getattr(arguments, "skillpack", None)

    @cached_property
    def client(self) -> Client:
        """Return the client of the instance in the options, the environment or the data of `puras login`.

        Raises:
            NoKey: There is no API key.
        """
        try:
            return Client(skillpack=self.skillpack, api_base=self._base, retries=_RETRIES)
        except ValueError as error:
            raise NoKey(str(error)) from error

    @cached_property
    def skillpack(self) -> str | None:
        """Return the option, otherwise the slug in puras.yaml, otherwise None for the default skillpack."""
        if self._skillpack:
            return self._skillpack
        pack = pack_of(Path.cwd())
        return pack.slug if pack else None

    @cached_property
    def named_skillpack(self) -> str:
        """Return the skillpack, with the slug of the default skillpack instead of None."""
        if self.skillpack:
            return self.skillpack
        packs = self.client.request("GET", "/v1/skillpacks")
        return next((str(pack["slug"]) for pack in packs if pack["is_default"]), "default")

    def route(self, path: str) -> str:
        """Return the route of a path, such as `/deployments`, for the skillpack or the default skillpack."""
        return f"/v1/skillpacks/{quote(self.skillpack, safe='')}{path}" if self.skillpack else f"/v1{path}"

    def of_draft(self, skill: str, path: str) -> tuple[str, str]:
        """Return the route of a path of the draft that has the skill, and the name of the skill there."""
        pack, _, name = skill.rpartition("/")
        return (
            f"/v1/skillpacks/{quote(pack, safe='')}/drafts{path}" if pack else self.route(f"/drafts{path}")
        ), name

    def show(self, value: object, text: Callable[[], object]) -> None:
        """Print the value as JSON with `--json`; otherwise call `text`."""
        if self.as_json:
            printing.answer_json(value)
        else:
            text()


Handler = Callable[[Namespace, Session], int]


def command(
    commands: Any, name: str, handler: Handler, summary: str, example: str, **options: Any
) -> ArgumentParser:
    """Add a command with the options that all commands have, and with an example of a call."""
    parser: ArgumentParser = commands.add_parser(
        name,
        help=_first_lower(summary),
        description=summary,
        epilog=f"example: {example}",
        allow_abbrev=False,
        **options,
    )
    parser.add_argument("--api-base", metavar="URL", help="URL of the instance")
    if name != "run":
        parser.add_argument("--json", action="store_true", help="print the response as JSON")
    parser.set_defaults(handle=handler)
    return parser


def group(commands: Any, name: str, summary: str, example: str) -> Any:
    """Add a group of commands, with an example of a call."""
    parser: ArgumentParser = commands.add_parser(
        name,
        help=_first_lower(summary),
        description=summary,
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    return parser.add_subparsers(metavar="COMMAND", required=True, title="commands")


def of_a_skillpack(parser: ArgumentParser) -> None:
    """Add the option that selects a skillpack."""
    parser.add_argument(
        "--skillpack",
        "--app",
        metavar="SLUG",
        help="slug or ID of the skillpack; default: the slug in puras.yaml, otherwise the default skillpack",
    )


def of_an_environment(parser: ArgumentParser, purpose: str) -> None:
    """Add the option that selects an environment."""
    parser.add_argument("--environment", choices=("development", "staging", "production"), help=purpose)


def pack_of(folder: Path) -> Pack | None:
    """Return the nearest puras.yaml, in the folder or above it."""
    for place in (folder.resolve(), *folder.resolve().parents):
        file = place / PACK_FILE
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return Pack(place, _value(text, "slug"), _value(text, "title"))
    return None


def confirmed(question: str, *, yes: bool) -> None:
    """Ask the user before a permanent change. Do not ask without a terminal.

    Raises:
        UsageProblem: The user declined.
    """
    if yes or not sys.stdin.isatty():
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageProblem("Canceled. Nothing was changed.")


def _value(text: str, key: str) -> str | None:
    """Return the value of a line `key: value` of puras.yaml. The kit has no parser for YAML; the instance has one."""
    found = re.search(rf"^{key}:[ \t]*(['\"]?)([^'\"#\n]*?)\1[ \t]*(?:#.*)?$", text, re.MULTILINE)
    return found[2].strip() or None if found else None


def _first_lower(summary: str) -> str:
    return summary[0].lower() + summary[1:].rstrip(".")
