"""`puras init`: a skillpack to begin with."""

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
    init = command(commands, "init", _init, "Begin a skillpack in a folder, with the files of a template.")
    init.add_argument("folder", nargs="?", default=".", help="where; made when it is not there")
    init.add_argument(
        "--template", default="starter", choices=sorted(templates()) or None, help="what to begin with"
    )
    init.add_argument(
        "--slug", help="deploy to a skillpack of this slug, in the place of the project's default one"
    )
    init.add_argument("--name", help="title of the skillpack")
    init.add_argument("--description", help="what it is for")
    init.add_argument("--no-scaffold", action="store_true", help="write puras.yaml alone")


def templates() -> dict[str, Path]:
    """The folders of the templates, by name; none in a job, which has the kit alone."""
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
    there = [name for name in planned if (target / name).exists()]
    if there:
        raise UsageProblem(
            f"{target / there[0]} is there already. Choose another folder; nothing was written."
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
    """What to type next: the commands of the template's own page, in the folder."""
    into = [] if target.resolve() == Path.cwd() else [f"cd {shlex.quote(str(target))}"]
    commands = ["puras validate", "puras deploy"]
    if readme is not None and (found := _COMMANDS.search(readme.read_text(encoding="utf-8"))):
        commands = found[1].splitlines()
    without = "puras run --local does it all on an instance of its own; puras login names one that is there."
    return ["Next:", *into, *commands, without]


def _is_wanted(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _pack_file(arguments: Namespace) -> str:
    """What puras.yaml says; JSON strings are YAML's too."""
    said = {"slug": arguments.slug, "title": arguments.name, "description": arguments.description}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in said.items() if value]
    return "".join(lines)
