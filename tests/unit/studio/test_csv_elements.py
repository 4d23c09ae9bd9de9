"""Lists of a form from CSV files: values by the types of the fields, and errors that say how to change the file."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { elementsOf } = await import(process.argv[1]);
const { text, schema, column } = JSON.parse(await Bun.stdin.text());
try {
  console.log(JSON.stringify({ elements: elementsOf(text, schema, column) }));
} catch (error) { console.log(JSON.stringify({ error: error.message })); }
"""
ORDER: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "paid": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def read(text: str, schema: dict[str, Any], *, column: str | None = None) -> dict[str, Any]:
    return dict(
        run_module(
            "csv.js",
            SCRIPT,
            {"text": text, "schema": schema} | ({} if column is None else {"column": column}),
        )
    )


def test_rows_become_objects_with_the_types_of_their_fields() -> None:
    text = '\ufeffName;count;paid;other;tags\r\n"Ada; ""A""";3;yes;x;"[""a""]"\r\n;;\r\nGrace;many;;;\r\n'
    assert read(text, ORDER)["elements"] == [
        {"name": 'Ada; "A"', "count": 3, "paid": True, "tags": ["a"]},
        {"name": "Grace", "count": "many"},
    ]


def test_a_column_becomes_single_values() -> None:
    assert read("n\n1\n2.5\n", {"type": "number"})["elements"] == [1, 2.5]
    assert read("n,m\n1,2\n3,\n", {"type": "string"}, column="m")["elements"] == ["2", ""]


def test_columns_become_fields_of_objects_without_fields() -> None:
    text = "name,count\nAda,3\nGrace,\n"
    assert read(text, {"type": "object"})["elements"] == [{"name": "Ada", "count": "3"}, {"name": "Grace"}]


@pytest.mark.parametrize(
    ("text", "schema", "message"),
    [
        ("name\n", ORDER, "no rows"),
        ("customer,count\nAda,1\n", ORDER, "no column name. Its columns are customer, count."),
        ("a,b\n1,2\n", {"type": "string"}, "each element is a single value. Select the column to use"),
        ("a\n1\n", {"type": "object", "additionalProperties": False}, "Add fields to the schema, such as a."),
        ("x\n1\n", {"type": "object", "properties": {"y": {}}}, "the columns are x, and the fields y."),
        ("name\n" + "Ada\n" * 501, ORDER, "more than 500 rows"),
    ],
)
def test_files_that_do_not_fit_are_explained(text: str, schema: dict[str, Any], message: str) -> None:
    assert message in read(text, schema)["error"]
