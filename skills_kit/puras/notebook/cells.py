"""Convert a `%%skill` cell to the files of a skill, which the instance runs and publishes instead of the notebook."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

from puras.notebook.errors import CellRefused
from puras.notebook.hints import hinted
from puras.skill import SETTINGS

__all__ = ["CellSkill", "function_cell", "is_function_cell", "prompt_cell"]

PROMPT: Final = "prompt.md"
MODULE: Final = "main.py"
MANIFEST: Final = "skill.yaml"
REQUIREMENTS: Final = "requirements.txt"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LOOKS_LIKE_CODE: Final = re.compile(r"^(?:@puras\.skill|@skill|(?:async )?def )", re.MULTILINE)
_DEFAULTS: Final[dict[str, Any]] = {
    "input_schema": {"type": "object", "required": ["input"], "properties": {"input": {"type": "text"}}},
    "output_schema": {"type": "object", "properties": {"output": {"type": "text"}}},
}


@dataclass(frozen=True, slots=True)
class CellSkill:
    """A skill that a cell defines."""

    name: str
    kind: Literal["prompt", "function"]
    settings: Mapping[str, Any]
    """The content of its skill.yaml."""
    files: Mapping[str, str]
    """Contents by path in the folder of the skill."""
    function: Callable[..., Any] | None = None
    """The function in this kernel; None for a prompt."""
    requires: tuple[str, ...] = ()
    digest: str = field(default="")
    """SHA-256 of the cell."""

    @property
    def variable(self) -> str:
        """Return the name of the skill's variable in the notebook."""
        return self.name.replace("-", "_")

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Return the inputs of the examples."""
        return [dict(one.get("inputs") or {}) for one in self.settings.get("examples") or ()]


def is_function_cell(text: str) -> bool:
    """Return whether the cell contains a function instead of a prompt.

    Raises:
        CellRefused: The cell contains code with a syntax error.
    """
    if text.lstrip().startswith("---"):
        return False
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        if _LOOKS_LIKE_CODE.search(text):
            raise CellRefused(
                f"Line {error.lineno} of the cell is not valid Python ({error.msg}). A skill is plain Python: move "
                "%magics and !commands to other cells."
            ) from None
        return False
    return any(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in tree.body)


def prompt_cell(name: str, text: str, requires: tuple[str, ...] = ()) -> CellSkill:
    """Return the skill of a cell with a prompt, after optional front matter with the keys of skill.yaml.

    Raises:
        CellRefused: The name or the front matter is invalid.
    """
    _require_name(name)
    found = _FRONT_MATTER.match(text)
    if found is None and text.lstrip().startswith("---"):
        raise CellRefused("The front matter has no end. Add a line `---` between it and the prompt.")
    front, prompt = (found[1], text[found.end() :]) if found else ("", text)
    settings = _parsed(front)
    if "entrypoint" in settings:
        raise CellRefused("Remove `entrypoint`: the prompt after the front matter is the entry point.")
    if not prompt.strip():
        raise CellRefused("There is no prompt after the front matter. Add one.")
    missing = {key: value for key, value in _DEFAULTS.items() if key not in settings}
    # The front matter is copied unchanged, with its comments; only missing keys are added.
    manifest = f"{front.rstrip()}\n".lstrip() + _dumped({"entrypoint": PROMPT, **missing})
    return CellSkill(
        name=name,
        kind="prompt",
        settings={**settings, "entrypoint": PROMPT, **missing},
        files=_files({PROMPT: prompt.strip() + "\n", MANIFEST: manifest}, requires),
        requires=requires,
        digest=_digest(text),
    )


def function_cell(
    name: str, text: str, namespace: Mapping[str, Any], requires: tuple[str, ...] = ()
) -> CellSkill:
    """Return the skill of a cell with a function, after the cell has run in the namespace.

    Raises:
        CellRefused: The name is invalid, or the function of the skill or its schemas are not clear.
    """
    _require_name(name)
    node = _the_function(name, ast.parse(text))
    function = namespace[node.name]
    if inspect.iscoroutinefunction(function):
        raise CellRefused(
            f"{node.name}() is async, but the function of a skill must not be. Call asyncio.run in the function."
        )
    settings = dict(getattr(function, SETTINGS, {}))
    if "entrypoint" in settings:
        raise CellRefused("Remove `entrypoint`: the decorated function is the entry point.")
    schemas = _schemas(function, settings)
    described = {"description": (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")}
    manifest = {"entrypoint": f"{MODULE}:{node.name}", **described, **schemas, **settings}
    module = _without_mark(text, node)
    return CellSkill(
        name=name,
        kind="function",
        settings=manifest,
        files=_files({MODULE: module, MANIFEST: _dumped(manifest)}, requires),
        function=function,
        requires=requires,
        digest=_digest(text),
    )


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise CellRefused(
            f"{name!r} is not a valid name of a skill. Use at most 64 lower-case letters, digits, - and _, such as "
            "word-count."
        )


def _parsed(front: str) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(front) if front.strip() else {}
    except yaml.YAMLError as error:
        raise CellRefused(f"The front matter is not valid YAML: {error}") from None
    if not isinstance(settings, dict):
        raise CellRefused("The front matter has no keys. Write lines `key: value`, as in skill.yaml.")
    return settings


def _the_function(name: str, tree: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef:
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    marked = [one for one in functions if any(_is_mark(decorator) for decorator in one.decorator_list)]
    named = [one for one in functions if one.name in (name.replace("-", "_"), "run")]
    for candidates in (marked, named, functions):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            break
    names = ", ".join(f"{one.name}()" for one in functions)
    raise CellRefused(
        f"The cell has several functions: {names}. Add @puras.skill to the function of the skill."
    )


def _is_mark(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called) in ("puras.skill", "skill")


def _schemas(function: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of the type hints, unless the decorator has both schemas."""
    if "input_schema" in settings and "output_schema" in settings:
        return {}
    return dict(hinted(function)._asdict())


def _without_mark(text: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the cell without the decorator, whose settings are in skill.yaml. Line numbers do not change."""
    lines = text.splitlines()
    for decorator in node.decorator_list:
        if _is_mark(decorator):
            for number in range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1):
                lines[number - 1] = ""
    return "\n".join(lines).rstrip() + "\n"


def _files(files: dict[str, str], requires: tuple[str, ...]) -> dict[str, str]:
    return {**files, REQUIREMENTS: "\n".join(requires) + "\n"} if requires else files


def _dumped(settings: Mapping[str, Any]) -> str:
    try:
        text: str = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=100)
    except yaml.YAMLError as error:
        raise CellRefused(f"A setting of the skill cannot be written as YAML: {error}") from None
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
