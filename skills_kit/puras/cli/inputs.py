"""Read the inputs of a job from the command line."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from puras.cli.exits import UsageProblem


def read(arguments: Namespace) -> dict[str, Any]:
    """Return all inputs. Inputs of `-i` replace those of the JSON object with the same names.

    Raises:
        UsageProblem: An input is invalid, or a file does not exist.
    """
    given = arguments.inputs if arguments.inputs is not None else arguments.json
    whole = json_object(given) if isinstance(given, str) else {}
    return {**whole, **pairs(arguments.input)}


def read_form(arguments: Namespace) -> dict[str, Any]:
    """Return the values of the form of an approval. Those of `-i` replace those of the JSON object.

    Raises:
        UsageProblem: A value is invalid, or a file does not exist.
    """
    whole = json_object(arguments.form, "--form") if arguments.form is not None else {}
    return {**whole, **pairs(arguments.input)}


def pairs(words: Iterable[str]) -> dict[str, Any]:
    """Parse words of the form `NAME=VALUE`. A value is JSON, otherwise text; `@FILE` is a file to upload.

    Raises:
        UsageProblem: There is no `=`, or the file does not exist.
    """
    return dict(_pair(word) for word in words)


def text(word: str) -> str:
    """Return the word itself, the content of the file for `@FILE`, or stdin for `-`.

    Raises:
        UsageProblem: The file does not exist, or is not text.
    """
    if word == "-":
        return sys.stdin.read()
    if not word.startswith("@"):
        return word
    try:
        return Path(word[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageProblem(f"The file {word[1:]!r} cannot be read as text: {error}") from error


def _pair(word: str) -> tuple[str, Any]:
    name, separator, value = word.partition("=")
    if not separator or not name:
        raise UsageProblem(f"{word!r} has no `=`. Write it as NAME=VALUE, for example: -i name=Ada")
    if value.startswith("@"):
        path = Path(value[1:])
        if not path.is_file():
            raise UsageProblem(f"The file {value[1:]!r} of the input {name!r} does not exist.")
        return name, path
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def json_object(word: str, option: str = "--inputs") -> dict[str, Any]:
    """Return the JSON object of a word, of the file for `@FILE`, or of stdin for `-`.

    Args:
        word: The word.
        option: The option that it is the value of, for the error.

    Raises:
        UsageProblem: The file does not exist, or the text is not a JSON object.
    """
    what = f"The value of {option}" if option != "--inputs" else "The inputs"
    verb = "is" if option != "--inputs" else "are"
    example = f'Pass an object: {option} \'{{"name": "Ada"}}\''
    try:
        value = json.loads(text(word))
    except ValueError as error:
        raise UsageProblem(f"{what} {verb} not valid JSON ({error}). {example}") from error
    if not isinstance(value, dict):
        raise UsageProblem(f"{what} {verb} not a JSON object. {example}")
    return value
