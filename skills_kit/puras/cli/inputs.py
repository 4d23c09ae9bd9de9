"""What a job is given on the command line."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from puras.cli.exits import UsageProblem


def read(arguments: Namespace) -> dict[str, Any]:
    """All inputs: an object, and what `-i` says beside it or in the place of it.

    Raises:
        UsageProblem: something is not what it should be.
    """
    given = arguments.inputs if arguments.inputs is not None else arguments.json
    whole = _object(text(given)) if isinstance(given, str) else {}
    return {**whole, **pairs(arguments.input)}


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """`NAME=VALUE` each: JSON, else text; `@file` is a file to be uploaded.

    Raises:
        UsageProblem: there is no `=`, or no such file.
    """
    return dict(_pair(word) for word in words)


def text(word: str) -> str:
    """The word; what a file holds for `@file`, and stdin for `-`.

    Raises:
        UsageProblem: there is no such file, or it is not text.
    """
    if word == "-":
        return sys.stdin.read()
    if not word.startswith("@"):
        return word
    try:
        return Path(word[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageProblem(f"{word[1:]} cannot be read as text: {error}") from error


def _pair(word: str) -> tuple[str, Any]:
    name, separator, value = word.partition("=")
    if not separator or not name:
        raise UsageProblem(f"Write {word!r} as NAME=VALUE.")
    if value.startswith("@"):
        path = Path(value[1:])
        if not path.is_file():
            raise UsageProblem(f"There is no file {value[1:]!r}, which the input {name!r} names.")
        return name, path
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _object(words: str) -> dict[str, Any]:
    try:
        value = json.loads(words)
    except ValueError as error:
        raise UsageProblem(
            f'The inputs are not JSON ({error}). Write an object: {{"name": "Ada"}}'
        ) from error
    if not isinstance(value, dict):
        raise UsageProblem('The inputs are not an object. Write one: {"name": "Ada"}')
    return value
