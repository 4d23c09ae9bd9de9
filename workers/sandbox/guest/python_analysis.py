"""Analyze Python code of a bundle with jedi. It is only parsed: nothing of it is imported or executed.

The files of the bundle are in memory. Jedi finds their modules, the kit and the standard library, and no other package.
"""

# ruff: noqa: PTH118, PTH120, PTH123
# (paths of bundles are names in memory, not files)

from __future__ import annotations

import ast
import keyword
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any, Final

import jedi
import parso.cache
from jedi import settings
from jedi.api.environment import InterpreterEnvironment
from jedi.file_io import FileIO, KnownContentFileIO
from jedi.inference import references
from jedi.inference.compiled.subprocess import InferenceStateSameProcess, functions

from .interpreter import STANDARD

ROOT: Final = "/bundle"
MAX_COMPLETIONS: Final = 200
_MAX_DESCRIBED: Final = 40
_MAX_DESCRIBING_S: Final = 0.12
_MAX_DOCUMENTATION: Final = 4_000
_MAX_SHORT_DOCUMENTATION: Final = 600
_MAX_DEFINITIONS: Final = 20
_MAX_EXCERPT_LINES: Final = 40
_MAX_REFERENCES: Final = 2_000
_KIT: Final = "puras"
_FIXED: Final = STANDARD | {*sys.builtin_module_names, "abc", "codecs", "io", "os", "site", "stat"}
"""Modules that a job has loaded before it finds those of its skill."""
_OF_KIT: Final = re.compile(r"(?<![\w.])puras\.\w*$|^\s*from puras import \(?[\w, ]*$")
_NOT_CHECKED: Final = re.compile(r"^TYPE_CHECKING = \(?\s*False", re.MULTILINE)
_COMMON: Final = (
    *("json", "re", "os", "pathlib", "datetime", "math", "random", "time", "typing", "collections"),
    *("dataclasses", "csv", "io", "itertools", "functools", "logging"),
)


def warm_up(kit: str) -> list[Callable[[], object]]:
    """Return what to do before the first request, in order: it parses the stubs, the library and the kit once."""
    settings.auto_import_modules = []
    settings.add_bracket_after_function = False
    # Without these, parsed files would be stored in, and loaded from, pickles in a cache folder.
    parso.cache._load_from_file_system = lambda *_, **__: None
    parso.cache._save_to_file_system = lambda *_, **__: None
    parso.cache._remove_cache_and_update_lock = lambda *_, **__: None
    _public_names(kit)
    return [
        partial(_complete_member, "''", kit),
        partial(_complete_member, "import puras\npuras", kit),
        *(partial(_complete_member, f"import {name}\n{name}", kit) for name in _COMMON),
    ]


def _complete_member(code: str, kit: str) -> None:
    """Parse what the last name of the code needs."""
    text = f"{code}.a"
    lines = text.splitlines()
    body = {"action": "completions", "path": "main.py", "text": text, "files": {}}
    respond({**body, "line": len(lines), "column": len(lines[-1]) + 1}, kit)


def respond(request: dict[str, Any], kit: str) -> dict[str, Any]:
    """Return the response to a request: `action`, `path`, `text`, `line`, `column`, and the other `files` by path."""
    bundle = Bundle({**request["files"], request["path"]: request["text"]})
    path = request["path"]
    folder = f"{ROOT}/{request['folder']}" if request.get("folder") else os.path.dirname(f"{ROOT}/{path}")
    sys_path = [*dict.fromkeys([folder, ROOT]), *_library()]
    script = jedi.Script(
        request["text"],
        path=f"{ROOT}/{path}",
        environment=Environment(bundle, kit),
        project=jedi.Project(ROOT, sys_path=sys_path, smart_sys_path=False),
    )
    lines = request["text"].split("\n")
    line, column = request["line"], request["column"] - 1
    if line > len(lines) or column > len(lines[line - 1]):
        return {"error": "position"}
    references._find_project_modules = bundle.modules_except
    return _ACTIONS[request["action"]](script, line, column, request, kit)


class Bundle:
    """The Python files of a bundle, in memory."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = {f"{ROOT}/{path}": text for path, text in texts.items()}
        self.folders = {ROOT}
        for path in self.texts:
            while (path := os.path.dirname(path)) not in self.folders and path.startswith(ROOT):
                self.folders.add(path)

    def find(self, name: str, folders: Sequence[str], full_name: str) -> tuple[Any, bool] | None:
        """Return the module or package in the first of the folders that has it; None if none of them has it."""
        namespaces = []
        for folder in folders:
            for path, is_package in ((f"{folder}/{name}/__init__.py", True), (f"{folder}/{name}.py", False)):
                if path in self.texts:
                    return KnownContentFileIO(path, self.texts[path]), is_package
            if f"{folder}/{name}" in self.folders:
                namespaces.append(f"{folder}/{name}")
        return (functions.ImplicitNSInfo(full_name, namespaces), True) if namespaces else None

    def names_in(self, folder: str) -> Iterator[str]:
        """Return the names that can be imported from a folder."""
        prefix = f"{folder}/"
        for path in (*self.texts, *self.folders):
            head, _, rest = (
                path.removeprefix(prefix).partition("/") if path.startswith(prefix) else ("", "", "")
            )
            name = head if rest or path in self.folders else head.removesuffix(".py")
            if name.isidentifier() and name != "__init__":
                yield name

    def modules_except(self, _: object, module_contexts: Sequence[Any]) -> Iterator[Any]:
        """Return the files that are not open yet, in which references are searched."""
        known = {str(context.py__file__()) for context in module_contexts}
        yield from (KnownContentFileIO(path, text) for path, text in self.texts.items() if path not in known)


class Environment(InterpreterEnvironment):
    """This interpreter with the modules of a bundle and the kit."""

    def __init__(self, bundle: Bundle, kit: str) -> None:
        super().__init__()
        self._bundle = bundle
        self._kit = kit

    def get_inference_state_subprocess(self, inference_state: Any) -> InferenceStateSameProcess:
        """Return how jedi finds modules: in this process, which is confined."""
        return Process(inference_state, self._bundle, self._kit)

    def get_sys_path(self) -> list[str]:
        """Return the folders of the standard library."""
        return _library()


class Process(InferenceStateSameProcess):
    """Finds modules in the bundle, the kit and the standard library."""

    def __init__(self, inference_state: Any, bundle: Bundle, kit: str) -> None:
        super().__init__(inference_state)
        self._bundle = bundle
        self._kit = kit

    def get_module_info(
        self,
        string: str,
        path: Sequence[str] | None = None,
        full_name: str = "",
        sys_path: Sequence[str] | None = None,
        *,
        is_global_search: bool = True,
    ) -> tuple[Any, bool | None]:
        """Return the file of a module and whether it is a package, as `functions.get_module_info`."""
        folders = list((sys_path if is_global_search else path) or ())
        own = [folder for folder in folders if _is_own(folder)]
        others = [folder for folder in folders if not _is_own(folder)]
        if is_global_search and string == _KIT:
            return _kit_file(os.path.join(self._kit, "__init__.py")), True
        is_fixed = is_global_search and string in _FIXED
        found = None if is_fixed else self._bundle.find(string, own, full_name)
        if found is not None:
            return found
        if not is_global_search and not others:
            return None, None
        where = {"sys_path": others} if is_global_search else {"path": others}
        state = self._inference_state_weakref()
        result: tuple[Any, bool | None] = functions.get_module_info(
            state, full_name=full_name, string=string, is_global_search=is_global_search, **where
        )
        file, is_package = result
        if isinstance(file, FileIO) and str(file.path).startswith(f"{self._kit}/"):
            return _kit_file(str(file.path)), is_package
        return result

    def iter_module_names(self, paths: Sequence[str]) -> list[str]:
        """Return the names of the modules in folders."""
        own = (name for folder in paths if _is_own(folder) for name in self._bundle.names_in(folder))
        others = [folder for folder in paths if not _is_own(folder)]
        state = self._inference_state_weakref()
        kit = [_KIT] if ROOT in paths else []
        return [*dict.fromkeys([*own, *kit]), *functions.iter_module_names(state, others)]

    def load_module(self, dotted_name: str, sys_path: Sequence[str]) -> Any:
        """Import a module that has no source: only those of the interpreter."""
        if dotted_name.partition(".")[0] not in sys.stdlib_module_names:
            return None
        return functions.load_module(
            self._inference_state_weakref(),
            dotted_name=dotted_name,
            sys_path=[folder for folder in sys_path if not _is_own(folder)],
        )


def _is_own(folder: str) -> bool:
    return folder == ROOT or folder.startswith(f"{ROOT}/")


def _library() -> list[str]:
    standard = os.path.dirname(os.__file__)
    return [standard, os.path.join(standard, "lib-dynload")]


def _completions(script: Any, line: int, column: int, request: dict[str, Any], kit: str) -> dict[str, Any]:
    found = script.complete(line, column)
    if _OF_KIT.search(_before(request["text"], line, column)):
        public = _public_names(kit)
        found = [name for name in found if name.name in public]
    found = found[:MAX_COMPLETIONS]
    until = time.monotonic() + _MAX_DESCRIBING_S
    completions = []
    for index, name in enumerate(found):
        is_described = index < _MAX_DESCRIBED and time.monotonic() < until
        completions.append(
            {
                "name": name.name,
                "kind": name.type,
                "documentation": _short(name) if is_described else "",
            }
        )
    return {
        "completions": completions,
        "prefix": found[0].get_completion_prefix_length() if found else 0,
    }


@cache
def _kit_file(path: str) -> Any:
    """Return a file of the kit as type checkers see it; at run time, it loads its parts when they are used."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return KnownContentFileIO(path, _NOT_CHECKED.sub(lambda found: found[0][: -len("False")] + "True", text))


def _before(text: str, line: int, column: int) -> str:
    return text.split("\n")[line - 1][:column]


@cache
def _public_names(kit: str) -> frozenset[str]:
    """Return the names that the kit offers, without what it imports for itself."""
    with open(os.path.join(kit, "__init__.py"), encoding="utf-8") as file:
        body = ast.parse(file.read()).body
    targets = ((one.targets[0], one.value) for one in body if isinstance(one, ast.Assign))
    names = (value for target, value in targets if isinstance(target, ast.Name) and target.id == "__all__")
    return frozenset(name for value in names for name in ast.literal_eval(value))


def _short(name: Any) -> str:
    text: str = name.docstring(fast=True)
    return text[:_MAX_SHORT_DOCUMENTATION]


def _hover(script: Any, line: int, column: int, _: object, __: str) -> dict[str, Any]:
    names = script.help(line, column)
    if not names or names[0].type == "keyword":  # the description of a keyword is its grammar
        return {"signature": "", "documentation": "", "module": ""}
    name = names[0]
    signatures = (
        [one.to_string() for one in name.get_signatures()] if name.type in ("function", "class") else []
    )
    kind = {"function": "def ", "class": "class "}.get(name.type, "")
    signature = "\n".join(f"{kind}{one}" for one in signatures[:5]) or _described(script, name, line, column)
    return {
        "signature": signature[:_MAX_DOCUMENTATION],
        "documentation": name.docstring(raw=True)[:_MAX_DOCUMENTATION],
        "module": "" if name.in_builtin_module() else name.module_name or "",
    }


def _described(script: Any, name: Any, line: int, column: int) -> str:
    """Return the description of a variable with its type."""
    if name.type not in ("statement", "param", "instance", "property"):
        return str(name.description)
    types = dict.fromkeys(one.name for one in script.infer(line, column))
    return f"{name.name}: {' | '.join(types)}" if types else str(name.description).removeprefix("param ")


def _definitions(script: Any, line: int, column: int, _: object, __: str) -> dict[str, Any]:
    names = script.goto(line, column, follow_imports=True, follow_builtin_imports=True)
    return {"definitions": [_place(name) for name in names[:_MAX_DEFINITIONS] if name.line is not None]}


def _place(name: Any) -> dict[str, Any]:
    path = _path_of(name)
    source = ""
    if path is None:
        lines = name.get_line_code(after=_MAX_EXCERPT_LINES - 1).splitlines()
        source = "\n".join(lines)
    return {
        "path": path,
        "line": name.line,
        "column": name.column + 1,
        "name": name.name,
        "module": name.module_name or "",
        "source": source,
    }


def _path_of(name: Any) -> str | None:
    """Return the path in the bundle; None for the kit and the standard library."""
    path = str(name.module_path or "")
    return path.removeprefix(f"{ROOT}/") if _is_own(path) else None


def _rename(script: Any, line: int, column: int, request: dict[str, Any], _: str) -> dict[str, Any]:
    new_name = request["new_name"]
    if not new_name.isidentifier() or keyword.iskeyword(new_name):
        return {"error": "name"}
    origins = script.goto(line, column, follow_imports=True, follow_builtin_imports=True)
    if not origins or any(_path_of(one) is None or one.type == "module" for one in origins):
        return {"error": "origin"}
    found = script.get_references(line, column, include_builtins=False)[:_MAX_REFERENCES]
    places = [
        {"path": path, "line": one.line, "column": one.column + 1, "name": one.name, "excerpt": _line(one)}
        for one in found
        if (path := _path_of(one)) is not None and one.line is not None
    ]
    return {"name": origins[0].name, "places": places}


def _line(name: Any) -> str:
    text: str = name.get_line_code()
    return text.rstrip("\n")[:240]


_ACTIONS: Final = {
    "completions": _completions,
    "hover": _hover,
    "definitions": _definitions,
    "rename": _rename,
}
