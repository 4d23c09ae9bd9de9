"""Analyze the Python code of drafts: problems and format with ruff, everything else with jedi."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.drafts import paths, reading
from backend.authoring.drafts.errors import DraftPathUnusable
from backend.authoring.python_help.errors import (
    PythonNotFormattable,
    PythonNotRenamable,
    PythonPositionInvalid,
    PythonTooComplex,
)
from backend.authoring.python_help.process import MAX_CPU_S, MAX_MEMORY_MIB, Action, PythonAnalyzer
from backend.authoring.python_help.schemas import (
    PythonDiagnosticsRead,
    PythonFixRead,
    PythonPosition,
    PythonProblemRead,
    PythonRename,
    PythonSource,
    TextEditRead,
)
from backend.core import extras
from backend.identity.auth.principal import Principal
from backend.skills.skillpacks.tables import Skillpack

MAX_PROBLEMS: Final = 500
MAX_MODULE_BYTES: Final = 4 << 20
"""Of the other Python files of the draft: those in the folder of the file first."""
_SYNTAX: Final = "invalid-syntax"
_ERRORS: Final = frozenset({_SYNTAX, "F821", "F822", "F823", "F701", "F702", "F704", "F706", "F707"})
_NOT_RENAMABLE: Final = {
    "name": "the new name is not a valid name in Python",
    "origin": "it is not defined in a Python file of the draft",
}


@dataclass(frozen=True, slots=True)
class PythonHelp:
    """Answers the questions of one principal."""

    analyzer: PythonAnalyzer
    principal: Principal

    async def diagnose(self, source: PythonSource) -> PythonDiagnosticsRead:
        """Return the problems of a file.

        Raises:
            PythonTooComplex: The analysis exceeded a limit.
        """
        action: Action = "check_init" if posixpath.basename(source.path) == "__init__.py" else "check"
        found: list[dict[str, Any]] = _parsed(await self._ask(action, source.text.encode()))
        problems = [_problem(one) for one in found[:MAX_PROBLEMS]]
        return PythonDiagnosticsRead(problems=problems, is_truncated=len(found) > MAX_PROBLEMS)

    async def format_(self, source: PythonSource) -> str:
        """Return the formatted text.

        Raises:
            PythonNotFormattable: The text has a syntax error.
            PythonTooComplex: The analysis exceeded a limit.
        """
        if not source.text.strip():
            return source.text
        output = await self._ask("format", source.text.encode())
        if output:
            return output.decode()
        for problem in (await self.diagnose(source)).problems:
            if problem.code == _SYNTAX:
                raise PythonNotFormattable(problem.line, problem.message.removeprefix("SyntaxError: "))
        raise _too_complex()

    async def analyze(
        self, action: str, position: PythonPosition, modules: dict[str, str], folder: str
    ) -> dict[str, Any]:
        """Return the response of the analysis for a position.

        Args:
            action: `completions`, `hover`, `definitions` or `rename`.
            position: The file and the position in it.
            modules: The texts of the other Python files of the draft, by path.
            folder: The folder of the skill, from which its modules are imported.

        Raises:
            PythonPositionInvalid: The text has no such position.
            PythonNotRenamable: The name cannot be changed.
            PythonTooComplex: The analysis exceeded a limit.
        """
        body = {"action": action, "files": modules, "folder": folder, **position.model_dump()}
        response: dict[str, Any] = _parsed(await self._ask("analyze", json.dumps(body).encode()))
        error = response.get("error")
        if error == "position":
            raise PythonPositionInvalid(position.line, position.column)
        if error in _NOT_RENAMABLE and isinstance(position, PythonRename):
            raise PythonNotRenamable(_NOT_RENAMABLE[error])
        if error is not None:
            raise _too_complex()
        return response

    async def _ask(self, action: Action, content: bytes) -> bytes:
        extras.require("editor")
        return await self.analyzer.ask(self.principal.project_id, action, content)


def check_path(path: str) -> None:
    """Require the path of a Python file that a draft can contain.

    Raises:
        DraftPathUnusable: It is another one.
    """
    paths.check(path, ())
    if not path.endswith(".py"):
        raise DraftPathUnusable(path, f"{path!r} is not the path of a Python file. It must end with .py.")


async def modules_for(
    session: AsyncSession, principal: Principal, pack: Skillpack, path: str
) -> tuple[dict[str, str], str]:
    """Return the texts of the other Python files of a draft, and the folder of the skill of a file."""
    opened = await reading.open_draft(session, principal, pack)
    manifests = {
        posixpath.dirname(one.path) for one in opened.files if _is_manifest(one.path) and not one.deleted_at
    }
    folder = next((one for one in _parents(path) if one in manifests), posixpath.dirname(path))
    contents = await reading.python_files(session, principal, pack.id, "")
    texts: dict[str, str] = {}
    size = 0
    for name in sorted(contents, key=lambda one: (not one.startswith(f"{folder}/"), one)):
        size += len(contents[name])
        if size > MAX_MODULE_BYTES:
            break
        if name != path:
            texts[name] = contents[name].decode("utf-8", "replace")
    return texts, folder


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _is_manifest(path: str) -> bool:
    return posixpath.basename(path) in ("skill.yaml", "SKILL.md")


def _parsed(output: bytes) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        raise _too_complex() from None


def _too_complex() -> PythonTooComplex:
    return PythonTooComplex(MAX_CPU_S, MAX_MEMORY_MIB)


def _problem(found: dict[str, Any]) -> PythonProblemRead:
    """Return a problem that ruff reports."""
    code = str(found["code"] or _SYNTAX)
    fix = found.get("fix")
    return PythonProblemRead(
        **_range(found),
        code=code,
        message=str(found["message"]),
        severity="error" if code in _ERRORS else "warning",
        fix=None if not fix or fix["applicability"] != "safe" else _fix(fix),
    )


def _fix(fix: dict[str, Any]) -> PythonFixRead:
    edits = [TextEditRead(**_range(edit), text=edit["content"]) for edit in fix["edits"]]
    return PythonFixRead(message=str(fix["message"] or "Fix"), edits=edits)


def _range(found: dict[str, Any]) -> dict[str, Any]:
    start, end = found["location"], found["end_location"]
    return {
        "line": start["row"],
        "column": start["column"],
        "end_line": end["row"],
        "end_column": end["column"],
    }
