"""Files of queries are read strictly: a mistake fails when the process starts, not when the query is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.core.db.named_queries import QueryFileError, complete_queries, load_queries, read_entries

FILE = """\
-- Statements of a test.

-- name: finish
-- Store the result.
-- Two lines.
update jobs set {columns} where id = :id  -- {not here}

-- part: columns
-- Name what is stored.
status = {status}
"""


def queries(source: str, **constants: str) -> dict[str, str]:
    return complete_queries(read_entries("a.sql", source), constants)


def test_placeholders_are_replaced_by_parts_and_constants() -> None:
    assert queries(FILE, status="'{done}'") == {
        "finish": "update jobs set status = '{done}' where id = :id  -- {not here}"
    }


@pytest.mark.parametrize(
    ("source", "constants", "message"),
    [
        ("select 1", {}, "does not begin with"),
        ("select 1\n-- name: a\n-- B.\nselect 2", {}, "does not begin with"),
        ("-- name: a\nselect 1", {}, "`-- name: a` needs"),
        ("-- name: a\n-- B.\n", {}, "`-- name: a` needs"),
        ("-- name: A b\n-- B.\nselect 1", {}, "does not begin with"),
        ("-- name: A\n-- B.\nselect 1", {}, "`-- name: A` needs"),
        ("-- name: a\n-- B.\nselect 1\n-- name:\n-- B.\nselect 1", {}, "`-- name:` needs"),
        ("-- name: a\n-- B.\nselect 1\n-- name: a\n-- B.\nselect 2", {}, "a exists twice"),
        ("-- name: a\n-- B.\nselect {b}\n-- part: b\n-- B.\n2", {"b": "1"}, "b exists twice"),
        ("-- name: a\n-- B.\nselect {b}", {}, "placeholder {b}"),
        ("-- name: a\n-- B.\nselect {a}", {}, "placeholder {a}"),
        ("-- name: a\n-- B.\nselect {b}\n-- part: b\n-- C.\n{b}", {}, "placeholder {b}"),
        ("-- name: a\n-- B.\nselect 1", {"b": "1"}, "No query uses b"),
        ("-- name: a\n-- B.\nselect 1\n-- part: b\n-- B.\n2", {}, "No query uses b"),
    ],
)
def test_mistakes_are_rejected(source: str, constants: dict[str, str], message: str) -> None:
    with pytest.raises(QueryFileError, match=message):
        queries(source, **constants)


def test_all_files_of_the_folder_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "queries_of_a_test"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "sql" / "a.sql").write_text("-- name: one\n-- A.\nselect {b}")
    (folder / "sql" / "b.sql").write_text("-- part: b\n-- B.\n1")
    (folder / "sql" / "notes.txt").write_text("not read")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_queries("queries_of_a_test", "sql", {})
    assert {name: statement.text for name, statement in loaded.items()} == {"one": "select 1"}
