"""Check that names, packages and secrets that exist only in the kernel are found."""

from __future__ import annotations

from typing import Any

import pytest
from puras.notebook.cells import CellSkill
from puras.notebook.checks import Finding, findings


def _found(text: str, *requires: str, namespace: dict[str, Any] | None = None, **files: str) -> list[Finding]:
    skill = CellSkill("one", "function", {"entrypoint": "main.py:f"}, {}, requires=requires)
    return findings(skill, {"main.py": text, **files}, namespace or {})


def test_an_independent_cell_has_no_findings() -> None:
    text = """
import json
from dataclasses import dataclass

LIMIT = 3
_cache = None

@dataclass
class Box:
    size: int = LIMIT

    def grown(self):
        return [Box(self.size + n) for n in range(LIMIT) if (m := n) > 0 and m]

def f(text: str) -> dict:
    global _cache, late
    _cache = late = json.dumps(text)
    try:
        return {"n": len(text), "a": (lambda x: x)(Box().grown()), "name": __name__, "late": late}
    except ValueError as error:
        raise TypeError(error) from error
"""
    assert _found(text) == []


def test_names_of_the_kernel_are_captured_and_others_undefined() -> None:
    found = _found(
        "def f(x: int) -> dict:\n    return {'a': helper(x), 'b': nothing}", namespace={"helper": len}
    )
    assert [(one.kind, one.line) for one in found] == [("captured", 2), ("undefined", 2)]
    assert "'helper' (a builtin_function_or_method) exists only in this kernel" in found[0].message


def test_a_name_of_another_function_is_undefined() -> None:
    found = _found("def g():\n    inner = 1\ndef f() -> dict:\n    return {'a': inner}")
    assert [(one.kind, one.line) for one in found] == [("undefined", 4)]


@pytest.mark.parametrize("name", ["display", "get_ipython", "_"])
def test_names_that_exist_only_in_notebooks_are_found(name: str) -> None:
    (found,) = _found(f"def f() -> dict:\n    {name}(1)", namespace={name: 1})
    assert found.kind == "notebook"


def test_packages_are_required_by_their_distribution_name() -> None:
    text = "import json, yaml, puras, tools\nfrom PIL import Image\nfrom . import x"
    found = _found(text, **{"tools.py": ""})
    assert [(one.kind, one.line) for one in found] == [("import", 1), ("import", 2)]
    assert '--requires "pyyaml"' in found[0].message.lower()
    assert _found(text, "PyYAML>=6", "pillow[extra]==13", **{"tools.py": ""}) == []


SECRET = "sk-ant-" + "a1" * 20


@pytest.mark.parametrize(
    "line",
    [
        f"key = '{SECRET}'",
        "key = 'puras_live_" + "a" * 8 + "." + "b" * 32 + "'",
        "url = 'postgres://me:hunter22@example.org/db'",
        "password = 'correct-horse-battery'",
        "headers = {'Authorization': 'Bearer " + "x1" * 20 + "'}",
        "-----BEGIN " + "RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_in_the_text_is_found_and_not_repeated(line: str) -> None:
    found = [one for one in _found("", **{"notes.md": f"\n{line}"}) if one.kind == "secret"]
    assert [(one.file, one.line) for one in found] == [("notes.md", 2)]
    assert "puras.secret" in found[0].message
    assert SECRET not in found[0].message


def test_the_value_of_a_secret_of_the_environment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_TOKEN", "blue-owl-seventeen")
    monkeypatch.setenv("EDITOR", "vim-or-another")
    found = _found("a = 'blue-owl-seventeen'\nb = 'vim-or-another'")
    assert [(one.line, "WAREHOUSE_TOKEN" in one.message) for one in found] == [(1, True)]


@pytest.mark.parametrize(
    "text", ["token = secret('API_TOKEN')", "api_key = ''", "Use ${secret:ORDERS_TOKEN}."]
)
def test_the_name_of_a_secret_is_not_reported(text: str) -> None:
    assert not [one for one in _found("", **{"notes.md": text}) if one.kind == "secret"]


def test_invalid_python_is_reported_with_its_line() -> None:
    assert [(one.kind, one.line) for one in _found("x = 1\n!ls\n")] == [("notebook", 2)]
