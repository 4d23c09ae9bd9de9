"""The command `puras init`, which creates a skillpack from a template."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

import puras
from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import PACK_FILE, Session, command

_INSTALLED: Final = Path(puras.__file__).parent / "templates"
_IN_A_CHECKOUT: Final = Path(puras.__file__).parents[1] / "templates"

_COMMANDS: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def add(commands: Any) -> None:
    """Add the command."""
    init = command(
        commands,
        "init",
        _init,
        "Create a skillpack in a folder from a template.",
        "puras init my-skills --template starter",
    )
    init.add_argument(
        "folder",
        nargs="?",
        default=".",
        help="the folder, which is created if it does not exist; default: the current folder",
    )
    init.add_argument(
        "--template",
        default="starter",
        choices=sorted(templates()) or None,
        help="the template; default: %(default)s",
    )
    init.add_argument(
        "--slug", help="slug of the skillpack to deploy to; default: the default skillpack of the project"
    )
    init.add_argument("--name", help="title of the skillpack")
    init.add_argument("--description", help="description of the skillpack")
    init.add_argument("--no-scaffold", action="store_true", help="write only puras.yaml")


def templates() -> dict[str, Path]:
    """Return the folders of the templates by name; empty in a job, where the kit has no templates."""
    root = _INSTALLED if _INSTALLED.is_dir() else _IN_A_CHECKOUT
    if not root.is_dir():
        return {}
    return {folder.name: folder for folder in root.iterdir() if (folder / "README.md").is_file()}


def _init(arguments: Namespace, session: Session) -> int:
    target = Path(arguments.folder)
    source = templates().get(arguments.template)
    if source is None and not arguments.no_scaffold:
        raise UsageProblem(
            "This copy of the kit has no templates. Run puras init outside of a job, or pass --no-scaffold."
        )
    files = (
        []
        if source is None or arguments.no_scaffold
        else [path for path in sorted(source.rglob("*")) if _is_wanted(path)]
    )
    names = [path.relative_to(source) for path in files] if source else []
    pack = _pack_file(arguments)
    planned = [*names, *([Path(PACK_FILE)] if pack else [])]
    existing = [name for name in planned if (target / name).exists()]
    if existing:
        raise UsageProblem(
            f"{target / existing[0]} already exists. No file was written. Use another folder: puras init FOLDER"
        )
    for path, name in zip(files, names, strict=True):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
    if pack:
        target.mkdir(parents=True, exist_ok=True)
        (target / PACK_FILE).write_text(pack, encoding="utf-8")

    def text() -> None:
        for name in planned:
            printing.answer(f"wrote {target / name}")
        for line in _next_steps(
            target, source / "README.md" if source and not arguments.no_scaffold else None
        ):
            printing.say(line)

    session.show({"folder": str(target), "files": [name.as_posix() for name in planned]}, text)
    return exits.OK


def _next_steps(target: Path, readme: Path | None) -> list[str]:
    """Return the next commands, from the README of the template."""
    into = [] if target.resolve() == Path.cwd() else [f"cd {shlex.quote(str(target))}"]
    commands = ["puras validate", "puras deploy"]
    if readme is not None and (found := _COMMANDS.search(readme.read_text(encoding="utf-8"))):
        commands = found[1].splitlines()
    note = "`puras run --local` starts a local instance; `puras login` selects an instance that is running."
    return ["Next:", *into, *commands, note]


def _is_wanted(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _pack_file(arguments: Namespace) -> str:
    """Return the text of puras.yaml. JSON strings are valid YAML."""
    values = {"slug": arguments.slug, "title": arguments.name, "description": arguments.description}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items() if value]
    return "".join(lines)
