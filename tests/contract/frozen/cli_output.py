"""Describe the JSON that the commands of `puras` print with `--json`: its keys and the types of their values."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from puras.cli.main import main

from tests.contract.frozen.recorded_instance import ID, KEY, recorded_instance

Json = Any

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "login": ("--key", KEY),
    "whoami": (),
    "init": ("new", "--slug", "new"),
    "validate": ("pack",),
    "deploy": ("pack", "--notes", "first", "--yes"),
    "deployments": (),
    "activate": ("3",),
    "rollback": (),
    "environments": (),
    "promote": ("production", "--yes"),
    "pull": ("3", "--out", "pulled"),
    "skills": (),
    "skillpacks": (),
    "run": ("tally", "-i", "upto=3"),
    "jobs": (),
    "failures": (),
    "resolve-failure": ("0123456789abcdef", "--note", "Fixed"),
    "ignore-failure": ("0123456789abcdef", "--jobs", "5"),
    "reopen-failure": ("0123456789abcdef",),
    "job": (ID,),
    "logs": (ID,),
    "spans": (ID,),
    "model-call": (ID, "1"),
    "share-job": (ID, "--hours", "1"),
    "steps": (ID, "--status", "failed"),
    "cancel": (ID,),
    "replay": (ID,),
    "fork": (ID, "--step", "2"),
    "feedback": (ID, "--up"),
    "approvals": (),
    "approve": (ID,),
    "deny": (ID, "--reason", "No."),
    "drive ls": (),
    "drive cp": ("pack/tally/main.py", "drive:main.py"),
    "drive rm": ("main.py", "--yes"),
    "events send": ("invoice.paid", "--data", "{}", "--id", "e1"),
    "events ls": ("--type", "invoice.paid"),
    "secrets set": ("TOKEN=value",),
    "secrets ls": (),
    "secrets rm": ("TOKEN", "--yes"),
    "prices ls": (),
    "estimate": ("tally",),
    "prompts ls": ("tally",),
    "prompts show": ("tally", "1"),
    "prompts diff": ("tally", "1", "2"),
    "prompts label": ("tally", "approved", "1"),
    "prompts unlabel": ("tally", "approved"),
    "prices set": ("claude/haiku-5-5", "--input", "1", "--output", "5"),
    "prices rm": ("claude/haiku-5-5", "--yes"),
    "share": ("tally", "--daily-cap", "2"),
    "eval": ("tally",),
    "eval-report": (ID,),
    "eval-runs": (ID, "--only", "not_passed"),
    "eval-diff": ("tally", "--base", "1", "--head", "2"),
    "annotations ls": (),
    "annotations create": ("Weekly", "--score", "Quality", "--filter", "skill=tally"),
    "annotations add": (ID, ID),
    "annotations export": (ID, "--output", "annotations.jsonl"),
    "annotations eval-cases": (ID, "--tag", "reviewed"),
    "comment": (ID, "Wrong order"),
    "comments": (ID,),
    "activity": ("--limit", "3"),
    "logout": (),
}
"""The arguments of one call of each command that prints JSON, in an order in which each can succeed."""
VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "run --async": ("run", "tally", "--async", "--json"),
    "logs --follow": ("logs", ID, "--follow", "--json"),
    "drive cp from the drive": ("drive", "cp", "drive:main.py", "here.py", "--json"),
    "a problem of the instance": ("job", "no/such/route", "--json"),
    "a problem of the arguments": ("drive", "cp", "one", "two", "--json"),
    "no key": ("whoami", "--api-base", "http://127.0.0.1:9", "--json"),
}
WITHOUT_JSON: Final = {
    "assist": "prints the job of the assistant, which needs a model; tests/e2e/test_assistant.py runs the command",
    "chat": "prints one line of JSON for each reply; tests/contract/clients/test_sessions.py reads them",
    "completion": "prints a script",
    "serve": "runs an instance until it is stopped",
}
"""Commands that no call covers, with the reason."""


def cli_output() -> Json:
    """Return the exit code and the shape of the output of each command."""
    calls = {name: (*name.split(), *words, "--json") for name, words in COMMANDS.items()}
    last = calls.pop("logout")
    with _prepared() as url:
        first = _call((*calls.pop("login"), "--api-base", url))
        return {"login": first} | {
            name: _call(words) for name, words in (calls | VARIANTS | {"logout": last}).items()
        }


@contextmanager
def _prepared() -> Iterator[str]:
    """Serve an instance; commands run in an empty home and in a folder with a skillpack."""
    with tempfile.TemporaryDirectory() as home, chdir(home), recorded_instance() as (_, url):
        skill = Path("pack/tally")
        skill.mkdir(parents=True)
        (skill / "skill.yaml").write_text("entrypoint: main.py:run\n", encoding="utf-8")
        (skill / "main.py").write_text("def run():\n    return {}\n", encoding="utf-8")
        outside = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        with patch.dict(os.environ, {**outside, "HOME": home, "NO_COLOR": "1"}, clear=True):
            yield url


def _call(words: tuple[str, ...]) -> Json:
    with (
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as errors,
        patch.object(sys, "stdin", StringIO()),
    ):
        code = main(list(words))
    text = out.getvalue()
    if not text:
        raise ValueError(f"puras {' '.join(words)} printed no JSON: {errors.getvalue()}")
    return {"exit code": code, "output": shape(_read(text))}


def _read(text: str) -> Json:
    """Return the JSON of an output; several lines of JSON are a list."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def shape(value: Json) -> Json:
    """Return the keys of a value and the types of what is below them; a list has the shape of its first entry."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return {"[]": shape(value[0]) if value else "nothing"}
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value), "null")
